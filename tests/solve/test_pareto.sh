#!/bin/sh
# pareto-solve as its users meet it, on the scores of yolov10n in tests/models of int8-int8 (tests/deploy) and of formats made from them.
. tests/checks.sh
bin=$(realpath "${BUILD:-build}/bin") || exit 1
p=$bin/pareto-solve refuser=$bin/pareto-solve s=tests/deploy/scores.json
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# int4-int8: half the size, and each layer loses 12 to 22 times as much.
jq -c '.weight = "int4" | .presets.int4_preset = "axis" | .recipe = "CUSTOM_0(effective-bits: 4.0)" | del(.base_format) | .effective_bits = 4
    | .layers |= map_values((12 + .macs % 11) as $f | .cost /= 2 | .score *= $f | .class_score *= $f | .box_score *= $f)' "$s" >"$dir/four.json"
"$p" "$s" "$dir/four.json" --at bits=5,6,8 --svg "$dir/p.svg" -o "$dir/p.json"
equal "status" $? 0
equal "its keys" "$(jq -c keys_unsorted "$dir/p.json")" \
    '["model","rank","unit","under","none","formats","layers","curve","knee","points","version","digest"]'
equal "its seal holds" "$("$bin/seal-check" "$dir/p.json" 2>&1)" ""
equal "sums of each point of the curve are its layers'" "$(jq -n --slurpfile p "$dir/p.json" --slurpfile a "$s" --slurpfile b "$dir/four.json" '
    [$a[0].layers, $b[0].layers] as $l | $p[0] as $p | def loss(v): (v.class_score / 2 + 32 * v.box_score) / 4;
    ([8, 4, 16]) as $w | ([8, 8, 16]) as $x | ([$a[0].layers[] | select(.exported).none_cost] | add) as $all
    | [$p.curve[] | . as $c | [range($p.layers | length) | . as $i | $p.layers[$i] as $n | $c.choice[$i] as $k
        | {loss: (if $k < 2 then loss($l[$k][$n]) else 0 end), size: ($l[0][$n].none_cost * $w[$k]),
           ops: ($l[0][$n].macs * $w[$k] * $x[$k])}]
      | ((map(.loss) | add) - $c.loss | fabs) < 1e-9 and (map(.size) | add) / $all == $c.effective_bits
        and (map(.ops) | add) == $c.bit_operations] | length > 80 and all')" true
equal "the curve falls in size, rises in loss, ever steeper" "$(jq '[.curve | range(1; length) as $i | [.[$i - 1], .[$i]]
    | {d: (.[0].effective_bits - .[1].effective_bits), r: (.[1].loss - .[0].loss)}] | map(.r / .d) as $s
    | all(.[]; .d > 0 and .r > 0) and ([range(1; $s | length) | $s[.] >= $s[. - 1] * (1 - 1e-9)] | all)' "$dir/p.json")" true
equal "exact points are within their sizes, and no better than the hull" "$(jq '. as $p | [.points[] | . as $q
    | ([range($p.curve | length) | select($p.curve[.].effective_bits <= $q.at)][0]) as $i
    | .effective_bits <= .at and .loss <= $p.curve[$i].loss * (1 + 1e-12)
      and ($p.curve[$i - 1] as $a | $p.curve[$i] as $b | .loss >= ($b.loss + ($a.loss - $b.loss) * (.effective_bits - $b.effective_bits)
        / ($a.effective_bits - $b.effective_bits)) * (1 - 1e-9))] | length == 3 and all' "$dir/p.json")" true
equal "every mix beats its formats alone at their size" "$(jq '(.points[2].loss < .formats[0].loss / 2) and .formats[0].effective_bits == 8' "$dir/p.json")" true

# One format and 16 bits: keep-list's bits= is the same choice but for the unit.
"$p" "$s" --at bits=9 -r box -o "$dir/one.json"
equal "of one format it keeps what keep-list keeps" "$(jq -c '[.points[0].layers | to_entries[] | select(.value | startswith("NONE")).key] | sort' "$dir/one.json")" \
    "$("$bin/keep-list" -s "$s" -k bits=9 -r box -t json 2>/dev/null | jq -c '[.keep[].layers[]] | sort')"

