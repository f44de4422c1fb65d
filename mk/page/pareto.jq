# What the page takes from the pareto.json files of a run's models, a line each: the model's folder, the rank, what loss is, each
# format alone, the curve from 16 bits down as [effective bits, loss], and of its knee, the place there and how many layers have which
# format; and of mixes.json beside it, where that is, the mixes that were measured: effective bits, predicted loss, class damage, box
# damage, AP agreement.
include "significant";

def digits: if . == null then null else significant(4) end;

[inputs | (input_filename | split("/")[-2]) as $model | if .mixes then {
    $model, images, mixes: [.mixes[] | [.effective_bits, .loss, .class_kl, .box_loss | digits] + [.agreement_ap]]
} else {
    $model, rank, unit,
    formats: [.formats[] | [.format, .effective_bits, (.loss | significant(4))]],
    curve: [.curve[] | [(.effective_bits | significant(7)), (.loss | significant(4))]],
    knee: .knee,
    mix: (if .knee == null then [] else ([.formats[].format] + ["16 bits"]) as $words |
        [.curve[.knee].choice | group_by(.)[] | [$words[.[0]], length]] | sort_by(-.[1]) end)
} end] | group_by(.model)[] | add | select(.curve)
