#!/bin/sh
# report-gen as a user meets it: what it writes, from what, and what it says when it cannot.
gen=${BUILD:-build}/bin/report-gen
case $gen in /*) ;; *) gen=$PWD/$gen ;; esac
[ -x "$gen" ] || { echo "not ok - $gen is not built"; exit 1; }
here=$PWD/tests/report
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1

check() { # WHAT COMMAND...
    what=$1
    shift
    if "$@" >/dev/null 2>&1; then echo "ok - $what"; else echo "not ok - $what"; fi
}

# refused WHAT STATUS TEXT ARGUMENTS...: ends with that status, one line (two with the hint of a usage error) that holds TEXT, and
# leaves the folder `none` empty.
refused() {
    what=$1 status=$2 text=$3
    shift 3
    rm -rf none && mkdir none
    "$gen" "$@" >out 2>err
    got=$?
    lines=$(grep -vc '^Try ' err)
    if [ "$got" -eq "$status" ] && [ "$lines" -eq 1 ] && grep -qF -- "$text" err && [ ! -s out ] && [ -z "$(ls -A none)" ]; then
        echo "ok - $what: $(head -n 1 err)"
    else
        echo "not ok - $what: status $got, $lines lines: $(cat err) $(ls -A none)"
    fi
}

cp "$here"/tiny/scores.json "$here"/tiny/recipe.json "$here"/tiny/run.json .
cell=tiny_wint4_aint8_per_layer

# --- what it writes
mkdir a b
"$gen" --scores scores.json --recipe recipe.json --run run.json -o a >out 2>err
check "a cell is written" test $? -eq 0
check "five files and nothing else" test "$(ls -A a | tr '\n' ' ')" = \
    "composed-config.yaml layer-sensitivity-report.json layer-sensitivity-report.md ${cell}_autoquant_state.pt ${cell}_quant_manifest.json "
check "nothing on standard output" test ! -s out
check "nor on the terminal" test ! -s err
check "which --list lists" test "$("$gen" --list | sed "s/^_/${cell}_/" | sort | tr '\n' ' ')" = "$(ls -A a | tr '\n' ' ')"
refused "--list beside a folder" 2 "unexpected operand a" --list a
TZ=Asia/Tokyo LC_ALL=C.UTF-8 "$gen" -s - -r recipe.json -R run.json -o b <scores.json 2>/dev/null
check "the same bytes from a pipe, elsewhere and later" diff -r a b
mkdir c d e
cp scores.json recipe.json c
cp scores.json e
cp scores.json recipe.json d
"$gen" --run run.json c e d >out 2>err
check "folders, one without a recipe: status" test $? -eq 1
check "what went wrong, and how many" test "$(tr '\n' ' ' <err)" = \
    "report-gen: e/recipe.json: No such file or directory report-gen: 1 of 3 cells failed "
check "the others have the same bytes as alone" sh -c 'rm [cd]/scores.json [cd]/recipe.json; diff -r a c && diff -r a d'
check "and that one has nothing" test "$(ls -A e)" = scores.json
"$gen" -s scores.json -r recipe.json -o b 2>err
check "without --run the settings are the scores'" jq -e \
    '.dataset == {"image_list": null, "imgsz": 64, "num_calib_samples": 15, "max_calib_samples": 15, "num_calib_batches": 8, "batch_size": 2}
     and .scheme.auto_quantize_score_size == 15' "b/${cell}_quant_manifest.json"
jq 'del(.layers[].exported, .layers[].weight_shape, .layers[].macs, .digests, .checkpoint, .recipe, .batch_size)' scores.json >less.json
"$gen" -s less.json -r recipe.json -o b 2>err
check "scores in ModelOpt's own layout will do" test $? -eq 0
check "which say of no layer that it is not exported, whatever its name" test "$(jq -c '[.layer_sensitivity[].exported] | unique' \
    b/layer-sensitivity-report.json)" = '[true]'
check "the model is its name then" jq -e '.model.id == "tiny"' "b/${cell}_quant_manifest.json"

# --- hostile names: shown as they are, and nothing else
mkdir h
c1=$(printf '\302\233') # a terminal's CSI in one character
layer='a|b`c`$(touch pwned)<script>&*_x_[l](u)
| n |'$c1
model="it's"' "$(touch pwned)" `touch pwned` | <b> #{x}'
jq --arg l "$layer" --arg m "$model" --arg c "$c1"'```
<img src=x> | $x$: *y*' '.model = $m | .checkpoint = $c | .layers = (.layers | with_entries(if .key == "model.0.conv" then .key = $l else . end))' \
    scores.json >hostile.json
jq --arg l "$layer" --arg m "$model" '.model = $m | .best.recipe |= with_entries(if .key == "model.0.conv" then .key = $l else . end)' \
    recipe.json >hostile-recipe.json
"$gen" -s hostile.json -r hostile-recipe.json -o h 2>err
check "a hostile cell is written $(cat err)" test -e "h/${model}_wint4_aint8_per_layer_autoquant_state.pt"
check "no shell ran" sh -c '! ls -R . | grep -q pwned$'
check "the manifest holds the names as they are" jq -e --arg l "$layer" \
    '.layers[$l].quantized and .layer_sensitivity[$l + ".quant_recipe"].rank == 5' "h/${model}_wint4_aint8_per_layer_quant_manifest.json"
check "the JSON report too" jq -e --arg l "$layer" '.layer_sensitivity[0].layer == $l' h/layer-sensitivity-report.json
rows=$(sed -n '/^|Layer|/,/^$/p' h/layer-sensitivity-report.md)
check "the Markdown table has a row of ten columns for each layer" test \
    "$(printf '%s\n' "$rows" | awk -F'|' '{print NF - 2}' | tr '\n' ' ')" = "10 10 10 10 10 10 10 "
sed '/^```yaml/,/^```$/d; /^    /d' h/layer-sensitivity-report.md >prose.md
check "no HTML, no formula, no link in the Markdown" sh -c '! grep -qE "<(script|img|b)>|<img|\\$|\[l\]\(" prose.md'
check "no control character of either range but ends of lines" test "$(LC_ALL=C grep -c "$(printf '[\001-\010\013-\037\177]\\|\302[\200-\237]')" h/layer-sensitivity-report.md)" -eq 0
check "the fences stay closed" test "$(grep -c '^```' h/layer-sensitivity-report.md)" -eq 4

# --- what was measured
cp "$here"/measured/*.json .
mkdir m
ours="-s scores.json -r recipe.json"
"$gen" $ours -o m >out 2>err
check "without a measurement: the report says that its ranking is a prediction" grep -q "ranking is a prediction from gradients on 16 images" \
    m/layer-sensitivity-report.md
command='make verify MODELS=yolov10n WEIGHT_DTYPES=int4 ACT_DTYPES=int8 GRANULARITIES=per_channel_weight'
check "and how to check it" grep -qF "\`$command\`" m/layer-sensitivity-report.md
check "the JSON too" jq -e --arg command "$command" '.detection == {measured: false, check: $command, score_images: 16, stability: .detection.stability} and
    .detection.stability.detection["5"] == 0.93' m/layer-sensitivity-report.json
check "class and box scores stand beside ModelOpt's, with their shares and errors" sh -c "grep '^|model.1.conv|' m/layer-sensitivity-report.md |
    grep -qF '|± 12 %|1.315e+01 ± 12 %|1.48 %|4.615e-01 ± 12 %|0.34 %|'"
check "and no measured ones" sh -c '! grep -q "Class Damage" m/layer-sensitivity-report.md'
check "whether more images would change the first layers is one sentence" grep -q '^Other images like the 16 scored on would be expected to choose 4.7 of the first 5 layers by detection again, 9.2 of the first 10, 18.8 of the first 20: more images would hardly change' \
    m/layer-sensitivity-report.md
jq '.stability.detection["5"] = 0.5' scores.json >bad.json
"$gen" -s bad.json -r recipe.json -o m 2>err
check "another sentence where they would" grep -q '2.5 of the first 5.*: score on more images (SCORE_SIZE)' m/layer-sensitivity-report.md
jq 'del(.stability, .layers[].score_error, .layers[].class_score, .layers[].box_score)' scores.json >bad.json
"$gen" -s bad.json -r recipe.json -o m 2>err
check "scores of ModelOpt's objective alone: nothing of it" sh -c '! grep -qE "Other images|Class Score|Standard Error" m/layer-sensitivity-report.md'
check "but how to check them" grep -qF "$command" m/layer-sensitivity-report.md
for name in "it's" '$(shell touch pwned)'; do
    for file in scores recipe; do jq --arg m "$name" '.model = $m' $file.json >odd-$file.json; done
    "$gen" -s odd-scores.json -r odd-recipe.json -o odd 2>err
    jq -r .detection.check odd/layer-sensitivity-report.json >odd.sh
    printf 'verify:\n\t@printf "%%s\\n" "$$MODELS"\n' >Makefile
    check "pasted into a shell, the command names the model $name" test "$(sh ./odd.sh)" = "$name"
done
check "and runs nothing" test ! -e pwned

"$gen" $ours --verify verify.json -o m >out 2>err
check "with a measurement: status, and nothing said" test $? -eq 0 -a ! -s err
sed -n '/^## Damage/,/^## Layers/p' m/layer-sensitivity-report.md >section
check "the report leads with what was found" test "$(sed -n 3p section)" = \
    '**5 layers kept in 16 bits: AP agreement 0.610 -> 0.793.** They are the first 5 layers by detection; 5 layers by measured: 0.859; the best measured here, 20 layers by box: 0.925.'
check "and says on which images" grep -qF 'Measured on 32 images (`images 69 to 100 of calib/quant100.txt`); all were calibrated on too; none was scored on. The unquantized network finds 143 objects' section
check "a row for each set, and for none kept" test "$(grep -cE '^\|[a-z ]+\|[0-9]+\|[0-9.]+\|0' section)" -eq 17
check "with its numbers" grep -qxF '|box|20|4.9959|0.925|1.967|0.039|' section
check "no column of labels, as there are none" sh -c '! grep -q "AP on labels|" section'
check "Spearman of each rank" sh -c "grep -qxF '|class|0.93|-0.08|' section && grep -qxF '|box|0.07|0.98|' section && grep -qxF '|modelopt|0.26|0.62|' section"
check "both measured numbers of each layer" sh -c "grep '^|model.23.dfl.conv|' m/layer-sensitivity-report.md | grep -q '|0.000e+00|1.512e-01|\$'"
check "none of those that are not exported" sh -c "grep '^|model.23.cv2.0.2|' m/layer-sensitivity-report.md | grep -q '|||||||\$'"
check "as many columns in each row as in the head" test "$(sed -n '/^|Layer|/,/^$/p' m/layer-sensitivity-report.md | awk -F'|' 'NF { print NF - 2 }' | sort -u)" = 17
check "the JSON report has the sets and the layers' numbers" jq -e --slurpfile v verify.json '.detection.measured and .detection.verify.sets == $v[0].sets
    and ([.layer_sensitivity[] | select(.exported) | {key: .layer, value: {class_kl, box_loss}}] | from_entries) == $v[0].layers
    and (.detection.verify | has("layers") or has("model") | not)' m/layer-sensitivity-report.json
check "and what was found in words" jq -e '.detection | .finding == "5 layers kept in 16 bits: AP agreement 0.610 -> 0.793" and (.choices | test("^They are the first 5 layers by detection;")) and
    (.measured_on | test("^Measured on 32 images .images 69 to 100 of calib/quant100.txt.; all were"))' m/layer-sensitivity-report.json
mkdir k
cp scores.json recipe.json verify.json k
"$gen" k 2>err
check "a folder's verify.json is taken" sh -c 'rm k/scores.json k/recipe.json k/verify.json && diff -r k m'
jq '.labelled = 30 | .float += {ap: 0.44, ap50: 0.6} | .all_quantized += {ap: 0.3, ap50: 0.4} | .sets[] += {ap: 0.4321, ap50: 0.55} | .scored_on = 1 | .calibrated_on = 0' \
    verify.json >labels.json
"$gen" $ours -v labels.json -o m 2>err
check "with labels: AP on them" grep -qxF '|box|20|4.9959|0.925|0.432|0.550|1.967|0.039|' m/layer-sensitivity-report.md
check "on how many images" grep -qF 'on the labels of 30 images its AP is 0.440, its AP50 0.600' m/layer-sensitivity-report.md
check "and that one was scored on" grep -qF 'none was calibrated on; 1 of them was scored on too' m/layer-sensitivity-report.md
jq '.float.detections = 0 | .all_quantized.agreement_ap = null | .all_quantized.box_loss = null | .sets[] += {agreement_ap: null, box_loss: null} |
    .layers[].box_loss = null | .spearman[].box_loss = null' verify.json >nothing.json
"$gen" $ours -v nothing.json -o m 2>err
check "a network that finds nothing: it is said $(cat err)" grep -q 'sure of no object in these images' m/layer-sensitivity-report.md
check "and nothing is NaN" sh -c '! grep -rqiE "[^a-z]nan[^a-z]" m/layer-sensitivity-report.*'
jq '.float.detections = 1 | (.sets[] | select(.by == "measured" or .by == "box").agreement_ap) = 0.9 | (.sets[] | select(.by == "detection").agreement_ap) = 0.9' \
    verify.json >few.json
"$gen" $ours -v few.json -o m 2>err
check "of sets that are as good the smallest is told, and the rank that is known without measuring" grep -qx \
    '\*\*5 layers kept in 16 bits: AP agreement 0.610 -> 0.900.\*\* They are the first 5 layers by detection.' m/layer-sensitivity-report.md
check "a single object is too few, and that is said" grep -q 'finds 1 object there .* So few make AP coarse: measure on more images (VERIFY_IMAGES).$' m/layer-sensitivity-report.md
while read -r change words; do
    jq "$change" verify.json >bad.json
    refused "verify.json with $change" 1 "bad.json: $words; make it again with make verify or damage-measure" $ours -v bad.json -o none
done <<'END'
.model="other" its model is "other", the scores' is "yolov10n"
.digests.scores="00" it is of other scores
.layers.more={} the scores have no layer more
.layers["model.0.conv"].class_kl=-1 layer model.0.conv: key "class_kl" is -1, not 0 to inf
.layers["model.0.conv"].box_loss="1" layer model.0.conv: key "box_loss" is not a finite number
.sets[2].layers[0]="more" set 3: the scores have no layer more
.sets[2].by="a|b" set 3: "by" is no word of small letters
.sets[2].keep=4 set 3: "keep" is 4, but "layers" are 5
.sets[2].agreement_ap=1.5 set 3: key "agreement_ap" is 1.5, not 0 to 1
.spearman.box.class_kl=2 "spearman" of box with class_kl is no correlation
.scored_on=33 key "scored_on" is not an integer from 0 to 32
del(.images) key "images" is missing
del(.all_quantized) key "all_quantized" is missing
END
cp "$here"/tiny/scores.json "$here"/tiny/recipe.json .

# --- what it refuses
for key in model weight activation granularity layers calibration_images score_images imgsz; do
    jq "del(.$key)" scores.json >bad.json
    refused "scores without $key" 1 "bad.json: key \"$key\" is missing" -s bad.json -r recipe.json -o none
done
for key in score cost none_cost; do
    jq "del(.layers[\"model.1.conv\"].$key)" scores.json >bad.json
    refused "a layer without $key" 1 "bad.json: layer model.1.conv: key \"$key\" is missing" -s bad.json -r recipe.json -o none
done
for key in model recipe none effective_bits best; do
    jq "del(.$key)" recipe.json >bad.json
    refused "a recipe without $key" 1 "bad.json: key \"$key\" is missing" -s scores.json -r bad.json -o none
done
for key in recipe constraints score is_satisfied; do
    jq "del(.best.$key)" recipe.json >bad.json
    refused "a recipe without best.$key" 1 "bad.json: key \"$key\" is missing" -s scores.json -r bad.json -o none
done
sed 's/"score": 0.5,/"score": 1e999,/' scores.json >bad.json
refused "an infinite score" 1 'layer model.0.conv' -s bad.json -r recipe.json -o none
jq '.layers[].score = 1e39' scores.json >bad.json
refused "a score that is no float32" 1 "bad.json: layer model.0.conv: its score 1e+39 is above the largest float32" -s bad.json -r recipe.json -o none
sed 's/"score": 0.5,/"score": NaN,/' scores.json >bad.json
refused "NaN" 1 'bad.json: line 18 is not JSON' -s bad.json -r recipe.json -o none
sed 's/"score": 0.5,/"score": -0.5,/' scores.json >bad.json
refused "a negative score" 1 'layer model.0.conv: its score -0.5 is negative' -s bad.json -r recipe.json -o none
sed 's/"model.1.conv"/"model.0.conv"/' scores.json >bad.json
refused "a layer twice" 1 'layer model.0.conv stands there twice' -s bad.json -r recipe.json -o none
for sizes in '[3, 64]' '[3, 64, 64, 64]' '[3, 0, 64]' '[3, 64, "64"]' '[3, 64, 1.5]'; do
    jq --argjson sizes "$sizes" '.layers["model.0.conv"].input_shape = $sizes' scores.json >bad.json
    refused "a shape of $sizes" 1 'bad.json: layer model.0.conv: "input_shape" is not 3 sizes' -s bad.json -r recipe.json -o none
done
jq '.layers = {}' scores.json >bad.json
refused "no layers" 1 '0 layers, not 1 to 10000' -s bad.json -r recipe.json -o none
jq '.model = "../m"' scores.json >bad.json
refused "a model that is a path" 1 'cannot begin a file name' -s bad.json -r recipe.json -o none
printf '{"model": "\377"}' >bad.json
refused "a name that is not UTF-8" 1 'bad.json: a name or a text is not UTF-8' -s bad.json -r recipe.json -o none
jq '.weight = "fp8"' scores.json >bad.json
refused "a recipe of other formats" 1 'bad.json: "recipe" is' -s bad.json -r recipe.json -o none
jq '.best.score = 0.7' recipe.json >bad.json
refused "a recipe of older scores" 1 'bad.json: its score is 0.7' -s scores.json -r bad.json -o none
for bits in -4 0 16.5 1e300; do
    jq ".effective_bits = $bits" recipe.json >bad.json
    refused "a limit of $bits bits" 1 "bad.json: effective_bits is $(printf %g $bits), not above 0 and at most 16" -s scores.json -r bad.json -o none
done
jq '.effective_bits = 1e300' scores.json >bad.json
refused "scores whose limit is 1e300 bits" 1 'bad.json: effective_bits is 1e+300, not above 0 and at most 16' -s bad.json -r recipe.json -o none
jq '.best.constraints.effective_bits = 5' recipe.json >bad.json
refused "a recipe of another size than its layers" 1 "bad.json: its effective bits are 5, but these layers' are 5.93548" -s scores.json -r bad.json -o none
jq '.model = "other"' recipe.json >bad.json
refused "a recipe of another model" 1 'bad.json: its model is "other"' -s scores.json -r bad.json -o none
jq 'del(.best.recipe["model.2.dfl.conv"])' recipe.json >bad.json
refused "a recipe that lacks a layer" 1 'bad.json: layer model.2.dfl.conv is missing' -s scores.json -r bad.json -o none
jq '.scores_digest = "00"' recipe.json >bad.json
refused "a recipe that carries another scores' digest" 1 'bad.json: it is of other scores' -s scores.json -r bad.json -o none
jq '.best.recipe.more = .none' recipe.json >bad.json
refused "a recipe with a layer more" 1 'layers that the scores lack' -s scores.json -r bad.json -o none
jq '.imgsz = "64"' run.json >bad.json
refused "a run with a wrong type" 1 'bad.json: key "imgsz"' -s scores.json -r recipe.json -R bad.json -o none
# --- scores of other settings than the run's
jq '.scoring_revision = 4 | .device = "cpu" | .block_dim = "modelopt"' scores.json >ours.json
jq '. + {imgsz: 64, batch_size: 2, device: "cpu", scoring_revision: "4", fp4_preset: "nvfp4", int4_preset: "blockwise", block_dim: "modelopt",
    images: [range(15) | {name: "\(.).jpg"}]}' run.json >full.json
"$gen" -s ours.json -r recipe.json -R full.json -o f 2>err
check "scores of the run's settings are written: $(cat err)" test -e f/layer-sensitivity-report.json
while read -r change words; do
    jq "$change" full.json >other.json
    refused "a run with $change" 1 "ours.json: its $words; make it again with the run's settings, or leave --run out" -s ours.json -r recipe.json -R other.json -o none
done <<'END'
.imgsz=640 imgsz is 64, the run's is 640
.batch_size=1 batch_size is 2, the run's is 1
.device="cuda" device is cpu, the run's is cuda
.scoring_revision="5" scoring_revision is 4, the run's is 5
.fp4_preset="mxfp4" fp4_preset is nvfp4, the run's is mxfp4
.int4_preset="awq" int4_preset is blockwise, the run's is awq
.block_dim="reduction" block_dim is modelopt, the run's is reduction
END
for change in '.images=.images[1:]' '.images+=.images[:1]' 'del(.images)|.calib_images=14'; do
    jq "$change" full.json >other.json
    refused "a run with $change" 1 "ours.json: its number of calibration images is 15, the run's is " -s ours.json -r recipe.json -R other.json -o none
done
jq '.digests.images = "01"' scores.json >ours.json
jq '.images_sha256 = "02"' full.json >other.json
refused "a run of other images" 1 "ours.json: its images are others than the run's; make it again" -s ours.json -r recipe.json -R other.json -o none
jq '.images_sha256 = "01"' full.json >other.json
"$gen" -s ours.json -r recipe.json -R other.json -o f 2>err
check "and those of the run's are written: $(cat err)" test $? -eq 0
jq '.score_size = 5' full.json >other.json
refused "a run that scores on fewer images" 1 "ours.json: its number of scored images is 15, the run's is 4" -s ours.json -r recipe.json -R other.json -o none

jq '.digest = "0000000000000000000000000000000000000000000000000000000000000000"' scores.json >bad.json
refused "scores that were altered after they were sealed" 1 'bad.json: its digest does not fit its contents; make the file again' -s bad.json -r recipe.json -o none
for bytes in '\300\200' '\355\240\200' '\364\220\200\200' '\342\202'; do
    printf '{"model": "%b"}' "$(printf %s "$bytes" | sed 's/\\/\\0/g')" >bad.json
    refused "UTF-8 that is overlong, a surrogate, too large or cut ($bytes)" 1 'is not UTF-8' -s bad.json -r recipe.json -o none
done
head -c 300 scores.json >bad.json
refused "a cut file" 1 'bad.json: line' -s bad.json -r recipe.json -o none
echo '[]' >bad.json
refused "not an object" 1 'bad.json: not a JSON object' -s bad.json -r recipe.json -o none
refused "no such file" 1 'missing.json: No such file' -s missing.json -r recipe.json -o none
"$gen" -s scores.json -r recipe.json -o made/here/too >out 2>err
check "a missing folder is made" test "$(ls made/here/too | wc -l)" -eq 5
refused "a file where the folder should be" 1 'scores.json: not a folder' -s scores.json -r recipe.json -o scores.json/deep
refused "no folder named" 2 '--output is required' -s scores.json -r recipe.json
refused "two pipes, one of them what was measured" 2 'only one input can be standard input' -s - -r recipe.json -v - -o none
refused "two pipes" 2 'only one input can be standard input' -s - -r - -o none
refused "one run for several, from a pipe" 2 '--run can be standard input for a single cell only' -R - none none
refused "an operand" 2 'unexpected operand x' -s scores.json -r recipe.json -o none x
