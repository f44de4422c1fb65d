#!/bin/sh
# A convolution that runs more than once, model.23.dfl.conv: by ModelOpt's rule up to 0.47, and with --calls each by that of 0.48, against
# what ModelOpt 0.40.0 and its release candidate 0.48.0rc1 said of the same images (bench/modelopt/cell.py --size 128 --calib 10 --score 2).
. tests/fixture.sh
build=$(realpath "${BUILD:-build}")
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
check() { # WHAT COMMAND...
    what=$1
    shift
    if "$@"; then echo "ok - $what"; else echo "not ok - $what: $*"; fi
}
near() { # FILE WANTED
    jq -e --argjson wanted "$2" '.layers["model.23.dfl.conv"].score / $wanted - 1 | fabs < 1e-4' "$1" >/dev/null
}
score() { # CALLS [OPTION]...
    calls=$1
    shift
    "$build/bin/sens-score" -m "$checkpoint" -c "$dir/calib.bin" -a "$dir/amax.json" -d cpu -n 2 --name n --calls "$calls" "$@"
}
"$build/bin/calib-prep" --list calib/quant100.txt --count 10 --size 128 -o "$dir/calib.bin" 2>/dev/null &&
    "$build/bin/calib-stats" -m "$checkpoint" -c "$dir/calib.bin" -d cpu -o "$dir/amax.json" 2>/dev/null &&
    "$build/bin/qcfg-build" --weight int8 --act int8 --granularity per_layer -o "$dir/q.json" || exit 1
mkdir "$dir/state"
score last -s "$dir/state" "$dir/q.json" -o "$dir/last.json" 2>/dev/null
score each -s "$dir/state" "$dir/q.json" -o "$dir/each.json" 2>/dev/null
score each -t 1 "$dir/q.json" -o "$dir/one.json" 2>/dev/null
check "the sum of all calls' g^2 with the last one's difference: ModelOpt 0.40.0's score" near "$dir/last.json" 0.02508554235100746
check "the sum of each call's with its own: ModelOpt 0.48.0rc1's" near "$dir/each.json" 0.027200184762477875
check "no other number changes" test "$(jq -c --slurpfile last "$dir/last.json" '[.layers | to_entries[] | select(.value != $last[0].layers[.key]).key]' \
    "$dir/each.json")" = '["model.23.dfl.conv"]'
check "of that layer, the score and its error alone" test "$(jq -c --slurpfile last "$dir/last.json" \
    '.layers["model.23.dfl.conv"] | [to_entries[] | select(.value != $last[0].layers["model.23.dfl.conv"][.key]).key]' "$dir/each.json")" = '["score","score_error"]'
check "the same bytes from one thread" cmp -s "$dir/each.json" "$dir/one.json"
check "the file says so, and only then" test "$(jq -c .each_call "$dir/each.json" "$dir/last.json" | tr '\n' ' ')" = 'true null '
"$build/bin/recipe-solve" "$dir/each.json" -o "$dir/recipe.json"
echo '{"device": "cpu"}' >"$dir/run.json"
"$build/bin/report-gen" -s "$dir/each.json" -r "$dir/recipe.json" -o "$dir/report" 2>/dev/null
check "a report takes them" test -s "$dir/report/layer-sensitivity-report.md"
words=$("$build/bin/report-gen" -s "$dir/each.json" -r "$dir/recipe.json" -R "$dir/run.json" -o "$dir/none" 2>&1)
check "not as a run's: $words" test $? -eq 1 -a ! -e "$dir/none/layer-sensitivity-report.md"
