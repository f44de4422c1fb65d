#!/bin/sh
# Words from outside in every place that they come in by: variables, goals, image lists, names of models, folders, qcfg files, names of
# layers. What make cannot carry is refused in one line; no shell, make, awk or jq takes any other for its own, nothing is
# written outside of the run, and reports hold them as text. Each word would make a file whose name begins with "canary".
. tests/grid/lib.sh
build=$here/${BUILD:-build}

newline='
'
esc=$(printf '\033')
csi=$(printf '\302\233') # the same as ESC [ in one character
word() { # KIND
    case $1 in
    make) printf %s '$(shell touch canary)' ;;
    quote) printf %s "';touch canary;'" ;;
    line) printf %s "a${newline}touch canary" ;;
    shell) printf %s '$(touch canary)' ;;
    backtick) printf %s '`touch canary`' ;;
    double) printf %s '";touch canary;"' ;;
    pipe) printf %s 'x|touch canary' ;;
    and) printf %s 'x&touch canary&' ;;
    html) printf %s '<script>x</script>' ;;
    formula) printf %s '=cmd()' ;;
    bytes) printf '\377\376' ;;
    option) printf %s -rf ;;
    glob) printf %s '*' ;;
    backslash) printf %s 'a\' ;;
    comment) printf %s 'a#b' ;;
    braces) printf %s '{touch,canary}' ;;
    escape) printf %s "${esc}]0;x" ;;
    up) printf %s '../../canary' ;;
    esac
}
holds() { # JQ'S ARGUMENTS...
    jq -e "$@" >/dev/null
}
no_canary() {
    [ -z "$(find "$sandbox" "$here" -maxdepth 8 -name 'canary*' -not -path '*/.git/*' 2>/dev/null)" ]
}
# Status 2 from one line that is make's, nothing has run.
is_refused() {
    [ "$status" -eq 2 ] && [ "$(wc -l <err)" -eq 1 ] && grep -q '\*\*\*' err && [ ! -s "$FAKE_LOG" ] && [ ! -e tmp ]
}

# --- every variable, from the command line and from the environment. LAUNCHER and FUZZ_CC are commands, whose purpose is to be run.
variables=$(sed -n 's/^\$(call declare,\([A-Z0-9_]*\),.*/\1/p' mk/config.mk | grep -vx -e LAUNCHER -e FUZZ_CC)
ok "variables: $(echo "$variables" | wc -l)" [ "$(echo "$variables" | wc -l)" -gt 35 ]
accepted=
for v in $variables; do
    goal=plan
    case $v in MODEL | W | A | G) goal=cell ;; esac
    for w in make quote line; do
        mk $goal "$v=$(word $w)"
        is_refused || accepted="$accepted $v=$w"
        [ $w != quote ] || continue
        env "$v=$(word $w)" make $goal >out 2>err
        status=$?
        is_refused || accepted="$accepted environment:$v=$w"
    done
done
equal "a call to make, a quote and a newline are refused in each" "$accepted" ""
accepted=
for v in MODELS MODEL_DIR IMAGE_LIST SUBDIR TIMESTAMP WEIGHT_DTYPES FP4_PRESET CALIB_IMAGES EFFECTIVE_BITS DEVICE CELLS_PER_PROCESS V; do
    for w in shell backtick double pipe and html formula bytes option glob backslash comment braces escape; do
        mk plan "$v=$(word $w)"
        is_refused || accepted="$accepted $v=$w"
    done
done
equal "and other words in each kind of variable" "$accepted" ""
mk plan "IMAGE_LIST=$(word escape)${csi}2J"
ok "what is said of them steers no terminal" sh -c "! grep -q -e '$esc' -e '$csi' err"
for v in SUBDIR TIMESTAMP; do
    for w in .. ../x a/../../x .hidden/../.. x=y; do
        mk plan "$v=$w"
        ok "$v=$w is refused" is_refused
    done
done
for v in .hidden latest; do
    mk plan "TIMESTAMP=$v"
    ok "TIMESTAMP=$v is refused" is_refused
done
for n in 0640 08 0x20 1e2 ' 7' -1; do
    mk plan "IMGSZ=$n"
    ok "IMGSZ=$n is refused" is_refused
