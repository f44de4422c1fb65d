"""ultralytics_export.py CHECKPOINT SIZE OUT.onnx: THU-MIG's yolov10n as ultralytics exports it, with the one2one head. Its weights go into
ultralytics' own yolov10n."""
import shutil
import sys

import torch
import ultralytics
from ultralytics.nn import tasks

checkpoint, size, out = sys.argv[1:]
tasks.YOLOv10DetectionModel = tasks.DetectionModel  # what the checkpoint calls its root module
weights = torch.load(checkpoint, weights_only=False, map_location="cpu")["model"].float().state_dict()
network = ultralytics.YOLO("yolov10n.yaml")
network.model.load_state_dict(weights)
shutil.move(network.export(format="onnx", simplify=False, imgsz=int(size), nms=False), out)
