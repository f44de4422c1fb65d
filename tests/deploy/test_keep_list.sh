#!/bin/sh
# keep-list: what each runtime takes (golden files), each way to say how much is kept, names in the user's own ONNX file, and
# what is refused. scores.json is of yolov10n in tests/models, int8-int8 per_channel_weight, at 320; verify.json is measured on it.
. tests/checks.sh
bin=$(realpath "${BUILD:-build}/bin") || exit 1
edit=$(realpath "${BUILD:-build}/test/deploy/edit_onnx") || exit 1
k=$bin/keep-list refuser=$bin/keep-list s=tests/deploy/scores.json v=tests/deploy/verify.json
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# Every target, read by a person once.
for target in $("$k" --target help | cut -d' ' -f1); do
    "$k" -s "$s" -k 6 -t "$target" >"$dir/list" 2>"$dir/err"
    equal "$target: as in the golden file" "$? $(cmp "$dir/list" "tests/deploy/golden/$target.txt" 2>&1)" "0 "
    "$k" -s "$s" -k 0 -t "$target" >"$dir/list" 2>"$dir/err"
    equal "$target: nothing to keep is said too" "$? $(grep -v ': "int8-int8/' "$dir/list" | grep -c 'model\.[0-9]')" "0 0"
done
equal "there are eleven" "$("$k" --target help | wc -l)" 11
for target in onnxruntime nncf modelopt-torch; do
    sed 's/^quant_cfg +=/quant_cfg =/' "tests/deploy/golden/$target.txt" >"$dir/list.py"
    command -v python3 >/dev/null || { echo "# skip no python3"; continue; }
    equal "$target: Python reads it" "$(python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$dir/list.py" 2>&1)" ""
done
equal "a shell reads modelopt-onnx's patterns as they are" \
    "$(sh -c "python() { for w; do echo \"\$w\"; done | grep ^/; }; . tests/deploy/golden/modelopt-onnx.txt")" \
    "$("$k" -s "$s" -k 6 -t plain 2>/dev/null | sed 's/\./\\./g; s/$/$/')"

jq -c '.weight = "fp8" | .activation = "fp8" | .recipe = "CUSTOM_0(effective-bits: 8.0)" | del(.base_format)' "$s" >"$dir/fp8.json"
# The page's pieces, put together, are what keep-list prints, whatever is kept; of fp8, of which the runtime leaves some, too.
pieces() { # pieces SCORES: how many texts agree, and the first target that differs
    mkdir -p "$dir/run/cell"
    cp "$1" "$dir/run/cell/scores.json"
    echo cell | "$bin/index-cells" --run "$dir/run" --layers /dev/null >"$dir/lines" || return
    jq -s -f tests/deploy/cell.jq "$dir/lines" >"$dir/page"
    agree=0 differs=
    for target in $("$k" --target help | cut -d' ' -f1); do
        for n in 0 1 2 7 1000; do
            jq -j --arg target "$target" --argjson keep $n -f tests/deploy/pieces.jq "$dir/page" >"$dir/pieces"
            "$k" -s "$1" -t "$target" -k $n >"$dir/list" 2>"$dir/err" || sed 's/^keep-list: /refused: /' "$dir/err" >"$dir/list"
            case $target in json | recipe) echo "more than names" >"$dir/list" ;; esac
            if cmp -s "$dir/pieces" "$dir/list"; then agree=$((agree + 1)); else differs=${differs:-$target $n}; fi
        done
    done
    echo "$agree $differs"
}
equal "int8's pieces are the lists" "$(pieces "$s")" "55 "
equal "fp8's too, without what the runtime leaves" "$(pieces "$dir/fp8.json"; jq '.targets[0].left | length > 10' "$dir/page")" "55 
true"
equal "each convolution stands once in each rank" \
    "$(jq -c '(.convolutions | length) as $n | [.ranks[].order | sort == [range($n)]] | unique' "$dir/page")" "[true]"

# How much is kept, against jq's own sums over the exported layers.
# cell/rank.h's formula again.
# shellcheck disable=SC2016
rank='def rank($all): pow((.box_score | sqrt) + 0.1 * (.class_score / 2 | sqrt); 2) / pow(.none_cost / $all; 0.125);'
jq "$rank"'[.layers | to_entries[] | select(.value.exported)]
    | (map(.value.none_cost) | add) as $all | map({key, r: (.value | rank($all))})
    | (map(select(.key | test("conv1"))) | .[0]) as $small
    | map(select(.key != $small.key) | if .key == ($small.key | sub("conv1"; "conv")) then .r += $small.r else . end)
    | to_entries | map({i: .key, n: .value.key, r: .value.r})
    | sort_by([-.r, .i])' "$s" >"$dir/ranked"
