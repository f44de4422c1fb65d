#!/bin/bash
# damage-measure --mixes: mixes of formats, measured as a whole. Three points of pareto-solve's are as good as it predicts, in order; one
# of a single format is what the cell's own verify.json says of all its layers. From the repository root; BUILD is the build folder.
. tests/fixture.sh
here=$PWD
bin=$(realpath "${BUILD:-build}")/bin
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
model=$checkpoint

ok() { # WHAT COMMAND...
    what=$1
    shift
    if "$@"; then echo "ok - $what"; else
        echo "not ok - $what: $*"
        sed 's/^/#   /' err 2>/dev/null | head -n 5
    fi
}
holds() { # JQ-ARGUMENT...
    jq -e "$@" >/dev/null
}
equal() { # WHAT GOT WANTED
    ok "$1: $2" [ "$2" = "$3" ]
}

"$bin/calib-prep" --list "$here/calib/quant100.txt" --count 16 --size 320 -o calib.bin
for format in int8-int8 int4-int8 int8-fp16 int4-fp16; do
    "$bin/qcfg-build" --weight ${format%-*} --act ${format#*-} --granularity per_channel_weight --int4-preset axis -o q-$format.json
done
# FOLD: "--fold" or nothing.
tool() { # NAME OPTION...
    "$bin/$1" -m "$model" -c calib.bin $fold "${@:2}" 2>err
}
measure() { # OPTION...
    tool damage-measure -a amax$fold.json -l "$here/calib/quant100.txt" --last -n 6 "$@"
}
for fold in '' --fold; do
    tool calib-stats -o amax$fold.json
    tool sens-score -a amax$fold.json -n 8 q-int8-int8.json=s1.json q-int4-int8.json=s2.json q-int8-fp16.json=s3.json q-int4-fp16.json=s4.json
    for bits in 5 8 11; do
        "$bin/pareto-solve" --at bits=$bits --recipe mix$fold-$bits.json -o pareto.json s1.json s2.json s3.json s4.json
    done
    measure --mixes mix$fold-{8,5,11}.json -o mixes$fold.json
    equal "three mixes${fold:+, folded}" "$(jq -c '[(.mixes | map([.recipe, (.effective_bits | round)]) | add), .images, .fold]' mixes$fold.json)" \
        "[[\"mix$fold-8.json\",8,\"mix$fold-5.json\",5,\"mix$fold-11.json\",11],6,$([ -z "$fold" ] && echo false || echo true)]"
    ok "the order of losses is predicted" holds '[.mixes | sort_by(.loss)[] | .effective_bits] as $o | $o == ($o | sort | reverse) and
        ([.mixes | sort_by(.class_kl)[].effective_bits] == $o) and ([.mixes | sort_by(.box_loss)[].effective_bits] == $o)' mixes$fold.json
    ok "and the sizes are pareto-solve's" holds -n --slurpfile m mixes$fold.json --slurpfile r mix$fold-8.json \
        '($m[0].mixes[0].effective_bits - $r[0].effective_bits | fabs) < 1e-12 and $m[0].mixes[0].loss == $r[0].loss'
done
measure --mixes mix--fold-{8,5,11}.json -t 1 -o again.json
ok "the same bytes by one thread" cmp -s mixes--fold.json again.json

# A mix of one format.
"$bin/keep-list" --scores s1.json --keep 0 --target recipe -o all.json 2>err
measure --mixes all.json -o one.json
measure q-int8-int8.json -o v.json
ok "a mix of one format is the cell with all layers quantized" holds -n --slurpfile a one.json --slurpfile b v.json \
    '($a[0].mixes[0] | {class_kl, box_loss, agreement_ap, effective_bits}) == ($b[0].all_quantized | {class_kl, box_loss, agreement_ap, effective_bits})'

fold=
measure --mixes mix--fold-8.json -o none.json
equal "a mix of the folded network" "$? $(grep -c 'mix--fold-8.json: .*layers that the network lacks\|mix--fold-8.json: .*is missing' err)" "1 1"
jq 'del(.digest) | .fold = true' mix-8.json >wrong.json
measure --mixes wrong.json -o none.json
equal "one that says so" "$? $(grep -c 'wrong.json: it is of the network that is folded, not of this one' err)" "1 1"
jq 'del(.digest) | .checkpoint_digest = "0"' mix-8.json >wrong.json
measure --mixes wrong.json -o none.json
equal "one of another checkpoint" "$? $(grep -c 'wrong.json: it is of another checkpoint' err)" "1 1"
measure --mixes mix-8.json --scores s1.json -o none.json
equal "scores beside mixes" "$? $(grep -c -e '--mixes: --scores, --search, --reach and --update are of a cell' err)" "2 1"
measure q-int8-int8.json mix-8.json -o none.json
equal "a mix without --mixes" "$? $(grep -c 'unexpected operand mix-8.json' err)" "2 1"
