# make plan, from grid-plan's table: a line a cell on standard output, as grid-plan itself has it, but for reasons that unsupported.awk
# tells once; then what there is in all, on standard error. Environment: time, which says how long that will take.
BEGIN { FS = "\t"; words["done"] = "done"; words["todo"] = words["stale"] = "to do"; words["failed"] = words["nomodel"] = "failed"; words["unsupported"] = "unsupported" }
{
    word = words[$3]
    n[word]++
    reason = $3 == "unsupported" ? "block scales" : $4
    printf "%-36s %s%s\n", $1 "/" $2, word, reason == "" ? "" : " (" reason ")"
}
END {
    split("done,to do,failed,unsupported", order, ",")
    for (i = 1; i <= 4; i++)
        if (n[order[i]]) said = said (said == "" ? "" : ", ") n[order[i]] " " order[i]
    print NR " cell" (NR == 1 ? "" : "s") ": " said (ENVIRON["time"] == "" ? "" : "; " ENVIRON["time"]) >"/dev/stderr"
}
