#!/bin/sh
# recipe-solve on every cell of ModelOpt 0.40's own scores, against its own solutions; then as its users meet it.
. tests/checks.sh
r=$(realpath "${BUILD:-build}/bin/recipe-solve") || exit 1
refuser=$r
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# Where the reference stopped short of the optimum (numerics.md), by how much it is better.
short_of() {
    case $1 in
    */yolov10n/fp8-fp8/per_layer.json) echo 0.9991 0.9992 ;;
    *) echo 1 1 ;;
    esac
}

# The choice's own sums, taken from the scores, are those that it states; the total is the reference's.
cells=0
for f in tests/reference/yolov10n/*/*.json "$SHARED"/reference/yolov10[sm]/*/*.json; do
    [ -r "$f" ] || continue
    cells=$((cells + 1))
    "$r" --modelopt 0.40 "$f" >"$dir/r.json" || echo "not ok - $f: exit $?"
    # shellcheck disable=SC2046
    set -- $(short_of "$f")
    equal "$f" "$(jq -n --slurpfile a "$f" --slurpfile b "$dir/r.json" --argjson low "$1" --argjson high "$2" '
        $a[0] as $a | $b[0] as $b | $a.layers | to_entries
        | map(. + {taken: ($b.best.recipe[.key] == $a.recipe)}) as $layers
        | [ ($layers | map(select(.taken).value.score) | add // 0) == $b.best.score,
            ($layers | ((map(if .taken then .value.cost else .value.none_cost end) | add)
                / (map(.value.none_cost) | add) * 16)) == $b.best.constraints.effective_bits,
            $b.best.constraints.effective_bits <= $a.effective_bits,
            ($b.best.recipe | keys_unsorted) == ($a.layers | keys_unsorted),
            (([$b.best.recipe[]] | unique) - [$a.recipe, $b.none]) == [],
            ($b.best.score / $a.solver.score | . >= $low and . <= $high),
            ($low != 1 or $b.best.constraints == $a.solver.constraints),
            $b.best.is_satisfied == $a.solver.is_satisfied ] | all')" true
done
equal "a cell where the reference stops short: the optimum" \
    "$("$r" tests/reference/yolov10n/fp8-fp8/per_layer.json | jq '.best | [.score, .constraints.effective_bits]' -c)" \
    "[0.009742061849408401,10.999035567794936]"
equal "n's cells are all here" "$([ $cells -ge 27 ] && echo yes)" yes
[ -d "$SHARED/reference/yolov10m" ] || echo "# skip s and m: their reference scores are not here"

f=tests/reference/yolov10n/int8-int4/per_layer.json
"$r" "$f" -o "$dir/a.json"
"$r" - <"$f" >"$dir/b.json"
equal "standard input gives the same bytes" "$(cmp "$dir/a.json" "$dir/b.json" 2>&1)" ""
jq . "$f" | "$r" - >"$dir/c.json"
equal "so does another layout of the same scores" "$(cmp "$dir/a.json" "$dir/c.json" 2>&1)" ""
equal "its keys" "$(jq -c keys_unsorted "$dir/a.json")" \
    '["model","weight","activation","granularity","recipe","none","effective_bits","best","scores_digest","version","modelopt","digest"]'
equal "--effective-bits replaces the limit" "$("$r" -e 4 "$f" | jq '.effective_bits == 4 and .best.constraints.effective_bits == 4 and ([.best.recipe[]] | unique | length) == 1')" true
equal "16 bits keep all that costs something" "$("$r" -e 16 "$f" | jq '.best.score == 0')" true

# Since ModelOpt 0.46 an nvfp4 weight is 4.5 bits, with its scales.
of() { # FILE OPTION...: the limit, what is met, how many layers are kept, their names
    file=$1
    shift
    "$r" "$@" "$file" | jq -c '[.effective_bits + 0, .best.constraints.effective_bits + 0, ([.best.recipe[] | select(. == "NONE(effective-bits: 16.0)")] | length), .recipe, .modelopt]'
}
fp4=tests/reference/yolov10n/fp4-fp4/per_layer.json
equal "fp4's own limit of 4 bits leaves no choice for ModelOpt 0.40" "$(of $fp4 --modelopt 0.40)" '[4,4,0,"NVFP4_DEFAULT_CFG(effective-bits: 4.0)","0.40"]'
equal "and is raised to 4.5 for 0.47, which is the default" "$(of $fp4)" '[4.5,4.5,0,"NVFP4_DEFAULT_CFG(effective-bits: 4.5)","0.47"]'
equal "one that was asked for counts those sizes" "$(of $fp4 -e 6 | jq -c '.[1] > 5.9 and .[1] <= 6 and .[2] > 0')" true
equal "fp8 weights with fp4 activations: their own limit, at sizes of 4.5 bits" "$(of tests/reference/yolov10n/fp8-fp4/per_layer.json | jq -c '[.[0], .[1] > 10.9 and .[1] <= 11]')" '[11,true]'
equal "int4 weights are still 4 bits" "$(of tests/reference/yolov10n/int4-fp4/per_layer.json 2>&1 | jq -c .[0])" 4

# Fewer bits never score less: 25 limits over the cell's range.
equal "the total falls as the limit rises" "$(for tenths in $(seq 40 5 160); do
    "$r" -e "$(echo "$tenths" | sed 's/.$/.&/')" "$f" | jq .best.score
done | sort -gr -c 2>&1 && echo falls)" falls