kept() { # kept OPTION...: layers
    "$k" -s "$s" -t json "$@" 2>"$dir/err" | jq -c '[.keep[].layers[0]] | sort'
}
equal "10: the rank's first ten" "$(kept -k 10)" "$(jq -c 'map(.n)[:10] | sort' "$dir/ranked")"
for share in 1 50 80 99; do
    equal "$share%: the fewest that hold it" "$(kept -k $share%)" \
        "$(jq -c --argjson s $share '(map(.r) | add) as $t | reduce .[] as $l ({sum: 0, n: []};
            if .sum < $s / 100 * $t then .sum += $l.r | .n += [$l.n] else . end) | .n | sort' "$dir/ranked")"
done
equal "100%: all" "$(kept -k 100% | jq length)" "$(jq length "$dir/ranked")"
for word in modelopt class box; do
    key=$(echo "${word}_score" | sed 's/^modelopt_//')
    equal "--rank $word" "$(kept -k 4 -r $word)" \
        "$(jq -c --arg k "$key" '[.layers | to_entries[] | select(.value.exported)] | sort_by(-.value[$k]) | map(.key)[:4] | sort' "$s")"
done
equal "--rank measured goes by what was measured" "$(kept -k 5 -r measured -v $v)" \
    "$(jq -c '.sets[] | select(.by == "measured" and .keep == 5).layers | sort' $v)"
equal "ap=0.92: the smallest set that agrees so well, the best of equals" "$(kept -k ap=0.92 -v $v)" \
    "$(jq -c '[.sets[] | select(.agreement_ap >= 0.92)] | sort_by([.keep, -.agreement_ap])[0].layers | sort' $v)"
equal "ap=0.9: without any, it agrees already" "$(kept -k ap=0.9 -v $v)" "[]"
equal "what is kept is said" "$("$k" -s "$s" -k 10 -t plain 2>&1 >/dev/null)" \
    "$(jq -r --slurpfile r "$dir/ranked" '[$r[0][:10][].n] as $k | [.layers | to_entries[] | select(.value.exported)]
        | [.[] | select(.key | IN($k[]))] as $in | def pct(f): ($in | map(f) | add) / (map(f) | add) * 1000 | round / 10;
        pct(.value.none_cost) as $w | pct(.value.macs) as $m
        | ($r[0] | (map(.r)[:10] | add) / (map(.r) | add) * 1000 | round / 10) as $s
        | ((map(.value.cost) | add) + ($in | map(.value.none_cost - .value.cost) | add)) / (map(.value.none_cost) | add) * 16
        | "keep-list: 10 of 83 convolutions stay in 16 bits: \($s) % of the rank detection, \($w) % of the weights, \($m) % of the MACs; \(. * 1000 | round / 1000) effective bits"' "$s")"

# Twelve layers, so that all 4096 choices can be tried: bits=.
jq -c '.layers |= (to_entries | map(select(.value.exported))[20:32] | from_entries)' "$s" >"$dir/twelve.json"
for bits in 8 8.7 10 12.5 16; do
    "$k" -s "$dir/twelve.json" -k bits=$bits -t json 2>/dev/null | jq -r '.keep[].layers[]' >"$dir/kept"
    jq -r "$rank"'(.layers | to_entries) as $l | ($l | map(.value.none_cost) | add) as $all
        | $l[] | "\(.key) \(.value | rank($all)) \(.value.cost) \(.value.none_cost)"' "$dir/twelve.json" |
        awk -v bits=$bits -v kept="$dir/kept" '
        BEGIN { while ((getline line <kept) > 0) is[line] = 1 }
        { r[NR] = $2; q[NR] = $3; full[NR] = $4; most += $4; if (!($1 in is)) { got += $2; size += $3 } else size += $4 }
        END {
            best = 1e9
            for (c = 0; c < 4096; c++) {
                loss = s = 0
                for (i = 1; i <= 12; i++) if (int(c / 2 ^ (i - 1)) % 2) s += full[i]; else { loss += r[i]; s += q[i] }
                if (s <= most * bits / 16 && loss < best) best = loss
            }
            print NR == 12 && (size <= most * bits / 16 && got <= best * (1 + 1e-9)) ? "least" : "kept " got ", best " best ", size " size
        }' >"$dir/verdict"
    equal "bits=$bits: no other choice loses less" "$(cat "$dir/verdict")" least
