#!/bin/sh
# The benchmark of the phases: what it counts is right, and what it cannot do is refused. No time is judged.
. tests/fixture.sh
build=${BUILD:-build}
speed=$build/bench/speed
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
[ -x "$speed" ] || { echo "not ok - $speed is not built"; exit 1; }
"$build/bin/calib-prep" --list calib/quant100.txt --count 10 --size 64 -o "$tmp/calib.bin" || exit 1
"$build/bin/model-dump" --size 64 -o "$tmp/dump.json" "$checkpoint" || exit 1

"$speed" --model "$checkpoint" --calib "$tmp/calib.bin" --score-size 2 -o "$tmp/speed.json" >"$tmp/table" 2>"$tmp/err" ||
    { echo "not ok - status $?: $(cat "$tmp/err")"; exit 1; }
jq -rn --slurpfile s "$tmp/speed.json" --slurpfile d "$tmp/dump.json" '
    def check($good; $text): (if $good then "ok" else "not ok" end) + " - " + $text;
    def total($phase): [$s[0].layers[][$phase].operations] | add;
    $s[0] as $s | $d[0].graph as $g | ($g.convs | map_values(.macs)) as $macs |
    "score convolutions" as $score | "calibration" as $calib |
    check(($s.layers | map_values(.macs)) == $macs; "\($macs | length) layers, in order, with the MACs of model-dump"),
    check($s.cells == 22 and $s.convolutions <= 22 and $s.convolutions > 10; "22 cells are \($s.convolutions) convolutions"),
    check(all($s.layers[]; .[$score].operations == .macs * 2 * 2 * $s.convolutions); "operations of scores: 2 images"),
    check(all($s.layers | del(.["model.23.dfl.conv"])[]; .[$calib].operations == .macs * 2 * 10); "operations of calibration: 10 images"),
    check([$s.layers | to_entries[] | select(.value[$calib].operations == 0) | .key] == ["model.23.dfl.conv"];
        "calibration sees the inputs of dfl only"),
    check($s.phases[$score].operations == total($score) and $s.phases[$calib].operations == total($calib); "totals are sums"),
    check($s.phases[$calib].images == 10 and all("forward", "backward", $score; $s.phases[.].images == 2); "images"),
    ($macs | to_entries | map(.value * $g.convs[.key].calls) | add) as $forward |
    check($s.phases.forward.operations == 2 * 2 * $forward; "operations of forward: every call, 2 images"),
    check($s.phases.backward.operations | . > 2 * $forward and . < 2 * 2 * $forward; "backward costs no more than forward"),
    check([$s.layers | to_entries[] | select(.value.backward.operations == 0) | .key] |
        .[0] == "model.0.conv" and length == 7 and all(.[1:][]; test("^model.23.one2one_cv[23].[012].0"));
        "backward ends before the first layer, and where the one-to-one heads detach their inputs"),
    check($s.peak.float32 > 0 and all($s.phases[]; .seconds > 0 and .gflops > 0) and $s.peak_resident_mib > 0; "everything is measured"),
    check(all($s.phases | keys[]; . as $p | [$s.layers[][$p].seconds] | add | (. / $s.phases[$p].seconds - 1 | fabs) < 1e-6);
        "layers add up to each phase")'
if [ "$(grep -c '^model\.' "$tmp/table")" -eq 108 ] && grep -q '^score convolutions ' "$tmp/table"; then
    echo "ok - the table has every layer and phase"
else
    echo "not ok - the table: $(head -n 5 "$tmp/table")"
fi

refused() { # STATUS WORDS ARGUMENT...
    want=$1 words=$2
    shift 2
    "$speed" -o "$tmp/none.json" "$@" >"$tmp/out" 2>"$tmp/err"
    status=$?
    if [ "$status" -eq "$want" ] && grep -q -e "$words" "$tmp/err" && [ ! -s "$tmp/out" ] && [ ! -e "$tmp/none.json" ]; then
        echo "ok - $*: refused: $(head -n 1 "$tmp/err")"
    else
        echo "not ok - $*: status $status: $(cat "$tmp/err")"
    fi
}
refused 2 'model is required' --calib "$tmp/calib.bin"
refused 2 'unexpected operand' --model m --calib c extra
refused 1 'no-such.pt' --model no-such.pt --calib "$tmp/calib.bin"
refused 1 'dump.json' --model "$checkpoint" --calib "$tmp/dump.json"