# x's count of layers; scores in proportion to sizes have no end of near-optimal choices.
layers() { # layers COUNT SCORE-IN-AWK
    awk -v n="$1" 'BEGIN { srand(7); printf "{\"model\": \"x\", \"weight\": \"fp8\", \"activation\": \"fp8\", \"granularity\": \"per_layer\", \"recipe\": \"R\", \"effective_bits\": 11, \"layers\": {"
        for (i = 0; i < n; i++) { size = (1 + int(rand() * 640)) * (1 + int(rand() * 640)) * (rand() < .5 ? 1 : 9)
            printf "%s\"l%d\": {\"score\": %.9g, \"cost\": %.1f, \"none_cost\": %d}", i ? ", " : "", i, '"$2"', size / 2, size }
        print "}}" }'
}
for score in '10 ^ (-6 * rand())' 'size * 1e-7' 'size * 1e-7 * (1 + rand() / 100)' 1 0; do
    layers 250 "$score" >"$dir/x.json"
    timeout 20 "$r" "$dir/x.json" -o "$dir/xr.json"
    equal "250 layers, score = $score" "$? $(jq '.best.constraints.effective_bits <= 11' "$dir/xr.json")" "0 true"
done

refuses "a limit below the recipe's bits" 1 \
    "$f: effective_bits 3.9 cannot be met: with every layer in CUSTOM_0(effective-bits: 4.0) it is 4; allow at least that" -e 3.9 "$f"
refuses "nvfp4 in 4 bits, asked for of ModelOpt 0.47" 1 \
    "$fp4: effective_bits 4 cannot be met: with every layer in NVFP4_DEFAULT_CFG(effective-bits: 4.5) it is 4.5; allow at least that" -e 4 $fp4
refuses "a release that is not known" 2 "--modelopt: \"0.41\" is not one of 0.47, 0.46, 0.45, 0.44, 0.43, 0.40" --modelopt 0.41 "$f"
refuses "no scores" 2 "name a file of scores (- for standard input)"
refuses "two files" 2 "$f: several are given as SCORES=RECIPE each" "$f" "$f"
refuses "a file that is not there" 1 "$dir/no.json: No such file or directory" "$dir/no.json"
head -c 2000 "$f" >"$dir/cut.json"
refuses "a cut file" 1 "$dir/cut.json: line $(($(wc -l <"$dir/cut.json") + 1)) is not JSON; make the file again" "$dir/cut.json"
{ cat "$f" && echo x; } >"$dir/more.json"
refuses "more than JSON" 1 "$dir/more.json: line $(($(wc -l <"$f") + 1)) is not JSON; make the file again" "$dir/more.json"
: >"$dir/empty.json"
refuses "an empty file" 1 "$dir/empty.json: line 1 is not JSON; make the file again" "$dir/empty.json"
sed 's/"layers"/"strata"/' "$f" >"$dir/strata.json"
refuses "scores without layers" 1 "$dir/strata.json: key \"layers\" is missing; make it again with sens-score" "$dir/strata.json"

# Several in one process: each as if it were alone, and one that fails does not keep the others from theirs.
"$r" "$f" -o "$dir/alone.json"
cp "$f" "$dir/second.json"
"$r" "$f=$dir/first.out" "$dir/cut.json=$dir/cut.out" "$dir/second.json=$dir/second.out" 2>"$dir/err"
equal "several: status" $? 1
equal "several: what went wrong" "$(sed 's/line [0-9]*/line N/' "$dir/err" | tr '\n' ' ')" \
    "recipe-solve: $dir/cut.json: line N is not JSON; make the file again recipe-solve: 1 of 3 cells failed "
equal "several: the others" "$(cmp "$dir/first.out" "$dir/alone.json" 2>&1; cmp "$dir/second.out" "$dir/alone.json" 2>&1; ls "$dir/cut.out" 2>/dev/null)" ""
