"""The network that model-dump describes, as a torch module.

    net = graph_module.load(json.load(open("dump.json")), "yolov10n.pt")
    net(images)["one2one"][0]                     # (N, 4 + classes, anchors)

Convolutions and BatchNorms are nn.Conv2d, nn.ConvTranspose2d and nn.BatchNorm2d at their paths in the checkpoint's module tree, in its order; what
lies between is read from the list of operations (src/model/graph.h defines each). Weights come out of the checkpoint by a reader of
its own, and must have the digests that the dump gives: model-dump's reader and this one check each other.
"""
import hashlib
import math

import torch
from torch import nn
from torch.nn import functional as F

import checkpoint

DTYPES = {"FloatStorage": torch.float32, "HalfStorage": torch.float16, "BFloat16Storage": torch.bfloat16, "DoubleStorage": torch.float64}


def _act(x, op):
    return {"silu": F.silu, "relu": F.relu, "hardswish": F.hardswish, "leaky_relu": lambda v: F.leaky_relu(v, op["slope"])}[op["act"]](x)


def _heads(qkv, op, areas=1):
    """Q, K and V, (N, heads, areas, channels, positions), the areas being bands of positions that follow each other."""
    n, _, h, w = qkv.shape
    k, v = op["key_dim"], op["head_dim"]
    return qkv.view(n, op["heads"], 2 * k + v, areas, h * w // areas).transpose(2, 3).split([k, k, v], dim=3)


def _attention_v(qkv, op):
    return _heads(qkv, op)[2].reshape(qkv.shape[0], -1, *qkv.shape[2:])


def _attention_mix(qkv, op):
    q, k, v = _heads(qkv, op, op["areas"])
    weights = ((q.transpose(-2, -1) @ k) * op["key_dim"] ** -0.5).softmax(dim=-1)
    return (v @ weights.transpose(-2, -1)).transpose(2, 3).reshape(qkv.shape[0], -1, *qkv.shape[2:])


PLAIN = {
    "act": _act,
    "slice": lambda x, op: x[:, op["from"] : op["to"]],
    "max_pool": lambda x, op: F.max_pool2d(x, op["kernel"], op["stride"], op["padding"]),
    "pixel_shuffle": lambda x, op: x,  # nn.ConvTranspose2d did it
    "upsample": lambda x, op: F.interpolate(x, scale_factor=op["scale"], mode="nearest"),
    "detach": lambda x, op: x.detach(),
    "attention_v": _attention_v,
    "attention_mix": _attention_mix,
}


class Factor(nn.Module):
    """What multiplies channels."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels))

    def forward(self, x):
        return x * self.weight.view(-1, 1, 1)


def is_factor(bn):
    return "mean_sha256" not in bn


class GraphModule(nn.Module):
    """graph: model-dump's "graph". Weights are uninitialized; see load()."""

    def __init__(self, graph):
        super().__init__()
        self.graph = graph
        for name, c in graph["convs"].items():
            out, in_group, *kernel = c["weight_shape"]
            if "up" in c:
                self._put(name, nn.ConvTranspose2d(out, in_group, kernel, c["up"], bias="bias_sha256" in c))
                continue
            self._put(name, nn.Conv2d(in_group * c["groups"], out, kernel, c["stride"], c["padding"], c["dilation"], c["groups"],
                                      bias="bias_sha256" in c))
        for b in graph["bns"]:
            self._put(b["name"], Factor(b["channels"]) if is_factor(b) else nn.BatchNorm2d(b["channels"], eps=b["eps"], affine="weight_sha256" in b))
        last = {v: i for i, op in enumerate(graph["ops"]) for v in op["in"]}
        kept = set(graph["leaves"])
        self.dead_after = [[v for v in set(op["in"]) if last[v] == i and v not in kept] for i, op in enumerate(graph["ops"])]

    def _put(self, path, module):
        *folders, name = path.split(".")
        at = self
        for f in folders:
            if f not in at._modules:
                at.add_module(f, nn.Module())
            at = at._modules[f]
        at.add_module(name, module)

    def forward(self, images):
        """images (N, 3, S, S) in [0, 1]; {"one2many": (y, [P3, P4, P5, more ...]), "one2one": ...}, of a head with one branch the first alone."""
        leaves = self.leaves_of(images)
        each = len(leaves) // sum(op["kind"] == "box_decode" for op in self.graph["ops"])
        return {name: (leaves[i], leaves[i + 1 : i + each]) for name, i in zip(("one2many", "one2one"), range(0, len(leaves), each))}

    def leaves_of(self, images):
        values = {0: images}
        for op, dead in zip(self.graph["ops"], self.dead_after):
            values[op["out"]] = self._run(op, [values[v] for v in op["in"]])
            for v in dead:
                del values[v]
        return [values[v] for v in self.graph["leaves"]]

    def _run(self, op, x):
        kind = op["kind"]
        if kind == "conv":
            return self.get_submodule(op["conv"])(x[0])
        if kind == "batch_norm":
            return self.get_submodule(self.graph["bns"][op["bn"]]["name"])(x[0])
        if kind == "add":
            return x[0] + x[1]
        if kind == "concat":
            return torch.cat(x, 1)
        if kind == "flatten":
            return self._flat(x)
        if kind == "angle":
            return (self._flat(x).sigmoid() - 0.25) * math.pi
        if kind == "keypoints":
            return self._points(op, x)
        if kind == "box_softmax":
            boxes = self._flat(x)[:, : 4 * self.graph["reg_max"]]
            return boxes.view(boxes.shape[0], 4, self.graph["reg_max"], -1).transpose(2, 1).softmax(1)
        if kind == "box_decode":
            distances, x = (x[0], x[1:]) if self.graph["reg_max"] > 1 else (None, x)
            return self._decode(op["corners"], distances, x[op["rotated"] :], x[0] if op["rotated"] else None)
        return PLAIN[kind](x[0], op)

    @staticmethod
    def _flat(levels):
        """(N, C, H, W) of every level, side by side: (N, C, anchors)."""
        return torch.cat([p.flatten(2) for p in levels], 2)

    def _points(self, op, levels):
        centres, strides = self._anchors([p.shape[2:] for p in levels])
        flat, dims = self._flat(levels), op["dims"]
        flat = flat.view(flat.shape[0], -1, dims, flat.shape[2])
        places = (flat[:, :, :2] * op["scale"] + (centres[:, None] - (0.5 if op["scale"] == 2 else 0))) * strides[:, None]
        return torch.cat((places, flat[:, :, 2:].sigmoid()), 2).flatten(1, 2)

    def _decode(self, corners, distances, levels, angle=None):
        flat = self._flat(levels)
        boxes, classes = flat.split([4 * self.graph["reg_max"], self.graph["classes"]], 1)
        ltrb = boxes if distances is None else distances.view(flat.shape[0], 4, -1)
        centres, strides = self._anchors([p.shape[2:] for p in levels])
        near, far = centres - ltrb[:, :2], centres + ltrb[:, 2:]
        boxes = [near, far] if corners else [(near + far) / 2, far - near]
        if angle is not None:
            x, y = ((ltrb[:, 2:] - ltrb[:, :2]) / 2).split(1, 1)
            boxes[0] = torch.cat((x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()), 1) + centres
        return torch.cat([torch.cat(boxes, 1) * strides, classes.sigmoid()], 1)

    def _anchors(self, sizes):
        """Centres of all cells, (1, 2, anchors), in cells; and the cells' sides, (1, 1, anchors), in pixels."""
        centres, strides = [], []
        for (h, w), side in zip(sizes, self.graph["strides"]):
            y, x = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
            centres.append(torch.stack([x.flatten(), y.flatten()]))
            strides.append(torch.full((1, h * w), float(side)))
        return torch.cat(centres, 1)[None], torch.cat(strides, 1)[None]


def _fill(to, tensor, tensor_bytes, digest, name):
    data = torch.frombuffer(bytearray(tensor_bytes(tensor.storage)), dtype=DTYPES[tensor.storage.kind])
    values = data.as_strided(tensor.shape, tensor.stride, tensor.offset).float().contiguous()
    found = hashlib.sha256(values.numpy().tobytes()).hexdigest()
    if found != digest:
        raise ValueError(f"{name}: model-dump read other numbers than this reader: {digest} there, {found} here")
    with torch.no_grad():
        to.copy_(values)


def load(dump, path):
    """The network of model-dump's JSON in eval mode, with the weights of the checkpoint at `path`. Raises ValueError if they
    are not those that the dump was made of."""
    pickled, tensor_bytes = checkpoint.read(path)
    root, graph = pickled[dump["entry"]], dump["graph"]
    net = GraphModule(graph)
    tensors = [(name, c, {"weight": "_parameters", "bias": "_parameters"}) for name, c in graph["convs"].items()]
    tensors += [(b["name"], b, {"weight": "_parameters", "bias": "_parameters", "mean": "_buffers", "var": "_buffers"}) for b in graph["bns"]]
    for name, described, parts in tensors:
        if "channels" in described and is_factor(described):
            owner, parameter = name.rsplit(".", 1)
            tensor = checkpoint.module(root, owner).state["_parameters"][parameter]
            _fill(net.get_submodule(name).weight, tensor, tensor_bytes, described["weight_sha256"], name)
            continue
        state = checkpoint.module(root, name).state
        for part, group in parts.items():
            if f"{part}_sha256" in described:
                key = part if group == "_parameters" else f"running_{part}"
                _fill(getattr(net.get_submodule(name), key), state[group][key], tensor_bytes, described[f"{part}_sha256"], f"{name}.{key}")
    return net.eval()