done

# fp8: what ModelOpt ONNX leaves anyway is in no list, and is said.
"$k" -s "$dir/fp8.json" -k 100% -t modelopt-onnx >"$dir/list" 2>"$dir/err"
equal "fp8: depthwise, the stem and 16 channels are left by ModelOpt itself" "$(sed -n 's/.*in no list: //p' "$dir/err" | tr ' ' '\n')" \
    "$(jq -r '.layers | to_entries[] | select(.value.exported and (.key | test("conv1") | not))
        | select((.value.weight_shape[:2] | min) <= 16 or .value.weight_shape[2] * .value.weight_shape[3] > 32).key' "$s")"
equal "fp8: none of them is in the list" "$(grep -c 'model.\.0/conv\|dfl\|attn/pe' "$dir/list")" 0
equal "fp8: they count in bits=" "$("$k" -s "$dir/fp8.json" -k bits=8.6 2>&1 >/dev/null | sed -n 's/.*; \(.*\) effective bits/\1/p' |
    awk '{ print ($1 <= 8.6 && $1 > 8.58) }')" 1
equal "int8: all of n's are quantized" "$("$k" -s "$s" -k 6 2>&1 >/dev/null | grep -c 'in no list')" 0
jq -c '.layers |= map_values(del(.weight_shape))' "$s" >"$dir/shapeless.json"
equal "scores without shapes: that is said" "$("$k" -s "$dir/shapeless.json" 2>&1 >/dev/null | grep -c 'not known')" 1
jq -c '.granularity = "per_layer"' "$s" >"$dir/per_layer.json"
equal "scores of a granularity that no runtime has: that is said" \
    "$("$k" -s "$dir/per_layer.json" -t nncf 2>&1 >/dev/null | grep -c 'GRANULARITIES=per_channel_weight predicts; these scores are of per_layer')" 1

# The two kernels of a RepVGGDW are one node; a recipe is taken back.
equal "a RepVGGDW is one node, by both its kernels" "$("$k" -s "$s" -k 100% -t json 2>/dev/null | jq -c '.keep[] | select(.layers | length > 1)
    | [.layers, .node]')" '[["model.22.m.0.cv1.2.conv.conv","model.22.m.0.cv1.2.conv1.conv"],"/model.22/m.0/cv1/cv1.2/conv/Conv"]'
"$k" -s "$s" -k 37% -t recipe -o "$dir/recipe.json" 2>/dev/null
equal "--recipe keeps what the recipe keeps" "$("$k" -s "$s" --recipe "$dir/recipe.json" -t json 2>/dev/null | jq -c .keep)" \
    "$("$k" -s "$s" -k 37% -t json 2>/dev/null | jq -c .keep)"
equal "the recipe's bits are those of the list" "$(jq .effective_bits "$dir/recipe.json")" \
    "$("$k" -s "$s" -k 37% -t json 2>/dev/null | jq .effective_bits)"
equal "the recipe's bit operations" "$(jq '.bit_operations' "$dir/recipe.json")" \
    "$(jq --slurpfile r "$dir/recipe.json" '$r[0] as $r | [.layers | to_entries[] | select(.value.exported)
        | .value.macs * (if $r.layers[.key] == $r.none then 256 else 64 end)] | add' "$s")"
sed 's/NONE(effective-bits: 16.0)",$/NONE", /' "$dir/recipe.json" >"$dir/altered.json"
refuses "an altered recipe" 1 "$dir/altered.json: its digest does not fit its contents; make the file again" -s "$s" -R "$dir/altered.json"

# The user's own file: as exported; nodes renamed by a simplifier; one that lacks a layer; one with the other head.
"$k" -s "$s" -k 100% -t json 2>/dev/null | jq -r '.keep[] | "\(.node) Conv \(if (.layers | length) > 1 then .layers[0][:-5] else .layers[0] end).weight \(.output)"' >"$dir/nodes"
"$edit" <"$dir/nodes" >"$dir/own.onnx"
"$k" -s "$s" -k 20 -t plain >"$dir/a" 2>/dev/null
equal "--onnx: the exporter's names are found" "$("$k" -s "$s" -k 20 -t plain -m "$dir/own.onnx" 2>/dev/null | cmp - "$dir/a" 2>&1)" ""
equal "--onnx: from standard input" "$("$k" -s "$s" -k 20 -t plain -m - <"$dir/own.onnx" 2>/dev/null | cmp - "$dir/a" 2>&1)" ""
awk '{ print "n" NR, $2, $3, "t" NR }' "$dir/nodes" | "$edit" >"$dir/renamed.onnx"
equal "--onnx: renamed nodes are found by their weights" \
    "$("$k" -s "$s" -k 20 -t plain -m "$dir/renamed.onnx" 2>/dev/null)" \
    "$(awk 'NR == FNR { is[$1] = 1; next } $1 in is { print "n" FNR }' "$dir/a" "$dir/nodes")"
