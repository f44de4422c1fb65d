"""runtime_check.py BUILD FOLDER: exports of two checkpoints before onnx.checker and ONNX Runtime. FOLDER may hold theirs-raw.onnx and
theirs-end2end.onnx, ultralytics' own exports of tiny.pt."""
import json
import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime

build, folder = sys.argv[1:]
tiny, n = "tests/ultralytics/tiny.pt", "tests/models/yolov10n.pt"
IMAGES = 100
# What damage may differ by. An input on the border between two codes falls to either side, and all behind sees that: on these images ONNX
# Runtime's own two ways of running one file differ by 5 %. KL sums of our float32 are off by up to FLOOR nats an image.
ALLOWED, FLOOR = 0.05, 8e-4
failed = 0


def ok(what, right):
    global failed
    failed += not right
    print("ok -" if right else "not ok -", what)


def tool(name, *words, **given):
    return subprocess.run([f"{build}/bin/{name}", *map(str, words)], check=True, capture_output=True, **given).stdout


def at(name):
    return os.path.join(folder, name)


def export(name, *words):
    tool("onnx-export", "-o", at(name), *words)
    onnx.checker.check_model(at(name), full_check=True)
    return at(name)


def run(path, images):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(["output0"], {"images": images})[0]


def ours(model, image):
    """y (4 + classes, cells) of one2many and one2one, decoded here from our forward's maps."""
    size = image.shape[-1]
    maps = np.frombuffer(subprocess.run([f"{build}/test/onnx/edit_maps", model, str(size)], check=True, capture_output=True,
                                        input=image.tobytes()).stdout, np.float32).astype(np.float64)
    graph = json.loads(tool("model-dump", "--size", size, model))["graph"]
    bins, classes, at, heads = graph["reg_max"], graph["classes"], 0, []
    for _ in range(2):
        boxes, scores = [], []
        for stride in graph["strides"]:
            side = int(size // stride)
            raw, at = maps[at:at + 4 * bins * side**2].reshape(4, bins, side * side), at + 4 * bins * side**2
            e = np.exp(raw - raw.max(1, keepdims=True))
            left, top, right, bottom = (e / e.sum(1, keepdims=True) * np.arange(bins)[None, :, None]).sum(1)
            x, y = (np.indices((side, side)) + 0.5)[::-1].reshape(2, -1)
            boxes.append(stride * np.stack([x + (right - left) / 2, y + (bottom - top) / 2, left + right, top + bottom]))
            raw, at = maps[at:at + classes * side**2].reshape(classes, -1), at + classes * side**2
            scores.append(1 / (1 + np.exp(-raw)))
        heads.append(np.concatenate([np.concatenate(boxes, 1), np.concatenate(scores, 1)]))
    assert at == maps.size
    return heads


def difference(a, b, size):
    """The largest, of boxes in the image's side, of probabilities as they are."""
    d = np.abs(a - b)
    return max(d[..., :4, :].max() / size, d[..., 4:, :].max())


def detections(y, most=300):
    """Ultralytics' choice: the cells of the largest probabilities, among their classes the largest."""
    k = min(most, y.shape[1])
    cells = np.sort(y[4:].max(0))[::-1]
    kept = y[:, y[4:].max(0) >= cells[k - 1]]
    return np.sort(kept[4:].ravel())[::-1][:k]


def check_detections(what, found, y, size):
    best = detections(y)
    ok(f"{what}: probabilities of the detections: off by {np.abs(found[:, 4] - best).max():.1e}", np.abs(found[:, 4] - best).max() <= 1e-4)
    x, yy, w, h = y[:4]
    corners = np.stack([x - w / 2, yy - h / 2, x + w / 2, yy + h / 2])
    worst = max(np.maximum(np.abs(corners - row[:4, None]).max(0) / size, np.abs(y[4 + int(row[5])] - row[4])).min() for row in found)
    ok(f"{what}: each is a cell's box and class: off by {worst:.1e}", worst <= 1e-4)


def check_float(model, size, images):
    name = os.path.basename(model)
    heads = [ours(model, image) for image in images]
    for k, head in enumerate(("one2many", "one2one")):
        path = export("float.onnx", "-m", model, "-S", size, "--head", head)
        worst = max(difference(run(path, image[None])[0], h[k], size) for image, h in zip(images, heads))
        ok(f"{name}, {head}: output0 is our own forward's: off by {worst:.1e} of 1e-4", worst <= 1e-4)
    path = export("all.onnx", "-m", model, "-S", size, "-b", "dynamic")
    worst = difference(run(path, images), np.stack([h[1] for h in heads]), size)
    ok(f"{name}: {len(images)} images at a time: off by {worst:.1e} of 1e-4", worst <= 1e-4)
    for batch in ("1", "dynamic"):
        path = export("end.onnx", "-m", model, "-S", size, "-e", "-b", batch)
        taken = images if batch == "dynamic" else images[:1]
        for i, found in enumerate(run(path, taken)):
            check_detections(f"{name}, image {i}, batch {batch}", found, heads[i][1], size)


def check_fixture(name, words, first):
    """The outputs of a network that makes more than boxes are the leaves, from `first` on, that tests/ultralytics has of it."""
    with open(f"tests/ultralytics/{name}.json") as f:
        size = json.load(f)["size"]
    leaves = np.fromfile(f"tests/ultralytics/{name}.leaves", np.float32)
    i = np.arange(3 * size**2, dtype=np.uint64)
    image = (((i * 2654435761) % 2**32 >> 8) / 2**24).astype(np.float32).reshape(1, 3, size, size)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    path = export(f"{name}.onnx", "-m", f"tests/ultralytics/{name}.pt", "-S", size, *words)
    made = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(None, {"images": image})
    want = [leaves[first:first + made[0].size], *(leaves[-v.size:] for v in made[1:])]
    for k, (a, b) in enumerate(zip(made, want)):
        off = np.linalg.norm(a.ravel() - b) / np.linalg.norm(b)
        ok(f"{name} {' '.join(words)}: output{k} {a.shape} is ultralytics': off by {off:.1e} of 1e-5", off <= 1e-5)


def damage(truth, other):
    """damage.md's class_kl and box_loss."""
    kl, iou = [], []
    for p, q in zip(truth, other):
        a, b = (np.clip(v[4:].astype(np.float64), 1e-6, 1 - 1e-6) for v in (p, q))
        kl.append((a * np.log(a / b) + (1 - a) * np.log((1 - a) / (1 - b))).sum())
        sure = p[4:].max(0) > 0.25
        s, t = p[:4, sure].astype(np.float64), q[:4, sure].astype(np.float64)
        low = np.maximum(s[:2] - s[2:] / 2, t[:2] - t[2:] / 2)
        high = np.minimum(s[:2] + s[2:] / 2, t[:2] + t[2:] / 2)
        both = np.maximum(high - low, 0).prod(0)
        iou += list(1 - both / (s[2:].prod(0) + t[2:].prod(0) - both))
    return np.mean(kl), np.mean(iou)


def check_nodes(weight, act, granularity, quantizers, fold=()):
    """All layers of a cell quantized; the file's name."""
    cell, size = f"{weight}-{act} {granularity}{', folded first' if fold else ''}", 640
    amax = at("folded" if fold else "amax")
    tool("qcfg-build", "-w", weight, "-a", act, "-g", granularity, "-o", at("q.json"))
    tool("sens-score", "-m", n, "-c", at("calib"), "-a", amax, "-n", 1, "--objectives", "modelopt", *fold, at("q.json"), "-o", at("s.json"))
    tool("recipe-solve", "-e", 8, at("s.json"), "-o", at("r.json"))
    path = export("q.onnx", "-m", n, "-S", size, "-a", amax, "-r", at("r.json"), *fold)
    types = [node.op_type for node in onnx.load(path).graph.node]
    ok(f"{cell}: nodes of {types.count('Conv')} convolutions", [types.count(t) for t in ("QuantizeLinear", "DequantizeLinear")] == quantizers)
    return path


def check_quantized(weight, act, quantizers, allowed=ALLOWED):
    """What ONNX Runtime's outputs are worth beside what damage-measure says of the same layers, ranges and images, of the folded network."""
    path = check_nodes(weight, act, "per_channel_weight", quantizers, ["--fold"])
    tool("damage-measure", "-m", n, "-c", at("calib"), "-a", at("folded"), "-l", "calib/quant100.txt", "-n", IMAGES, "--fold", "--mixes", at("r.json"),
         "-o", at("m.json"))
    with open(at("m.json")) as f:
        want = json.load(f)["mixes"][0]
    got = damage([run(at("n.onnx"), i[None])[0] for i in images], [run(path, i[None])[0] for i in images])
    for key, value, floor in zip(("class_kl", "box_loss"), got, (FLOOR, 0)):
        off = max(abs(value - want[key]) - floor, 0) / want[key]
        ok(f"{weight}-{act}: {key} {value:.5g}, by damage-measure {want[key]:.5g}: off by {off:.1%} of {allowed:.1%}", off <= allowed)


def check_theirs(form, words):
    """Ours and ultralytics' own export of tiny.pt."""
    path = at(f"theirs-{form}.onnx")
    if not os.path.exists(path):
        return
    theirs, mine = onnx.load(path), onnx.load(export("mine.onnx", "-m", tiny, "-S", 96, *words))
    kinds = {node.name: node.op_type for node in theirs.graph.node}
    ok(f"{form}: {len(mine.graph.node)} nodes are ultralytics', by name and kind", all(kinds.get(k.name) == k.op_type for k in mine.graph.node))
    convs = {node.name for node in mine.graph.node if node.op_type == "Conv"}
    ok(f"{form}: {len(convs)} convolutions are all of its", convs == {k for k, kind in kinds.items() if kind == "Conv"})
    same = {node.output[0]: node.input[0] for node in theirs.graph.node if node.op_type == "Identity"}
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in theirs.graph.initializer}
    worst = count = 0
    for t in mine.graph.initializer:
        if t.name.endswith((".weight", ".bias")):
            v = weights[same.get(t.name, t.name)]
            worst, count = max(worst, np.abs(onnx.numpy_helper.to_array(t) - v).max() / np.abs(v).max()), count + 1
    ok(f"{form}: {count} weights and biases are its: off by {worst:.1e} of 1e-6", worst <= 1e-6)
    told = {p.key: p.value for p in theirs.metadata_props}
    ok(f"{form}: metadata are its", all(told[p.key] == p.value for p in mine.metadata_props))
    image = images[:1, :, :96, :96]
    a, b = run(at("mine.onnx"), image), run(path, image)
    if form == "end2end":
        a, b = (np.sort(v[..., 4], 1)[..., None] for v in (a, b))
        worst = np.abs(a - b).max()
    else:
        worst = difference(a, b, 96)
    ok(f"{form}: output0 is its: {a.shape}, off by {worst:.1e} of 1e-5", a.shape == b.shape and worst <= 1e-5)


