# What make verify says of a cell, from its verify.json: $cell, MODEL/W-A/GRANULARITY; $rank, whose sets are told first.
include "significant";
def plain: gsub("[\u0000-\u001f\u007f-\u009f]"; "?");
def many($word): "\(.) \($word)" + (if . == 1 then "" else "s" end);
def short: if . == null then "-" else thousandths end;
def line($by): [.sets[] | select(.by == $by)] | if . == [] then empty else
    "    kept by \($by):" + ([.[] | "  \(.keep | many("layer")) \(.agreement_ap | short)"] | add) end;
(.all_quantized.agreement_ap) as $all | ([.sets[] | select(.by == $rank and .agreement_ap != null)] | first // null) as $first |
"\(.images | many("image")) (\(.calibrated_on) of them calibrated on, \(.scored_on // 0) scored on)" as $where |
($cell | plain) + ": " + (if $all == null then "nothing is found on \($where), so there are no detections to compare: " +
        "measure on more or others (VERIFY_IMAGES, VERIFY_LIST)"
    elif $first then "\($first.keep | many("layer")) kept in 16 bits: AP agreement \($all | short) -> \($first.agreement_ap | short)"
    else "AP agreement \($all | short) with all layers quantized" end) + (if $all == null then "" else ", on \($where)" end) +
    (if .float.ap then "; AP on labels \(.float.ap | short) in float, \(.all_quantized.ap | short) quantized" else "" end),
if $all == null then empty else line($rank), (("detection", "modelopt", "class", "box", "measured", "search", "exporter") | select(. != $rank)) as $by | line($by) end
