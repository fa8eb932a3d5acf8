"""The whole pipeline with the model in the tree, box by box, against numpy: decoding by Pillow, `resized` for the resize, ONNX Runtime's
Python wheel on the graph as it lies there, model/fixtures/reference.py for the head, `suppressed` for NMS. Needs no assets;
accuracy.py has COCO AP by assets' photos and models.

Two resizes are held against Spotter's:

- `exact`, the one that detector/src/letterbox.rs describes: where a photo has twice the resolution or more, a JPEG decoded at 1/2, 1/4
  or 1/8, anything else averaged by whole blocks; then bilinear between pixel centres, never rounded. Only floating point is between
  the two, and the digits that are printed (4 of a score, 2 of a box): seen were 0.00005 and an IoU of 0.9996.
- `opencv`, cv2.resize, with which YOLOX was trained and is published: bilinear between centres, too, but by fixed point of 11 bits
  and rounded to whole values, which moves a score by thousandths (seen: 0.0055, and an IoU of 0.992).

With twice the resolution or more (`coarse`) OpenCV takes two pixels in each direction and leaves out those between, which Spotter does
not: the inputs differ visibly. What is clear is found all the same (seen: 0.03, and an IoU of 0.84). How sure faint boxes are is
no matter of right and wrong there, nor which of two that overlap with nearly the same score is kept.
"""

import json
import subprocess

import accuracy
import numpy as np
import onnxruntime
import PIL.Image
import PIL.ImageOps
import pytest
import reference
import samples
import support

CARD = {"size": [320, 320], "color": "bgr", "resize": "letterbox", "pad": 114, "scale": 1.0}
MODEL = support.ROOT / "model" / "spotter-nano" / "model.onnx"
CONFIDENCE, IOU, STRIDE = 0.1, 0.45, 32
LABELS = 80
# The least IoU of a box, the most that its score may differ, and from which score on it must be in both.
TOLERANCES = {"exact": (0.998, 0.0005, 0.1005), "opencv": (0.98, 0.01, 0.2), "coarse": (0.75, 0.06, 0.3)}


