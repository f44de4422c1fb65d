#!/bin/sh
# README.md's lines of pandas, which come from PyPI, read a run's layers.csv and print keep-list's first layers.
. mk/lib.sh
BIN=$(realpath "${BUILD:-build}/bin") env=$PWD/${BUILD:-build}/pandas-env
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$env" 2>/dev/null || { echo "# skip no python3 with venv"; exit 0; }
timeout 600 "$env/bin/pip" install -q --disable-pip-version-check pandas==2.3.3 2>"$dir/err" || { echo "# skip PyPI: $(tail -n 1 "$dir/err")"; exit 0; }
RUN=$dir/tmp/yolo10_layer_sensitivity_sweep/latest
out=$RUN/outputs/yolov10n/int8-int8/per_channel_weight
mkdir -p "$out" "$RUN/work"
cp tests/deploy/scores.json "$out"
echo '{}' >"$RUN/run.json"
echo '{"run": {"model": "yolov10n", "weight_dtype": "int8", "act_dtype": "int8", "granularity": "per_channel_weight"}, "status": "ok", "elapsed_s": 1,
    "out_dir": "outputs/yolov10n/int8-int8/per_channel_weight", "log_path": "l", "report_path": "r", "manifest_path": "m"}' >"$out/status.json"
export RUN BIN TOP_K=5 RANK_BY=detection DTYPES="int4 int8 fp4 fp8 fp16" GRANULARITY_WORDS="per_channel per_layer per_channel_weight"
mk/index.sh "$RUN" || exit 1
awk '/^```/ { in_it = $0 == "```python" && !done; next } in_it { print } /^print/ && in_it { done = 1 }' README.md >"$dir/lines.py"
got=$(cd "$dir" && "$env/bin/python" lines.py | awk 'NR > 1 { print $3, $4 + 0 }')
wanted=$("$BIN/keep-list" -s "$out/scores.json" -k 10 -t json 2>/dev/null | jq -r '.keep | sort_by(-.share)[] | "\(.layers[0]) \(.share * 1e6 | round / 1e6)"')
if [ -n "$got" ] && [ "$got" = "$wanted" ]; then
    echo "ok - README's pandas prints the ten layers that keep-list keeps, with their shares"
else
    printf 'not ok - README'"'"'s pandas\n#   got    %s\n#   wanted %s\n' "$got" "$wanted"
fi
