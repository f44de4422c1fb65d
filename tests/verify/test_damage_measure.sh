#!/bin/bash
# shellcheck disable=SC2016
# damage-measure as its users meet it: what verify.json says, that it is the same bytes whatever the threads and kills, labels,
# pictures in which nothing is found, and each thing that can be wrong. At 160 pixels. From the repository
# root; BUILD is the build folder.
. tests/checks.sh
here=$PWD
bin=$(realpath "${BUILD:-build}")/bin
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
# The checkpoint, made sure of what it sees.
model=$dir/yolov10n.pt
"$bin/../test/pt/edit_checkpoint" "$checkpoint" "$model" \
    set 'model.23.one2one_cv3.*.2.bias' -3 || exit 1

# WHAT FILTER FILE [OPTION...]: jq's filter is true of it.
holds() {
    ok "$1" jq_true "$2" "$3" "${@:4}"
}
jq_true() {
    jq -e "${@:3}" "$1" "$2" >out 2>err
}

fails() { # STATUS WORDS COMMAND...: it ends so, with one line that has the words, and writes nothing
    status=$1 words=$2
    shift 2
    rm -f none.json
    "$@" -o none.json 2>err >out
    got=$? # of the tool
    ok "status $status: $words" [ $got -eq "$status" -a "$(grep -vc '^Try ' err)" -eq 1 -a ! -s out -a ! -e none.json ]
    ok "it says so: $(cut -c1-150 err | head -n 1)" grep -qF -- "$words" err
}

