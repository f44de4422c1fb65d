"""The network that is exported, made of GraphModule's by torch alone: what sens-score --fold is checked against.

    net = folded.fold(graph_module.load(dump, "yolov10n.pt"))
    net(images)                                   # (y, [P3, P4, P5]) of the branch of the head that is exported

BatchNorms go into the convolution before them (torch.nn.utils.fusion), the two kernels of a RepVGGDW into one, nothing is detached, and what
the exported branch does not need is gone.
"""
import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from graph_module import GraphModule

KERNELS = (".conv.conv", ".conv1.conv")  # a RepVGGDW's, large and small


def _needed(ops, leaves):
    wanted, needed = set(leaves), []
    for op in reversed(ops):
        if op["out"] in wanted:
            wanted.update(op["in"])
            needed.append(op)
    return needed[::-1]


def _merged(large, small):
    """One convolution that computes the sum of both."""
    both = copy.deepcopy(large)
    margins = [(a - b) // 2 for a, b in zip(large.kernel_size, small.kernel_size)]
    with torch.no_grad():
        both.weight += nn.functional.pad(small.weight, [margins[1], margins[1], margins[0], margins[0]])
        both.bias += small.bias
    return both


def _pair(names):
    """What both kernels' names begin with, if these are a RepVGGDW's; else None."""
    stems = [name.removesuffix(end) for name, end in zip(names, KERNELS) if name and name.endswith(end)]
    return stems[0] if len(stems) == 2 and stems[0] == stems[1] else None


class Folded(GraphModule):
    def forward(self, images):
        y, *maps = self.leaves_of(images)
        return y, maps


def fold(net):
    """net: GraphModule in eval mode, which stays as it is."""
    graph = net.graph
    leaves = graph["leaves"][-1 - len(graph["strides"]) :]
    convs, bns, ops, same, conv_of = {}, {}, [], {}, {}
    for op in _needed(graph["ops"], leaves):
        op = {**op, "in": [same.get(v, v) for v in op["in"]]}
        kind, first = op["kind"], op["in"][0]
        stem = _pair([conv_of.get(v) for v in op["in"]]) if kind == "add" else None
        if kind == "conv":
            convs[op["conv"]] = net.get_submodule(op["conv"])
            conv_of[op["out"]] = op["conv"]
        elif kind == "batch_norm" and first not in conv_of:
            name = graph["bns"][op["bn"]]["name"]
            convs[name], bns[len(bns)] = net.get_submodule(name), graph["bns"][op["bn"]]
            op["bn"] = len(bns) - 1
        elif kind == "batch_norm":
            convs[conv_of[first]] = fuse_conv_bn_eval(convs[conv_of[first]], net.get_submodule(graph["bns"][op["bn"]]["name"]))
        elif stem:
            convs[f"{stem}.conv"] = _merged(*(convs.pop(conv_of[v]) for v in op["in"]))
            ops = [o for o in ops if o["out"] != op["in"][1]]
            next(o for o in ops if o["out"] == first)["conv"] = conv_of[first] = f"{stem}.conv"
        if kind == "batch_norm" and first in conv_of or kind == "detach" or stem:
            same[op["out"]] = first
        else:
            ops.append(op)
    made = Folded({**graph, "ops": ops, "leaves": [same.get(v, v) for v in leaves], "convs": {}, "bns": []})
    order = [name for name, _ in net.named_modules()]
    for name in sorted(convs, key=order.index):
        made._put(name, convs[name])
    made.graph["bns"] = list(bns.values())
    return made.eval()
