# The keep list of the only cell of index-cells' lines, with what its places stand for.
.[0].keep as $keep | .[-1] as $all |
def whole: .text |= if . then map(if type == "object" then .each |= $all.words[.] else . end) else . end;
{convolutions: $all.convolutions[$keep.convolutions], ranks: $keep.ranks,
 targets: [$keep.targets[] | . as [$target, $notes] | $all.targets[$target] | whole | .notes = $all.notes[$notes // -1]]}
