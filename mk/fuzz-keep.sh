#!/bin/sh
# fuzz-keep.sh NAME FOLDER: FOLDER/corpus/NAME, reduced to inputs that each reach something that no smaller one does, as
# tests/fuzz/corpus/NAME.tar.gz. The same inputs give the same bytes.
LC_ALL=C
export LC_ALL
name=$1 folder=$2
[ -d "$folder/corpus/$name" ] || { echo "make fuzz-keep: $name has no corpus; make fuzz first" >&2; exit 1; }
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/kept"
"$folder/bin/$name" -merge=1 -max_len=16384 "$scratch/kept" "$folder/corpus/$name" >"$scratch/log" 2>&1 || { tail -n 5 "$scratch/log" >&2; exit 1; }
mkdir -p tests/fuzz/corpus
tar -C "$scratch/kept" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - . | gzip -9n >"tests/fuzz/corpus/$name.tar.gz"
echo "$name: $(find "$scratch/kept" -type f | wc -l) inputs, $(wc -c <"tests/fuzz/corpus/$name.tar.gz") bytes"
