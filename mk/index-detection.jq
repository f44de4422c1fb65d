# What the index and the page take from the layer-sensitivity-report.json of cells that were measured (they have a verify.json), a line
# each: the cell's out_dir, "verify" without the names of layers, what was found in words, and of each layer four numbers with three
# significant digits: predicted class damage (nats an image), measured, predicted box damage (conf-weighted squared shift), measured;
# null where there is none. Environment: RUN.
include "significant";

def digits: if . == null then null else significant(3) end;

inputs | select(.detection.measured == true) | .detection as $d | {
    out_dir: (input_filename | ltrimstr($ENV.RUN + "/") | sub("/[^/]*$"; "")),
    verify: ($d.verify | {images, list, labelled, calibrated_on, scored_on, float, all_quantized, spearman, sets: [.sets[] | del(.layers)]}),
    set_layers: [$d.verify.sets[].layers],
    damages: (.layer_sensitivity | map({key: .layer, value: [.class_kl, .box_loss]}) | from_entries),
    words: ($d | {finding, choices, measured_on}),
    layers: ([.layer_sensitivity[] | select(.class_kl != null) | {key: .layer, value: [
        (.class_score | values | . / 2 / $d.score_images) // null, .class_kl, (.box_score | values | . / $d.score_images) // null, .box_loss]
        | map(digits)}] | from_entries)
}
