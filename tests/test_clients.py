"""Other services' own clients, pointed at the function: boto3's Rekognition, Roboflow's inference-sdk; and sahi, with the function
looking at each slice."""

import json
import subprocess

import pytest
import samples
import support
from test_exports import READERS

BOTO3 = support.ROOT / ".tools" / "moto" / "bin" / "python"


def ask(python, *arguments):
    """What a client prints, line by line."""
    if python == READERS and not READERS.exists():
        support.skip("the Python with the clients is missing", "tools/setup readers (x86_64 only)")
    command = [str(python), str(support.ROOT / "tests" / "clients.py"), *map(str, arguments)]
    environment = {name: value for name, value in support.environment().items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def photo():
    samples.make()
    return samples.BUSY


def test_boto3_reads_labels_as_rekognitions(real, photo):
    answer, few, none, some, without = ask(
        BOTO3, "rekognition", real.base,
        json.dumps({"photo": str(photo), "MinConfidence": 30}), json.dumps({"photo": str(photo), "MinConfidence": 30, "MaxLabels": 2}),
        json.dumps({"photo": str(photo), "MinConfidence": 100}),
        json.dumps({"photo": str(photo), "MinConfidence": 30, "Settings": {"GeneralLabels": {"LabelInclusionFilters": ["Person"]}}}),
        json.dumps({"photo": str(photo)}),
    )  # fmt: skip
    ours = support.Client(real.base).post(photo.read_bytes(), "/detect?confidence=0.3", "image/jpeg").ok()
    width, height = ours["image"]["width"], ours["image"]["height"]
    boxes = [
        (label["Name"].lower(), *(pytest.approx(v, abs=0.5) for v in corners(instance["BoundingBox"], width, height)))
        for label in answer["Labels"] for instance in label["Instances"]
    ]  # fmt: skip
    assert sorted((d["label"], *d["box"]) for d in ours["detections"]) == sorted(boxes, key=lambda box: [str(box[0]), *(v.expected for v in box[1:])])
    person = next(label for label in answer["Labels"] if label["Name"] == "Person")
    assert person["Categories"] == [{"Name": "Person Description"}] and person["Parents"] == [] == person["Aliases"]
    assert {"Name": "Kitchenware"} in next(label for label in answer["Labels"] if label["Name"] in ("Bottle", "Cup", "Bowl"))["Parents"]
    assert [label["Name"] for label in few["Labels"]] == [label["Name"] for label in answer["Labels"][:2]]
    assert none["Labels"] == [] and {label["Name"] for label in some["Labels"]} == {"Person"}
    assert all(label["Confidence"] >= 55 for label in without["Labels"]) and answer["LabelModelVersion"]


def corners(box, width, height):
    left, top = box["Left"] * width, box["Top"] * height
    return left, top, left + box["Width"] * width, top + box["Height"] * height


def test_boto3_raises_rekognitions_errors(real, photo, tmp_path):
    (tmp_path / "text.jpg").write_bytes(b"no photo at all")
    requests = {
        "InvalidImageFormatException": {"photo": str(tmp_path / "text.jpg")},
        "InvalidParameterException": {"photo": str(photo), "MinConfidence": 99.9, "Image": {}, "MaxLabels": 1},
        "InvalidS3ObjectException": {"Image": {"S3Object": {"Bucket": "there-is-none", "Name": "a.jpg"}}},
    }
    del requests["InvalidParameterException"]["photo"]
    errors = ask(BOTO3, "rekognition", real.base, *map(json.dumps, requests.values()))
    assert [(error["raised"], error["status"]) for error in errors] == [(name, 400) for name in requests]
    assert all(error["Message"] for error in errors), errors


def test_inference_sdk_reads_predictions(real, photo, tmp_path):
    [answer] = ask(READERS, "roboflow", real.base, json.dumps({"confidence_threshold": 0.3, "max_detections": 3}), photo)
    ours = support.Client(real.base).post(photo.read_bytes(), "/detect?confidence=0.3&max_detections=3", "image/jpeg").ok()
    found = [(p["class"], p["x"] - p["width"] / 2, p["y"] - p["height"] / 2) for p in answer["predictions"]]
    # The client encodes photos anew before it sends them.
    assert [label for label, *_ in found] == [d["label"] for d in ours["detections"]]
    for (_, x, y), detection in zip(found, ours["detections"]):
        assert (x, y) == pytest.approx(detection["box"][:2], abs=4)
    [refused] = ask(READERS, "roboflow", real.base, json.dumps({"class_filter": ["unicorn"]}), photo)
    assert refused["status"] == 400 and "unicorn" in refused["message"]


def test_slices_are_sahis(real, tmp_path):
    """The same windows and boxes: each of ours is one that sahi has, and of what it has besides each overlaps one of ours, or is a part."""
    photo, side, overlap = tmp_path / "four.png", 480, 0.2
    samples.mosaic(3, 3, 1280, 1280).save(photo)
    [sahi] = ask(READERS, "sahi", real.base, photo, side, overlap)
    path = f"/detect?confidence=0.3&slice={side}&slice_overlap={overlap}"
    ours = support.Client(real.base).post(photo.read_bytes(), path, "image/png").ok()
    assert ours["timings_ms"]["slices"] == len(sahi["slices"])

    def same(a, b):
        return a["label"] == b["label"] and all(abs(p - q) <= 1.5 for p, q in zip(a["box"], b["box"])) and abs(a["score"] - b["score"]) < 0.01

    assert len(ours["detections"]) > 5
    unknown = [d for d in ours["detections"] if not any(same(d, theirs) for theirs in sahi["boxes"])]
    assert not unknown
    edges = [{x for w, _ in sahi["slices"] for x in (w, w + side)}, {y for _, w in sahi["slices"] for y in (w, w + side)}]
    for theirs in sahi["boxes"]:
        x1, y1, x2, y2 = theirs["box"]
        cut = any(min(abs(v - e) for e in edges[axis]) <= 4 for axis, ends in ((0, (x1, x2)), (1, (y1, y2))) for v in ends)
        kept = [d["box"] for d in ours["detections"] if d["label"] == theirs["label"]]
        assert any(shared(box, theirs["box"]) > 0.45 for box in kept) or (cut and any(held(theirs["box"], box) > 0.5 for box in kept)), theirs


def common(a, b):
    width, height = (max(0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    return width * height


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def shared(a, b):
    """Intersection over union."""
    return common(a, b) / (area(a) + area(b) - common(a, b))


def held(part, box):
    """The share of a part that lies in a box."""
    return common(part, box) / area(part)
