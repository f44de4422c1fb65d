#!/bin/sh
# calib-prep as users run it: files and pipes, counts, sizes, and one clear line for each thing that can be wrong.
# From the repository root; BUILD is the build folder.
. tests/checks.sh
root=$PWD
prep=$(realpath "${BUILD:-build}")/bin/calib-prep
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

refused() { # refused STATUS MESSAGE ARGUMENT...: exit status, one line on stderr, nothing on stdout, no file out.bin
    want=$1 message=$2
    shift 2
    "$prep" "$@" >out 2>err </dev/null
    status=$?
    if [ "$status" -eq "$want" ] && [ "$(head -n 1 err)" = "calib-prep: $message" ] &&
        [ "$(wc -l <err)" -eq "$((want == 2 ? 2 : 1))" ] && [ ! -s out ] && [ ! -e out.bin ]; then
        echo "ok - status $want: $message"
    else
        echo "not ok - status $status, wanted $want: $message"
        sed 's/^/#   /' err
    fi
}
trailer() { tail -c 128 "$1" | head -c 64; }
bytes() { wc -c <"$1"; }

ln -s "$root/calib/images" images
for i in $(head -n 12 "$root/calib/quant100.txt"); do echo "$i"; done >list.txt
images=12 square=$((3 * 64 * 64))

"$prep" --list list.txt --size 64 -o a.bin 2>err
ok "a short list is used whole" [ $? -eq 0 ]
ok "and said" [ "$(cat err)" = "calib-prep: list.txt: 12 images, all are used (100 were asked for)" ]
ok "as many bytes as documented" [ "$(bytes a.bin)" -eq $((20 + images * (4 + 23 + 64 + square) + 136)) ]
"$prep" --list list.txt --count 12 --size 64 >b.bin 2>err
ok "no words when the count fits" [ ! -s err ]
ok "standard output has the same bytes" cmp -s a.bin b.bin
for threads in 1 3 64; do
    "$prep" -l list.txt -n 12 -S 64 -t $threads | cat >b.bin
    ok "with $threads threads through a pipe too" cmp -s a.bin b.bin
done
rm b.bin
"$prep" -l list.txt -n 12 -S 64 -o b.bin --tee 2>err | cat >c.bin
ok "--tee: the same bytes in the file and on standard output" [ "$(cmp a.bin b.bin && cmp a.bin c.bin && cat err && echo same)" = same ]
rm b.bin
"$prep" -l list.txt -n 12 -S 640 -o b.bin --tee 2>err | head -c 100 >c.bin
ok "a reader that goes away takes nothing with it" [ "$(wc -c <c.bin) $(bytes b.bin)" = "100 $((20 + images * (4 + 23 + 64 + 100 * square) + 136))" ]
rm b.bin
refused 2 "--tee: copies a calib stream that goes to a file, which -o names" -l list.txt --tee
refused 2 "--tee: copies a calib stream that goes to a file, which -o names" -l list.txt --tee --npy -o out.bin
"$prep" --count 12 --size 64 -o b.bin --list - <list.txt
ok "the list from standard input" cmp -s a.bin b.bin
sed 's/$/\r/' list.txt >crlf.txt
"$prep" --count 12 --size 64 -o b.bin --list crlf.txt
ok "a list with CRLF" cmp -s a.bin b.bin
mkdir other
sed "s|^|$dir/|" list.txt >other/absolute.txt
"$prep" --count 12 --size 64 -o b.bin --list other/absolute.txt
ok "other paths, the same digest" [ "$(trailer a.bin)" = "$(trailer b.bin)" ]
ok "though the names differ" [ "$(bytes a.bin)" -lt "$(bytes b.bin)" ]
"$prep" --count 11 --size 64 -o c.bin --list list.txt
ok "another count, another digest" [ "$(trailer a.bin)" != "$(trailer c.bin)" ]
tac list.txt >reversed.txt
"$prep" --count 12 --size 64 -o c.bin --list reversed.txt
ok "another order, another digest" [ "$(trailer a.bin)" != "$(trailer c.bin)" ]
"$prep" --count 12 --size 96 -o c.bin --list list.txt
ok "another size, another digest" [ "$(trailer a.bin)" != "$(trailer c.bin)" ]