def photos(folder):
    """Writes the sample photos as they come, as JPEGs, and turned or resized so that each way to fit occurs; gives their paths."""
    for path in sorted((support.ROOT / ".tools" / "samples").glob("*.png")):
        image = PIL.Image.open(path).convert("RGB")
        image.save(folder / f"{path.stem}.png", compress_level=1)
        image.resize((600, 600 * image.height // image.width)).save(folder / f"{path.stem}-600.jpg", quality=90)
        exif = PIL.Image.Exif()
        exif[0x0112] = 6
        image.resize((310, 310 * image.height // image.width)).save(folder / f"{path.stem}-turned.webp", lossless=True, exif=exif)
        image.resize((1000, 1000 * image.height // image.width)).crop((100, 0, 1000, 600)).save(folder / f"{path.stem}-900.png", compress_level=1)
        image.resize((200, 200 * image.height // image.width)).save(folder / f"{path.stem}-200.bmp")
        image.resize((1100, 1100 * image.height // image.width)).save(folder / f"{path.stem}-1100.jpg", quality=90)
    for tiles in (2, 3, 4):
        samples.mosaic(tiles, tiles, 600, 450).save(folder / f"mosaic-{tiles}.png", compress_level=1)
    return sorted(folder.iterdir())


def decoded(path, least=None):
    """uint8 RGB [H,W,3], upright; a JPEG perhaps at 1/2, 1/4 or 1/8, but not below `least`."""
    image = PIL.Image.open(path)
    if least:
        image.draft("RGB", least)
    return np.asarray(PIL.ImageOps.exif_transpose(image).convert("RGB"))


def bilinear(pixels, width, height):
    """float [height,width,3], between pixel centres."""

    def taps(to, source):
        at = np.clip((np.arange(to) + 0.5) * source / to - 0.5, 0, source - 1)
        near = at.astype(int)
        return near, np.minimum(near + 1, source - 1), (at - near)[:, None]

    top, bottom, down = taps(height, pixels.shape[0])
    left, right, across = taps(width, pixels.shape[1])
    rows = pixels[top] * (1 - down[:, None]) + pixels[bottom] * down[:, None]
    return rows[:, left] * (1 - across) + rows[:, right] * across


def exact(path):
    """The tensor, and (width, height) of the photo and of what it becomes."""
    height, width = decoded(path).shape[:2]
    ratio = min(CARD["size"][0] / width, CARD["size"][1] / height)
    fit = int(width * ratio + 1e-9), int(height * ratio + 1e-9)
    rgb = decoded(path, fit)
    block = min(rgb.shape[1] // fit[0], rgb.shape[0] // fit[1])
    if block >= 2:
        rows, columns = rgb.shape[0] // block, rgb.shape[1] // block
        blocks = rgb[: rows * block, : columns * block].reshape(rows, block, columns, block, 3)
        rgb = np.floor(blocks.mean(axis=(1, 3)) + 0.5)
    canvas = np.full((CARD["size"][1], CARD["size"][0], 3), CARD["pad"], np.float64)
    canvas[: fit[1], : fit[0]] = bilinear(rgb.astype(np.float64), *fit)
    return canvas[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32), (width, height), fit


def opencv(path):
    """The same."""
    rgb = decoded(path)
    tensor, to_photo = reference.preprocess(rgb, CARD)
    width, height = rgb.shape[1], rgb.shape[0]
    x, y = to_photo((0, 0, 1, 1))[2:]
    return tensor, (width, height), (round(width / x), round(height / y))


def area(boxes):
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def overlap(box, boxes):
    """IoU of one with each."""
    sides = np.clip(np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]), 0, None)
    common = sides.prod(axis=1)
    return common / (area(box) + area(boxes) - common)


def suppressed(classes, scores, boxes):
    """What is left of candidates, the best first."""
    order = np.argsort(-scores, kind="stable")
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        order = order[(classes[order] != classes[best]) | (overlap(boxes[best], boxes[order]) <= IOU)]
    return classes[kept], scores[kept], boxes[kept]


def expected(session, path, resized, fit):
    """(class id, score, box) of each, by the reference."""
    tensor, photo, content = resized(path)
    size = list(CARD["size"])
    if fit == "shape":
        size = [-(-side // STRIDE) * STRIDE for side in content]
        tensor = np.ascontiguousarray(tensor[:, :, : size[1], : size[0]])
    outputs = {"output": session.run(None, {"images": tensor})[0]}
    classes, scores, boxes = reference.decode("yolox", outputs, size, LABELS)
    likely = scores >= CONFIDENCE
    boxes = np.clip(boxes[likely] * np.tile(np.array(photo) / content, 2), 0, photo * 2)
    return list(zip(*suppressed(classes[likely], scores[likely], boxes)))


@pytest.fixture(scope="module")
def session():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(MODEL), options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    assert len(photos(folder)) == 27
    return folder


@pytest.fixture(scope="module", params=[("square", False), ("square", True), ("shape", False), ("shape", True)], ids=lambda p: p[0] + "-prepared" * p[1])
def found(request, folder, tmp_path_factory):
    """The fit, and {file name: detections} of `uploader detect`, by the graph as it is or prepared."""
    fit, is_prepared = request.param
    home = tmp_path_factory.mktemp("model")
    model = accuracy.prepared(home, MODEL, "yolox", CARD | {"fit": fit})
    if not is_prepared:
        model.with_suffix(".prepared.onnx").unlink()
    command = [support.binary("uploader"), "detect", folder, "--local", "--model", model, "--format", "jsonl", "--quiet", "--confidence", CONFIDENCE, "--iou", IOU]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, env=support.environment())
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return fit, {line["photo"].rsplit("/", 1)[1]: line["detections"] for line in lines}


def tolerance(resized, path):
    width, height = PIL.Image.open(path).size
    is_coarse = resized is opencv and max(width / CARD["size"][0], height / CARD["size"][1]) >= 2
    return TOLERANCES["coarse" if is_coarse else resized.__name__]


def unmatched(ours, theirs, least, most, sure):
    """Boxes of ours, surely above the threshold, that theirs lack."""
    left = dict(enumerate(theirs))
    for class_id, score, box in ours:
        if score < sure:
            continue
        alike = {i: overlap(box, b[None])[0] for i, (c, s, b) in left.items() if c == class_id and abs(s - score) <= most}
        nearest = max(alike, key=alike.get, default=None)
        if nearest is None or alike[nearest] < least:
            yield class_id, round(float(score), 4), [round(float(v), 1) for v in box]
        else:
            del left[nearest]


@pytest.mark.parametrize("resized", [exact, opencv], ids=lambda way: way.__name__)
def test_boxes_are_the_references(session, folder, found, resized):
    fit, answers = found
    wrong, compared = [], 0
    for path in sorted(folder.iterdir()):
        theirs = expected(session, path, resized, fit)
        ours = [(d["class_id"], d["score"], np.array(d["box"])) for d in answers[path.name]]
        wrong += [f"{path.name}: only Spotter has {box}" for box in unmatched(ours, theirs, *tolerance(resized, path))]
        wrong += [f"{path.name}: only the reference has {box}" for box in unmatched(theirs, ours, *tolerance(resized, path))]
        compared += len(theirs)
    assert not wrong, "\n".join([f"{len(wrong)} of {compared}:", *wrong])
    assert compared > 80
