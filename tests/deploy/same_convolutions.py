"""same_convolutions.py OURS.onnx THEIRS.onnx: how many convolutions ours has, how many of these are theirs by name, and how many weights and
biases ours has, if all of them are theirs by name, bit by bit; else the name of one that is not."""
import sys

import onnx

ours, theirs = (onnx.load(path).graph for path in sys.argv[1:])
nodes = [{n.name for n in graph.node if n.op_type == "Conv"} for graph in (ours, theirs)]
tensors = [{t.name: onnx.numpy_helper.to_array(t).tobytes() for t in graph.initializer if t.name.endswith((".weight", ".bias"))} for graph in (ours, theirs)]
others = [name for name, value in tensors[0].items() if tensors[1].get(name) != value]
print(len(nodes[0]), len(nodes[0] & nodes[1]), others[0] if others else len(tensors[0]))