equal "--onnx: RKNN is told what they make" "$("$k" -s "$s" -k 1 -t rknn -m "$dir/renamed.onnx" 2>/dev/null | tail -n 1)" \
    "    t$(awk -v n="$("$k" -s "$s" -k 1 -t plain 2>/dev/null)" '$1 == n { print NR }' "$dir/nodes"): float16"
equal "--onnx: commands name the file" "$("$k" -s "$s" -k 1 -t trtexec10 -m "$dir/own.onnx" 2>/dev/null | grep -c -- "--onnx=$dir/own.onnx ")" 1
first=$("$k" -s "$s" -k 1 -t json 2>/dev/null | jq -r '.keep[0].layers[0]') node=$("$k" -s "$s" -k 1 -t plain 2>/dev/null)
grep -v "^$node " "$dir/nodes" | "$edit" >"$dir/lacks.onnx"
refuses "--onnx: a layer that is not there" 1 \
    "$dir/lacks.onnx: layer $first is not in it: neither a node $node nor a weight $first.weight; export this checkpoint whole, or give the file's own scores" \
    -s "$s" -k 1 -m "$dir/lacks.onnx"
sed 's/one2one_//g' "$dir/nodes" | "$edit" >"$dir/many.onnx"
"$k" -s "$s" -k 100% -m "$dir/many.onnx" >"$dir/out" 2>"$dir/err"
equal "--onnx: an export of the other head" "$? $(grep -c 'it was exported with the one2many head, these scores are of one2one: export it with end2end=True' "$dir/err")" "1 1"
{ cat "$dir/nodes"; grep "^$node " "$dir/nodes"; } | "$edit" >"$dir/twice.onnx"
refuses "--onnx: a name that stands there twice" 1 \
    "$dir/twice.onnx: layer $first stands there 2 times, and its nodes cannot be told apart" -s "$s" -k 1 -m "$dir/twice.onnx"
sed "s|^$node |- |" "$dir/nodes" | "$edit" >"$dir/nameless.onnx"
refuses "--onnx: a node without a name" 1 "$dir/nameless.onnx: the node of layer $first has no name" -s "$s" -k 1 -m "$dir/nameless.onnx"
sed "s|^$node Conv|$node Relu|; s|$first.weight|w|" "$dir/nodes" | "$edit" >"$dir/relu.onnx"
"$k" -s "$s" -k 1 -m "$dir/relu.onnx" >"$dir/out" 2>"$dir/err"
equal "--onnx: a name that is no convolution's is not taken" "$? $(grep -c 'is not in it' "$dir/err")" "1 1"

# Names that a shell, Python or YAML would take for something.
odd="it's\$(date)\"#:[x]*"
awk -v n="$node" -v odd="$odd" '{ if ($1 == n) { $1 = odd; $4 = odd } print }' "$dir/nodes" | "$edit" >"$dir/odd.onnx"
"$k" -s "$s" -k 1 -m "$dir/odd.onnx" >"$dir/list" 2>/dev/null
equal "an odd name reaches the command as it is" \
    "$(sh -c "python() { for w; do case \$w in *date*) echo \"\$w\" ;; esac; done; }; . $dir/list")" \
    "it's\\\$\\(date\\)\"#:\\[x\\]\\*\$"
"$k" -s "$s" -k 1 -m "$dir/odd.onnx" -t onnxruntime 2>/dev/null | sed -n '/^keep = /,/^]/p' >"$dir/list"
equal "and Python" "$(sed -n 2p "$dir/list")" "    \"it's\$(date)\\\"#:[x]*\","
equal "and YAML" "$("$k" -s "$s" -k 1 -m "$dir/odd.onnx" -t rknn 2>/dev/null | tail -n 1)" "    'it''s\$(date)\"#:[x]*': float16"
refuses "trtexec, which cannot take it" 1 "trtexec cannot be told of node $odd: its name holds one of , : ' *" -s "$s" -k 1 -t trtexec10 -m "$dir/odd.onnx"

