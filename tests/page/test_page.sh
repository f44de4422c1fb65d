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
export DTYPES="int4 int8 fp4 fp8 fp16" GRANULARITY_WORDS="per_channel per_layer per_channel_weight" RUN="$dir/run" TOP_K=5 RANK_BY=detection BIN="${BUILD:-build}/bin"
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
mkdir -p "$dir/edges"
jq '(.layers | keys_unsorted[:5]) as $five | [1.4012984643248171e-45, 6.02214076e-30, 0, 0.00123456, 3.4028234663852886e38] as $v |
    .layers |= with_entries(select(.key | IN($five[])) | .key as $k | .value.score = $v[$five | index($k)])' "$RUN/outputs/m0/int8-int8/per_layer/scores.json" \
    >"$dir/edges/scores.json"
echo edges | "$BIN/index-cells" --run "$dir" --layers "$dir/edges.csv" >"$dir/edges.lines"
check "scores keep four digits, and only zero is zero" jq -e -s '.[0].scores == [1.401e-45, 6.022e-30, 0, 0.001235, 3.403e38]' "$dir/edges.lines"
check "and all their digits in layers.csv" test "$(tail -n +2 "$dir/edges.csv" | cut -d, -f11 | tr '\n' ' ')" = "1.401298464324817e-45 6.02214076e-30 0 0.00123456 3.4028234663852886e+38 "
# The same words on the terminal, at a sweep's end.
jq -r '(.successes + .failures)[].out_dir | ltrimstr("outputs/") | sub("/"; "\t")' "$RUN/sweep_index.json" >"$dir/plan"
closing() { # RUN WIDTH
    jq -r -f mk/closing.jq --rawfile plan "$dir/plan" --arg rank detection --arg took '22 cells in 9 s' --arg unsupported '' --arg typed 'IMGSZ=64' --arg called make \
        --argjson lines 6 --argjson width "$2" "$1/sweep_index.json"
}
for width in 100 80; do
    closing "$RUN" $width >"$dir/closing"
    check "a table of few lines and $width columns" test "$(awk -v most=$width 'length > most' "$dir/closing" | grep -vc 'first three') $(grep -c '^  [^ ].*[0-9]e[-+][0-9]' "$dir/closing")" = "0 5"
done
check "the least total first: $(sed -n 2p "$dir/closing")" test "$(sed -n '2s/.* \([0-9.]*e[-+][0-9]*\) .*/\1/p' "$dir/closing")" = \
    "$(jq -r '[.successes[].ranked_layers.total] | min' "$RUN/sweep_index.json" | LC_ALL=C awk '{ printf "%.2e", $1 }')"
check "which is that of the exported layers, and the fewest that hold 80 % of it" jq -e -n --slurpfile i "$RUN/sweep_index.json" --slurpfile s "$RUN/outputs/m0/int8-int8/per_layer/scores.json" \
    '($i[0].successes[] | select(.out_dir == "outputs/m0/int8-int8/per_layer").ranked_layers) as $r | [$s[0].layers[] | select(.exported).score] | sort | reverse as $v |
    $r.by == "modelopt" and ($v | add - $r.total | fabs) <= 1e-9 * $r.total and $r.exported_layers == length and
    ($v[:$r.layers_for_80_percent] | add) >= 0.8 * $r.total and ($v[:$r.layers_for_80_percent - 1] | add // 0) < 0.8 * $r.total'
check "no name steers the terminal" sh -c "! grep -q '$(printf '\033')' '$dir/closing'"
# A cell of an older checkpoint with another set of layers.
jq '.layers |= (del(.["model.5.conv"]) + {"new.conv": {score: 3, cost: 1, none_cost: 2}})' "$RUN/outputs/m0/int8-int8/per_layer/scores.json" >"$dir/other.json"
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
echo '{' >"$dir/mixed/outputs/m/w-a/per_channel/scores.json"
rm "$dir/mixed/work/index"
RUN="$dir/mixed" mk/index.sh "$dir/mixed" 2>"$dir/said"
check "one that cannot be read is left out" jq -e '[.successes[].top_layers | length > 0] == [false, true]' "$dir/mixed/sweep_index.json"
check "and named, in one line" test "$(grep -c 'per_channel/scores.json' "$dir/said") $(wc -l <"$dir/said")" = "1 1"

# A cell that was measured, and one that was not.
cell=yolov10n/int4-int8/per_channel_weight other=yolov10n/int4-int8/per_layer measured=$dir/measured
cells=$measured/outputs
mkdir -p "$measured/work" "$cells/$cell" "$cells/$other"
cp tests/report/measured/scores.json tests/report/measured/recipe.json "$cells/$cell"
jq '.granularity = "per_layer"' tests/report/measured/scores.json >"$cells/$other/scores.json"
for out in $cell $other; do
    jq -n --arg out "$out" '($out | split("/")) as [$m, $pair, $g] | ($pair | split("-")) as [$w, $a] | {run: {model: $m, weight_dtype: $w, act_dtype: $a,
        granularity: $g}, status: "ok", elapsed_s: 1, base_format_name: "BASE", out_dir: "outputs/\($out)", log_path: "logs/\($out).log", manifest_path: "m",
        report_path: "outputs/\($out)/layer-sensitivity-report.md"}' >"$cells/$out/status.json"