mkdir images
cp "$here"/calib/images/*.jpg images/
printf '%s\n' images/*.jpg | head -n 12 >all.txt
head -n 10 all.txt >calib.txt
sed -n '10,12p' all.txt >more.txt
"$bin/calib-prep" --list calib.txt --count 10 --size 160 -o calib.bin 2>err
"$bin/calib-stats" -m "$model" -c calib.bin -o amax.json 2>err
"$bin/qcfg-build" --weight int4 --act fp8 --granularity per_layer -o q.json
"$bin/sens-score" -m "$model" -c calib.bin -a amax.json --score-size 4 q.json -o scores.json 2>err
measure() { # OPTION...
    "$bin/damage-measure" -m "$model" -c calib.bin -a amax.json -l more.txt q.json "$@"
}

measure --scores scores.json -t 2 -o v.json 2>err
ok "it measures, and says nothing" [ $? -eq 0 -a ! -s err ]
holds "on which pictures, and that one was calibrated on, none scored on" \
    '.images == 3 and (.files | length) == 3 and .list == "more.txt" and .calibrated_on == 1 and .scored_on == 0' v.json
holds "without labels there is no ap" '.labelled == 0 and ([.. | objects | keys[]] | index("ap") == null)' v.json
jq '[.layers | to_entries[] | select(.value.exported) | .key]' scores.json >exported
holds "each exported layer has both numbers" '(.layers | keys_unsorted) == $exported[0] and
    all(.layers[]; .class_kl >= 0 and .box_loss >= 0)' v.json --slurpfile exported exported
holds "measured sets keep the layers with the largest shares of both" '
    (.layers | map(.class_kl) | add) as $c | (.layers | map(.box_loss) | add) as $b |
    [.layers | to_entries[] | {key, v: (.value.class_kl / $c + .value.box_loss / $b)}] | sort_by(-.v) | map(.key)' v.json
jq -c '.[:10] | sort' out >ten
ok "as a sort of them says" [ "$(cat ten)" = "$(jq -c '.sets[] | select(.by == "measured" and .keep == 10) | .layers | sort' v.json)" ]
holds "Spearman's correlations are those of the ranks" '
    def ranks: . as $v | map(. as $x | ($v | map(if . < $x then 1 elif . == $x then 0.5 else 0 end) | add));
    def spearman($x; $y): ($x | ranks) as $a | ($y | ranks) as $b | ($a | add / length) as $m |
        ([range($a | length) | ($a[.] - $m) * ($b[.] - $m)] | add) /
        (([$a[] | . - $m | . * .] | add) * ([$b[] | . - $m | . * .] | add) | sqrt);
    . as $v | [$exported[0][] | $scores[0].layers[.].class_score] as $x | [$exported[0][] | $v.layers[.].class_kl] as $y |
    spearman($x; $y) - .spearman.class.class_kl | fabs < 1e-9' v.json --slurpfile exported exported --slurpfile scores scores.json
ok "sets keep 5, 10, 20 by each rank, and what exporters keep" \
    [ "$(jq -r '[.sets[] | "\(.by) \(.keep)"] | join(", ")' v.json)" = "modelopt 5, modelopt 10, modelopt 20, class 5, \
class 10, class 20, box 5, box 10, box 20, detection 5, detection 10, detection 20, exporter 7, measured 5, measured 10, measured 20" ]
holds "their layers are as many as they say, and exported" \
    '. as $v | all(.sets[]; .keep == (.layers | length) and all(.layers[]; $v.layers[.]))' v.json
holds "exporters keep dfl and the last convolutions of the exported head" \
    '.sets[] | select(.by == "exporter") | .layers | sort == ["model.23.dfl.conv", "model.23.one2one_cv2.0.2",
    "model.23.one2one_cv2.1.2", "model.23.one2one_cv2.2.2", "model.23.one2one_cv3.0.2", "model.23.one2one_cv3.1.2",
    "model.23.one2one_cv3.2.2"]' v.json
holds "keeping more costs more bits, all of them between the cell's and 16" \
    '.all_quantized.effective_bits == 4 and all(.sets[]; .effective_bits > 4 and .effective_bits < 16)' v.json
holds "keeping layers lowers the damage" \
    '.all_quantized.class_kl as $all | [.sets[] | select(.by == "measured") | .class_kl] | .[2] < .[0] and .[0] < $all' v.json

measure --scores scores.json -t 1 -o one.json 2>err
ok "one thread gives the same bytes" cmp -s v.json one.json

# A kill: the state has what was measured, and a line that was cut off; what goes on from it gives the same bytes.
mkdir state
# In the background: a process that can be killed.
begin() { # OPTION...
    exec "$bin/damage-measure" -m "$model" -c calib.bin -a amax.json -l more.txt q.json "$@"
}
begin --scores scores.json -t 1 -s state -o none.json 2>err &
pid=$!
kept() {
    find state -name '*.sums' -size +0
}
for _ in $(seq 1000); do
    [ -z "$(kept)" ] || break
    sleep 0.01
done
kill -KILL $pid 2>/dev/null
wait $pid 2>/dev/null
ok "a killed pass leaves what it measured, and no result" [ -n "$(kept)" -a ! -e none.json ]
printf 'cut' >>"$(kept | head -n 1)"
measure --scores scores.json -t 2 -s state -o again.json 2>err
ok "what goes on from there gives the same bytes" cmp -s v.json again.json
ok "and leaves no state" [ -z "$(ls state)" ]

# Shards: parts of the layers, one of them killed and never gone on with; the call that joins them measures that.
begin --scores scores.json -t 1 -s state --shard 3/3 -o none.json 2>err &
pid=$!
measure --scores scores.json -t 1 -s state --shard 1/3 -o none.json 2>err
ok "a shard leaves what it measured, and no result" [ $? -eq 0 -a "$(kept | wc -l)" -ge 1 -a ! -e none.json ]
wait $pid
begin --scores scores.json -t 1 -s state --shard 2/3 -o none.json 2>err &
pid=$!
for _ in $(seq 1000); do
    [ "$(kept | wc -l)" -lt 3 ] || break
    sleep 0.01
done
kill -KILL $pid 2>/dev/null
wait $pid 2>/dev/null
ok "each in a file of its own" [ "$(kept | wc -l)" -eq 3 ]
ok "the killed one's has less than all pictures" [ "$(kept | xargs wc -l | sort -n | head -n 1 | awk '{ print $1 }')" -lt "$(kept | xargs wc -l | sort -n | sed -n 2p | awk '{ print $1 }')" ]
measure --scores scores.json -t 2 -s state --shards 3 -o joined.json 2>err
ok "joined, they give the same bytes" cmp -s v.json joined.json
ok "and leave no state" [ -z "$(ls state)" ]
fails 2 '--shard: what it measures goes into the folder of --state' measure --shard 1/2
fails 2 '--shard: "3/2" is no shard; 2/4 is the second of four' measure -s state --shard 3/2
fails 2 '--mixes: --shard and --shards are of a cell' measure --mixes --shards 2

"$bin/damage-measure" -m "$model" -c calib.bin -l more.txt q.json -o plain.json 2>err
ok "without amax and scores it calibrates, and has its own sets and the exporters'" \
    [ "$(jq -c '[([.sets[].by] | unique), .spearman]' plain.json)" = '[["exporter","measured"],{}]' ]
ok "what it measures is the same" [ "$(jq -c .layers plain.json)" = "$(jq -c .layers v.json)" ]

# Labels: of all pictures, of some, with junk.
mkdir labels
while read -r image; do
    name=${image##*/}
    echo '0 0.5 0.5 0.4 0.4' >"labels/${name%.jpg}.txt"
done <more.txt
measure -o labelled.json 2>err
holds "with labels there are ap and ap50, of the unquantized network too" \
    '.labelled == 3 and .float.ap >= 0 and .float.ap50 >= .float.ap and all(.sets[], .all_quantized; .ap >= 0 and .ap50 >= 0)' labelled.json