# What is refused.
for wrong in 80%% -1 1.5 1e3 bits= bits=0 bits=17 ap=1.1 ap= 0% 101% nan% inf 'bits=0x8' 10001 10layers; do
    "$k" -s "$s" -k "$wrong" >"$dir/out" 2>"$dir/err"
    equal "--keep $wrong is refused" "$? $(grep -c 'does not say what to keep; say 80%' "$dir/err") $(wc -c <"$dir/out")" "2 1 0"
done
refuses "a target that is none" 2 "--target: \"tensorrt\" is no target; there are $("$k" --target help | cut -d' ' -f1 | paste -sd, | sed 's/,/, /g')" -s "$s" -t tensorrt
refuses "no scores" 2 "--scores is required" -t plain
refuses "ap= without a measurement" 2 \
    "ap=0.99 is of measured sets; name the verify.json of make verify or damage-measure with --verify" -s "$s" -k ap=0.99
jq -c '.sets |= map(.agreement_ap = 0.95)' $v >"$dir/low.json"
"$k" -s "$s" -v "$dir/low.json" -k ap=0.99 >"$dir/out" 2>"$dir/err"
equal "ap= that no set reaches" "$? $(cat "$dir/err")" \
    "1 keep-list: $dir/low.json: no measured set agrees to AP 0.99: the best, 5 layers by modelopt, to 0.9500; run make verify with a larger KEEP, or ask for less"
refuses "measured without a measurement" 1 "$s: its layers lack a measurement; name a verify.json of make verify or damage-measure" -s "$s" -r measured
refuses "bits below the formats' own" 1 \
    "$s: bits=7 cannot be met: with every layer quantized that the runtime quantizes it is 8" -s "$s" -k bits=7
jq -c '.layers |= map_values(del(.class_score))' "$s" >"$dir/classless.json"
refuses "scores without detection's" 1 \
    "$dir/classless.json: its layers lack class_score and box_score; score it with make's OBJECTIVES=\"modelopt detection\", or rank by modelopt" \
    -s "$dir/classless.json"
refuses "formats that a runtime does not run" 3 "NNCF runs weights and activations of int8, these scores are of fp8-fp8" -s "$dir/fp8.json" -t nncf
refuses "two inputs from standard input" 2 "only one input can be standard input" -s - -v -

# An ONNX file that is none, cut at every 97th byte, or with any of its first bytes another.
refuses "JSON in its place" 1 "$s: no ONNX model, or a broken or cut one; export it again" -s "$s" -m "$s"
: >"$dir/empty"
refuses "an empty file" 1 "$dir/empty: it is empty; export it again" -s "$s" -m "$dir/empty"
head -n 3 "$dir/nodes" | "$edit" >"$dir/short.onnx"
n=$(wc -c <"$dir/short.onnx") bad=0 tried=0
for cut in $(seq 1 7 "$n"); do
    head -c "$cut" "$dir/short.onnx" >"$dir/cut.onnx"
    "$k" -s "$s" -k 0 -m "$dir/cut.onnx" >/dev/null 2>"$dir/err"
    case $? in 0) ;; 1) [ "$(wc -l <"$dir/err")" -eq 1 ] ;; *) false ;; esac || bad=$((bad + 1))
    tried=$((tried + 1))
done
equal "cut files are read or refused in a line" "$bad of $tried" "0 of $(seq 1 7 "$n" | wc -l)"
head -c $((n - 1)) "$dir/short.onnx" >"$dir/cut.onnx"
refuses "a file that lacks its last byte" 1 "$dir/cut.onnx: no ONNX model, or a broken or cut one; export it again" -s "$s" -m "$dir/cut.onnx"
printf '\072\010\012\006\042\004Co\001v' >"$dir/control.onnx"
refuses "control characters in names" 1 "$dir/control.onnx: a node's operator holds what cannot be printed" -s "$s" -m "$dir/control.onnx"
printf '\072\004\012\002\032\000' >"$dir/bare.onnx"
refuses "no convolution" 1 "$dir/bare.onnx: it has no convolution; name the ONNX file of the detector" -s "$s" -m "$dir/bare.onnx"

"$k" - -s "$s" >/dev/null 2>&1
equal "an operand is refused" $? 2
equal "same bytes" "$("$k" -s "$s" -k 80% 2>/dev/null | sha256sum)" "$("$k" -s - -k 80% <"$s" 2>/dev/null | sha256sum)"