done
cp "$RUN/run.json" "$measured"
index() { "$BIN/report-gen" "$cells/$cell" && RUN=$measured mk/index.sh "$measured"; }
check "a run of which nothing was measured" index
cp "$measured/sweep_index.csv" "$dir/before.csv"
check "says nothing of it in the index, but how sure its ranks are" jq -e \
    '[.successes[] | has("verify")] == [false, false] and .successes[0].stability.detection["5"] == 0.93' "$measured/sweep_index.json"
jq --arg list '</script><img src=x onerror=pwned=1>' '.list = $list | .sets[2].ap = 0.4321 | .layers["model.23.one2one_cv2.0.2"].class_kl = 0.001' tests/report/measured/verify.json >"$cells/$cell/verify.json"
check "when a cell is measured, the index is made again" index
check "and has what was found" jq -e --slurpfile v "$cells/$cell/verify.json" '.successes[] | select(.run.granularity == "per_channel_weight").verify |
    .spearman == $v[0].spearman and .float == $v[0].float and .images == 32 and .scored_on == 0 and .sets == [$v[0].sets[] | del(.layers)]' \
    "$measured/sweep_index.json"
check "for that cell alone" jq -e '[.successes[] | has("verify")] == [false, true]' "$measured/sweep_index.json"
check "the table of the index stays as it was" cmp "$dir/before.csv" "$measured/sweep_index.csv"
check "the page grows by at most 12 KB for it: $(($(wc -c <"$measured/index.html") - $(sed '/id="data"/,/^<\/script>$/d' "$measured/index.html" | wc -c)))" sh -c \
    "sed -n '/id=\"data\"/{n;p}' '$measured/index.html' | jq -e '[.cells[] | del(.damage, .verify, .finding, .choices, .measured_on)] as \$without |
    (tojson | length) - (.cells = \$without | tojson | length) | . > 3000 and . < 12288'"

# What the index ranks by RANK_BY is what keep-list keeps.
cp "$cells/$cell/verify.json" "$dir/verify.json"
cp tests/report/measured/verify.json "$cells/$cell/"
"$BIN/report-gen" "$cells/$cell" || exit 1
for rank in detection class box measured; do
    RANK_BY=$rank TOP_K=20 RUN=$measured mk/index.sh "$measured"
    for k in 5 10 20; do
        "$BIN/keep-list" -s "$cells/$cell/scores.json" -v "$cells/$cell/verify.json" -r $rank -k $k -t recipe 2>/dev/null |
            jq '.none as $none | [.layers | to_entries[] | select(.value == $none).key]' >"$dir/kept"
        check "the first $k layers by $rank" jq -e --arg rank $rank --argjson k $k --slurpfile kept "$dir/kept" \
            '.successes[] | select(.run.granularity == "per_channel_weight").ranked_layers | .by == $rank and ([.layers[:$k][].layer] | sort) == ($kept[0] | sort)' \
            "$measured/sweep_index.json"
    done
