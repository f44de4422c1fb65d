"""make.py FOLDER [own|tiny|families IMAGES|kin IMAGES|trained DATASET]: checkpoints as PyPI's ultralytics saves them, and what they compute
by its own modules.

own (the default): its yolov10n, in the forms in which checkpoints are kept, of other sizes, classes and activations; and models that are
refused. tiny: small networks of every module kind. families: YOLOv8, 11, 12 and 26, n to x, with random weights and the BatchNorm
statistics of the pictures of the folder IMAGES (FAMILIES and SIZES in the environment choose some). kin: other networks of the same
module kinds, made so. trained: n of each family, after some epochs of ultralytics' trainer on DATASET/images and DATASET/labels.

NAME.pt with NAME.json, {"size", "classes", "loss", "rounding", "convs": {NAME: {"norm", "rms", "first"}}}: of every convolution's output for one image
(NAME.image, float32, where that is; else pixel i is (2654435761 i mod 2^32) / 2^32, cut to 24 bits), run after run where it runs twice;
and NAME.leaves, the leaves in double precision, rounded, by which those in float32 are off by "rounding". NAME.pt with NAME.txt: words
that its refusal holds. The network is in eval mode, with both heads; weights and BatchNorm statistics of own and tiny are random
numbers of few bits."""
import copy
import json
import os
import shutil
import sys
import warnings

import torch
import ultralytics
from ultralytics import RTDETR, YOLO, YOLOWorld
from ultralytics.nn.tasks import DetectionModel, OBBModel, PoseModel, SegmentationModel, yaml_model_load

warnings.simplefilter("ignore")
CONVOLUTIONS = torch.nn.Conv2d, torch.nn.ConvTranspose2d
MODELS = os.path.join(os.path.dirname(ultralytics.__file__), "cfg", "models")
TINY = {
    "nc": 2, "scales": {"n": [0.34, 0.125, 1024]}, "scale": "n",
    "backbone": [[-1, 1, "Conv", [64, 3, 2]], [-1, 1, "Conv", [128, 3, 2]], [-1, 3, "C2f", [128, True]], [-1, 1, "SCDown", [128, 3, 2]],
                 [-1, 3, "C2fCIB", [128, True, True]], [-1, 1, "SCDown", [256, 3, 2]], [-1, 1, "SPPF", [256, 5]], [-1, 1, "PSA", [256]]],
    "head": [[-1, 1, "nn.Upsample", [None, 2, "nearest"]], [[-1, 4], 1, "Concat", [1]], [-1, 3, "C2f", [128]],
             [-1, 1, "SCDown", [128, 3, 2]], [[-1, 7], 1, "Concat", [1]], [-1, 3, "C2fCIB", [256, True, False]],
             [[10, 13], 1, "v10Detect", ["nc"]]]}


# The kinds of YOLO11 and 12 with one head, gamma and areas among them; and YOLO26's with its two.
TINY_ONE_HEAD = {
    "nc": 2, "scales": {"n": [0.34, 0.125, 1024]}, "scale": "n",
    "backbone": [[-1, 1, "Conv", [64, 3, 2]], [-1, 1, "Conv", [128, 3, 2]], [-1, 1, "C3k2", [128, False, 0.25]], [-1, 1, "Conv", [512, 3, 2]],
                 [-1, 1, "A2C2f", [512, True, 4, True, 1.2]], [-1, 1, "Conv", [256, 3, 2]], [-1, 1, "C3k2", [256, True]], [-1, 1, "C2PSA", [256]]],
    "head": [[-1, 1, "nn.Upsample", [None, 2, "nearest"]], [[-1, 4], 1, "Concat", [1]], [-1, 1, "A2C2f", [512, False, -1]],
             [[10, 7], 1, "Detect", ["nc"]]]}
TINY_END2END = {
    "nc": 2, "scales": {"n": [0.34, 0.125, 1024]}, "scale": "n", "end2end": True, "reg_max": 1,
    "backbone": [[-1, 1, "Conv", [64, 3, 2]], [-1, 1, "Conv", [128, 3, 2]], [-1, 1, "C3k2", [128, False, 0.25]], [-1, 1, "Conv", [256, 3, 2]],
                 [-1, 1, "C3k2", [256, True]], [-1, 1, "Conv", [256, 3, 2]], [-1, 1, "SPPF", [256, 5, 3, True]], [-1, 1, "C2PSA", [256]]],
    "head": [[-1, 1, "nn.Upsample", [None, 2, "nearest"]], [[-1, 4], 1, "Concat", [1]], [-1, 1, "C3k2", [256, True, 0.5, True]],
             [[10, 7], 1, "Detect", ["nc"]]]}


def with_head(config, kind, *args):
    """The same network under another head."""
    changed = copy.deepcopy(config)
    changed["head"][-1][2:] = [kind, ["nc", *args]]
    return changed


