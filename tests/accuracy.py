"""COCO AP of Spotter's detections against a reference pipeline (OpenCV + numpy + onnxruntime) on the same weights and photos.

    pytest tests/accuracy.py                                   runs `uploader detect` itself (target/release, or SPOTTER_BIN),
                                                               each model prepared, in the square and in the photo's own shape
    python tests/accuracy.py                                   the reference's AP alone
    python tests/accuracy.py --fits                            Spotter's AP by model and fit, spotter-nano's by size, too
    python tests/accuracy.py --model yolox_nano --results FILE compares a COCO results file of `uploader detect`

Photos: $SPOTTER_ASSETS/photos/coco-dev, 201 of COCO val2017 with 1654 boxes. Both sides use confidence 0.01, IoU 0.65 and
100 detections (YOLOX's evaluation settings), for all models, so that the figures differ from published ones but not from
each other; a box has one class, its best. AP is COCO's: mean over IoU 0.50..0.95 and classes, in points (0..100).
"""

import argparse
import contextlib
import functools
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import tomllib

import cv2
import numpy as np
import onnxruntime
import pytest
import support
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

sys.path.insert(0, str(support.ROOT / "model" / "fixtures"))
import reference  # noqa: E402

CONFIDENCE, IOU, MAX_DETECTIONS = 0.01, 0.65, 100
TOLERANCE = 0.3  # points of AP
UNIT = 1 / 255
# name: (head, [input] of the card as its publisher preprocesses, least AP to believe the reference)
MODELS = {
    "yolox_nano": ("yolox", {"size": [416, 416], "color": "bgr", "resize": "letterbox", "pad": 114, "scale": 1.0}, 30),
    "nanodet_m_416": (
        "nanodet",
        {"size": [416, 416], "color": "bgr", "resize": "letterbox-center", "pad": 0, "scale": 1.0,
         "mean": [103.53, 116.28, 123.675], "std": [57.375, 57.12, 58.395]},
        24,
    ),
    "FastestDet": ("fastestdet", {"size": [352, 352], "color": "bgr", "resize": "stretch", "scale": UNIT}, 15),
}  # fmt: skip


@functools.cache
def ground_truth():
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(support.assets("photos/coco-dev/instances.json")))


def photos():
    """[(COCO image id, path)]."""
    folder = support.assets("photos/coco-dev/images")
    return [(image["id"], folder / image["file_name"]) for image in ground_truth().loadImgs(ground_truth().getImgIds())]


def detect(session, kind, card, bgr):
    """uint8 BGR photo [H,W,3] -> (boxes [n,4] as x1,y1,x2,y2 in photo pixels, scores [n], class ids [n])."""
    tensor, to_photo = reference.preprocess(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), card)
    outputs = dict(zip((o.name for o in session.get_outputs()), session.run(None, {session.get_inputs()[0].name: tensor})))
    classes, scores, boxes = reference.decode(kind, outputs, card["size"], 80)
    likely = scores >= CONFIDENCE
    classes, scores, boxes = classes[likely], scores[likely], boxes[likely]
    boxes = np.stack(to_photo(boxes.T), axis=1)
    boxes = np.clip(boxes, 0, np.array([bgr.shape[1], bgr.shape[0]] * 2))
    if not len(boxes):
        return boxes, scores, classes
    sides = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    kept = np.array(cv2.dnn.NMSBoxesBatched(sides, scores, classes, CONFIDENCE, IOU), int)
    kept = kept[np.argsort(-scores[kept], kind="stable")][:MAX_DETECTIONS]
    return boxes[kept], scores[kept], classes[kept]


def reference_results(model):
    """A COCO results list of the reference pipeline."""
    kind, card, _ = MODELS[model]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(support.assets(f"models/{model}.onnx")), options)
    results = []
    for image_id, path in photos():
        for (x1, y1, x2, y2), score, c in zip(*detect(session, kind, card, cv2.imread(str(path)))):
            box = [float(v) for v in (x1, y1, x2 - x1, y2 - y1)]
            results.append(dict(image_id=image_id, category_id=reference.COCO_IDS[c], bbox=box, score=float(score)))
    return results


def toml(card):
    """A flat table as TOML; strings, numbers and lists of them are written as in JSON."""
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in card.items())