done
check "a cell that was not measured is ranked by detection instead" jq -e '.successes[] | select(.run.granularity == "per_layer").ranked_layers.by == "detection"' "$measured/sweep_index.json"
jq -r '(.successes + .failures)[].out_dir | ltrimstr("outputs/") | sub("/"; "\t")' "$measured/sweep_index.json" >"$dir/plan"
check "and the terminal says by which" test "$(closing "$measured" 100 | grep -o 'detection\|measured' | tr '\n' ' ')" = "detection measured "
check "what was measured is next kept" test "$(closing "$measured" 100 | tr -d '\\\n' | grep -c 'next: make keep-list MODEL=.* W=.* A=.* G=per_channel_weight')" -eq 1
RANK_BY=modelopt RUN=$measured mk/index.sh "$measured"
check "by modelopt they are ModelOpt's scores of the exported layers" jq -e 'all(.successes[]; .ranked_layers.by == "modelopt")' "$measured/sweep_index.json"
cp "$dir/verify.json" "$cells/$cell/verify.json"
check "and it is as before" index

# A cell of formats that runtimes take, measured, and one of which ModelOpt ONNX leaves layers in 16 bits by itself.
cut=$dir/cut
for pair in int8-int8 fp8-fp8; do
    at=$cut/outputs/yolov10n/$pair/per_channel_weight
    mkdir -p "$at" "$cut/work"
    jq --arg d "${pair%-*}" 'if $d == .weight then . else .weight = $d | .activation = $d | del(.base_format, .recipe) end' tests/deploy/scores.json >"$at/scores.json"
    "$BIN/recipe-solve" "$at/scores.json" -o "$at/recipe.json"
    jq -n --arg out "outputs/yolov10n/$pair/per_channel_weight" --arg d "${pair%-*}" '{run: {model: "yolov10n", weight_dtype: $d, act_dtype: $d,
        granularity: "per_channel_weight"}, status: "ok", elapsed_s: 1, base_format_name: "BASE", out_dir: $out, log_path: "l", manifest_path: "m",
        report_path: "r"}' >"$at/status.json"
done
cp tests/deploy/verify.json "$cut/outputs/yolov10n/int8-int8/per_channel_weight"
cp "$RUN/run.json" "$cut"
cut_index() { "$BIN/report-gen" "$cut"/outputs/*/*/* && RUN=$cut mk/index.sh "$cut"; }
check "a run for runtimes" cut_index
# layers.csv, by columns' names.
column() { # NAME
    tr -d '\r' <"$cut/layers.csv" | awk -F , -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i; next } $2 == "int8" { print $c }'
}
int8=$cut/outputs/yolov10n/int8-int8/per_channel_weight
check "layers.csv has a row a layer, in the model's order" sh -c "[ \"\$1\" = \"\$2\" ]" - "$(column layer)" "$(jq -r '.layers | keys_unsorted[]' "$int8/scores.json")"
same() { # COLUMN JQ FILE: numbers, all digits
    column "$1" | jq -R 'if . == "" then null else tonumber end' | jq -s -c . >"$dir/got"
    jq -c "$2" "$3" >"$dir/wanted"
    jq -n -e --slurpfile a "$dir/got" --slurpfile b "$dir/wanted" '$a == $b and ($a[0] | length) > 80'
}
check "scores with all their digits" same box_score '[.layers[].box_score]' "$int8/scores.json"
check "sizes" same weights '[.layers[].none_cost]' "$int8/scores.json"
# keep-list says shares of the total, of one or two layers together: those of one are looked at.
"$BIN/keep-list" -s "$int8/scores.json" -k 1000 -t json >"$dir/lists" 2>/dev/null
check "the detection rank's values, as keep-list has them" jq -n -e --slurpfile l "$dir/lists" --slurpfile s "$int8/scores.json" --argjson v "$(column detection | jq -R 'tonumber' | jq -s -c .)" \
    '([[$s[0].layers | keys_unsorted, $v] | transpose[] | {key: .[0], value: .[1]}] | from_entries) as $of | [$l[0].keep[] | select((.layers | length == 1) and .share > 0) | $of[.layers[0]] / .share] | length > 70 and max - min < 1e-12 * max'
