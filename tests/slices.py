"""What slices bring for small objects in large photos, what they cost, and what sahi makes of the same photos.

    python tests/slices.py           COCO AP and time per photo of mosaics, with and without slices
    python tests/slices.py --sahi    sahi on the same mosaics and weights, too (needs sahi: tests/requirements.txt)

The photos: $SPOTTER_ASSETS/photos/coco-dev, four to a mosaic of 1280x1280 pixels (640x640 each, padded), 50 mosaics. Confidence
0.01, IoU 0.65, 300 detections, one session of one thread; AP in points (0..100), small objects are those below 32x32 pixels.
"""

import argparse
import contextlib
import io
import json
import pathlib
import random
import subprocess
import tempfile
import time

import cv2
import numpy as np
import onnxruntime
import PIL.Image
import support
from accuracy import MODELS, reference
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

CELL, CELLS, SLICE, OVERLAP = 640, 2, 480, 0.2
CONFIDENCE, IOU, MAX_DETECTIONS = 0.01, 0.65, 300
MODEL = "yolox_nano"


def mosaics(folder):
    """Writes the mosaics as JPEG into `folder`; their ground truth."""
    truth = json.loads(support.assets("photos/coco-dev/instances.json").read_text())
    boxes = {}
    for annotation in truth["annotations"]:
        boxes.setdefault(annotation["image_id"], []).append(annotation)
    photos, per_mosaic = truth["images"], CELLS * CELLS
    random.Random(1).shuffle(photos)
    images, annotations = [], []
    for start in range(0, len(photos) - per_mosaic + 1, per_mosaic):
        mosaic, image_id = PIL.Image.new("RGB", (CELLS * CELL, CELLS * CELL), (114, 114, 114)), len(images) + 1
        for place, photo in enumerate(photos[start : start + per_mosaic]):
            x, y = place % CELLS * CELL, place // CELLS * CELL
            mosaic.paste(PIL.Image.open(support.assets("photos/coco-dev/images") / photo["file_name"]).convert("RGB"), (x, y))
            for annotation in boxes.get(photo["id"], []):
                left, top, width, height = annotation["bbox"]
                moved = {"id": len(annotations) + 1, "image_id": image_id, "bbox": [left + x, top + y, width, height], "segmentation": []}
                annotations.append(annotation | moved)
        name = f"{image_id}.jpg"
        mosaic.save(folder / name, quality=95)
        images.append({"id": image_id, "file_name": name, "width": mosaic.width, "height": mosaic.height})
    return {"images": images, "annotations": annotations, "categories": truth["categories"]}


def precision(truth, results):
    """AP of all, small, medium and large objects."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [100 * evaluation.stats[i] for i in (0, 3, 4, 5)]


def spotter(folder, slice):
    """(COCO results, milliseconds per photo, slices per photo)."""
    lines = folder / "boxes.jsonl"
    command = [
        support.binary("uploader"), "detect", "--local", "--sessions", 1, "--threads", 1, "-c", 1, "--quiet", "-f", "jsonl", "-o", lines,
        "--model", support.assets(f"models/{MODEL}.onnx"), "--confidence", CONFIDENCE, "--iou", IOU, "--max-detections", MAX_DETECTIONS,
        "--slice", slice, "--slice-overlap", OVERLAP, folder,
    ]  # fmt: skip
    subprocess.run([str(word) for word in command], check=True, env=support.environment(), stdout=subprocess.DEVNULL)
    results, times, slices = [], [], []
    for line in map(json.loads, lines.read_text().splitlines()):
        times.append(line["timings_ms"]["total"])
        slices.append(line["timings_ms"].get("slices", 0))
        for found in line["detections"]:
            x1, y1, x2, y2 = found["box"]
            box, category = [x1, y1, x2 - x1, y2 - y1], reference.COCO_IDS[found["class_id"]]
            results.append({"image_id": int(pathlib.Path(line["photo"]).stem), "category_id": category, "bbox": box, "score": found["score"]})
    lines.unlink()
    return results, float(np.median(times)), float(np.mean(slices))


def detector(session):
    """A model for sahi: the reference pipeline on one slice."""
    from accuracy import detect
    from sahi.models.base import DetectionModel
    from sahi.prediction import ObjectPrediction

    kind, card, _ = MODELS[MODEL]

    class Model(DetectionModel):
        def load_model(self):
            self.model, self.category_mapping = session, {str(i): str(i) for i in range(80)}

        def check_dependencies(self, *_):
            pass

        def set_device(self, *_):
            pass

        def perform_inference(self, image):
            self._original_predictions = detect(session, kind, card, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))

        def _create_object_prediction_list_from_original_predictions(self, shift_amount_list=[[0, 0]], full_shape_list=None):
            shift = shift_amount_list[0] if isinstance(shift_amount_list[0], list) else shift_amount_list
            shape = full_shape_list[0] if full_shape_list and isinstance(full_shape_list[0], list) else full_shape_list
            found = zip(*self._original_predictions)
            self._object_prediction_list_per_image = [[
                ObjectPrediction(
                    bbox=[float(v) for v in box], score=float(score), category_id=int(c), category_name=str(c), shift_amount=shift,
                    full_shape=shape,
                )
                for box, score, c in found if box[2] > box[0] and box[3] > box[1]
            ]]  # fmt: skip

    return Model(model_path=MODEL, confidence_threshold=CONFIDENCE)


def sahi(folder, truth, how):
    """The same by sahi, merged by its default (GREEDYNMM by IOS) or by NMS."""
    from sahi.predict import get_sliced_prediction

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    model = detector(onnxruntime.InferenceSession(str(support.assets(f"models/{MODEL}.onnx")), options))
    rule = {"postprocess_type": "NMS", "postprocess_match_metric": "IOU", "postprocess_match_threshold": IOU} if how == "NMS" else {}
    results, times = [], []
    for image in truth["images"]:
        path, started = str(folder / image["file_name"]), time.perf_counter()
        found = get_sliced_prediction(path, model, SLICE, SLICE, OVERLAP, OVERLAP, verbose=0, force_postprocess_type=True, **rule)
        times.append(1e3 * (time.perf_counter() - started))
        for item in found.object_prediction_list:
            x1, y1, x2, y2 = item.bbox.to_xyxy()
            box, category = [x1, y1, x2 - x1, y2 - y1], reference.COCO_IDS[item.category.id]
            results.append({"image_id": image["id"], "category_id": category, "bbox": box, "score": item.score.value})
    return results, float(np.median(times))


def row(name, truth, results, milliseconds):
    values = "  ".join(f"{value:5.2f}" for value in precision(truth, results))
    print(f"{name:28} {values}  {milliseconds:7.1f} ms", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sahi", action="store_true", help="sahi's figures, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        truth = mosaics(folder)
        print(f"{'':28} {'AP':>5}  {'small':>5}  {'med.':>5}  {'large':>5}  {'median':>10}")
        for side in (0, SLICE):
            results, milliseconds, slices = spotter(folder, side)
            row(f"spotter, {slices:.0f} slices of {side}" if side else "spotter, whole photos", truth, results, milliseconds)
        if options.sahi:
            for how in ("NMS", "GREEDYNMM"):
                row(f"sahi, {how}", truth, *sahi(folder, truth, how))


if __name__ == "__main__":
    main()
