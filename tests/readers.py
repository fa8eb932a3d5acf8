"""Reads datasets with other people's libraries, which need a Python of their own: .tools/readers/bin/python tests/readers.py.

    readers.py FORMAT PATH [PHOTOS]

prints JSON: for each photo by its name in the dataset [[label, x1, y1, x2, y2], …] in pixels, and its size where the reader
tells it; `complaints` is what the reader finds wrong.
"""

import contextlib
import json
import os
import pathlib
import sys
import warnings

warnings.simplefilter("ignore")


def corners(x, y, width, height):
    return [x, y, x + width, y + height]


def coco_dataset(path, photos):
    """pycocotools."""
    from pycocotools.coco import COCO

    coco = COCO(path)
    found = {}
    for image in coco.loadImgs(coco.getImgIds()):
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
        boxes = [[coco.cats[a["category_id"]]["name"], *corners(*a["bbox"])] for a in annotations]
        found[image["file_name"]] = {"boxes": boxes, "size": [image["width"], image["height"]]}
    return found


def coco_by_supervision(path, photos):
    import supervision

    return supervised(supervision.DetectionDataset.from_coco(photos, path), photos)


def supervised(dataset, photos):
    """A dataset of supervision's; it names photos by their paths."""
    found = {}
    for path, image, detections in dataset:
        boxes = [[dataset.classes[k], *map(float, box)] for k, box in zip(detections.class_id, detections.xyxy)]
        found[os.path.relpath(path, photos)] = {"boxes": boxes, "size": [image.shape[1], image.shape[0]]}
    return found


def folders(path):
    """A folder and all below it, for readers that look into one only."""
    return [pathlib.Path(path), *(p for p in pathlib.Path(path).rglob("*") if p.is_dir())]


def yolo(path, photos):
    """supervision, folder by folder."""
    import supervision

    found = {}
    images, labels = pathlib.Path(path, "images"), pathlib.Path(path, "labels")
    for folder in folders(images):
        below = labels / folder.relative_to(images)
        dataset = supervision.DetectionDataset.from_yolo(str(folder), str(below), f"{path}/data.yaml")
        found |= supervised(dataset, images)
    return found


def voc(path, photos):
    """supervision, folder by folder."""
    import supervision

    found = {}
    images, annotations = pathlib.Path(path, "JPEGImages"), pathlib.Path(path, "Annotations")
    for folder in folders(images):
        below = annotations / folder.relative_to(images)
        found |= supervised(supervision.DetectionDataset.from_pascal_voc(str(folder), str(below)), images)
    return found


def by_datumaro(kind, **options):
    def read(path, photos):
        import datumaro

        dataset = datumaro.Dataset.import_from(path, kind, **options)
        labels = dataset.categories()[datumaro.AnnotationType.label]
        found = {}
        for item in dataset:
            boxes = [[labels[a.label].name, *corners(*a.get_bbox())] for a in item.annotations if hasattr(a, "get_bbox")]
            height, width = item.media.size if item.media else (None, None)
            found[item.id] = {"boxes": boxes, "size": [width, height]}
        return found

    return read


def label_studio(path, photos):
    """Label Studio's SDK: checks each prediction, then converts it as if an annotator had accepted it."""
    import tempfile

    from label_studio_sdk.converter import Converter
    from label_studio_sdk.label_interface import LabelInterface

    tasks = json.loads(pathlib.Path(path).read_text())
    config = pathlib.Path(path).with_suffix(".xml").read_text()
    interface = LabelInterface(config)
    complaints = []
    for number, task in enumerate(tasks):
        for prediction in task["predictions"]:
            complaints += interface.validate_prediction(prediction, return_errors=True)
        task |= {"id": number, "annotations": task.pop("predictions")}
    with tempfile.TemporaryDirectory() as folder:
        accepted = pathlib.Path(folder, "tasks.json")
        accepted.write_text(json.dumps(tasks))
        converter = Converter(config, folder, download_resources=False)
        converter.convert_to_coco(str(accepted), folder, is_dir=False)
        coco = json.loads(pathlib.Path(folder, "result.json").read_text())
    names = {category["id"]: category["name"] for category in coco["categories"]}
    urls = [task["data"]["image"] for task in tasks]
    found = {url: {"boxes": []} for url in urls}
    for image in coco["images"]:
        if image["width"]:  # Label Studio tells a photo's size with its regions only.
            found[urls[image["id"]]]["size"] = [image["width"], image["height"]]
    for annotation in coco["annotations"]:
        found[urls[annotation["image_id"]]]["boxes"].append([names[annotation["category_id"]], *corners(*annotation["bbox"])])
    return found | {"complaints": complaints}


def megadetector(path, photos):
    """MegaDetector's own validator, and boxes by its documented format."""
    from megadetector.postprocessing.validate_batch_results import ValidateBatchResultsOptions, validate_batch_results

    options = ValidateBatchResultsOptions()
    options.check_image_existence, options.relative_path_base, options.return_data = True, photos, True
    data = validate_batch_results(path, options)
    found = {}
    for image in data["images"]:
        boxes = [
            [data["detection_categories"][d["category"]], *corners(*d["bbox"])] for d in image["detections"] or []
        ]
        found[image["file"]] = {"boxes": boxes, "size": None, "failure": image.get("failure")}
    checked = data["validation_results"]
    return found | {"complaints": checked["errors"] + checked["warnings"]}


def xmp(path, photos):
    """Exiv2, which digiKam and darktable read with."""
    import exiv2

    found = {}
    for file in pathlib.Path(path).rglob("*.xmp"):
        image = exiv2.ImageFactory.open(str(file))
        image.readMetadata()
        found[str(file.relative_to(path))] = {d.key(): d.print() for d in image.xmpData()}
    return found


READERS = {
    "coco-dataset": coco_dataset,
    "coco-dataset/supervision": coco_by_supervision,
    "coco-dataset/datumaro": by_datumaro("coco"),
    "yolo": yolo,
    "yolo/datumaro": by_datumaro("yolo"),
    "voc": voc,
    "voc/datumaro": by_datumaro("voc_detection", coordinate_mode="voc-one-based"),
    "cvat": by_datumaro("cvat"),
    "label-studio": label_studio,
    "megadetector": megadetector,
    "xmp": xmp,
}

if __name__ == "__main__":
    kind, path, *photos = sys.argv[1:]
    with contextlib.redirect_stdout(sys.stderr):
        found = READERS[kind](path, photos[0] if photos else None)
    json.dump(found, sys.stdout)
