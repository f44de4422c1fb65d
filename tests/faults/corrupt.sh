#!/bin/bash
# corrupt.sh TIMES: what a run builds on is damaged, by a bit that flips or by a cut; the next sweep finds it, makes it anew and ends
# with the content of an undisturbed run. Each kind of file once, and TIMES files at random. SEED repeats the random choices.
. tests/faults/lib.sh
times=$1
RANDOM=${SEED:-$(($(date +%s) % 32768))}
seed=${SEED:-$RANDOM}
RANDOM=$seed
echo "# seed $seed"
shim=$(realpath "$here/${BUILD:-build}")/test/faults/shim_writes.so
run=$runs/damaged
a=outputs/a/int8-int8/per_layer

sweep TIMESTAMP=damaged
equal "an undisturbed sweep" "$status $(last_line)" "$all_ok"
content $run >whole

# The run as a kill may leave it: one cell has no scores but their sums, another has everything but its status.json, the third is
# finished.
"$bin/qcfg-build" -w int8 -a int8 -g per_layer -o q.json && mkdir state || exit 1
half_scored() {
    FAULT_AT=$1 ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0 LD_PRELOAD=$shim FAULT_LOG=calls "$bin/sens-score" -m models/a.pt \
        --name a -c $run/work/calib.bin -a $run/work/amax/a.json -n 4 -t 1 --state state -o scores.json q.json 2>err
}
half_scored 0
half_scored $(($(wc -l <calls) - 4)) # the last calls are those of scores.json
ok "sums of a pass that was interrupted: $(wc -l <state/a-int8-int8-per_layer.sums) steps$(cat err)" [ "$(ls state)" = a-int8-int8-per_layer.sums ]
mkdir -p $run/work/state/a && mv state/* $run/work/state/a/
# Killed before it could remove them.
cp $run/work/state/a/* $run/work/state/a/a-fp4-int8-per_layer.sums
rm -r "${run:?}/$a" $run/outputs/a/fp4-int8/per_layer/status.json
mv $run half
sums=work/state/a/a-int8-int8-per_layer.sums unfinished=outputs/a/fp4-int8/per_layer finished=outputs/a/int8-int8/per_channel

# Of JSON a bit of a digit, since not every bit of it makes a difference: of white space, of the e in 1e-7. SIZE bounds the search.
flip() { # FILE
    local size at byte
    size=$(wc -c <"$1")
    while :; do
        at=$(((RANDOM * 32768 + RANDOM) % size))
        byte=$(od -An -tu1 -j $at -N 1 "$1" | tr -d ' ')
        case $1 in *.json) [ "$byte" -ge 48 ] && [ "$byte" -le 57 ] || continue ;; esac
        break
    done
    case $1 in *.json) byte=$((byte ^ 1)) ;; *) byte=$((byte ^ 1 << RANDOM % 8)) ;; esac
    # shellcheck disable=SC2059
    printf "\\$(printf %03o $byte)" | dd of="$1" bs=1 seek=$at conv=notrunc status=none
    how="bit of byte $at"
}
cut_off() { # FILE
    local size
    size=$(($(wc -c <"$1") * (RANDOM % 100) / 100))
    truncate -s $size "$1"
    how="cut to $size bytes"
}
damaged() { # flip|cut_off FILE...
    local damage=$1 file what=
    shift
    rm -rf $run
    cp -a half $run
    for file; do
        $damage "$run/$file"
        what="$what $file, $how;"
    done
    sweep TIMESTAMP=damaged
    content $run >content
    ok "$what found and made anew" cmp whole content
    equal "and every cell is there" "$status $(last_line)" "$all_ok"
}
# The digest of an amax file is compared by seal-check before a sweep goes on, and by who reads it.
cp half/work/amax/a.json amax.json
flip amax.json
"$bin/sens-score" -m models/a.pt --name a -c half/work/calib.bin -a amax.json -n 4 -t 1 -o scores.json q.json 2>err
status=$?
ok "sens-score refuses an amax file, $how" [ $status -eq 1 ]
ok "and says why" grep -q 'amax.json: \(its digest does not fit its contents\|not a file of calib-stats, or of another version; .*\)$' err
damaged flip work/calib.bin
damaged flip work/amax/a.json work/model/a work/time/a/fp4-int8/per_layer $unfinished/recipe.json $unfinished/composed-config.yaml \
    $finished/a_wint8_aint8_per_channel_autoquant_state.pt sweep_index.json
damaged flip $sums $unfinished/scores.json
damaged flip work/qcfg/int8-int8-per_layer.json
damaged cut_off work/amax/a.json $unfinished/scores.json work/model/a work/time/a/fp4-int8/per_layer $finished/scores.json index.html
damaged cut_off $sums work/calib.bin work/qcfg/int8-int8-per_layer.json $unfinished/recipe.json sweep_index.csv

mapfile -t files < <(cd half && find work/calib.bin work/amax work/state work/qcfg work/model work/time outputs index.html sweep_index.* \
    failures.json -type f ! -name status.json -size +0 | sort)
for ((k = 0; k < times; k++)); do
    if [ $((RANDOM % 4)) -eq 0 ]; then damage=cut_off; else damage=flip; fi
    damaged $damage "${files[RANDOM % ${#files[@]}]}"
done
exit $failed