jq -s '.[0].layers as $l | [.[1].layers | keys_unsorted[] | $l[.].class_kl]' "$int8/verify.json" "$int8/scores.json" >"$dir/damages"
check "what was measured" same class_kl . "$dir/damages"
check "nothing where it was not" test -z "$(tr -d '\r' <"$cut/layers.csv" | grep ',fp8,' | cut -d, -f18,19 | tr -d ',\n')"
sed -n '/id="data"/{n;p}' "$cut/index.html" >"$dir/data"
check "of which no mixes were sought" jq -e '.pareto == {}' "$dir/data"
"$BIN/pareto-solve" "$cut"/outputs/yolov10n/*/*/scores.json -o "$cut/outputs/yolov10n/pareto.json"
check "when they are, the page is made again" env RUN="$cut" mk/index.sh "$cut"

# More models than the page shows at once, of one network.
many=$dir/many
i=100
while [ $i -lt 160 ]; do
    at=$many/outputs/tuned$i/int8-int8/per_layer
    mkdir -p "$at" "$many/work"
    jq --arg m tuned$i '.model = $m' "$RUN/outputs/m0/int8-int8/per_layer/scores.json" >"$at/scores.json"
    jq --arg m tuned$i '.run.model = $m | .out_dir = "outputs/\($m)/int8-int8/per_layer"' "$RUN/outputs/m0/int8-int8/per_layer/status.json" >"$at/status.json"
    i=$((i + 1))
done
cp "$RUN/run.json" "$many"
check "a run of many models" env RUN="$many" mk/index.sh "$many"
sed -n '/id="data"/{n;p}' "$many/index.html" >"$dir/many.json"
check "the layers of one network stand there once" jq -e '.layers | length == 60 and (.tuned100.name | length > 50) and ([.[] | strings] | length == 59 and unique == ["tuned100"])' "$dir/many.json"

