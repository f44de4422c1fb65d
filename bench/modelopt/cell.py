"""One cell of the grid by ModelOpt's AutoQuantize: scores, manifest and state file, as the driver that yolosens replaces wrote them.

    cell.py --dump DUMP.json --checkpoint yolov10n.pt --list quant100.txt --weight int8 --act int8 --granularity per_layer -o DIR

DUMP.json is what model-dump prints of the checkpoint. Wants the packages of requirements.txt.
"""
import argparse
import contextlib
import json
import os
import sys

import torch
import modelopt.torch.quantization as mtq
from modelopt.torch.quantization.algorithms import QuantRecipe

import folded
import graph_module
import images
import quant_config


def options():
    p = argparse.ArgumentParser()
    for name in ("dump", "checkpoint", "list", "weight", "act", "granularity"):
        p.add_argument(f"--{name}", required=True)
    p.add_argument("-o", "--output", required=True, help="folder, made if absent")
    for name, default in (("size", 640), ("calib", 100), ("score", 16), ("batch", 1), ("threads", 2)):
        p.add_argument(f"--{name}", type=int, default=default)
    p.add_argument("--fold", action="store_true", help="the network that is exported")
    p.add_argument("--fp4", default="nvfp4", choices=quant_config.FP4)
    p.add_argument("--int4", default="blockwise", choices=quant_config.INT4)
    return p.parse_args()


def batches_of(paths, size, batch):
    pixels = [torch.from_numpy(images.letterbox(p, size)).float() / 255 for p in paths]
    return [torch.stack(pixels[i : i + batch]) for i in range(0, len(pixels), batch)]


def leaves(output):
    if isinstance(output, torch.Tensor):
        return [output]
    return [leaf for part in (output.values() if isinstance(output, dict) else output) for leaf in leaves(part)]


def loss(output, _batch):
    return torch.stack([leaf.pow(2).mean() for leaf in leaves(output)]).mean()


def layers_of(stats):
    """({layer: score and costs}, recipe's name) from AutoQuantize's candidate_stats."""
    layers, recipe = {}, None
    for key, v in stats.items():
        names = [str(f) for f in v["formats"]]
        q = next(i for i, name in enumerate(names) if not name.startswith("NONE"))
        recipe = names[q]
        layers[key.removesuffix(".quant_recipe")] = {
            "score": float(v["scores"][q]), "cost": float(v["costs"][q]), "none_cost": float(v["costs"][1 - q])}
    return layers, recipe


def solver_of(best):
    return {"constraints": best["constraints"], "score": float(best["score"]), "is_satisfied": bool(best["is_satisfied"])}


def manifest(o, run, bits, base, net, layers, best):
    modules = dict(net.named_modules())
    return {
        "scheme": {"name": run, "auto_quantize_bits": bits, "auto_quantize_method": "gradient", "auto_quantize_score_size": o.score,
                   "quant_formats": [base]},
        "model": {"id": o.checkpoint},
        "num_quantized_layers": len(layers),
        "layers": {name: {"quantized": True, "module_type": type(modules[name]).__name__} for name in layers},
        "autoquant_state": solver_of(best),
        "layer_sensitivity": layers,
        "sensitivity_ranking": sorted(({"name": name, "importance": v["score"]} for name, v in layers.items()), key=lambda r: r["importance"]),
    }


def write_json(path, value):
    with open(path, "w") as f:
        json.dump(value, f, indent=1)


def main():
    o = options()
    torch.set_num_threads(o.threads)
    base, cfg = quant_config.build(o.weight, o.act, o.granularity, o.fp4, o.int4)
    # A limit below what the format takes, which since 0.46 is 4.5 bits for nvfp4, is refused.
    bits = max(quant_config.BITS[o.weight], QuantRecipe(cfg, name=base).compression * 16)
    with open(o.dump) as f:
        net = graph_module.load(json.load(f), o.checkpoint)
    if o.fold:
        net = folded.fold(net)
    batches = batches_of(images.listed(o.list, o.calib), o.size, o.batch)
    with contextlib.redirect_stdout(sys.stderr):
        net, state = mtq.auto_quantize(
            net, constraints={"effective_bits": bits}, quantization_formats=[cfg], data_loader=batches,
            forward_step=lambda model, batch: model(batch), loss_func=loss,
            num_calib_steps=len(batches), num_score_steps=min(max(o.score // o.batch, 1), len(batches)), verbose=False)
    layers, recipe = layers_of(state["candidate_stats"])
    model = os.path.basename(o.checkpoint).removesuffix(".pt")
    run = f"{model}_w{o.weight}_a{o.act}_{o.granularity}"
    os.makedirs(o.output, exist_ok=True)
    torch.save({k: state[k] for k in ("candidate_stats", "best")}, f"{o.output}/{run}_autoquant_state.pt")
    write_json(f"{o.output}/{run}_quant_manifest.json", manifest(o, run, bits, base, net, layers, state["best"]))
    write_json(f"{o.output}/scores.json", {
        "model": model, "weight": o.weight, "activation": o.act, "granularity": o.granularity,
        "presets": {"fp4_preset": o.fp4, "int4_preset": o.int4}, "base_format": base, "recipe": recipe, "effective_bits": bits,
        "fold": o.fold, "computed_on": "CPU, float32", "calibration_images": sum(len(b) for b in batches), "score_images": o.score, "imgsz": o.size,
        "solver": solver_of(state["best"]),
        "layers": layers})


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, KeyError) as e:
        sys.exit(f"cell.py: {e}")
