"""modelopt_check.py RELEASE WHICH REPORT-GEN QCFG-BUILD RECIPE-SOLVE FOLDER: what modelopt.sh runs, RELEASE being a word
of releases.def and WHICH all configurations or each format once. Prints "ok - ..." and "not ok - ..." lines."""
import collections, contextlib, copy, io, itertools, json, os, subprocess, sys

import torch
import modelopt
import modelopt.torch.quantization as mtq
from modelopt.torch.quantization import config as mtq_config
from modelopt.torch.quantization.algorithms import QuantRecipe
from modelopt.torch.quantization.config import QuantizeConfig, QuantizerAttributeConfig

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../bench/modelopt"))
import quant_config

release, which, gen, qcfg_build, solve, folder = sys.argv[1:]
NONE = "NONE(effective-bits: 16.0)"
# Since 0.44 a configuration is a list of entries, and a state opens with weights_only=True; since 0.45 these are objects.
LISTED = isinstance(mtq.INT8_DEFAULT_CFG["quant_cfg"], list)
ENTRY = getattr(mtq_config, "QuantizerCfgEntry", dict)
PYDANTIC = (QuantizeConfig, QuantizerAttributeConfig) + ((ENTRY,) if hasattr(ENTRY, "model_fields") else ())
SAFE = [] if LISTED else [QuantRecipe, QuantizeConfig, QuantizerAttributeConfig, collections.defaultdict, dict]


def check(good, what):
    print(("ok - " if good else "not ok - ") + f"ModelOpt {modelopt.__version__}: {what}", flush=True)


def flat(o):
    """Types, values and order of everything below o; sets without order."""
    if isinstance(o, (QuantRecipe, *PYDANTIC)):
        extra = [] if isinstance(o, QuantRecipe) else [sorted(o.__pydantic_fields_set__), o.__pydantic_extra__, o.__pydantic_private__]
        return type(o).__name__, [(k, flat(v)) for k, v in o.__dict__.items()], extra
    if isinstance(o, dict):
        return type(o).__name__, [(k, flat(v)) for k, v in o.items()]
    if isinstance(o, (list, tuple)):
        return type(o).__name__, [flat(v) for v in o]
    return type(o).__name__, o


def configuration(qcfg, preset):
    """ModelOpt's own preset with the two quantizers of a cell, each said as its presets say them."""
    cfg = copy.deepcopy(preset)
    effective = qcfg["effective_quant_cfg"]
    quantizers = {}
    for name in quant_config.QUANTIZERS:
        q = dict(effective.get("quant_cfg", effective)[name])
        q = {k: tuple(v) if isinstance(v, list) else v for k, v in q.items()}
        if "block_sizes" in q:
            blocks = {int(k) if k == "-1" else k: tuple(v) if isinstance(v, list) else v for k, v in q["block_sizes"].items()}
            of_nvfp4 = quant_config.quantizers_of(mtq.NVFP4_DEFAULT_CFG)["*weight_quantizer"]
            if blocks == of_nvfp4["block_sizes"]:
                q |= of_nvfp4
                if "axis" not in of_nvfp4:
                    q.pop("axis", None)
            elif "type" in quant_config.quantizers_of(mtq.INT4_BLOCKWISE_WEIGHT_ONLY_CFG)["*weight_quantizer"]["block_sizes"]:
                blocks = {-1: blocks.pop(-1), "type": "static", **blocks}
            q["block_sizes"] = blocks
        if LISTED and q.get("enable", True):
            q.pop("enable", None)
        quantizers[name] = q
    return quant_config.with_quantizers(cfg, quantizers)