# A point as a recipe, which keep-list takes.
"$p" "$s" "$dir/four.json" --at bits=6 --recipe "$dir/mix.json" -o "$dir/six.json"
equal "--recipe is the point" "$(jq -c .layers "$dir/mix.json")" "$(jq -c '.points[0].layers' "$dir/six.json")"
equal "--recipe has each format's configuration" "$(jq -c '[.formats[].qcfg | "\(.weight)-\(.activation)"]' "$dir/mix.json")" '["int8-int8","int4-int8"]'
for of in "$s" "$dir/four.json"; do
    equal "keep-list takes it beside ${of##*/}" "$("$bin/keep-list" -s "$of" -R "$dir/mix.json" -t json 2>/dev/null | jq -c '[.keep[].layers[]] | sort')" \
        "$(jq -c '[.layers | to_entries[] | select(.value | startswith("NONE")).key] | sort' "$dir/mix.json")"
done
equal "a recipe of other scores is refused" "$(jq -c '.score_images = 5' "$s" >"$dir/other.json"
    "$bin/keep-list" -s "$dir/other.json" -R "$dir/mix.json" 2>&1)" \
    "keep-list: $dir/mix.json: none of its formats is that of these scores; make it again from these scores with recipe-solve, pareto-solve or keep-list"
# Each text of a recipe in turn another, and each key gone: refused in a line, or read.
bad=0 n=0
for path in $(jq -c 'del(.digest) | [paths | select(length < 3 or .[0] == "layers")] | .[]' "$dir/mix.json" | tr -d ' ' | head -n 40); do
    n=$((n + 2))
    jq -c "del(.digest) | delpaths([$path])" "$dir/mix.json" >"$dir/broken.json"
    "$bin/keep-list" -s "$s" -R "$dir/broken.json" >/dev/null 2>"$dir/err"
    case $? in 0) ;; 1) [ "$(wc -l <"$dir/err")" -eq 1 ] ;; *) false ;; esac || bad=$((bad + 1))
    jq -c "del(.digest) | setpath($path; 7)" "$dir/mix.json" >"$dir/broken.json"
    "$bin/keep-list" -s "$s" -R "$dir/broken.json" >/dev/null 2>"$dir/err"
    case $? in 0) ;; 1) [ "$(wc -l <"$dir/err")" -eq 1 ] ;; *) false ;; esac || bad=$((bad + 1))
done
equal "broken recipes are read or refused in a line: $n" "$bad $((n >= 40))" "0 1"

# Bit operations.
"$p" "$s" "$dir/four.json" --under bitops --at ops=15,40 -o "$dir/ops.json" --svg "$dir/ops.svg"
equal "under bitops the points are within their share" "$(jq '.curve[0].bit_operations as $all
    | [.points[] | .bit_operations <= .at / 100 * $all] == [true, true] and .under == "bitops"' "$dir/ops.json")" true
equal "and the curve falls in bit operations" "$(jq '[.curve[].bit_operations] | . == (sort | reverse) and length > 80' "$dir/ops.json")" true

# Measured.
jq -c '.digests = {} | .weight = "int4" | .layers |= map_values(map_values(. * 9))' tests/deploy/verify.json >"$dir/v4.json"
jq -c '.layers |= map_values(.box_loss |= if . > 1 then 1 else . end) | del(.presets)' "$dir/v4.json" >"$dir/v.json"
"$p" "$s" "$dir/four.json" -r measured -v "tests/deploy/verify.json,$dir/v.json" -o "$dir/m.json" 2>"$dir/err"
equal "by what was measured: class_kl + 4 box_loss" "$? $(jq '.formats[0].loss' "$dir/m.json" | cut -c1-12)" \
    "0 $(jq '[.layers[] | .class_kl + 4 * .box_loss] | add' tests/deploy/verify.json | cut -c1-12)"

