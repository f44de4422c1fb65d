"""network_check.py BIN FOLDER SHARED: what test_modelopt_network.sh runs. Prints "ok - ...", "not ok - ..." and "# skip" lines."""
import copy
import hashlib
import itertools
import json
import os
import subprocess
import sys

import torch

sys.path.insert(0, "bench/modelopt")
import cell
import graph_module
import images
import quant_config

tools, folder, shared = sys.argv[1:]
ALLOWED = 1e-4  # relative, as for our own network


def check(good, what):
    print(("ok - " if good else "not ok - ") + what)


class Worst:
    def __init__(self):
        self.error, self.what = 0.0, "nothing"

    def see(self, error, what):
        if not error <= self.error:
            self.error, self.what = error, what

    def check(self, what):
        check(self.error <= ALLOWED, f"{what}: worst error {self.error:.2g} of {ALLOWED} allowed ({self.what})")


def compare_values(worst, name, values, l2_squared, first):
    """first: the leading values, judged against the root mean square."""
    v = values.detach().double().flatten()
    worst.see(abs((v * v).sum().item() / l2_squared - 1), f"{name} norm")
    rms = (l2_squared / len(v)) ** 0.5
    for a, b in zip(v[: len(first)].tolist(), first):
        worst.see(abs(a - b) / rms, f"{name} first values")


def compare(model, path, trace):
    dump = json.loads(subprocess.run([f"{tools}/model-dump", path], capture_output=True, check=True).stdout)
    net = graph_module.load(dump, path)
    seen = {}

    def remember(name):
        def hook(module, x, y):
            if name not in seen:
                y.retain_grad()
                seen[name] = (x[0], y)
        return hook

    convs = {n: m for n, m in net.named_modules() if isinstance(m, torch.nn.Conv2d)}
    for name, m in convs.items():
        m.register_forward_hook(remember(name))
    output = net(torch.from_numpy(images.letterbox("calib/images/" + trace["image"], 640)).float()[None] / 255)
    loss = cell.loss(output, None)
    loss.backward()
    check(list(convs) == list(dump["graph"]["convs"]), f"{model}: {len(convs)} convolutions, in the module tree's order")
    check(list(seen) == trace["execution_order"], f"{model}: order of execution")
    worst, shapes = Worst(), 0
    for name, (x, y) in seen.items():
        t = trace["convs"][name]
        shapes += list(x.shape) == t["x_shape"] and list(y.shape) == t["y_shape"]
        compare_values(worst, name, y, t["y_l2"] ** 2, t["y_first"])
        worst.see(abs(y.double().sum().item() - t["y_sum"]) / (t["y_l2"] * y.numel() ** 0.5), f"{name} sum")
        worst.see(abs(y.grad.double().norm().item() / t["g_l2"] - 1), f"{name} gradient")
        worst.see(abs(x.abs().max().item() / t["x_amax_image1"] - 1), f"{name} amax of x")
    check(shapes == len(trace["convs"]), f"{model}: shapes")
    worst.check(f"{model}: convolutions")
    worst = Worst()
    leaves = cell.leaves(output)
    check([list(v.shape) for v in leaves] == [t["shape"] for t in trace["leaves"]], f"{model}: shapes of {len(leaves)} leaves")
    for v, t in zip(leaves, trace["leaves"]):
        compare_values(worst, t["path"], v, t["mean_square"] * v.numel(), t["first"])
    worst.see(abs(loss.item() / trace["loss"] - 1), "loss")
    worst.check(f"{model}: leaves and loss")
    return dump


torch.set_num_threads(2)
for model, path, where in (("yolov10n", "tests/models/yolov10n.pt", "tests"), ("yolov10s", f"{shared}/models/yolov10s.pt", shared),
                           ("yolov10m", f"{shared}/models/yolov10m.pt", shared)):
    where = f"{where}/reference/trace/{model}.json"
    if os.path.exists(path) and os.path.exists(where):
        with open(where) as f:
            dump = compare(model, path, json.load(f))
    else:
        print(f"# skip {model}: its checkpoint and trace are not here")

path = "tests/models/yolov10n.pt"
dump = json.loads(subprocess.run([f"{tools}/model-dump", path], capture_output=True, check=True).stdout)
altered = copy.deepcopy(dump)
altered["graph"]["bns"][3]["mean_sha256"] = "0" * 64
try:
    graph_module.load(altered, path)
    check(False, "weights that are not those of the dump are refused")
except ValueError as e:
    check(dump["graph"]["bns"][3]["name"] + ".running_mean" in str(e), f"weights that are not those of the dump are refused: {e}")

for size in (320, 416, 640):
    with open(f"tests/image/letterbox-{size}.json") as f:
        digests = json.load(f)
    good = sum(hashlib.sha256(images.letterbox(f"calib/images/{name}", size).tobytes()).hexdigest() == d["letterbox_chw_u8_sha256"]
               for name, d in digests.items())
    check(good == len(digests) == 100, f"{good} of {len(digests)} images are letterboxed as the reference's, {size} pixels")


def plain(o):
    """As JSON gives it back."""
    return json.loads(json.dumps({str(k): plain(v) for k, v in o.items()} if isinstance(o, dict) else o))


def spelled(quantizers):
    """Quantizers without what says nothing, which releases of ModelOpt write or leave out."""
    plain_q = {name: q if q.get("enable", True) else {"enable": False} for name, q in plain(quantizers).items()}
    for q in plain_q.values():
        for key, value in (("enable", True), ("axis", None)):
            if q.get(key, 0) == value:
                del q[key]
        q.pop("effective_bits", None)
        if q.get("block_sizes", {}).get("type") == "static":
            del q["block_sizes"]["type"]
    return plain_q


def is_of(cfg, effective):
    """Whether a configuration is that of qcfg-build, which writes it as ModelOpt did up to 0.42."""
    if isinstance(cfg["quant_cfg"], dict) and plain(cfg) == effective:
        return True
    ours = effective.get("quant_cfg", effective)
    return spelled(quant_config.quantizers_of(cfg)) == spelled({name: ours[name] for name in quant_config.QUANTIZERS})


made = equal = 0
for w, a, g, fp4, int4 in itertools.product(("int4", "int8", "fp4", "fp8"), ("int4", "int8", "fp4", "fp8", "fp16"), ("per_channel", "per_layer", "per_channel_weight"),
                                            ("nvfp4", "mxfp4"), ("blockwise", "awq", "axis")):
    p = subprocess.run([f"{tools}/qcfg-build", "--weight", w, "--act", a, "--granularity", g, "--fp4-preset", fp4, "--int4-preset", int4],
                       capture_output=True, text=True)
    try:
        base, cfg = quant_config.build(w, a, g, fp4, int4)
    except ValueError:
        made, equal = made + 1, equal + (p.returncode == 3)
        continue
    q = json.loads(p.stdout)
    same = p.returncode == 0 and q["base_format"] == base and is_of(cfg, q["effective_quant_cfg"]) and q["effective_bits"] == quant_config.BITS[w]
    made, equal = made + 1, equal + same
    if not same:
        print("#", w, a, g, fp4, int4, "differs:", plain(cfg), q.get("effective_quant_cfg"))
check(made == 360 and equal == made, f"{equal} of {made} configurations are those of qcfg-build")
