"""modelopt_check.py REPORT-GEN QCFG-BUILD FOLDER: what test_modelopt.sh runs. Prints "ok - ..." and "not ok - ..." lines."""
import collections, contextlib, io, itertools, json, subprocess, sys

import torch
import modelopt.torch.quantization as mtq
from modelopt.torch.quantization.algorithms import QuantRecipe
from modelopt.torch.quantization.config import QuantizeConfig, QuantizerAttributeConfig

gen, qcfg_build, folder = sys.argv[1:]
NONE = "NONE(effective-bits: 16.0)"


def check(good, what):
    print(("ok - " if good else "not ok - ") + what)


def flat(o):
    """Types, values and order of everything below o; sets without order."""
    if isinstance(o, (QuantRecipe, QuantizeConfig, QuantizerAttributeConfig)):
        extra = [] if isinstance(o, QuantRecipe) else [sorted(o.__pydantic_fields_set__), o.__pydantic_extra__, o.__pydantic_private__]
        return type(o).__name__, [(k, flat(v)) for k, v in o.__dict__.items()], extra
    if isinstance(o, dict):
        return type(o).__name__, [(k, flat(v)) for k, v in o.items()]
    if isinstance(o, (list, tuple)):
        return type(o).__name__, [flat(v) for v in o]
    return type(o).__name__, o


def as_modelopt(o):
    """A configuration from JSON: pairs of bits are tuples, axes of block_sizes integers."""
    if isinstance(o, dict):
        return {int(k) if k.lstrip("-").isdigit() else k: tuple(v) if k in ("num_bits", "scale_bits") and isinstance(v, list) else as_modelopt(v)
                for k, v in o.items()}
    return o


def preset(name):
    """The constant part of ModelOpt's own preset."""
    return {k: v for k, v in getattr(mtq, name)["quant_cfg"].items() if k not in ("*weight_quantizer", "*input_quantizer")}


def write_cell(qcfg, recipe, layers, kept):
    """report-gen's files for a cell of these layers {name: (score, numel)}; the state's path."""
    w, a, g = qcfg["weight"], qcfg["activation"], qcfg["granularity"]
    bits = recipe.compression
    scores = {"model": "toy", "weight": w, "activation": a, "granularity": g, "calibration_images": 10, "score_images": 2, "imgsz": 64, "qcfg": qcfg,
              "layers": {n: {"score": s, "cost": e * bits, "none_cost": float(e)} for n, (s, e) in layers.items()}}
    total = sum(e for _, e in layers.values())
    cost = sum(e if n in kept else e * bits for n, (_, e) in layers.items())
    chosen = {"model": "toy", "weight": w, "activation": a, "granularity": g, "recipe": str(recipe), "none": NONE, "effective_bits": 16.0,
              "best": {"recipe": {n: NONE if n in kept else str(recipe) for n in layers}, "constraints": {"effective_bits": cost / total * 16},
                       "score": sum(s for n, (s, _) in layers.items() if n not in kept), "is_satisfied": True}}
    for name, o in (("scores.json", scores), ("recipe.json", chosen)):
        with open(f"{folder}/{name}", "w") as f:
            json.dump(o, f)
    subprocess.run([gen, "--scores", f"{folder}/scores.json", "--recipe", f"{folder}/recipe.json", "-o", folder], check=True)
    return f"{folder}/toy_w{w}_a{a}_{g}_autoquant_state.pt"


class Toy(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = (torch.nn.Conv2d(i, o, k) for i, o, k in ((3, 8, 3), (8, 8, 1), (8, 4, 3)))

    def forward(self, x):
        return self.last(self.second(self.first(x)))


def resume(state, cfg, limit):
    """auto_quantize from a state; its loss must not be asked for."""
    def loss(*_):
        raise RuntimeError("it scores instead of resuming")
    with contextlib.redirect_stdout(io.StringIO()):
        return mtq.auto_quantize(Toy().eval(), constraints={"effective_bits": limit}, quantization_formats=[cfg], data_loader=[torch.rand(1, 3, 16, 16)],
                                 forward_step=lambda m, x: m(x), loss_func=loss, num_calib_steps=0, num_score_steps=1, verbose=False, checkpoint=state)[1]


layers = {"first": (0.5, 3 * 8 * 9), "second": (0.25, 64), "last": (8.0, 8 * 4 * 9)}
cells = equal = safe = 0
for w, a, g, f4, i4 in itertools.product(("int4", "int8", "fp4", "fp8"), ("int4", "int8", "fp4", "fp8", "fp16"), ("per_channel", "per_layer", "per_channel_weight"),
                                         ("nvfp4", "mxfp4"), ("blockwise", "awq", "axis")):
    made = subprocess.run([qcfg_build, "--weight", w, "--act", a, "--granularity", g, "--fp4-preset", f4, "--int4-preset", i4], capture_output=True, text=True)
    if made.returncode == 3:
        continue
    qcfg = json.loads(made.stdout)
    effective = qcfg["effective_quant_cfg"]
    quantizers = effective.get("quant_cfg", effective)
    cfg = {"quant_cfg": {k: as_modelopt(quantizers[k]) for k in ("*weight_quantizer", "*input_quantizer")} | preset(qcfg["base_format"]),
           "algorithm": getattr(mtq, qcfg["base_format"])["algorithm"]}
    recipe = QuantRecipe(cfg, name="CUSTOM_0")
    path = write_cell(qcfg, recipe, layers, {"last"})
    state = torch.load(path, weights_only=False)
    cells += 1
    want = flat({"candidate_stats": collections.defaultdict(dict, {f"{n}.quant_recipe": {"formats": [recipe, QuantRecipe(None)], "scores": [s, 0],
                                                                                         "costs": [e * recipe.compression, float(e)]}
                                                                   for n, (s, e) in layers.items()})})[1][0]
    same = flat(dict(candidate_stats=state["candidate_stats"]))[1][0] == want
    best = state["best"]["recipe"]
    same &= all(best[f"{n}.quant_recipe"] is state["candidate_stats"][f"{n}.quant_recipe"]["formats"][n == "last"] for n in layers)
    equal += same
    if not same:
        print("#", w, a, g, f4, i4, "differs")
    with torch.serialization.safe_globals([QuantRecipe, QuantizeConfig, QuantizerAttributeConfig, collections.defaultdict, dict]):
        safe += flat(torch.load(path, weights_only=True)) == flat(state)
    if (w, a, g, f4, i4) == ("fp8", "int8", "per_channel", "nvfp4", "blockwise"):
        found = resume(path, cfg, 13.0)
        kept = [k for k, v in found["best"]["recipe"].items() if str(v) == NONE]
        check(kept == ["second.quant_recipe", "last.quant_recipe"], f"ModelOpt resumes, and solves over the file's numbers: {kept} kept")
        check(found["candidate_stats"]["first.quant_recipe"]["scores"] == [0.5, 0], "with the file's scores")
check(cells > 100 and equal == cells, f"{equal} of {cells} states equal what ModelOpt's own objects hold")
check(safe == cells, f"{safe} of {cells} open with weights_only=True")
