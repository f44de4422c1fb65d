# The lines of plan.sh's plan, from: models (TSV: name, checkpoint, digest), qcfg_files and qcfgs (the same order),
# statuses (the run's status.json files), altered (files whose digest disagrees), run (its folder), max (MAX_RUNS).

def lines: rtrimstr("\n") | split("\n") | map(select(. != ""));

def missing: "\(.path): no such checkpoint" +
    (if .path == "\($dir)/\(.model).pt" then "; make models downloads the official ones" else " here, or none that can be read" end);

# How one cell stands, from its status.json (null: none).
def state($cell; $status; $altered):
    if $cell.reason then ["unsupported", $cell.reason]
    elif $status.status == "ok" and $cell.sha256 != "-" and $status.checkpoint_sha256 != $cell.sha256 then ["stale", "another checkpoint"]
    elif $status.status == "ok" and $cell.sha256 != "-" and ($altered | any(startswith($cell.folder + "/"))) then ["stale", "files that were altered or are gone"]
    elif $status.status == "ok" then ["done", ""]
    elif $cell.sha256 == "-" then ["nomodel", ($cell | missing)]
    elif $status.status == "failed" then ["failed", ($status.error // "unknown")]
    else ["todo", ""] end;

($altered | lines) as $altered |
($statuses | map({key: .out_dir, value: .}) | from_entries) as $known |
[$qcfg_files | lines | to_entries[] |
    {file: (.value | split("/")[-1] | rtrimstr(".json") | split("-")), qcfg: $qcfgs[.key]} |
    {stem: "\(.file[0])-\(.file[1])/\(.file[2])", reason: .qcfg.reason}] as $combinations |
[$models | lines[] | split("\t") | {model: .[0], path: .[1], sha256: .[2]} as $m | $combinations[] | $m + .] |
# MAX_RUNS counts the cells that can be scored; the grid ends with the last of them.
(if $max == "" then .
 else ([to_entries[] | select(.value.reason | not) | .key][($max | tonumber) - 1]) as $last |
    if $last then .[:$last + 1] else . end
 end)[] |
{out: "outputs/\(.model)/\(.stem)"} + . | .folder = "\($run)/\(.out)" |
state(.; $known[.out]; $altered) as [$state, $reason] |
[.model, .stem, $state, .path, .sha256, ($reason | gsub("[\t\r\n]"; " ") | gsub("[\u0000-\u001f\u007f-\u009f]"; "?")), (if $known[.out] then "recorded" else "new" end)] | join("\t")
