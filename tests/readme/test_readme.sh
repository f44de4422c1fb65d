#!/bin/sh
# The examples of README.md and of doc/, as they stand there, a page after the other: each block of ```sh is run by a shell that stops at the
# first command that fails. What a line <!-- example: WORD --> before the block means:
#
#   (none)      run, on less than it says: few images, a small input
#   help2man    run where help2man is
#   network     needs the network, minutes and gigabytes: counted, not run
#   tests       these tests themselves
#
# and what files README.md, doc/, CONTRIBUTING.md and CHANGELOG.md name is there. BUILD is the build folder.
. tests/checks.sh
here=$PWD
build=$(realpath "${BUILD:-build}")
sandbox=$(mktemp -d) || exit 1
trap 'rm -rf "$sandbox"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL
pages="README.md $(echo doc/*.md)"
for f in Makefile mk src tools tests bench calib doc README.md; do ln -s "$here/$f" "$sandbox/"; done
ln -s "$build" "$sandbox/build"
cd "$sandbox" || exit 1

# What the examples take for granted: s and m in models/, a model and a list of one's own, a home.
mkdir models runs my home
for m in models/yolov10s models/yolov10m runs/best; do ln -s "$here/calib/models/yolov10n.pt" $m.pt; done
head -n 10 "$here/calib/quant100.txt" | sed "s|^|$here/calib/|" >my/list.txt
HOME=$sandbox/home
export HOME

# make, on less; and nothing is installed on the machine that runs the tests.
small='IMGSZ=32 CALIB_IMAGES=10 SCORE_SIZE=1'
mkdir path
cat >path/make <<EOT
#!/bin/sh
for word in "\$@"; do
    shift
    [ "\$word" = deps ] || set -- "\$@" "\$word"
done
exec $(command -v make) "\$@" $small
EOT
chmod +x path/make
PATH=$sandbox/path:$PATH

# shellcheck disable=SC2086
awk '/^```/ && open { open = 0; next }
    /^```/ { open = 1; n++; file = sprintf("block.%02d", n); print substr($0, 4) word >file ".kind"; print FILENAME >file ".page"; printf "" >file; next }
    open { print >file; next }
    { word = /^<!-- example: [a-z0-9]+ -->$/ ? " " $3 : "" }' $pages

ran=0
for block in block.??; do
    kind=$(cat "$block.kind") page=$(cat "$block.page")
    title=$(sed -n '/^#/d; s/  *#.*//; p; q' "$block")
    began=$(date +%s%N)
    case $kind in
    sh | 'sh help2man')
        if [ "$kind" != sh ] && ! command -v help2man >/dev/null; then
            echo "# skip $title: no help2man here"
            continue
        fi
        if bash -eo pipefail "$block" >"$block.out" 2>"$block.err" </dev/null; then
            echo "ok - $page: $title ($((($(date +%s%N) - began) / 1000000)) ms)"
            ran=$((ran + 1))
        else
            echo "not ok - $page: $title: status $?"
            sed 's/^/#   /' "$block"
            tail -n 12 "$block.err" | sed 's/^/#   err: /'
        fi
        ;;
    'sh network' | 'sh tests') echo "ok - $page: not run (${kind#sh }): $title" ;;
    python) # their packages are not here: tests that have these run them
        command -v python3 >/dev/null || { echo "# skip $title: no python3 here"; continue; }
        if python3 -c 'compile(open("'"$block"'").read(), "'"$page"'", "exec")'; then echo "ok - $page: Python reads: $title"; else echo "not ok - $page: $title"; fi
        ;;
    text) ;;
    *) echo "not ok - $page: a block of the unknown kind \"$kind\": $title" ;;
    esac
done
[ $ran -ge 14 ] && echo "ok - $ran blocks were run" || echo "not ok - only $ran blocks were run"

first=$(grep -l '^make .*sweep' block.?? | head -n 1)
claim=$(grep -c 'yolov10n .* per_channel_weight .* of 83' README.md)
equal "README: the first sweep tells of as many cells as there" "$(tail -n 1 "$first.out" | cut -d: -f1)" "$claim ok, 0 unsupported, 0 failed"
ok "and names the page" grep -q '^page: tmp/.*/index.html$' "$first.err"
ok "a pipeline shows a layer and its score" grep -q '"score": [0-9.e-]*[1-9]' "$(grep -l max_by block.?? | head -n 1).out"
ok "step by step: the reports are there" [ -s fp8-fp8/layer-sensitivity-report.md ]

# Every option of the table's right side is a variable, every target is one of make's.
make help >help
for v in $(grep "^|" doc/driver.md | cut -d"|" -f3 | grep -o '\b[A-Z][A-Z0-9]*_[A-Z_]*\b\|\b[A-Z]\{5,\}\b'); do
    ok "doc/driver.md: $v is a variable" grep -q "^  $v " help
done
for file in $pages CONTRIBUTING.md CHANGELOG.md calib/README.md tests/models/README.md; do
    for t in $(grep -o '`make [a-z][a-z-]*' "$here/$file" | cut -d' ' -f2 | sort -u); do
        ok "$file: make $t is a target" grep -q "^  $t " help
    done
    missing=
    for path in $(sed -n 's/.*`/&/p' "$here/$file" | grep -o '`\(src\|mk\|tests\|tools\|bench\|calib\)/[A-Za-z0-9_./]*`' | tr -d '`' | grep -v FOLDER | sort -u) \
        $(grep -o '](\([.A-Za-z][A-Za-z0-9_./-]*\))' "$here/$file" | tr -d '](' | tr -d ')' | grep -v '^https*:'); do
        [ -e "$here/$path" ] || [ -e "$here/${file%/*}/$path" ] || missing="$missing $path"
    done
    ok "$file: what it names is there" [ -z "$missing" ]
done