done
for w in make quote line shell backtick double pipe and html bytes glob backslash braces; do
    mk "$(word $w)"
    ok "a goal: $w" [ "$status" -eq 2 -a ! -s "$FAKE_LOG" ]
    [ $w = make ] || mk "$(word $w)=1" # make itself expands a name, before it reads a Makefile
    ok "a variable's name: $w" [ "$status" -eq 2 -a ! -s "$FAKE_LOG" ]
done
mkdir broken
cp -r "$here/Makefile" "$here/mk" broken
echo "BEGIN { exit 3 }" >broken/mk/check.awk
(cd broken && make help >../out 2>../err)
equal "where the values cannot be judged nothing runs either" "$? $(grep -c 'not judged' err)" "2 1"
rm -rf broken
ok "no canary" no_canary

# --- names of images
list=lists/hostile.txt
for w in make quote shell backtick double pipe and html formula bytes option glob backslash comment braces escape; do
    word $w | tr / _
    echo .jpg
done >lists/names
printf '%s\n' '../known.jpg' ' blank first.jpg' 'blank last.jpg ' 'a  b.jpg' '-' '--help' '-n' 'é.jpg' "$(printf 'tab\there.jpg')" '&quot;.jpg' >>lists/names
while IFS= read -r name; do
    cp "$here/calib/images/000000000536.jpg" "lists/images/$name"
done <lists/names
sed 's|^|images/|' lists/names >$list
mk sweep IMAGE_LIST=$list CALIB_IMAGES=99 MODELS=a WEIGHT_DTYPES=int8 ACT_DTYPES=int8
equal "a sweep over $(wc -l <$list) images with such names" "$status $(last_line)" "0 2 ok, 0 unsupported, 0 failed: sweep_index.json"
jq -r '.images[].name' $run/run.json >got
LC_ALL=C sed 's/\xff\xfe/\xef\xbf\xbd\xef\xbf\xbd/' $list >wanted
ok "run.json holds them as they are, and U+FFFD for bytes that are not UTF-8" cmp got wanted
equal "with their digests" "$(jq -r '[.images[].sha256] | unique | length' $run/run.json)" 1
"$build/bin/calib-prep" --list $list --size 32 --count 99 -o calib.bin 2>err
equal "calib-prep reads the same files" "$?" 0
ok "no canary" no_canary
{ sed 's|^|images/|' lists/names | head -n 9; echo -; } >lists/dash.txt
echo "not standard input" >./-
mk sweep IMAGE_LIST=lists/dash.txt CALIB_IMAGES=10 MODELS=a WEIGHT_DTYPES=int8 ACT_DTYPES=int8
equal "an image of the name - is that file" "$(jq -r '.images[9].sha256' $run/run.json)" "$(sha256sum <./- | cut -d' ' -f1)"
printf 'images/gone%s.jpg\n' "$esc]0;x${csi}2Jé" >>$list
mk sweep IMAGE_LIST=$list CALIB_IMAGES=99 MODELS=a
ok "a missing image's name steers no terminal" [ "$status" -eq 2 -a -z "$(grep -e "$esc" -e "$csi" err)" ]
ok "and is said" grep -q 'gone?\]0;x?2Jé.jpg: no such file' err
printf 'images/10.jpg\000\n' >>lists/list.txt
mk plan MODELS=a CALIB_IMAGES=13
ok "a list with a NUL is refused" [ "$status" -eq 2 -a -n "$(grep 'not text' err)" ]
sed -i '$d' lists/list.txt
cp lists/list.txt l=ist.txt
mk plan MODELS=a IMAGE_LIST=l=ist.txt </dev/null
ok "a list whose name looks like awk's assignment is read" [ -z "$(grep ' 0 images' err)" ]

# --- names of models that make can carry
for m in @cmd +cmd a,b c~d e.f; do cp models/a.pt "models/$m.pt"; done
mk sweep MODELS='@cmd +cmd a,b c~d e.f' WEIGHT_DTYPES=int8 ACT_DTYPES=int8 GRANULARITIES=per_layer
equal "names with @ + , ~ and ." "$status $(last_line)" "0 5 ok, 0 unsupported, 0 failed: sweep_index.json"
equal "no spreadsheet takes one for a formula" "$(grep -c '^[@+=-]' $run/sweep_index.csv)/$(grep -c "^'[@+]cmd," $run/sweep_index.csv)" 0/2

