# Compares a scores file with the reference's: -n --slurpfile ours F --slurpfile ref F --arg cell NAME
# Prints one "ok"/"not ok" line for names, costs and scores each. Tolerances are those that hold between two machines that
# run the reference; on a GPU its nvfp4 and fp8 round differently.
def relative($a; $b): ($a - $b | fabs) / $b;
def check($good; $text): (if $good then "ok" else "not ok" end) + " - \($cell): \($text)";
($ours[0].layers) as $o | ($ref[0].layers) as $r
| ($r | keys_unsorted) as $names
| [$names[] | select($r[.].score >= 1e-12) | relative($o[.].score; $r[.].score)] | sort | . as $e
| ($e | length) as $n
| (if $n == 0 then 0 else $e[($n - 1) / 2 | floor] end) as $median
| (if $n == 0 then 0 else $e[-1] end) as $worst
| ([$names[] | select($r[.].score < 1e-12) | $o[.].score - $r[.].score | fabs] | max // 0) as $tiny
| ($ref[0] | (.computed_on | test("GPU|cuda"; "i"))
   and (([.weight, .activation] | index("fp8")) or
        (([.weight, .activation] | index("fp4")) and .presets.fp4_preset == "nvfp4"))) as $gpu
| ([$e[] | select(. > 1e-3)] | length) as $off
| check(($o | keys_unsorted) == $names; "\($names | length) layers in the model's order"),
  check([$names[] | select($o[.].cost != $r[.].cost or $o[.].none_cost != $r[.].none_cost)] == []; "costs"),
  check($ours[0].recipe == $ref[0].recipe and $ours[0].base_format == $ref[0].base_format; "recipe \($ours[0].recipe)"),
  check($median <= 5e-5; "median error \($median) of 5e-5 allowed"),
  check($worst <= (if $gpu then 2e-2 else 1e-3 end);
        "worst error \($worst)\(if $gpu then ", \($off) layers above 1e-3, reference from a GPU" else "" end)"),
  check(($off <= 0.04 * ($names | length)) and ($gpu or $off == 0); "layers above 1e-3: \($off)"),
  check($tiny <= 1e-12; "layers below 1e-12: off by \($tiny)")