ok "labels change nothing else" [ "$(jq -c .layers labelled.json)" = "$(jq -c .layers v.json)" ]
: >"labels/$(sed -n '1p' more.txt | sed 's|.*/||; s|\.jpg$||').txt"
rm "labels/$(sed -n '2p' more.txt | sed 's|.*/||; s|\.jpg$||').txt"
measure -o some.json 2>err
holds "an empty label file counts, a missing one does not" '.labelled == 2' some.json
junk=labels/$(sed -n '3p' more.txt | sed 's|.*/||; s|\.jpg$||').txt
printf '0 0.5 0.5 0.4 0.4\n0 0.5 nonsense\n' >"$junk"
fails 1 "$junk:2: " measure
printf '80 0.5 0.5 0.4 0.4\n' >"$junk"
fails 1 "$junk:1: class 80" measure
rm -r labels

# A search: judged on the calibrated images that are no pictures, and the same bytes whatever the threads.
measure --search 9 --reach 0.3 -t 2 -o searched.json 2>err
holds "searched sets of 5, 10, 20 layers and the fewest for 0.3, judged on the other nine images" '
    .searched_on == 9 and ([.sets[] | select(.by == "search")] | map(.keep == (.layers | length)) | all) and
    ([.sets[] | select(.by == "search") | .keep][:3] == [5, 10, 20])' searched.json
"$bin/qcfg-build" --weight int4 --act fp4 --granularity per_layer -o worse.q
"$bin/damage-measure" -m "$model" -c calib.bin -a amax.json -l more.txt --search 9 worse.q -o worse.json 2>err
holds "where much is to be gained they are other sets than the measured ones" '
    [.sets[] | select(.by == "search") | .layers | sort] != [.sets[] | select(.by == "measured") | .layers | sort]' worse.json
measure --search 9 --reach 0.3 -t 1 -s state -o again.json 2>err
ok "the same bytes from one thread, by way of a state" cmp -s searched.json again.json
ok "which is gone then" [ -z "$(ls state)" ]
before=$(stat -c '%i %Y' again.json)
measure --search 9 --reach 0.3 --update -o again.json 2>err
ok "--update leaves alone what is of these inputs" [ "$(stat -c '%i %Y' again.json)" = "$before" ]
measure --update -o again.json 2>err
holds "and measures what is of others" '.searched_on == null' again.json
"$bin/damage-measure" -m "$model" -c calib.bin -a amax.json -l all.txt --last -n 2 --search 9 q.json -o last.json 2>err
holds "the last two pictures of a list" '(.files | map(sub(".*/"; ""))) == ($all | rtrimstr("\n") | split("\n") | map(sub(".*/"; "")) | .[-2:])' last.json --rawfile all all.txt
head -n 9 calib.txt >calibrated.txt
"$bin/damage-measure" -m "$model" -c calib.bin -a amax.json -l calibrated.txt -n 9 --search 9 q.json -o last.json 2>err
ok "with one image left to judge on it says that there is no search" grep -q '^damage-measure: no search: ' err
holds "and there is none" '.calibrated_on == 9 and .searched_on == null and ([.sets[].by] | index("search")) == null' last.json

# A network that finds nothing, with two classes.
"$bin/damage-measure" -m "$here/tests/ultralytics/tiny.pt" -c calib.bin -l more.txt q.json -o blind.json 2>err
holds "where nothing is found, what is about boxes is null, and ranks none" \
    '.float.detections == 0 and .all_quantized.box_loss == null and .all_quantized.agreement_ap == null and
    .all_quantized.class_kl > 0 and ([.sets[].by] == ["exporter"])' blind.json

# What is wrong.
fails 2 "list" "$bin/damage-measure" -m "$model" -c calib.bin q.json
fails 2 "qcfg-build" "$bin/damage-measure" -m "$model" -c calib.bin -l more.txt
fails 1 "missing.txt" "$bin/damage-measure" -m "$model" -c calib.bin -l missing.txt q.json
fails 1 "not JSON" "$bin/damage-measure" -m "$model" -c calib.bin -l more.txt more.txt
"$bin/qcfg-build" --weight int8 --act fp8 --granularity per_layer -o other.json
"$bin/sens-score" -m "$model" -c calib.bin -a amax.json --score-size 1 other.json -o other-scores.json 2>err
fails 1 "another cell" measure --scores other-scores.json
head -c 1000 "$(head -n 1 more.txt)" >images/cut.jpg
echo images/cut.jpg >cut.txt
fails 1 "images/cut.jpg" "$bin/damage-measure" -m "$model" -c calib.bin -a amax.json -l cut.txt q.json