SMALL = {**TINY_END2END, "end2end": False, "reg_max": 16}
TINY_SEGMENT, TINY_SEGMENT26 = with_head(SMALL, "Segment", 8, 64), with_head(TINY_END2END, "Segment26", 8, 64)
TINY_POSE, TINY_POSE26 = with_head(SMALL, "Pose", [5, 3]), with_head(TINY_END2END, "Pose26", [5, 2])
TINY_OBB, TINY_OBB26 = with_head(SMALL, "OBB", 1), with_head(TINY_END2END, "OBB26", 1)
for config, shape in (TINY_POSE, [5, 3]), (TINY_POSE26, [5, 2]):
    config["kpt_shape"] = shape
MODELS_OF = {"Segment": SegmentationModel, "Segment26": SegmentationModel, "Pose": PoseModel, "Pose26": PoseModel, "OBB": OBBModel, "OBB26": OBBModel}


def settled(net, seed=0):
    """Random weights of few bits, so that the file packs well, and BatchNorm statistics that keep values near 1."""
    g = torch.Generator().manual_seed(seed)
    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            n = m.num_features
            m.running_mean.copy_(torch.randint(-4, 5, (n,), generator=g) / 32)
            m.running_var.copy_(torch.randint(16, 48, (n,), generator=g) / 32)
            m.weight.data.copy_(torch.randint(24, 40, (n,), generator=g) / 32)
            m.bias.data.copy_(torch.randint(-4, 5, (n,), generator=g) / 32)
        elif isinstance(m, CONVOLUTIONS) and m.weight.requires_grad:  # not the DFL's, which holds 0 .. 15
            fan_in = m.in_channels // m.groups * (m.weight[0][0].numel() if isinstance(m, torch.nn.Conv2d) else 1)
            unit = 2.0 ** round(torch.tensor(0.6 / fan_in**0.5).log2().item())
            m.weight.data.copy_(torch.randint(-3, 4, m.weight.shape, generator=g) * unit)
    if hasattr(net.model[-1], "cv4"):  # some cells are sure of a class, so that there is what to measure masks, points and angles on
        for name in "cv3", "one2one_cv3":
            for branch in getattr(net.model[-1], name, []):
                branch[-1].bias.data.fill_(-1)
    return net


def model(config, classes, **changes):
    if isinstance(config, str):
        config = yaml_model_load(os.path.join(MODELS, config))
    kind = MODELS_OF.get(config["head"][-1][2], DetectionModel)
    return settled(kind({**copy.deepcopy(config), **changes}, ch=3, nc=classes, verbose=False))


def as_trained(net, where="ema", half=True):
    """The dictionary that ultralytics' trainer saves."""
    kept = copy.deepcopy(net).half() if half else copy.deepcopy(net)
    return {"epoch": 3, "best_fitness": 0.5, "model": kept if where == "model" else None, "ema": kept if where == "ema" else None,
            "updates": 7, "optimizer": {"state": {}, "param_groups": [{"lr": 0.01}]}, "scaler": {},
            "train_args": {"model": "yolov10n.yaml", "epochs": 3, "lr0": 0.01, "classes": None}, "train_metrics": {"fitness": 0.5},
            "train_results": {"epoch": [1, 2, 3]}, "date": "2026-01-02T03:04:05", "version": ultralytics.__version__}


def image(size):
    i = torch.arange(3 * size * size, dtype=torch.int64)
    return (((i * 2654435761) % 2**32 >> 8).double() / 2**24).float().reshape(1, 3, size, size)


def leaves_of(net, x):
    """For each branch of the head y and its levels' maps, then what else it says of each cell, and a segmentation's prototypes."""
    head, values = net.model[-1], []
    for layer in net.model[:-1]:
        x = values[layer.f] if isinstance(layer.f, int) and layer.f != -1 else (
            x if layer.f == -1 else [x if k == -1 else values[k] for k in layer.f])
        x = layer(x)
        values.append(x)
    leaves, branches, seen = [], [(head.one2many, False)], [values[k] for k in head.f]
    if hasattr(head, "one2one_cv2"):
        branches.append((head.one2one, type(head).__name__ != "v10Detect"))
    shared = [head.proto(seen if type(head).__name__ == "Segment26" else seen[0])] if hasattr(head, "proto") else []
    for parts, corners in branches:
        raw = head.forward_head(seen, **parts)
        more = [raw[k] for k in ("mask_coefficient", "kpts", "angle") if k in raw]
        boxes = decoded(head, raw, corners)
        leaves.append(torch.cat((boxes, raw["scores"].sigmoid(), *(map(head.kpts_decode, more) if "kpts" in raw else more)), 1))
        counts = [v.shape[2] * v.shape[3] for v in seen]
        leaves += [torch.cat(p, 1) for p in zip(raw["boxes"].split(counts, 2), raw["scores"].split(counts, 2))]
        leaves += more + shared
    return leaves


