"""Measures a model on labelled photos, beside the teacher, in one run.

    python evaluate.py model.onnx --photos coco-dev --teacher yolox_nano.onnx [--samples DIR] [--json FILE]

Prints COCO AP and AP50 (overall, by size, and for the twenty classes with the most boxes), the confidence with the
best F1 and what precision and recall it gives, and the milliseconds per photo of the network alone on one thread.
The way of a photo is the reference pipeline's: OpenCV letterbox, decoding, class-wise NMS (IoU 0.65 for AP, the
detector's default of 0.45 for F1), 100 boxes at most. --samples lists what is found in other photos.
"""
import argparse
import collections
import contextlib
import io
import json
import pathlib
import time

import cv2
import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from nano import COCO_IDS, SIZE, boxes_of, corners_of, grid, letterbox, overlaps, scores_of, session, tensor


def suppress(boxes, scores, limit):
    """Indices of the boxes (x1, y1, x2, y2) that survive greedy NMS, strongest first."""
    order, kept = np.argsort(-scores, kind="stable"), []
    while len(order):
        first, order = order[0], order[1:]
        kept.append(first)
        order = order[overlaps(boxes[first], boxes[order]) <= limit]
    return np.array(kept, int)


class Model:
    """An ONNX file in YOLOX's layout with the pipeline around it."""

    def __init__(self, path, size=SIZE):
        """`size` is the side of the input where the graph leaves it free."""
        self.session = session(path)
        self.input = self.session.get_inputs()[0].name
        fixed = self.session.get_inputs()[0].shape[2]
        self.size = fixed if isinstance(fixed, int) else size
        self.grid = grid(self.size)

    def find(self, photo, confidence=0.001, limit=0.65):
        """Detections of one BGR photo: class index [D], score [D], box x1, y1, x2, y2 in its pixels [D,4]."""
        picture, scale = letterbox(photo, self.size)
        answer = self.session.run(None, {self.input: tensor(picture)})[0][0]
        scores = scores_of(answer)
        cell, label = np.nonzero(scores > confidence)
        score = scores[cell, label]
        strongest = np.argsort(-score, kind="stable")[:3000]
        cell, label, score = cell[strongest], label[strongest], score[strongest]
        box = corners_of(boxes_of(answer, *self.grid)[cell]) / scale
        kept = suppress(box + label[:, None] * 1e5, score, limit)[:100]
        return label[kept], score[kept], box[kept]


def precision(coco, photos, model):
    """COCO's numbers: overall as a dict, and per class AP and AP50, in per cent."""
    results = []
    for image in coco.loadImgs(coco.getImgIds()):
        for label, score, (x1, y1, x2, y2) in zip(*model.find(photos[image["id"]])):
            results.append(dict(image_id=image["id"], category_id=COCO_IDS[label], score=float(score),
                                bbox=[float(x1), float(y1), float(x2 - x1), float(y2 - y1)]))
    if not results:
        raise SystemExit("the model finds nothing at all in these photos")
    with contextlib.redirect_stdout(io.StringIO()):
        judge = COCOeval(coco, coco.loadRes(results), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    overall = dict(zip(["AP", "AP50", "AP75", "small", "medium", "large"], (judge.stats[:6] * 100).round(2).tolist()))
    table = judge.eval["precision"][:, :, :, 0, 2]      # IoU, recall, class, all sizes, 100 boxes
    mean = lambda values: round(float(values[values > -1].mean()) * 100, 1) if (values > -1).any() else None
    return overall, {int(c): (mean(table[:, :, k]), mean(table[0, :, k])) for k, c in enumerate(judge.params.catIds)}


def matches(coco, photos, model):
    """Every detection's score and whether it meets a box of its class (IoU >= 0.5, each box once); boxes in all.

    Detections that fall on a crowd are left out."""
    scores, hits, total = [], [], 0
    for image in coco.loadImgs(coco.getImgIds()):
        labels = coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]]))
        total += sum(not l["iscrowd"] for l in labels)
        used = set()
        for label, score, box in zip(*model.find(photos[image["id"]], 0.02, 0.45)):
            best, where = 0.5, None
            for i, other in enumerate(labels):
                if other["category_id"] != COCO_IDS[label] or i in used:
                    continue
                x, y, w, h = other["bbox"]
                shared = max(0, min(box[2], x + w) - max(box[0], x)) * max(0, min(box[3], y + h) - max(box[1], y))
                area = (box[2] - box[0]) * (box[3] - box[1])
                overlap = shared / (area if other["iscrowd"] else area + w * h - shared)
                if overlap >= best:
                    best, where = overlap, i
            if where is not None and labels[where]["iscrowd"]:
                continue
            used.add(where)
            scores.append(float(score))
            hits.append(where is not None)
    order = np.argsort(-np.array(scores), kind="stable")
    return np.array(scores)[order], np.array(hits)[order], total


