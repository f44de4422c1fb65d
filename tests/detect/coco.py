"""Made-up detections and what pycocotools makes of them, as JSON: python3 coco.py > ap.json (pycocotools from PyPI)."""
import contextlib
import io
import json
import random

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def box(rng):
    w, h = rng.uniform(4, 200), rng.uniform(4, 200)
    return [round(v, 3) for v in (rng.uniform(0, 640 - w), rng.uniform(0, 640 - h), w, h)]


def near(rng, b, by):
    return [round(v + rng.gauss(0, by), 3) if i < 2 else round(max(1, v * (1 + rng.gauss(0, by / 60))), 3) for i, v in enumerate(b)]


def case(seed, images, classes, truths, extra, by, digits):
    """digits: of scores; few of them make ties."""
    rng = random.Random(seed)
    out = []
    for _ in range(images):
        truth = [box(rng) + [rng.randrange(classes)] for _ in range(rng.randrange(truths + 1))]
        found = []
        for t in truth:
            for _ in range(rng.choice([0, 1, 1, 2])):
                k = t[4] if rng.random() < 0.8 else rng.randrange(classes)
                found.append(near(rng, t[:4], by) + [round(rng.random(), digits), k])
        found += [box(rng) + [round(rng.random(), digits), rng.randrange(classes)] for _ in range(rng.randrange(extra + 1))]
        found.sort(key=lambda f: -f[4])
        out.append({"found": found, "truth": truth})
    return {"classes": classes, "images": out}


def evaluate(c):
    gt = {"images": [{"id": i + 1} for i in range(len(c["images"]))], "categories": [{"id": k} for k in range(c["classes"])], "annotations": []}
    dt = []
    for i, image in enumerate(c["images"]):
        for t in image["truth"]:
            gt["annotations"].append({"id": len(gt["annotations"]) + 1, "image_id": i + 1, "category_id": t[4], "bbox": t[:4],
                                      "area": t[2] * t[3], "iscrowd": 0})
        dt += [{"image_id": i + 1, "category_id": f[5], "bbox": f[:4], "score": f[4]} for f in image["found"]]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = gt
        coco.createIndex()
        e = COCOeval(coco, coco.loadRes(dt), "bbox")
        e.evaluate()
        e.accumulate()
        e.summarize()
    return dict(c, ap=float(e.stats[0]), ap50=float(e.stats[1]))


cases = [case(1, 8, 3, 6, 4, 3, 6), case(2, 12, 5, 4, 20, 8, 1), case(3, 3, 1, 40, 150, 2, 2), case(4, 20, 10, 2, 1, 1, 6), case(5, 2, 2, 60, 0, 15, 3)]
print(json.dumps([evaluate(c) for c in cases], separators=(",", ":")))
