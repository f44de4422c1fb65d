"""modelopt_check.py RELEASE REPORT-GEN QCFG-BUILD RECIPE-SOLVE FOLDER: what test_modelopt.sh runs. Prints "ok - ..." and "not ok - ..." lines."""
import collections, contextlib, copy, io, itertools, json, subprocess, sys

import torch
import modelopt.torch.quantization as mtq
from modelopt.torch.quantization import config as mtq_config
from modelopt.torch.quantization.algorithms import QuantRecipe
from modelopt.torch.quantization.config import QuantizeConfig, QuantizerAttributeConfig

release, gen, qcfg_build, solve, folder = sys.argv[1:]
NONE = "NONE(effective-bits: 16.0)"
QUANTIZERS = ("*weight_quantizer", "*input_quantizer")
# Since 0.44 a configuration is a list of entries, and recipes are told apart by its JSON.
ENTRY = getattr(mtq_config, "QuantizerCfgEntry", None)
LISTED = isinstance(mtq.INT8_DEFAULT_CFG["quant_cfg"], list)
PYDANTIC = (QuantizeConfig, QuantizerAttributeConfig) + ((ENTRY,) if LISTED else ())


def check(good, what):
    print(("ok - " if good else "not ok - ") + what)


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


def as_modelopt(o):
    """A configuration from JSON: pairs of bits are tuples, axes of block_sizes integers."""
    if isinstance(o, dict):
        return {int(k) if k.lstrip("-").isdigit() else k: tuple(v) if k in ("num_bits", "scale_bits") and isinstance(v, list) else as_modelopt(v)
                for k, v in o.items()}
    return o


def listed(name, quantizer):
    """An entry of a list, from a quantizer as 0.40 has it: what is off has no cfg, all blocks have a type, and nvfp4 says its effective bits."""
    quantizer = dict(quantizer)
    if not quantizer.pop("enable", True):
        return {"quantizer_name": name, "enable": False}
    if "block_sizes" in quantizer:
        quantizer["block_sizes"] = {-1: quantizer["block_sizes"][-1], "type": "static", **quantizer["block_sizes"]}
    nvfp4 = {e["quantizer_name"]: e for e in mtq.NVFP4_DEFAULT_CFG["quant_cfg"]}["*weight_quantizer"]["cfg"]
    if quantizer.get("block_sizes") == nvfp4["block_sizes"]:
        quantizer.update({k: v for k, v in nvfp4.items() if k == "effective_bits"})
    return {"quantizer_name": name, "cfg": quantizer}


def configuration(qcfg):
    """ModelOpt's own preset with the two quantizers of a cell."""
    effective = qcfg["effective_quant_cfg"]
    quantizers = {k: as_modelopt(effective.get("quant_cfg", effective)[k]) for k in QUANTIZERS}
    preset = copy.deepcopy(getattr(mtq, qcfg["base_format"]))
    if LISTED:
        preset["quant_cfg"] = [listed(e["quantizer_name"], quantizers[e["quantizer_name"]]) if e["quantizer_name"] in QUANTIZERS else e
                               for e in preset["quant_cfg"]]
        return preset
    return {"quant_cfg": quantizers | {k: v for k, v in preset["quant_cfg"].items() if k not in QUANTIZERS}, "algorithm": preset["algorithm"]}


def write_cell(qcfg, layers, limit=None):
    """recipe-solve's and report-gen's files for a cell of these layers {name: (score, numel)}: the state's path, and what is kept."""
    w, a, g = qcfg["weight"], qcfg["activation"], qcfg["granularity"]
    scores = {"model": "toy", "weight": w, "activation": a, "granularity": g, "calibration_images": 10, "score_images": 2, "imgsz": 64, "qcfg": qcfg,
              "effective_bits": qcfg["effective_bits"],
              "layers": {n: {"score": s, "cost": e * qcfg["bits"] / 16, "none_cost": float(e)} for n, (s, e) in layers.items()}}
    with open(f"{folder}/scores.json", "w") as f:
        json.dump(scores, f)
    limits = [] if limit is None else ["--effective-bits", str(limit)]
    subprocess.run([solve, "--modelopt", release, *limits, f"{folder}/scores.json", "-o", f"{folder}/recipe.json"], check=True)
    subprocess.run([gen, "--modelopt", release, "--scores", f"{folder}/scores.json", "--recipe", f"{folder}/recipe.json", "-o", folder], check=True)
    with open(f"{folder}/recipe.json") as f:
        best = json.load(f)["best"]
    return f"{folder}/toy_w{w}_a{a}_{g}_autoquant_state.pt", best


