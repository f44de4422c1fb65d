"""bare.py MODEL: the convolutions of an ONNX file whose weights are not quantized, a name a line."""
import sys
import onnx

graph = onnx.load(sys.argv[1]).graph
made = {output: node for node in graph.node for output in node.output}
for node in graph.node:
    if node.op_type == "Conv" and not (node.input[1] in made and "DequantizeLinear" in made[node.input[1]].op_type):
        print(node.name)