# The drawing.
for f in p ops; do
    if command -v python3 >/dev/null; then
        equal "$f.svg is well-formed" "$(python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' "$dir/$f.svg" 2>&1)" ""
    else
        echo "# skip no python3"
    fi
    equal "$f.svg has both themes, a knee and formats" \
        "$(grep -c 'prefers-color-scheme: dark\|>knee: \|>int4-int8/per_channel_weight<\|>int8-int8/per_channel_weight<' "$dir/$f.svg")" 4
    equal "$f.svg: everything is on the sheet" "$(grep -o 'c[xy]="[^"]*"' "$dir/$f.svg" | tr -d 'cxy="' | awk '$1 < 0 || $1 > 760 || $1 != $1 + 0' | wc -l)" 0
done
# Formats that lose nearly as much as each other: dots in the frame, words on lines of their own, and the curve goes down to its end.
set --
for a in int4 int8 fp8 fp16; do
    for w in int4 int8 fp8; do
        jq -c --arg w $w --arg a $a '.weight = $w | .act = $a | .activation = $a | .recipe = "CUSTOM_0(effective-bits: \(if $w == "int4" then 4 else 8 end).0)" | del(.base_format)
            | .presets.int4_preset = "axis" | .effective_bits = (if $w == "int4" then 4 else 8 end) | (if $w == "int4" then 2 else 1 end) as $f | ($a | length + 10) as $g
            | .layers |= map_values(.cost /= $f | (.score, .class_score, .box_score) *= $g / 12)' "$s" >"$dir/$w-$a.json"
        set -- "$@" "$dir/$w-$a.json"
    done
done
"$p" "$@" --at bits=7.9,8,8.1 --svg "$dir/near.svg" -o "$dir/near.json"
words() { # x, y and the end of each word of a drawing
    sed -n 's/.*<text class="word" x="\([^"]*\)" y="\([^"]*\)" text-anchor="\([^"]*\)">\([^<]*\)<.*/\1 \2 \3 \4/p' "$1" |
        awk '{ n = length($0) - length($1 $2 $3) - 3; w = 7 * n; from = $3 == "end" ? $1 - w : $1; print from, $2, from + w }'
}
equal "near.svg: so many words" "$? $(words "$dir/near.svg" | wc -l)" "0 16"
equal "none lies on another" "$(words "$dir/near.svg" | awk '{ for (i = 1; i < NR; i++) if ($2 - y[i] < 14 && y[i] - $2 < 14 && $1 < to[i] && from[i] < $3) n++; from[NR] = $1; y[NR] = $2; to[NR] = $3 } END { print n + 0 }')" 0
for f in p ops near; do
    equal "$f.svg: dots are within the frame" "$(grep -o 'cy="[^"]*"' "$dir/$f.svg" | tr -d 'cy="' | awk '$1 < 48' | wc -l)" 0
    equal "$f.svg: the curve falls to its end, which is 0" "$(sed -n 's/<path class="curve" d="M\(.*\)".*/\1/p' "$dir/$f.svg" | tr L '\n' | awk 'NR > 1 && $2 > y { n++ } { y = $2; at[y]++; low = y > low ? y : low } END { print n + 0, at[low] }') $(grep -c '>0</text>' "$dir/$f.svg")" "0 1 1"
done
equal "axes have units" "$(grep -c "effective bits of the exported\|loss by detection, nats an image" "$dir/p.svg") $(grep -c '10^9 bit operations an image' "$dir/ops.svg")" "2 1"

"$p" "$s" "$dir/four.json" --at bits=5,6,8 --svg "$dir/q.svg" -o "$dir/q.json"
equal "same bytes" "$(cmp "$dir/p.json" "$dir/q.json" 2>&1; cmp "$dir/p.svg" "$dir/q.svg" 2>&1)" ""

# What is refused.
refuses "nothing" 2 "name the files of scores"
for at in 6 bits bits= bits=,6 "bits=6," bits=x bits=0 bits=17 bits=-1 ops=25 bits=6,,8 bits=0x6; do
    refuses "--at $at" 2 "--at: \"$at\" is not bits= and up to 64 numbers above 0 and at most 16, apart by commas" "$s" --at "$at"
done
refuses "--at of the other limit" 2 \
    "--at: \"bits=6\" is not ops= and up to 64 numbers above 0 and at most 100, apart by commas: per cent of the bit operations in 16 bits" \
    "$s" -u bitops --at bits=6
"$p" "$s" --at bits=7 -o "$dir/none" >"$dir/out" 2>"$dir/err"
equal "a size below all" "$? $(cut -d: -f2-3 "$dir/err") $(ls "$dir/none" 2>/dev/null)" "1  --at: bits=7 is below the smallest mix, which has 8 effective bits "
refuses "--recipe of no point" 2 "--recipe is of one point: name it with --at" "$s" --recipe "$dir/r.json"
refuses "--recipe of two points" 2 "--recipe is of one point: name it with --at" "$s" --recipe "$dir/r.json" --at bits=9,10
refuses "one format twice" 1 "$s beside $s: both are of int8-int8/per_channel_weight; a mix is of one model, calibration and list of images, and of formats that differ" "$s" "$s"
refuses "a measurement too few" 2 "--verify: name one verify.json for each file of scores, in their order" "$s" "$dir/four.json" -r measured -v tests/deploy/verify.json
jq -c '.layers |= map_values(del(.macs))' "$s" >"$dir/macless.json"
refuses "bit operations without MACs" 1 "$dir/macless.json: it does not say the layers' MACs, which bit operations are made of" "$dir/macless.json" -u bitops
equal "without MACs they are null" "$("$p" "$dir/macless.json" | jq -c '[.curve[].bit_operations] | unique')" "[null]"
