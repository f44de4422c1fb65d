"""ModelOpt's configuration of a cell of the grid, from ModelOpt's own presets, as the driver that yolosens replaces built it."""
import copy

import modelopt.torch.quantization as mtq

FP4 = {"nvfp4": "NVFP4_DEFAULT_CFG", "mxfp4": "MXFP4_DEFAULT_CFG"}
# axis: no preset of ModelOpt's has such weights; they are INT8_DEFAULT_CFG's with 4 bits.
INT4 = {"blockwise": "INT4_BLOCKWISE_WEIGHT_ONLY_CFG", "awq": "INT4_AWQ_CFG", "axis": "INT8_DEFAULT_CFG"}
AXES = {"per_channel": (0, 1), "per_layer": (None, None), "per_channel_weight": (0, None)}
QUANTIZERS = ("*weight_quantizer", "*input_quantizer")
BITS = {"int4": 4.0, "int8": 8.0, "fp4": 4.0, "fp8": 11.0}


def preset_name(dtype, fp4, int4):
    return {"int8": "INT8_DEFAULT_CFG", "fp8": "FP8_DEFAULT_CFG", "fp4": FP4[fp4], "int4": INT4[int4]}[dtype]


def quantizers_of(preset):
    """{name: what it says} of the two quantizers: what patterns map to, or since 0.44 a list of entries."""
    quant_cfg = copy.deepcopy(preset["quant_cfg"])
    if isinstance(quant_cfg, dict):
        return {name: quant_cfg[name] for name in QUANTIZERS}
    return {e["quantizer_name"]: dict(e.get("cfg") or {}, **({} if e.get("enable", True) else {"enable": False}))
            for e in quant_cfg if e["quantizer_name"] in QUANTIZERS}


def with_quantizers(preset, quantizers):
    """The preset with these two."""
    if isinstance(preset["quant_cfg"], dict):
        return preset | {"quant_cfg": preset["quant_cfg"] | quantizers}

    def entry(name):
        q = dict(quantizers[name])
        return {"quantizer_name": name, "cfg": q} if q.pop("enable", True) else {"quantizer_name": name, "enable": False}
    return preset | {"quant_cfg": [entry(e["quantizer_name"]) if e["quantizer_name"] in QUANTIZERS else e for e in preset["quant_cfg"]]}


def build(weight, act, granularity, fp4="nvfp4", int4="blockwise"):
    """(name of the weights' preset, configuration). Raises ValueError for a granularity that formats with blocks do not have."""
    base = preset_name(weight, fp4, int4)
    cfg = copy.deepcopy(getattr(mtq, base))
    quantizers = quantizers_of(cfg)
    quantizers["*weight_quantizer"]["enable"] = True
    if weight == "int4" and int4 == "axis":
        quantizers["*weight_quantizer"]["num_bits"] = 4
    if act == "int4":
        quantizers["*input_quantizer"] = {"num_bits": 4, "axis": None, "enable": True}
    elif act == "fp16":
        quantizers["*input_quantizer"] = {"enable": False}
    elif act != weight:
        quantizers["*input_quantizer"] = quantizers_of(getattr(mtq, preset_name(act, fp4, int4)))["*input_quantizer"] | {"enable": True}
    for key, axis in zip(("*weight_quantizer", "*input_quantizer"), AXES[granularity]):
        if "block_sizes" not in quantizers[key]:
            quantizers[key]["axis"] = axis
        elif granularity != "per_layer":
            raise ValueError(f"{granularity} requires axis-based quantization but {key} uses block_sizes")
    return base, with_quantizers(cfg, quantizers)
