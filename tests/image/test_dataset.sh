#!/bin/sh
# IMAGE_LIST as a data set's YAML file: which images its val split has, as ultralytics finds them, and what is refused. Images are
# only digested here.
. tests/sandbox.sh
BIN=$here/${BUILD:-build}/bin
mkdir -p set/images/val set/images/more other sub/set
for i in 10 11 12 13 14 15 16 17 18 19; do
    echo "image $i" >"set/images/val/a $i.jpg"
    echo "more $i" >set/images/more/$i.png
    echo "./images/more/$i.png"
done >set/val.txt
sed -i '1i # a comment' set/val.txt

images() { # LIST: its first and last
    "$BIN/grid-run" --list "$1" --count 100 --find none 2>err | jq -r '.settings.images | map(.name) | "\(first)|..|\(last)"'
}
refuses_list() { # WORDS LIST
    "$BIN/grid-run" --list "$2" --find none >out 2>err
    equal "$2: $(head -n 1 err)" "$? $(grep -c . err) $(grep -cF "grid-run: $2$1" err) $(cat out)" "1 1 1 "
}

cat >set/data.yaml <<'YAML'
# Ultralytics YOLO
path: .   # beside this file
train: images/train
val: images/val
names:
  0: person
  1: "a: b"
download: |
  from x import y
YAML
equal "a folder of the data set" "$(images set/data.yaml)" "a 10.jpg|..|a 19.jpg"
printf 'val: val.txt\n' >set/list.yml
equal "a list, with paths from its own folder, in the file's folder" "$(images set/list.yml)" "./images/more/10.png|..|./images/more/19.png"
printf 'path: set\nval:\n  - images/val\n  - val.txt\n' >other/data.yaml
equal "several of them, of a path in the current folder" "$(images other/data.yaml)" "a 10.jpg|..|./images/more/19.png"
equal "all of their images" "$("$BIN/grid-run" --list other/data.yaml --find none 2>/dev/null | jq '.settings.images | length')" 20
printf 'path: %s/set\nval: images/val\n' "$sandbox" >sub/data.yaml
equal "of an absolute path" "$(images sub/data.yaml)" "a 10.jpg|..|a 19.jpg"
printf 'val: ../images/val\nnc: 2\nnames: [a, b]\n' >set/roboflow.yaml
equal "of a path with ../ too many" "$(images set/roboflow.yaml)" "a 10.jpg|..|a 19.jpg"
printf 'path: &p ../set\nval: images/val\nother: *p\n' >sub/anchor.yaml
ln -s ../set sub/../sub/link
printf 'path: ../set\nval: images/val\n' >sub/up.yaml
equal "of a path above the file's folder" "$(images sub/up.yaml) $(images sub/anchor.yaml)" "a 10.jpg|..|a 19.jpg a 10.jpg|..|a 19.jpg"

printf 'path: coco\nval: images/val\n' >bad.yaml
refuses_list ': path: coco: no such folder, neither beside this file nor here; write the whole path of the data set' bad.yaml
printf 'path: set\nval: images/vall\n' >bad.yaml
refuses_list ': val: images/vall: no such folder or list in ./set' bad.yaml
printf 'train: x\n' >bad.yaml
refuses_list ': has no val, the images that a data set'"'"'s models are judged by' bad.yaml
printf 'path: set\nval:\n  - [x]\n' >bad.yaml
refuses_list ':3: val: not the path of a folder or list' bad.yaml
printf 'val: [a\nb: {\n' >bad.yaml
refuses_list ':2: not YAML: ' bad.yaml
printf 'just words' >bad.yaml
refuses_list ': has no val' bad.yaml
: >empty.yaml
refuses_list ': has no val' empty.yaml
refuses_list ': No such file or directory' none.yaml
mkdir few && printf 'val: few\n' >bad.yaml
refuses_list ': 0 images; at least 10 are needed' bad.yaml
for i in 10 11 12 13 14 15 16 17 18 19; do cp "$here/calib/images/000000000009.jpg" set/images/more/$i.png; done
"$BIN/calib-prep" --list set/list.yml --count 10 --size 32 -o calib.bin 2>err
equal "the tool that prepares them reads the same" "$? $("$BIN/seal-check" calib.bin)" "0 "
exit $failed