def prepared(folder, graph, kind, card):
    """A copy of the graph with that card beside it, prepared."""
    model = folder / "model.onnx"
    shutil.copy(graph, model)
    (folder / "model.toml").write_text(f'name = "{graph.stem}"\nlabels = "coco80"\n[input]\n{toml(card)}[head]\nkind = "{kind}"\n')
    subprocess.run([support.binary("uploader"), "model", "prepare", model], check=True, env=support.environment(), stdout=subprocess.DEVNULL)
    return model


def spotter_results(graph, kind, card):
    """The same from `uploader detect --local --format coco`."""
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder, "results.json")
        command = [
            support.binary("uploader"), "detect", "--local", "--quiet", "--format", "coco", "--output", output,
            "--model", prepared(pathlib.Path(folder), graph, kind, card), "--confidence", CONFIDENCE, "--iou", IOU,
            "--max-detections", MAX_DETECTIONS, "--timeout", 20, support.assets("photos/coco-dev/images"),
        ]  # fmt: skip
        subprocess.run([str(word) for word in command], check=True, timeout=300, env=support.environment(), stdout=subprocess.DEVNULL)
        return json.loads(output.read_text())


def average_precision(results):
    """AP and AP50 of a COCO results list, in points."""
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(ground_truth(), ground_truth().loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return 100 * evaluation.stats[0], 100 * evaluation.stats[1]


def compare(model, results):
    """Prints both sides' figures; returns the difference in points of AP."""
    (theirs, theirs50), (ours, ours50) = average_precision(reference_results(model)), average_precision(results)
    print(f"{model}: reference AP {theirs:.2f} AP50 {theirs50:.2f}, spotter AP {ours:.2f} AP50 {ours50:.2f}", flush=True)
    assert theirs >= MODELS[model][2], "the reference itself is off"
    return ours - theirs


# A stretched photo has the input's shape whatever its own.
FITS = [(model, fit) for model, (_, card, _) in MODELS.items() for fit in ("square", "shape") if card["resize"] != "stretch" or fit == "square"]


@pytest.mark.parametrize("model, fit", FITS)
def test_accuracy(model, fit, capsys):
    """The published way is as good as the reference; the photo's own shape is for cards where it is, too."""
    support.require_assets()
    kind, card, _ = MODELS[model]
    with capsys.disabled():
        print(f"\nfit = {fit}: ", end="")
        difference = compare(model, spotter_results(support.assets(f"models/{model}.onnx"), kind, card | {"fit": fit}))
    if fit == "square" or shipped_fit(model) == "shape":
        assert abs(difference) <= TOLERANCE


def shipped_fit(model):
    """The fit of the card that Spotter has for a model, if it has one."""
    path = support.ROOT / "model" / model.replace("_", "-") / "model.toml"
    return tomllib.loads(path.read_text())["input"].get("fit", "square") if path.exists() else None


def fits():
    """Prints Spotter's AP by model and fit."""
    nano = {"color": "bgr", "resize": "letterbox", "pad": 114, "scale": 1.0}
    graphs = [(support.assets(f"models/{model}.onnx"), MODELS[model][0], MODELS[model][1] | {"fit": fit}) for model, fit in FITS]
    ours = support.ROOT / "model" / "spotter-nano" / "model.onnx"
    graphs += [(ours, "yolox", nano | {"size": [side, side], "fit": fit}) for side in (320, 352, 384, 416) for fit in ("square", "shape")]
    for graph, kind, card in graphs:
        ap, ap50 = average_precision(spotter_results(graph, kind, card))
        name = "spotter-nano" if graph == ours else graph.stem
        print(f"{name} {card['size'][0]} {card['fit']}: AP {ap:.2f} AP50 {ap50:.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, help="only this model")
    parser.add_argument("--results", type=pathlib.Path, help="COCO results file to compare with; needs --model")
    parser.add_argument("--fits", action="store_true", help="Spotter's AP in the square and in the photo's own shape")
    options = parser.parse_args()
    if options.fits:
        return fits()
    if options.results:
        difference = compare(options.model or parser.error("--results needs --model"), json.loads(options.results.read_text()))
        sys.exit(f"AP differs by {difference:+.2f} points, more than {TOLERANCE}" if abs(difference) > TOLERANCE else 0)
    for model in [options.model] if options.model else MODELS:
        print("{}: reference AP {:.2f} AP50 {:.2f}".format(model, *average_precision(reference_results(model))), flush=True)


if __name__ == "__main__":
    main()
