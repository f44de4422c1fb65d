#!/usr/bin/env python3
"""make.py DAMAGE FOLDER: scores.json, recipe.json and verify.json of a cell from measured numbers: DAMAGE is
reference/damage/yolov10n.json of the folder SHARED, whose scores, damage and AP agreement these are. Sizes, and the layers of
one2many, are those of tests/report/n. Standard errors, stability and the number of detections are not in DAMAGE: these are
made up. DAMAGE has class and box scores an image; scores.json has their sums over the 16 images scored on."""
import json, sys

damage = json.load(open(sys.argv[1]))["cells"]["int4-int8/weights per output channel, activations per tensor"]
like = json.load(open("tests/report/n/scores.json"))
layers, sets = damage["layers"], damage["sets"]
RECIPE, NONE = "CUSTOM_0(effective-bits: 4.0)", "NONE(effective-bits: 16.0)"
name = {"model": "yolov10n", "weight": "int4", "activation": "int8", "granularity": "per_channel_weight"}
presets = {"presets": {"fp4_preset": "nvfp4", "int4_preset": "axis"}}

scores = {}
for layer, has in like["layers"].items():
    m = layers.get(layer)
    s = {"score": m["modelopt_like"] if m else 1e-6, "cost": has["none_cost"] / 4, "none_cost": has["none_cost"],
         "exported": m is not None}
    for key in ("class_score", "box_score"):
        s[key] = 16 * m[key] if m else 0.0
    for key in ("score", "class_score", "box_score"):
        s[key + "_error"] = round(0.12 * s[key], 9)
    scores[layer] = s


def shares(a, b):
    total = [sum(layers[l][k] for l in layers) for k in (a, b)]
    return {l: layers[l][a] / total[0] + layers[l][b] / total[1] for l in layers}


values = {
    "modelopt": {l: layers[l]["modelopt_like"] for l in layers},
    "class": {l: layers[l]["class_score"] for l in layers},
    "box": {l: layers[l]["box_score"] for l in layers},
    "detection": shares("class_score", "box_score"),
    "measured": shares("class_kl", "box_loss"),
}


def ranks(v):  # ties have their mean rank
    of = {x: [i for i, y in enumerate(sorted(v)) if y == x] for x in v}
    return [sum(of[x]) / len(of[x]) for x in v]


def spearman(a, b):
    a, b = ranks(a), ranks(b)
    ma, mb = sum(a) / len(a), sum(b) / len(b)
    return (sum((x - ma) * (y - mb) for x, y in zip(a, b)) /
            (sum((x - ma)**2 for x in a) * sum((y - mb)**2 for y in b))**.5)


def bits(kept):
    of = [l for l in scores if scores[l]["exported"]]
    return 16 * (sum(scores[l]["none_cost" if l in kept else "cost"] for l in of) / sum(scores[l]["none_cost"] for l in of))


def metrics(s):
    return {k: s[k] for k in ("class_kl", "box_loss", "agreement_ap")}


WORDS = {"modelopt": "modelopt", "class_score": "class", "box_score": "box", "class and box shares": "detection",
         "measured": "measured", "exporter list": "exporter"}
verify = dict(name, images=32, list="images 69 to 100 of calib/quant100.txt", labelled=0, calibrated_on=32, scored_on=0,
              float={"detections": 143})
verify["all_quantized"] = dict(effective_bits=bits([]), **metrics(next(s for s in sets if s["by"] == "none kept")))
verify["layers"] = {l: {k: layers[l][k] for k in ("class_kl", "box_loss")} for l in layers}
verify["spearman"] = {
    r: {k: spearman([values[r][l] for l in layers], [layers[l][k] for l in layers]) for k in ("class_kl", "box_loss")}
    for r in ("modelopt", "class", "box", "detection")
}
verify["sets"] = []
for s in sets:
    by = WORDS.get(s["by"])
    if by:
        kept = s.get("layers") or sorted(values[by], key=lambda l: -values[by][l])[:s["keep"]]
        verify["sets"].append({"by": by, "keep": s["keep"], "layers": kept, "effective_bits": bits(kept), **metrics(s)})

first = {r: {"5": 0.93, "10": 0.915, "20": 0.942} for r in ("modelopt", "class", "box", "detection")}
files = {
    "scores": dict(name, **presets, base_format="INT4_BLOCKWISE_WEIGHT_ONLY_CFG", effective_bits=4.0, recipe=RECIPE,
                   computed_on="CPU, float32", calibration_images=100, score_images=16, imgsz=640, batch_size=1, probes=8,
                   checkpoint="models/yolov10n.pt", layers=scores, stability=first),
    "recipe": dict(name, recipe=RECIPE, none=NONE, effective_bits=4.0,
                   best={"recipe": {l: RECIPE for l in scores}, "constraints": {"effective_bits": 4.0},
                         "score": sum(s["score"] for s in scores.values()), "is_satisfied": True}),
    "verify": verify,
}
for file, content in files.items():
    with open(f"{sys.argv[2]}/{file}.json", "w") as out:
        out.write("{\n" + ",\n".join(f"{json.dumps(k)}: " + (
            "{\n" + ",\n".join(f"  {json.dumps(l)}: {json.dumps(x)}" for l, x in v.items()) + "\n}" if k == "layers" else
            "[\n" + ",\n".join("  " + json.dumps(x) for x in v) + "\n]" if k == "sets" else json.dumps(v))
            for k, v in content.items()) + "\n}\n")