def write_cell(qcfg, layers, limit=None):
    """recipe-solve's and report-gen's files for a cell of these layers {name: (score, numel)}: the state's path, and what was chosen."""
    w, a, g = qcfg["weight"], qcfg["activation"], qcfg["granularity"]
    scores = {"model": "toy", "weight": w, "activation": a, "granularity": g, "calibration_images": 10, "score_images": 2, "imgsz": 64, "qcfg": qcfg,
              "effective_bits": qcfg["effective_bits"],
              "layers": {n: {"score": s, "cost": e * qcfg["bits"] / 16, "none_cost": float(e)} for n, (s, e) in layers.items()}}
    with open(f"{folder}/scores.json", "w") as f:
        json.dump(scores, f)
    limits = [] if limit is None else ["--effective-bits", str(limit)]
    subprocess.run([solve, "--modelopt", release, *limits, f"{folder}/scores.json", "-o", f"{folder}/recipe.json"], check=True)
    subprocess.run([gen, "--scores", f"{folder}/scores.json", "--recipe", f"{folder}/recipe.json", "-o", folder], check=True)
    with open(f"{folder}/recipe.json") as f:
        best = json.load(f)["best"]
    return f"{folder}/toy_w{w}_a{a}_{g}_autoquant_state.pt", best


class Toy(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = (torch.nn.Conv2d(i, o, k) for i, o, k in ((3, 8, 3), (8, 8, 1), (8, 4, 3)))

    def forward(self, x):
        return self.last(self.second(self.first(x)))


class Untouched:
    """A data loader that fails when it is asked for anything."""

    def __iter__(self):
        return self

    def _touched(self, *_):
        raise RuntimeError("it asks for images")
    __getitem__ = __next__ = _touched


def resume(path, formats, limit, awq=False):
    """auto_quantize from a state; its loss must not be asked for, nor the model be run. awq asks for a batch whatever it is told: there is none."""
    def loss(*_):
        raise RuntimeError("it scores instead of resuming")

    def step(*_):
        raise RuntimeError("it runs the model")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return mtq.auto_quantize(Toy().eval(), constraints={"effective_bits": limit}, quantization_formats=formats, data_loader=[] if awq else Untouched(),
                                 forward_step=step, loss_func=loss, num_calib_steps=0, num_score_steps=1, verbose=False, checkpoint=path)[1]


def load(path, weights_only=True):
    with torch.serialization.safe_globals(SAFE):
        return torch.load(path, weights_only=weights_only)


def kept(best):
    return [str(v) == NONE for v in best["recipe"].values()]


def asked():
    """(weight, activation, granularity, fp4, int4) of every configuration, or of each format once."""
    for w, a, g, fp4, int4 in itertools.product(("int4", "int8", "fp4", "fp8"), ("int4", "int8", "fp4", "fp8", "fp16"),
                                                ("per_channel", "per_layer", "per_channel_weight"), ("nvfp4", "mxfp4"), ("blockwise", "awq", "axis")):
        usual = g == "per_layer" and (fp4 == "nvfp4" or "fp4" in (w, a)) and (int4 == "blockwise" or w == "int4")
        axes = (w, a, fp4, int4) == ("int8", "int8", "nvfp4", "blockwise")
        if which == "all" or usual or axes:
            yield w, a, g, fp4, int4


layers = {"first": (0.5, 3 * 8 * 9), "second": (0.25, 64), "last": (8.0, 8 * 4 * 9)}
LIMIT, OTHER = 13.0, 10.0
cells = equal = safe = resumed = choices = again = 0
for w, a, g, fp4, int4 in asked():
    made = subprocess.run([qcfg_build, "--weight", w, "--act", a, "--granularity", g, "--fp4-preset", fp4, "--int4-preset", int4], capture_output=True, text=True)
    if made.returncode == 3:
        continue
    qcfg = json.loads(made.stdout)
    preset = getattr(mtq, qcfg["base_format"])
    recipe, none = QuantRecipe(configuration(qcfg, preset), name="CUSTOM_0"), QuantRecipe(None)
    path, best = write_cell(qcfg, layers, LIMIT)
    cells += 1
    state = load(path, weights_only=False)
    safe += flat(load(path)) == flat(state)
    # Every object is ModelOpt's own; but for the name, which until 0.45 tells recipes apart and is ours to choose.
    ours = copy.deepcopy(state["candidate_stats"])
    name = str(ours["first.quant_recipe"]["formats"][0])
    recipe._str_repr = name
    stats = {f"{n}.quant_recipe": {"formats": [recipe, none], "scores": [s, 0], "costs": [e * recipe.compression, float(e)]} for n, (s, e) in layers.items()}
    same = all(flat({k: ours[n][k] for k in of}) == flat(of) for n, of in stats.items()) and list(ours) == list(stats)
    same &= type(ours) is (dict if LISTED else collections.defaultdict) and name.endswith(f"(effective-bits: {recipe.compression * 16})")
    same &= all(state["best"]["recipe"][n] is of["formats"][kept_one] for (n, of), kept_one in zip(state["candidate_stats"].items(), kept(state["best"])))
    same &= [str(v) for v in state["best"]["recipe"].values()] == list(best["recipe"].values()) and state["best"]["score"] == best["score"]
    equal += same
    if not same:
        print("#", w, a, g, fp4, int4, "differs:", flat(ours["first.quant_recipe"]), flat(stats["first.quant_recipe"]))
    # As README.md has it: the configuration that the recipe holds, but for what ModelOpt adds itself. Until 0.45 its name must be the
    # recipe's, which is that of a preset's or CUSTOM_0.
    named = state["candidate_stats"]["first.quant_recipe"]["formats"][0]
    config = named.config.model_dump()
    if LISTED:
        config["quant_cfg"].pop()
    formats = [config if hasattr(named, "_config_signature") else getattr(mtq, name.split("(")[0], config)]
    try:
        found = resume(path, formats, LIMIT, "awq" in str(named.config.algorithm))
    except (AssertionError, RuntimeError, ValueError) as e:
        print("#", w, a, g, fp4, int4, "does not resume:", repr(e)[:300])
        continue
    resumed += found["candidate_stats"]["first.quant_recipe"]["scores"] == [0.5, 0]
    choices += kept(found["best"]) == kept(best) and abs(found["best"]["constraints"]["effective_bits"] - best["constraints"]["effective_bits"]) < 1e-12
    if hasattr(mtq, "get_auto_quantize_config"):
        _, other = write_cell(qcfg, layers, OTHER)
        quant_cfg = mtq.get_auto_quantize_config(state, {"effective_bits": OTHER})["quant_cfg"]
        # It names the layers that are to be quantized, though 0.44 says of them what its presets say of nn.BatchNorm1d: off.
        names = {e["quantizer_name"] for e in quant_cfg} if isinstance(quant_cfg, list) else set(quant_cfg)
        again += {n.removesuffix(".weight_quantizer") for n in names if n.endswith(".weight_quantizer")} == {n for n, v in other["recipe"].items() if v != NONE}
    if (w, a, g, fp4, int4) == ("fp4", "fp4", "per_layer", "nvfp4", "blockwise"):
        path, own = write_cell(qcfg, layers)
        own_bits = own["constraints"]["effective_bits"]
        check(own_bits == recipe.compression * 16, f"fp4's own limit is the format's size, {recipe.compression * 16} bits")
        check(resume(path, formats, own_bits)["best"]["constraints"]["effective_bits"] == own_bits, "which its solver accepts")
        try:
            resume(path, formats, own_bits - 0.01)
            check(False, "it accepts less")
        except (AssertionError, ValueError):
            check(True, "and no less")
if hasattr(QuantRecipe(None), "_config_signature"):
    # The lines of README.md, on a copy, since ModelOpt writes the file anew.
    with open("README.md") as f:
        (lines,) = [block.split("```")[0] for block in f.read().split("```python\n")[1:] if "auto_quantize(" in block]
    qcfg = json.loads(subprocess.run([qcfg_build, "--weight", "int8", "--act", "fp8", "--granularity", "per_channel_weight"], capture_output=True, text=True,
                                     check=True).stdout)
    path, _ = write_cell(qcfg, layers, 9)
    names = {"state": path, "model": Toy().eval()}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        exec(lines, names)
    _, best = write_cell(qcfg, layers, 9)
    check(len(lines.splitlines()) == 5 and kept(names["found"]["best"]) == kept(best), "the five lines of README.md resume")
check(cells >= 20 and equal == cells, f"{equal} of {cells} states equal what its own objects hold")
check(safe == cells, f"{safe} of {cells} open with weights_only=True")
check(resumed == cells, f"{resumed} of {cells} are resumed with the file's scores, and no image is asked for")
check(choices == cells, f"{choices} of {cells} of its choices are ours, at our effective bits")
if hasattr(mtq, "get_auto_quantize_config"):
    check(again == cells, f"{again} of {cells} are solved again for another limit as we do")
