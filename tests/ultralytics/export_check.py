"""export_check.py OURS.onnx THEIRS.onnx NAME.image CONVOLUTIONS: what long_export.sh runs of two exports of one network. Prints "ok - ..." and
"not ok - ..." lines."""
import sys

import numpy as np
import onnx
import onnxruntime


def check(good, what):
    print("ok" if good else "not ok", "-", what)


files, image, wanted = sys.argv[1:3], np.fromfile(sys.argv[3], np.float32), int(sys.argv[4])
side = round((image.size / 3) ** 0.5)
graphs = [onnx.load(path).graph for path in files]
nodes = [{n.name for n in graph.node if n.op_type == "Conv"} for graph in graphs]
check(len(nodes[0]) == wanted and nodes[0] == nodes[1], f"{len(nodes[0])} of {wanted} convolutions, {len(nodes[0] & nodes[1])} of them ultralytics' {len(nodes[1])} by name")
tensors = [{t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer if t.name.endswith((".weight", ".bias"))} for graph in graphs]
once = {n.output[0]: n.input[0] for n in graphs[1].node if n.op_type == "Identity"}  # tensors that are equal are kept once
same = [np.array_equal(value, tensors[1].get(once.get(name, name))) for name, value in tensors[0].items()]
check(all(same), f"{sum(same)} of {len(same)} weights and biases are ultralytics'")
ours, theirs = (onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(["output0"], {"images": image.reshape(1, 3, side, side)})[0]
                for path in files)
off = np.abs(ours - theirs).max() / np.abs(theirs).max() if ours.shape == theirs.shape else np.inf
check(off <= 1e-5, f"output0 {theirs.shape}: {ours.shape}, off by {off:.1e} of 1e-5")
