# status.json and log of cells, as a stream for lib.sh's unpack. cells: TSV of out, kind (ok, skipped, failed),
# checkpoint, its SHA-256, "when-scored when-begun cells-of-the-pass", reason (lines end in U+001F); qcfgs: theirs, in order;
# sums: file-digest's lines of their files; run: its folder; now: the time.
include "python";

def file($path; $lines): "@" + $path, ($lines[] | " " + gsub("\n"; "\n "));
def plain: gsub("[\u0000-\u001f\u007f-\u009f]"; "?");
def log_path: "logs/" + ltrimstr("outputs/") + ".log";

# A cell's share of the pass that scored it.
def elapsed: split(" ") | if length != 3 then null
    else try (map(tonumber) | [(.[0] - .[1]) / .[2], 0] | max | . * 1000 | round / 1000) catch null end;

($sums | split("\n") | map(select(. != "") | {sum: .[:64], path: (.[66:] | ltrimstr($run + "/"))})) as $sums |
$cells | rtrimstr("\n") | split("\n") | to_entries[] |
$qcfgs[.key] as $q |
(.value | split("\t")) as [$out, $kind, $checkpoint, $sha256, $times, $text] |
($out | split("/")) as [$_, $model, $pair, $granularity] |
($pair | split("-")) as [$w, $a] |
{model: $model, weight_dtype: $w, act_dtype: $a, granularity: $granularity} as $key |
"\($model)_w\($w)_a\($a)_\($granularity)" as $run |
($out | log_path) as $log |
($q.base_format_name // $q.base_format | plain) as $base |
($text | split("\u001f") | map(select(. != "") | plain)) as $why |
($times | elapsed) as $elapsed |
["[INFO] run=\($run)", "[INFO] checkpoint=\($checkpoint)",
 "[INFO] weight_dtype=\($w) act_dtype=\($a) granularity=\($granularity)", "[INFO] base_format=\($base)"] as $head |
(if $q.reason then [] else
 ["[INFO] quant_cfg_overrides=\($q.quant_cfg_overrides | dumps)",
  "[INFO] effective_quant_cfg_summary=\($q.effective_quant_cfg_summary | dumps)",
  "[INFO] effective_bits=\($q.effective_bits | float)"] end) as $config |
if $kind == "ok" then
    "\($out)/\($run)_quant_manifest.json" as $manifest | "\($out)/layer-sensitivity-report.md" as $report |
    file($log; $head + $config + ["[INFO] completed in \($elapsed // 0 | . * 100 | round / 100 | float)s",
        "[INFO] out_dir=\($out)", "[INFO] manifest=\($manifest)", "[INFO] report=\($report)"]),
    file("\($out)/status.json"; [{run: $key, status: "ok", elapsed_s: ($elapsed // 0), base_format_name: $base, out_dir: $out,
        log_path: $log, manifest_path: $manifest, report_path: $report, checkpoint: $checkpoint, checkpoint_sha256: $sha256,
        finished: $now,
        files: ([$sums[] | select(.path | startswith($out + "/")) | {key: .path[($out | length) + 1:], value: .sum}] | from_entries)}
        | pretty("") | split("\n")[]])
elif $kind == "skipped" then
    file($log; $head + ["[INFO] status=skipped", "[INFO] reason=\($why[0])"]),
    file("\($out)/status.json"; [{run: $key, status: "skipped", reason: $why[0], base_format_name: $base, out_dir: $out,
        log_path: $log, finished: $now} | pretty("") | split("\n")[]])
else
    file($log; $head + $config + ["[ERROR] run=\($run)"] + ($why | map("[ERROR] " + .))),
    file("\($out)/status.json"; [{run: $key, status: "failed", error: ($why[0] // "unknown"), traceback: ($why | join("\n")),
        out_dir: $out, log_path: $log, finished: $now} | pretty("") | split("\n")[]])
end