def thresholds(scores, hits, total, photos):
    """Rows (confidence, precision, recall, F1, boxes a photo) for confidences 0.05, 0.06 ... 0.80."""
    rows = []
    for confidence in np.arange(5, 81) / 100:
        kept = scores >= confidence
        right = int(hits[kept].sum())
        p, r = right / max(1, int(kept.sum())), right / total
        rows.append((float(confidence), p, r, 2 * p * r / max(1e-9, p + r), float(kept.sum()) / photos))
    return rows


def milliseconds(models, rounds=60):
    """Median time of the network alone per photo on one thread; the models take turns."""
    inputs = [np.random.default_rng(0).uniform(0, 255, (1, 3, m.size, m.size)).astype(np.float32) for m in models]
    times = [[] for _ in models]
    for turn in range(rounds + 5):
        for model, picture, spent in zip(models, inputs, times):
            start = time.perf_counter()
            model.session.run(None, {model.input: picture})
            if turn >= 5:
                spent.append((time.perf_counter() - start) * 1e3)
    return [(float(np.median(t)), float(np.percentile(t, 10))) for t in times]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--photos", type=pathlib.Path, required=True, help="folder with instances.json and photos")
    parser.add_argument("--teacher", help="measured beside the model")
    parser.add_argument("--size", type=int, default=SIZE, help="side of the model's input, where it is free")
    parser.add_argument("--samples", type=pathlib.Path, help="folder of other photos to look at")
    parser.add_argument("--rounds", type=int, default=200, help="runs for the timing")
    parser.add_argument("--json", type=pathlib.Path, help="write the numbers there too")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(options.photos / "instances.json")
    where = {f.name: f for f in options.photos.rglob("*") if f.suffix.lower() in (".jpg", ".jpeg", ".png")}
    photos = {i["id"]: cv2.imread(str(where[i["file_name"]])) for i in coco.loadImgs(coco.getImgIds())}
    models = {"model": Model(options.model, options.size)}
    if options.teacher:
        models["teacher"] = Model(options.teacher, 416)
    report = {}
    for name, model in models.items():
        overall, classes = precision(coco, photos, model)
        rows = thresholds(*matches(coco, photos, model), len(photos))
        best = max(rows, key=lambda row: row[3])
        report[name] = dict(overall, classes=classes, best=best, rows=rows)
        print(f"{name}: " + "  ".join(f"{k} {v}" for k, v in overall.items()))
        for row in [best] + [r for r in rows if r[0] in (0.15, 0.2, 0.25, 0.3, 0.4)]:
            print("  confidence {:.2f}: precision {:.2f} recall {:.2f} F1 {:.3f}, {:.1f} boxes a photo".format(*row))
    for (name, _), (median, tenth) in zip(models.items(), milliseconds(list(models.values()), options.rounds)):
        report[name].update(ms=median, ms10=tenth)
        print(f"{name}: {median:.2f} ms (median), {tenth:.2f} ms (10th percentile), one thread")
    if "teacher" in report:
        print(f"ratio: {report['model']['ms'] / report['teacher']['ms']:.3f}")
    names = {c["id"]: c["name"] for c in coco.loadCats(coco.getCatIds())}
    counts = collections.Counter(a["category_id"] for a in coco.dataset["annotations"])
    print("| class | boxes | " + " | ".join(f"{n} AP | {n} AP50" for n in models) + " |")
    print("|---|---|" + "---|---|" * len(models))
    for label, boxes in counts.most_common(20):
        cells = [str(v) for n in models for v in report[n]["classes"][label]]
        print(f"| {names[label]} | {boxes} | " + " | ".join(cells) + " |")
    if options.samples:
        for file in sorted(options.samples.iterdir()):
            photo = cv2.imread(str(file))
            if photo is not None:
                found = models["model"].find(photo, report["model"]["best"][0], 0.45)
                print(file.name, ", ".join(f"{names[COCO_IDS[l]]} {s:.2f}" for l, s, _ in zip(*found)) or "nothing")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
