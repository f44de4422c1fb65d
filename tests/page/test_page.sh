#!/bin/sh
# The page of a run: how it is made from a run's files, then in a browser, Debian's chromium: counts, colors, filters, orders,
# clicks, and that hostile words stay words. Where there is no chromium only the first part is tested.
here=$PWD/tests/page
. mk/lib.sh
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
check() { # WHAT COMMAND...
    what=$1
    shift
    if "$@" >"$dir/out" 2>&1; then echo "ok - $what"; else echo "not ok - $what: $(head -c 300 "$dir/out")"; fi
}
export DTYPES="int4 int8 fp4 fp8 fp16" GRANULARITY_WORDS="per_channel per_layer per_channel_weight" RUN="$dir/run" TOP_K=5 BIN="${BUILD:-build}/bin"
jq -n -r -f "$here/fixture.jq" >"$dir/stream" || exit 1
mkdir -p "$RUN/work"
# "@FILE" lines, each followed by that file's lines, which begin with a space.
run=$RUN awk '/^@/ { out = ENVIRON["run"] "/" substr($0, 2); folder = out; sub("/[^/]*$", "", folder); system("mkdir -p " folder); next }
    { print substr($0, 2) >out }' "$dir/stream"
check "the page is made" mk/index.sh "$RUN"
page=$RUN/index.html
cp "$page" "$dir/before"
rm "$page"
check "made again" mk/index.sh "$RUN"
check "it has the same bytes" cmp "$page" "$dir/before"
stat -c %Y.%i "$page" >"$dir/stat"
mk/index.sh "$RUN"
check "and is left alone when nothing changed" test "$(stat -c %Y.%i "$page")" = "$(cat "$dir/stat")"
check "no file of the template is left out" sh -c "! grep -nE '(href|src)=\"[^\"]*\\.(css|js)\"' '$page'"
check "nothing outside it is named" sh -c "! grep -noE '(https?:)?//[a-z0-9.-]+\\.[a-z]+|@import|url\\(' '$page'"
check "the data ends where its element ends" test "$(sed -n '/id="data"/,/^<\/script>$/p' "$page" | wc -l)" -eq 3
check "and holds all scores" sh -c "sed -n '/id=\"data\"/{n;p}' '$page' | jq -e '[.cells[].scores // [] | length] | add > 7000'"
jq -r '.layers | keys[0]' "$RUN/outputs/m0/int8-int8/per_layer/scores.json" >"$dir/name"
sed -n '/id="data"/{n;p}' "$page" | jq -r '.layers.first.name[0]' >"$dir/shown"
check "with names as they are" cmp "$dir/name" "$dir/shown"
jq -n '{layers: ([1.4012984643248171e-45, 6.02214076e-30, 0, 0.00123456, 3.4028235e38] | to_entries | map({key: "l\(.key)", value: {score: .value}}) | from_entries)}' \
    >"$dir/edges.json"
jq -n -c --argjson k 0 -f mk/index-scores.jq "$dir/edges.json" >"$dir/edges"
check "scores keep four digits, and only zero is zero: $(jq -c .scores "$dir/edges")" jq -e '.scores == [1.401e-45, 6.022e-30, 0, 0.001235, 3.403e38]' "$dir/edges"
# The same words on the terminal, at a sweep's end.
jq -r '(.successes + .failures)[].out_dir | ltrimstr("outputs/") | sub("/"; "\t")' "$RUN/sweep_index.json" >"$dir/plan"
jq -r -f mk/closing.jq --rawfile plan "$dir/plan" "$RUN/sweep_index.json" >"$dir/closing"
check "a line for each scored cell" test "$(grep -c '^  ' "$dir/closing")" -eq "$(jq '.successes | length' "$RUN/sweep_index.json")"
check "each with five layers" test "$(grep '^  ' "$dir/closing" | grep -o '[0-9]e[-+][0-9][0-9]' | wc -l)" -eq "$(($(grep -c '^  ' "$dir/closing") * 5))"
check "a line for each reason, which steers no terminal: $(grep -c '^unsupported' "$dir/closing")" \
    sh -c "grep -q '^unsupported: .*blocks' '$dir/closing' && ! grep -q '$(printf '\033')' '$dir/closing'"
# A cell of an older checkpoint with another set of layers.
jq '.layers |= (del(.["model.5.conv"]) + {"new.conv": {score: 3}})' "$RUN/outputs/m0/int8-int8/per_layer/scores.json" >"$dir/other.json"
mkdir -p "$dir/mixed/outputs/m/w-a"
for g in per_layer per_channel; do
    mkdir -p "$dir/mixed/outputs/m/w-a/$g" "$dir/mixed/work"
    jq --arg g $g '.out_dir = "outputs/m/w-a/" + $g | .run.granularity = $g' "$RUN/outputs/m0/int8-int8/per_layer/status.json" \
        >"$dir/mixed/outputs/m/w-a/$g/status.json"
done
cp "$RUN/run.json" "$dir/mixed"
cp "$RUN/outputs/m0/int8-int8/per_layer/scores.json" "$dir/mixed/outputs/m/w-a/per_layer"
cp "$dir/other.json" "$dir/mixed/outputs/m/w-a/per_channel/scores.json"
check "cells with other layers" env RUN="$dir/mixed" mk/index.sh "$dir/mixed"
sed -n '/id="data"/{n;p}' "$dir/mixed/index.html" >"$dir/mixed.json"
check "have each score at its layer" jq -e '.layers.first.name as $n | ($n | index("new.conv")) as $new | ($n | index("model.5.conv")) as $old |
    [.cells[] | [.scores[$new], .scores[$old]]] | .[0] == [3, null] and .[1][0] == null and .[1][1] > 0' "$dir/mixed.json"

skip() { # WHY
    echo "# skip page/test_page.sh, in a browser: $1"
    exit 0
}
browse() { # FILE OPTION...
    file=$1
    shift
    "$chromium" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$dir/profile" --dump-dom "$@" "file://$file" \
        >"$dir/dom" 2>"$dir/err"
}
chromium=$(command -v chromium || command -v chromium-browser) || skip "there is no chromium (make deps test installs it)"
echo '<p>shown</p>' >"$dir/blank.html"
browse "$dir/blank.html"
grep -q '<p>shown</p>' "$dir/dom" || skip "$chromium does not start: $(tail -n 1 "$dir/err")"
jq -r '.successes[].out_dir' "$RUN/sweep_index.json" | sed "s|.*|$RUN/&/scores.json|" | xargs cat >"$dir/scores"
jq -n --slurpfile scores "$dir/scores" --slurpfile index "$RUN/sweep_index.json" -f "$here/expect.jq" | sed 's/</\\u003c/g' >"$dir/want"
{ cat "$page"; echo '<script id="want" type="application/json">'; cat "$dir/want"; echo '</script><script>'; cat "$here/checks.js"; echo '</script>'; } \
    >"$RUN/tested.html"

in_browser() { # WHAT SIZE SCHEME
    browse "$RUN/tested.html" --window-size="$2" --blink-settings=preferredColorScheme="$3"
    if grep -q '^checks:$' "$dir/dom" && grep -q '^end$' "$dir/dom"; then
        sed -n "/^checks:\$/,/^end\$/{s/&lt;/</g; s/&gt;/>/g; s/&amp;/\\&/g; s/ok - /&$1: /p}" "$dir/dom"
    else
        echo "not ok - $1: the browser shows no results: $(tail -n 1 "$dir/err")"
    fi
}
in_browser light,wide 1400,1000 1
in_browser dark,narrow 400,800 0
