"""COCO AP of Spotter's detections against a reference pipeline (OpenCV + numpy + onnxruntime) on the same weights and photos.

    pytest tests/accuracy.py                                   runs `uploader detect` itself (target/release, or SPOTTER_BIN)
    python tests/accuracy.py                                   the reference's AP alone
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
import subprocess
import sys
import tempfile

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


def spotter_results(model):
    """The same from `uploader detect --local --format coco`."""
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder, "results.json")
        command = [
            support.binary("uploader"), "detect", "--local", "--quiet", "--format", "coco", "--output", output,
            "--model", support.assets(f"models/{model}.onnx"), "--confidence", CONFIDENCE, "--iou", IOU,
            "--max-detections", MAX_DETECTIONS, "--timeout", 20, support.assets("photos/coco-dev/images"),
        ]  # fmt: skip
        # Now and then the emulator swallows an answer of this size; the uploader then gives that photo up.
        for last in (False, True):
            done = subprocess.run([str(word) for word in command], check=last, timeout=300, env=support.environment())
            if done.returncode == 0:
                break
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


@pytest.mark.parametrize("model", MODELS)
def test_accuracy(model, capsys):
    support.require_assets()
    with capsys.disabled():
        print()
        assert abs(compare(model, spotter_results(model))) <= TOLERANCE


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, help="only this model")
    parser.add_argument("--results", type=pathlib.Path, help="COCO results file to compare with; needs --model")
    options = parser.parse_args()
    if options.results:
        difference = compare(options.model or parser.error("--results needs --model"), json.loads(options.results.read_text()))
        sys.exit(f"AP differs by {difference:+.2f} points, more than {TOLERANCE}" if abs(difference) > TOLERANCE else 0)
    for model in [options.model] if options.model else MODELS:
        print("{}: reference AP {:.2f} AP50 {:.2f}".format(model, *average_precision(reference_results(model))), flush=True)


if __name__ == "__main__":
    main()
