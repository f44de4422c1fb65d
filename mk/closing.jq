# What make sweep says last of its cells, from sweep_index.json: a table of the least hurt ones, as many lines as $lines, none
# longer than $width; and what to type next. $plan: grid-plan's table, whose cells these are; $rank: whose totals come first; $took: how
# long that was; $unsupported: a line more; $called, make or yolosens, and $typed,
# settings, of the next command.
def plain: gsub("[\u0000-\u001f\u007f-\u009f]"; "?");
def plain_lines: split("\n") | map(plain) | join("\n");
def padded($n): . + " " * ([$n - length, 0] | max);
def cut($n): if length > $n then .[:[$n - 2, 0] | max] + ".." else . end;
def widest: [.[] | length] | max;

# Three significant digits: 3.62e-02.
def scientific: if . == 0 then "0" else
    (log10 | floor) as $e | (. * pow(10; 2 - $e) | round) as $m |
    (if $m == 1000 then [100, $e + 1] else [$m, $e] end) as [$m, $e] |
    ($m | tostring | .[:1] + "." + .[1:]) + "e" + (if $e < 0 then "-" else "+" end) + (($e | fabs | tostring) | if length < 2 then "0" + . else . end)
    end;

def short: if length > 1 then ltrimstr("model.") | rtrimstr(".conv") else . end;

(reduce ($plan | split("\n")[] | select(. != "") | split("\t")) as $row ({}; .["outputs/" + $row[0] + "/" + $row[1]] = true)) as $here |
[.successes[] | select($here[.out_dir] and .ranked_layers) | .ranked_layers as $r |
    {model: .run.model, types: "\(.run.weight_dtype)-\(.run.act_dtype)", granularity: .run.granularity, measured: has("verify"), by: $r.by, total: $r.total, name: ("\(.run.model) \(.run.weight_dtype)-\(.run.act_dtype) \(.run.granularity)" | plain),
     for: "\($r.layers_for_80_percent) of \($r.exported_layers)", first: [$r.layers[:3][].layer | plain]}] as $shown |
($shown | group_by(.by) | sort_by(.[0].by != $rank) | length as $groups | .[] | sort_by(.total) |
(. as $all | [$lines / $groups - 2 | floor, 1] | max) as $most |
(if length > $most + 1 then .[:$most] else . end) as $rows | (length - ($rows | length)) as $more |
([($rows | map(.name) | widest), ($took | length)] | max) as $name |
# The names of layers whole, where they fit.
($width - $name - 27) as $room |
($rows | map(.first | join(", "))) as $whole |
(if ($whole | widest) <= $room then [$whole, "first three layers"]
 else [($rows | map(.first | map(short) | join(", ") | cut($room))), "first three (model.*.conv)"] end) as [$first, $head] |
def line($cells): "  " + ([$cells, [$name, 9, 8, 0]] | transpose | map(.[1] as $n | .[0] | padded($n)) | join("  "));
line([$took, .[0].by, "80 % in", ($head | cut($room))]),
($rows | to_entries[] | line([.value.name, (.value.total | scientific), .value.for, $first[.key]])),
if $more > 0 then "  \($more) more, up to \(.[-1].total | scientific) of \(.[-1].name)" | cut($width) else empty end),
($unsupported | select(. != "")),
(first($shown | sort_by([(.granularity as $g | ["per_channel_weight", "per_layer"] | index($g) // 2), (.types != "int8-int8" and .types != "fp8-fp8"), .total])[]) // empty |
    (.types | split("-")) as [$w, $a] |
    ["\($called) \(if .measured then "keep-list" else "verify" end)", "MODEL=\(.model)", "W=\($w)", "A=\($a)", "G=\(.granularity)"] + ($typed | split(" ") | map(select(. != ""))) |
    reduce .[] as $word ("next:"; if (split("\n")[-1] + $word | length) + 3 > $width then . + " \\\n    " + $word else . + " " + $word end) | plain_lines)
