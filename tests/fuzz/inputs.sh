#!/bin/sh
# inputs.sh NAME FOLDER: all that fuzzer NAME starts with, into FOLDER: what seeds.c and the tests' builders make, what was once a finding,
# and the corpus that is kept. BUILD: the folder with seeds and tests.
name=$1 folder=$2
"$BUILD/fuzz/seeds" "$name" "$folder" || exit 1
case $name in
checkpoint)
    for t in test_hostile test_hostile_zip test_hostile_tree; do
        mkdir -p "$folder/$t" && "$BUILD/test/pt/$t" "$folder/$t" >/dev/null || exit 1
    done
    find "$folder" -size +64k -exec rm {} +
    ;;
image) cp tests/image/fixtures/*.jpg tests/image/fixtures/*.png "$folder" || exit 1 ;;
esac
[ ! -d "tests/fuzz/found/$name" ] || cp "tests/fuzz/found/$name"/* "$folder" || exit 1
[ ! -f "tests/fuzz/corpus/$name.tar.gz" ] || tar -xzf "tests/fuzz/corpus/$name.tar.gz" -C "$folder"