"$prep" --count 12 --size 64 --npy -o a.npy --list list.txt
ok "an array's size" [ "$(bytes a.npy)" -eq $((128 + 4 * images * square)) ]
ok "its magic and version" [ "$(head -c 10 a.npy | od -An -tx1 | tr -d ' \n')" = 934e554d505901007600 ]
ok "its header" [ "$(head -c 128 a.npy | tail -c 118 | sed 's/ *$//')" = \
    "{'descr': '<f4', 'fortran_order': False, 'shape': (12, 3, 64, 64), }" ]
# The first pixel is padding, 114 / 255 in float32: 0x3ee4e4e5. No image of the list is a square.
ok "its first value" [ "$(tail -c +129 a.npy | head -c 4 | od -An -tx4 | tr -d ' ')" = 3ee4e4e5 ]
"$prep" --count 12 --size 64 --npy --list list.txt | cmp -s - a.npy
ok "the same through a pipe" [ $? -eq 0 ]

refused 2 "--list is required" -o out.bin
refused 2 "--size: 100 is not a multiple of 32" --list list.txt --size 100 -o out.bin
refused 2 '--size: "0" is not an integer from 32 to 8192' --list list.txt --size 0 -o out.bin
refused 2 '--count: "9" is not an integer from 10 to 1048576' --list list.txt --count 9 -o out.bin
refused 2 '--threads: "0" is not an integer from 1 to 1024' --list list.txt --threads 0 -o out.bin
refused 2 "unexpected operand more.txt" --list list.txt more.txt -o out.bin
refused 2 "list.txt: is read too; name another file for the result" --list list.txt -o list.txt
refused 2 "--output: images/000000000009.jpg is an input" --list list.txt -o images/000000000009.jpg
refused 1 "none.txt: No such file or directory" --list none.txt -o out.bin
refused 1 "nowhere/out.bin: cannot create: No such file or directory" --list list.txt --count 12 -o nowhere/out.bin
refused 1 "images: is a directory; name a file" --list list.txt --count 12 -o images
head -n 9 list.txt >nine.txt
refused 1 "nine.txt: 9 images; at least 10 are needed" --list nine.txt -o out.bin
(cat list.txt && echo images/gone.jpg) >gone.txt
refused 1 "gone.txt:13: images/gone.jpg: no such file" --list gone.txt -o out.bin
"$prep" --list gone.txt --count 12 --size 64 -o b.bin
ok "a missing image after the count does not matter" cmp -s a.bin b.bin
head -c 20000 images/000000000025.jpg >cut.jpg
echo "not a picture" >text.jpg
: >empty.png
# The last image is the bad one, then the first of several bad ones is named, whatever the threads.
for bad in "cut.jpg damaged JPEG: Premature end of JPEG file" \
    "text.jpg neither a JPEG nor a PNG file; convert it to one of these" "empty.png the file is empty"; do
    (cat list.txt && echo "${bad%% *}") >bad.txt
    refused 1 "${bad%% *}: ${bad#* }" --list bad.txt --count 13 -o out.bin
done
(echo text.jpg && cat list.txt && echo empty.png) >bad.txt
for threads in 1 2 16; do
    refused 1 "text.jpg: neither a JPEG nor a PNG file; convert it to one of these" \
        --list bad.txt --count 14 --threads $threads -o out.bin
done
if [ -w /dev/full ]; then
    "$prep" --list list.txt --count 12 --size 64 >/dev/full 2>err
    status=$?
    ok "a full disk fails: $(cat err)" [ "$status $(wc -l <err)" = "1 1" ]
fi
{ "$prep" --list list.txt --count 12 --size 640 2>err; echo $? >status; } | head -c 100 >part
ok "a reader that goes away: $(cat err)" [ "$(cat status) $(wc -l <err)" = "1 1" ]
if script -qec true /dev/null >pty 2>&1 </dev/null; then
    script -qec "$prep --list list.txt --count 12 --size 64" /dev/null >pty 2>&1 </dev/null
    ok "a terminal gets no binary" grep -q "binary data are not written to a terminal" pty
else
    echo "# skip the refusal to write to a terminal: no script(1) here"
fi
ok "no temporaries are left" [ -z "$(find . -name '.*.??????' -type f)" ]
