#!/bin/sh
# What every tool says of itself: --help and --version, what it says to a wrong command line, and that the examples do what they
# show. From the repository root; BUILD is the build folder.
. tests/checks.sh
here=$PWD
bin=$(realpath "${BUILD:-build}")/bin
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

for source in "$here"/tools/*.c; do
    tool=${source##*/} tool=${tool%.c}
    "$bin/$tool" --help >"help.$tool" 2>err
    status=$?
    ok "$tool --help: status 0, nothing on standard error" [ "$status" -eq 0 -a ! -s err ]
    ok "$tool --help begins with a usage line" [ "$(head -n 1 "help.$tool" | cut -c1-$((8 + ${#tool})))" = "Usage: $tool " ]
    ok "$tool --help says in a line what the tool is for" grep -q '^[A-Z].*\.$' "help.$tool"
    ok "$tool --help has an example of it" grep -q "^  \\$.* \(.*| \)*$tool " "help.$tool"
    ok "$tool --help gives each exit status" \
        [ "$(sed -n '/^Exit status:$/,$p' "help.$tool" | awk '/^  [0-9]  [a-z]/ { printf "%s", $1 }')" = 0123 ]
    for option in $(grep -o '^ *{"[a-z0-9-]*", [^ ]*, OPT_' "$source" | cut -d'"' -f2) help version; do
        ok "$tool --help has --$option" grep -q "^  .*--${option}[ =].*[a-z]\|^  .*--$option=[^ ]*$" "help.$tool"
    done
    ok "$tool --help fits a terminal of 110 columns" [ -z "$(awk 'length > 110' "help.$tool")" ]
    "$bin/$tool" -h >short 2>&1
    ok "$tool -h is the same" cmp -s short "help.$tool"
    ok "$tool --version" [ "$("$bin/$tool" --version)" = "$tool (yolosens) $("$bin/$tool" -V | cut -d' ' -f3)" ]
    if [ -w /dev/full ]; then
        "$bin/$tool" --help >/dev/full 2>err
        ok "$tool --help into a full disk fails" [ $? -eq 1 ]
    fi
    for wrong in --nonsense --output; do
        "$bin/$tool" $wrong >out 2>err
        status=$?
        ok "$tool $wrong: status 2, one line, and where to find help" \
            [ "$status" -eq 2 -a "$(wc -l <err)" -eq 2 -a ! -s out -a "$(tail -n 1 err)" = "Try '$tool --help'." ]
    done
done

# The examples, as they stand, on what they name: in the tools' order each finds what those before it have made. They read all
# images at 640; a calib-prep that is asked for 32 as well keeps this short.
mkdir path
printf '#!/bin/sh\nexec "%s/calib-prep" "$@" --size 32\n' "$bin" >path/calib-prep
chmod +x path/calib-prep
PATH=$dir/path:$bin:$PATH
ln -s "$here/calib/images" images
head -n 10 "$here/calib/quant100.txt" >quant100.txt
ln -s "$checkpoint" yolov10n.pt
example() { # TOOL: runs its examples, one after the other
    sed -n 's/^  \$ //p' "help.$1" >todo
    while read -r line <&3; do
        sh -e -c "$line" >out 2>err </dev/null
        ok "$line" [ $? -eq 0 ]
    done 3<todo
}
example calib-prep
ok "makes a calib stream" [ "$(wc -c <calib.bin)" -gt 30720 ]
ok "and an amax file" jq -e . amax.json >/dev/null
rm amax.json
example calib-stats
ok "makes an amax file" jq -e . amax.json >/dev/null
example model-dump
ok "lists all convolutions, the largest first" [ "$(wc -l <out)" -eq 108 -a "$(sort -rn out | cmp - out 2>&1)" = "" ]
example qcfg-build
ok "makes a cell" [ "$(jq -r '.weight + "-" + .activation + "/" + .granularity' q.json)" = int8-fp8/per_layer ]
cp q.json q1.json
qcfg-build -w fp8 -a fp8 -g per_layer -o q2.json
example sens-score
ok "shows scores" [ "$(jq length out)" -eq 108 ]
ok "and writes both cells'" [ "$(jq -r .weight scores1.json scores2.json | tr '\n' ' ')" = "int8 fp8 " ]
cp scores2.json scores.json
example recipe-solve
ok "shows the layers that stay as they are" [ "$(grep -c '^model\.' out)" -eq "$(jq '[.best.recipe[] | select(startswith("NONE"))] | length' recipe.json)" ]
example keep-list
ok "shows nodes" [ "$(grep -c '^/model\..*/Conv$' out)" -eq 3 ]
example onnx-export
ok "writes a network and a quantized one" [ -s yolov10n.onnx -a "$(grep -ac input_quantizer yolov10n.int8.onnx)" -gt 0 ]
example pareto-solve
ok "shows a knee, draws a curve, writes a recipe" [ "$(jq -r 'keys_unsorted[]' out | tr '\n' ' ')" = "effective_bits loss " -a -s pareto.svg -a -s mix.json ]
tail -n 3 "$here/calib/quant100.txt" >more.txt
example damage-measure
ok "shows sets of layers" jq -e .by out >/dev/null
mkdir -p outputs/yolov10n/fp8-fp8/per_layer && cp scores.json recipe.json outputs/yolov10n/fp8-fp8/per_layer
echo '{"imgsz": 32}' >run.json
example report-gen
for f in . outputs/yolov10n/fp8-fp8/per_layer; do
    ok "the reports are in $f" [ -s "$f/layer-sensitivity-report.md" -a -s "$f/composed-config.yaml" ]
done
example_side_by_side() { # TOOL: its lines are one script, which ends when all that it started has
    { sed -n 's/^  \$ //p' "help.$1" && echo 'exec 3>&-; wait'; } >script
    timeout 60 bash -e script >out 2>err </dev/null
    ok "the example of $1" [ $? -eq 0 ]
}
for m in n s; do ln -s yolov10n.pt $m.pt; done
ln -s calib.bin c.bin
example_side_by_side progress-board
ok "shows two calibrations" cmp -s n.json amax.json
