"""Images as the network takes them, decoded and letterboxed by OpenCV (numerics.md of the design defines the letterbox)."""
import os

import cv2
import numpy as np


def listed(path, count):
    """The first `count` paths of an image list: absolute, else relative to the list's folder, else to the current one."""
    with open(path, encoding="utf-8-sig") as f:
        names = [line.strip() for line in f if line.strip()][:count]
    folder = os.path.dirname(path)
    return [next((p for p in (os.path.join(folder, n), n) if os.path.isfile(p)), n) for n in names]


def letterbox(path, size):
    """(3, size, size) uint8, RGB; padded with 114. Raises ValueError for what OpenCV cannot decode."""
    image = cv2.imread(path)
    if image is None:
        raise ValueError(f"{path}: OpenCV cannot decode it")
    h, w = image.shape[:2]
    scale = min(size / h, size / w)
    wide, high = round(w * scale), round(h * scale)
    if (wide, high) != (w, h):
        image = cv2.resize(image, (wide, high), interpolation=cv2.INTER_LINEAR)
    top, left = (size - high) // 2, (size - wide) // 2
    image = cv2.copyMakeBorder(image, top, size - high - top, left, size - wide - left, cv2.BORDER_CONSTANT, value=(114, 114, 114))
    return np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB).transpose(2, 0, 1))