@torch.no_grad()
def computed(path, x):
    saved = torch.load(path, weights_only=False)
    net = (saved.get("ema") or saved["model"]).float().eval()
    exact = leaves_of(copy.deepcopy(net).double(), x.double())
    runs = {}

    def see(name):
        return lambda m, x, y: runs.setdefault(name, []).append(y.double().flatten())

    for name, m in net.named_modules():
        if isinstance(m, CONVOLUTIONS):
            m.register_forward_hook(see(name))
    leaves = leaves_of(net, x)
    loss = sum(leaf.double().pow(2).mean().item() for leaf in leaves) / len(leaves)

    def facts(y):
        y = torch.cat(y)
        return {"norm": y.norm().item(), "rms": y.norm().item() / len(y)**0.5, "first": y[:8].tolist()}

    with open(path[:-3] + ".leaves", "wb") as f:
        for leaf in exact:
            f.write(leaf.float().numpy().tobytes())
    rounding = max(((a - b).norm() / b.norm()).item() for a, b in zip(leaves, exact))
    return {"size": x.shape[-1], "classes": net.model[-1].nc, "loss": loss, "rounding": rounding,
            "convs": {name: facts(y) for name, y in runs.items()}}


def decoded(head, raw, corners):
    """ultralytics' boxes: as centre and size, which is the form of one2many, and in v10's reference of both heads; or as corners,
    YOLO26's one2one."""
    from ultralytics.utils.tal import dist2bbox, make_anchors
    anchors, strides = head.anchors, head.strides = [v.transpose(0, 1) for v in make_anchors(raw["feats"], head.stride, 0.5)]
    if "angle" in raw:
        return head.decode_bboxes(head.dfl(raw["boxes"]), anchors.unsqueeze(0), raw["angle"]) * strides
    return dist2bbox(head.dfl(raw["boxes"]), anchors.unsqueeze(0), xywh=not corners, dim=1) * strides


def keep(folder, name, checkpoint, size=64, refused=None, picture=None):
    path = os.path.join(folder, name + ".pt")
    if checkpoint is not None:
        torch.save(checkpoint, path)
    if refused:
        with open(os.path.join(folder, name + ".txt"), "w") as f:
            f.write(refused + "\n")
    else:
        if picture is not None:
            picture.numpy().tofile(path[:-3] + ".image")
        with open(path[:-3] + ".json", "w") as f:
            json.dump(computed(path, image(size) if picture is None else picture), f, indent=0)


def own(folder):
    n = "v10/yolov10n.yaml"
    net = model(n, 3)
    keep(folder, "best", as_trained(net))
    keep(folder, "stripped", as_trained(net, "model"))
    keep(folder, "float32", as_trained(net, "model", half=False), size=96)
    yolo = YOLO(os.path.join(MODELS, n))
    yolo.model = net
    yolo.save(os.path.join(folder, "saved.pt"))
    keep(folder, "saved", None)
    keep(folder, "one-class", as_trained(model(n, 1)))
    keep(folder, "many-classes", as_trained(model(n, 300)))
    for act in ("ReLU()", "LeakyReLU(0.1)", "Hardswish()", "ReLU6()", "Hardtanh(-0.5, 2)", "Hardsigmoid()", "Sigmoid()",
                "Tanh()", "ELU(0.8)", "GELU()", "Mish()"):
        keep(folder, act.split("(")[0], as_trained(model(n, 3, activation=f"nn.{act}")))
    for scale in "b", "l", "x":
        keep(folder, scale, as_trained(model(f"v10/yolov10{scale}.yaml", 3)))
    wide = yaml_model_load(os.path.join(MODELS, n))
    wide["scales"]["n"] = [0.67, 0.375, 512]
    keep(folder, "multiples", as_trained(model(wide, 3)))
    c3 = yaml_model_load(os.path.join(MODELS, n))
    for part in "backbone", "head":
        c3[part] = [[at, times, "C3" if kind == "C2f" else kind, args] for at, times, kind, args in c3[part]]
    keep(folder, "C3", as_trained(model(c3, 3)))
    fused = model(n, 3).eval()
    fused.fuse(verbose=False)
    keep(folder, "fused", as_trained(fused, "model"), refused="model.0: it is fused")
    keep(folder, "PReLU", as_trained(model(n, 3, activation="nn.PReLU()")), refused="module kind torch.nn.modules.activation.PReLU")
    for config, known_as, words in (
            ("v9/yolov9t", YOLO, "block.ELAN1 is"), ("v8/yolov8n-cls", YOLO, "head.Classify is"),
            ("v8/yolov8n-world", YOLOWorld, "block.C2fAttn is not known, nor is the head, ultralytics.nn.modules.head.WorldDetect"),
            ("rt-detr/rtdetr-l", RTDETR, "block.HGStem is not known, nor is the head, ultralytics.nn.modules.head.RTDETRDecoder")):
        name = os.path.basename(config)
        known_as(os.path.join(MODELS, config + ".yaml")).save(os.path.join(folder, name + ".pt"))
        keep(folder, name, None, refused=words)
    keep(folder, "weights-alone", net.state_dict(), refused="weights alone")