class Toy(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = (torch.nn.Conv2d(i, o, k) for i, o, k in ((3, 8, 3), (8, 8, 1), (8, 4, 3)))

    def forward(self, x):
        return self.last(self.second(self.first(x)))


def resume(state, cfg, limit):
    """auto_quantize from a state; its loss must not be asked for, nor the model be run. awq asks for a batch whatever it is told: there is none."""
    def loss(*_):
        raise RuntimeError("it scores instead of resuming")

    def step(*_):
        raise RuntimeError("it runs the model")
    with contextlib.redirect_stdout(io.StringIO()):
        return mtq.auto_quantize(Toy().eval(), constraints={"effective_bits": limit}, quantization_formats=[cfg], data_loader=[],
                                 forward_step=step, loss_func=loss, num_calib_steps=0, num_score_steps=1, verbose=False, checkpoint=state)[1]


def chosen(best):
    return [str(v) for v in best["recipe"].values()]


layers = {"first": (0.5, 3 * 8 * 9), "second": (0.25, 64), "last": (8.0, 8 * 4 * 9)}
LIMIT = 13.0
cells = equal = safe = resumed = choices = again = 0
for w, a, g, f4, i4 in itertools.product(("int4", "int8", "fp4", "fp8"), ("int4", "int8", "fp4", "fp8", "fp16"), ("per_channel", "per_layer", "per_channel_weight"),
                                         ("nvfp4", "mxfp4"), ("blockwise", "awq", "axis")):
    made = subprocess.run([qcfg_build, "--weight", w, "--act", a, "--granularity", g, "--fp4-preset", f4, "--int4-preset", i4], capture_output=True, text=True)
    if made.returncode == 3:
        continue
    qcfg = json.loads(made.stdout)
    cfg = configuration(qcfg)
    recipe, none = QuantRecipe(cfg, name="CUSTOM_0"), QuantRecipe(None)
    path, best = write_cell(qcfg, layers, LIMIT)
    cells += 1
    with contextlib.ExitStack() as stack:
        if not LISTED:
            stack.enter_context(torch.serialization.safe_globals([QuantRecipe, QuantizeConfig, QuantizerAttributeConfig, collections.defaultdict, dict]))
        state = torch.load(path, weights_only=False)
        safe += flat(torch.load(path, weights_only=True)) == flat(state)
    stats = {f"{n}.quant_recipe": {"formats": [recipe, none], "scores": [s, 0], "costs": [e * recipe.compression, float(e)]} for n, (s, e) in layers.items()}
    ours = copy.deepcopy(state["candidate_stats"])
    for of in ours.values():
        of["formats"][0]._str_repr = recipe._str_repr if LISTED else of["formats"][0]._str_repr  # a preset that was copied has no name
    same = all(flat({k: ours[n][k] for k in of}) == flat(of) for n, of in stats.items()) and list(ours) == list(stats)
    if not LISTED:
        same &= flat(state["candidate_stats"]) == flat(collections.defaultdict(dict, stats))
    same &= all(state["best"]["recipe"][n] is of["formats"][str(state["best"]["recipe"][n]) == NONE] for n, of in state["candidate_stats"].items())
    same &= chosen(state["best"]) == list(best["recipe"].values()) and state["best"]["score"] == best["score"]
    equal += same
    if not same:
        print("#", w, a, g, f4, i4, "differs")
    before = flat(state)
    found = resume(path, cfg, LIMIT)
    resumed += found["candidate_stats"]["first.quant_recipe"]["scores"] == [0.5, 0]
    choices += [str(v) == NONE for v in found["best"]["recipe"].values()] == [v == NONE for v in best["recipe"].values()] \
        and abs(found["best"]["constraints"]["effective_bits"] - best["constraints"]["effective_bits"]) < 1e-12
    if hasattr(mtq, "get_auto_quantize_config") and LISTED:
        _, lower = write_cell(qcfg, layers, 10.0)
        names = {e["quantizer_name"].rpartition(".")[0] for e in mtq.get_auto_quantize_config(state, {"effective_bits": 10.0})["quant_cfg"]
                 if e.get("enable", True) and e["quantizer_name"].endswith("weight_quantizer")}
        again += names == {n for n, v in lower["recipe"].items() if v != NONE}
    if LISTED and (w, a, g, f4, i4) == ("fp4", "fp4", "per_layer", "nvfp4", "blockwise"):
        _, own = write_cell(qcfg, layers)
        check(own["constraints"]["effective_bits"] == recipe.compression * 16, f"fp4's own limit is {recipe.compression * 16} bits")
check(cells > 100 and equal == cells, f"{equal} of {cells} states equal what ModelOpt's own objects hold")
check(safe == cells, f"{safe} of {cells} open with weights_only=True")
check(resumed == cells, f"ModelOpt resumes {resumed} of {cells}, with the file's scores, without running the model")
check(choices == cells, f"{choices} of {cells} of its choices are ours, at our effective bits")
if LISTED:
    check(again == cells, f"{again} of {cells} are solved again for another limit as we do")