tool("calib-prep", "-l", "calib/quant100.txt", "--count", IMAGES, "--size", 640, "-o", at("calib"))
tool("calib-stats", "-m", n, "-c", at("calib"), "-o", at("amax"))
tool("calib-stats", "-m", n, "-c", at("calib"), "--fold", "-o", at("folded"))
tool("calib-prep", "-l", "calib/quant100.txt", "--count", IMAGES, "--size", 640, "--npy", "-o", at("images.npy"))
images = np.load(at("images.npy"))

check_float(n, 320, np.ascontiguousarray(images[:3, :, ::2, ::2]))
check_float(tiny, 96, np.ascontiguousarray(images[:3, :, :96, :96]))
export("n.onnx", "-m", n, "-S", 640, "--fold")
check_quantized("int8", "fp16", [0, 83], 0.001)
check_quantized("int8", "int8", [83, 166])
check_quantized("fp8", "fp8", [83, 166])
check_nodes("int8", "fp16", "per_channel", [0, 83])
check_nodes("int8", "int8", "per_layer", [83, 166])
check_fixture("tiny-segment", [], 0)
check_fixture("tiny-pose", [], 0)
check_fixture("tiny-obb", [], 0)
for kind in "segment", "pose", "obb":
    check_fixture(f"tiny-{kind}26", ["--head", "one2many"], 0)
check_theirs("raw", ["--head", "one2many"])
check_theirs("end2end", ["-e"])
sys.exit(failed > 0)