skip() { # WHY
    echo "# skip page/test_page.sh, in a browser: $1"
    exit 0
}
browse() { # FILE[#HASH] OPTION...
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
jq -n --slurpfile scores "$dir/scores" --slurpfile index "$RUN/sweep_index.json" -f "$here/expect.jq" >"$dir/want"
tested() { # PAGE CHECKS: with what is wanted, $dir/want
    cat "$1"
    echo '<script id="want" type="application/json">'
    sed 's/</\\u003c/g' "$dir/want"
    for script in tools.js "$2"; do
        echo '</script><script>'
        cat "$here/$script"
    done
    echo '</script>'
}
tested "$page" checks.js >"$dir/tested.html"

in_browser() { # WHAT SIZE SCHEME [OPTION [HASH]]
    what=$1
    browse "$dir/tested.html$5" --window-size="$2" --blink-settings=preferredColorScheme="$3" ${4:+"$4"}
    if grep -q '^checks:$' "$dir/dom" && grep -q '^end$' "$dir/dom"; then
        sed -n "/^checks:\$/,/^end\$/{s/&lt;/</g; s/&gt;/>/g; s/&amp;/\\&/g; s/ok - /&$what: /p}" "$dir/dom"
    else
        echo "not ok - $what: the browser shows no results: $(tail -n 1 "$dir/err")"
    fi
}
in_browser light,wide 1400,1000 1
in_browser dark,narrow 400,800 0
in_browser forced,wide 1400,1000 1 --force-high-contrast
jq -n --slurpfile verify "$cells/$cell/verify.json" --slurpfile scores "$cells/$cell/scores.json" '{verify: $verify[0], scores: $scores[0]}' >"$dir/want"
tested "$measured/index.html" plots.js >"$dir/tested.html"
in_browser plots,light,wide 1400,1000 1
in_browser plots,dark,narrow 400,800 0

# What keep-list prints and says of each target, for some numbers of layers.
lists() { # PAIR
    scores=$cut/outputs/yolov10n/$1/per_channel_weight/scores.json
    for target in $("$BIN/keep-list" --target help | cut -d' ' -f1); do
        for n in 0 1 2 6 1000; do
            if "$BIN/keep-list" -s "$scores" -t "$target" -k $n >"$dir/list" 2>"$dir/words"; then
                "$BIN/keep-list" -s "$scores" -t json -k $n 2>"$dir/err" | jq -c --arg t "$target" --arg n $n --rawfile text "$dir/list" \
                    --rawfile words "$dir/words" '{($t): {($n): {text: $text, words: ($words | split("\n")[0]), layers: [.keep[].layers[]]}}}'
            else
                jq -n -c --arg t "$target" --rawfile words "$dir/words" '{($t): {refused: ($words | ltrimstr("keep-list: ") | rtrimstr("\n"))}}'
            fi
        done
    done | jq -n 'reduce inputs as $l ({}; . * $l)'
}
lists int8-int8 >"$dir/int8"
lists fp8-fp8 >"$dir/fp8"
"$BIN/keep-list" -s "$cut/outputs/yolov10n/int8-int8/per_channel_weight/scores.json" -t plain -k 5 --rank class >"$dir/class" 2>"$dir/err"
jq -n --slurpfile int8 "$dir/int8" --slurpfile fp8 "$dir/fp8" --slurpfile verify tests/deploy/verify.json --rawfile by_class "$dir/class" \
    --slurpfile pareto "$cut/outputs/yolov10n/pareto.json" '{pareto: $pareto[0], "int8-int8": $int8[0], "fp8-fp8": $fp8[0], verify: $verify[0], by_class: $by_class}' >"$dir/want"
tested "$cut/index.html" cuts.js >"$dir/tested.html"
in_browser cuts,light,wide 1400,1000 1
in_browser cuts,dark,narrow 400,800 0

jq -n '{models: [range(100; 160) | "tuned\(.)"], linked: "tuned130"}' >"$dir/want"
tested "$many/index.html" many.js >"$dir/tested.html"
in_browser many,light,wide 1400,1000 1 "" '#cell=tuned130+int8-int8+per_layer'

# A report as a page, of a list that a page could take for markup.
report=$cells/$cell/layer-sensitivity-report
browse "$report.html"
check "a report's page has its headings" test "$(grep '<h2>' "$dir/dom" | sed 's/<[^>]*>//g')" = "$(sed -n 's/^## //p' "$report.md" | tr -d '\140')"
check "all rows of its tables" test "$(grep -c '<tr>' "$dir/dom")" -eq "$(grep '^|' "$report.md" | grep -cv -- '---')"
check "hostile words as text" sh -c "! grep -q '<img\\|<script' '$dir/dom' && grep -q '&lt;/script&gt;&lt;img src=x' '$dir/dom'"
check "a way to the cell on the run's page" grep -q 'href="../../../../index.html#cell=yolov10n+int4-int8+per_channel_weight"' "$dir/dom"
check "the page links to it" grep -q '"report":"outputs/yolov10n/int4-int8/per_channel_weight/layer-sensitivity-report.html"' "$measured/index.html"
mkdir -p "$dir/m/w-a/g" "$dir/pages"
printf 'Title\n=====\n\nbefore\n\n    a --list <b> \\\n\n        c\n\nafter\n' >"$dir/m/w-a/g/report.md"
echo "$dir/m/w-a/g/report.md" | folder=$dir/pages style=mk/page/report.css awk -f mk/page/report.awk
check "indented lines stay lines, to be pasted" test "$(sed -n '/<pre>/,/<\/pre>/p' "$dir/pages/1.html")" = \
    "$(printf '<pre>\na --list &lt;b&gt; \\\n\n    c\n</pre>')"
check "and what follows is text again" grep -q '^after$' "$dir/pages/1.html"
rm "$report.html"
check "it is made again where it is gone" index
check "from the same text" test -s "$report.html"
