# mixes.json in words for the terminal: each mix as pareto-solve predicted it, and as it was measured.
include "significant";

def cell($width): tostring | . + " " * ([$width - length, 0] | max);
def known: if . == null then "-" else significant(3) end;

"mixes on \(.images) images: effective bits, loss predicted, class damage, box damage and AP agreement measured",
(.mixes[] | "  " + ([.effective_bits, .loss, .class_kl, .box_loss | known | cell(10)] | join(" ")) + " " +
    (.agreement_ap | if . == null then "-" else thousandths end))