FAMILIES = {"yolov8": "v8", "yolo11": "11", "yolo12": "12", "yolo26": "26"}
# Detectors of the same module kinds, of other families and with four levels.
KIN = ["v5/yolov5n", "v6/yolov6n", "v8/yolov8n-p2", "26/yolo26n-p2"]


def pictures(folder, size):
    import cv2
    from ultralytics.data.augment import LetterBox
    boxed = LetterBox((size, size))
    read = [boxed(image=cv2.imread(os.path.join(folder, f)))[..., ::-1].copy() for f in sorted(os.listdir(folder))]
    return torch.stack([torch.from_numpy(v).permute(2, 0, 1).float() / 255 for v in read])


@torch.no_grad()
def drawn(config, images, classes=80):
    """Convolutions as torch draws them. BatchNorms have random weights and biases, and the statistics of the images behind all layers
    before them. With weights of 1 and biases of 0, as a new network has them, a hundred layers multiply what differs between images: a
    few images then make all the variance, and on them float32 itself is off by 2e-3. The bias of classes of a new network, -11, hides
    the maps beneath it."""
    torch.manual_seed(0)
    net = DetectionModel(yaml_model_load(os.path.join(MODELS, config)), ch=3, nc=classes, verbose=False)
    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.momentum = None
            m.reset_running_stats()
            m.weight.uniform_(0.2, 0.6)
            m.bias.normal_(0, 1)
    for branch in net.model[-1].cv3, getattr(net.model[-1], "one2one_cv3", []):
        for level in branch:
            level[-1].bias.normal_(0, 1)
    net.train()(images)
    return net


def families(folder, images):
    for family in os.environ.get("FAMILIES", " ".join(FAMILIES)).split():
        for size in os.environ.get("SIZES", "n s m l x").split():
            name = f"{family}{size}"
            keep(folder, name, as_trained(drawn(f"{FAMILIES[family]}/{name}.yaml", images)), picture=images[:1])


def kin(folder, images):
    for config in KIN:
        keep(folder, os.path.basename(config), as_trained(drawn(config + ".yaml", images)), picture=images[:1])


def trained(folder, dataset):
    work = os.path.join(folder, "work")
    os.makedirs(work)
    for part in "images", "labels":  # the trainer writes beside them
        shutil.copytree(os.path.join(dataset, part), os.path.join(work, part))
    with open(os.path.join(work, "data.yaml"), "w") as f:
        json.dump({"path": work, "train": "images", "val": "images", "names": {i: f"class {i}" for i in range(80)}}, f)
    picture = pictures(os.path.join(work, "images"), 160)[:1]
    for family in os.environ.get("FAMILIES", " ".join(FAMILIES)).split():
        name = f"{family}n"
        yolo = YOLO(os.path.join(MODELS, FAMILIES[family], name + ".yaml"))
        yolo.train(data=os.path.join(work, "data.yaml"), epochs=5, imgsz=160, batch=10, device="cpu", workers=0, amp=False, plots=False, val=False,
                   project=work, name=name, verbose=False, warmup_epochs=1)
        shutil.copy(os.path.join(work, name, "weights", "last.pt"), os.path.join(folder, name + ".pt"))
        keep(folder, name, None, picture=picture)
    shutil.rmtree(work)


if __name__ == "__main__":
    out = sys.argv[1]
    if sys.argv[2:] == ["tiny"]:
        for name, config in ("tiny", TINY), ("tiny-one-head", TINY_ONE_HEAD), ("tiny-end2end", TINY_END2END), (
                "tiny-segment", TINY_SEGMENT), ("tiny-segment26", TINY_SEGMENT26), ("tiny-pose", TINY_POSE), ("tiny-pose26", TINY_POSE26), (
                "tiny-obb", TINY_OBB), ("tiny-obb26", TINY_OBB26):
            keep(out, name, as_trained(model(config, 2)))
    elif sys.argv[2:3] == ["families"]:
        families(out, pictures(sys.argv[3], 128))
    elif sys.argv[2:3] == ["kin"]:
        kin(out, pictures(sys.argv[3], 128))
    elif sys.argv[2:3] == ["trained"]:
        trained(out, sys.argv[3])
    else:
        own(out)