# --- what a record says, whoever wrote it
mk sweep MODELS=a WEIGHT_DTYPES=fp4 ACT_DTYPES=int8
status_json=$run/outputs/a/fp4-int8/per_channel/status.json
jq --arg e "${esc}[m${csi}m" --arg r "x @../../canary y$esc]0;x${csi}2J<script>|=cmd()\$(touch canary)" '.reason = $r | .base_format_name = "B\($e)\n@canary2\n z"' $status_json >hostile.json
cp hostile.json $status_json
mk index
equal "a hostile reason" "$status" 0
ok "writes no file of its own" no_canary
ok "steers no terminal" sh -c "! grep -q -e '$esc' -e '$csi' out err"
ok "is told" holds '.failures[0].reason | endswith("<script>|=cmd()$(touch canary)")' $index
ok "and no markup" sh -c "! grep -q '<script>|' $run/index.html"
jq '.status = "failed" | .error = .reason' $status_json >$run/outputs/a/fp4-int8/per_layer/status.json
mk plan MODELS=a WEIGHT_DTYPES=fp4 ACT_DTYPES=int8
ok "in the plan neither" sh -c "! grep -q -e '$esc' -e '$csi' out && grep -q 'per_layer *failed (x' out"

# --- folders: the repository's and that of temporary files
odd="a=b it's \$(touch canary) \"x\" \`touch canary\` \\n é #%&;|<b>"
mkdir "$odd" "$odd/tmp = files"
ln -s "$here/Makefile" "$here/mk" "$here/src" "$here/tools" "$here/tests" "$sandbox/models" "$sandbox/lists" "$odd/"
(cd "$odd" && TMPDIR="$PWD/tmp = files" make sweep BIN=tests/grid/fake-bin IMAGE_LIST=lists/list.txt CALIB_IMAGES=12 MODELS=a WEIGHT_DTYPES='int8 fp4' \
    ACT_DTYPES=int8) >out 2>err
equal "in a folder of such a name, with such a TMPDIR" "$? $(last_line)" "0 3 ok, 1 unsupported, 0 failed: sweep_index.json"
equal "nothing is left in TMPDIR" "$(ls -A "$odd/tmp = files")" ""
ok "no canary" no_canary

# --- names of layers, through the real tools to every artifact
name='</script><img src=x onerror=canary=1>|=cmd()$(touch canary)`touch canary`"'"'é"
"$build/test/pt/edit_checkpoint" "$checkpoint" models/layers.pt rename 0 "$name" || failed=1
make sweep BIN="$build/bin" MODELS=layers WEIGHT_DTYPES=int8 ACT_DTYPES=fp8 GRANULARITIES=per_layer IMAGE_LIST="$here/calib/quant100.txt" CALIB_IMAGES=10 \
    SCORE_SIZE=1 IMGSZ=64 TOP_K=200 >out 2>err
equal "a layer of a hostile name" "$? $(last_line)" "0 1 ok, 0 unsupported, 0 failed: sweep_index.json"
cell=$run/outputs/layers/int8-fp8/per_layer
for f in scores.json recipe.json; do
    ok "$f holds it as it is" holds --arg n "model.$name.conv" 'if .layers then .layers else .best.recipe end | has($n)' $cell/$f
done
ok "the manifest" holds --arg n "model.$name.conv" '.layers | has($n)' $cell/layers_wint8_afp8_per_layer_quant_manifest.json
ok "the index" holds --arg n "model.$name.conv" '[.successes[0].top_layers[].layer] | index($n)' $index
ok "the CSV, in one field with doubled quotes" grep -qF '`""'"'é.conv:" $run/sweep_index.csv
equal "which has a header and a row" "$(wc -l <$run/sweep_index.csv)" 2
ok "the Markdown has no markup of it, but in code" sh -c "! sed '/^\`\`\`/,/^\`\`\`/d; /^    /d' $cell/layer-sensitivity-report.md | grep -qE '<img|</script>|\\\$\\(touch'"
equal "and a row for each layer" "$(grep -c '^|model' $cell/layer-sensitivity-report.md)" 108
ok "the page has none either" sh -c "! grep -q '<img src=x' $run/index.html"
ok "its data is the name" sh -c 'sed -n "/id=\"data\"/{n;p}" "$1" | jq -e --arg n "$2" ".layers.layers.name | index(\$n)" >/dev/null' sh $run/index.html "model.$name.conv"
ok "no canary" no_canary
exit $failed
