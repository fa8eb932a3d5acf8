"""Broken and malicious photos of the assets, and photos that lie on their side, through the server and a real model. Broken ones
that need no assets are in test_broken.py."""

import io

import PIL.Image
import pytest
import samples
import support

SECONDS, MEGABYTES = 10, 400
FOLDERS = {"jpeg": 12, "png": 6, "pngsuite": 2}  # every so many-th file; `cargo test` takes them all in-process


def sample():
    return [path for folder, step in FOLDERS.items() for path in sorted(support.assets(f"hostile/{folder}").iterdir())[::step]]


def test_hostile_files_get_an_answer_in_time(real):
    support.require_assets()
    functions, statuses = real.functions(), {}
    assert functions
    for path in sample():
        reply = real.client.post(path.read_bytes())
        statuses[reply.status] = statuses.get(reply.status, 0) + 1
        assert reply.seconds <= SECONDS, f"{path.name} took {reply.seconds:.1f} s"
        if reply.status != 200:
            assert reply.status in (400, 413, 415, 422), f"{path.name}: {reply.status}"
            reply.problem(reply.status, reply.json["code"])
    print("statuses", statuses)
    assert set(statuses) > {200, 422}, "the sample should hold good and broken files"
    assert real.functions() == functions, "the function died and was started again"
    assert real.peak_megabytes() <= MEGABYTES


def test_files_broken_on_purpose_are_refused(real):
    """PngSuite's names beginning with x: wrong signatures, sizes, checksums, missing data."""
    support.require_assets()
    for path in sorted(support.assets("hostile/pngsuite").glob("x*.png")):
        reply = real.client.post(path.read_bytes())
        assert reply.status in (415, 422), f"{path.name}: {reply.status}"


def overlap(a, b):
    """Intersection over union of two boxes x1,y1,x2,y2."""
    width, height = (max(0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    area = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)) - width * height
    return width * height / area if area else 0


def test_all_orientations_give_the_same_boxes(real):
    """The files were compressed apart from each other, hence the tolerance."""
    answers = [real.client.post(path.read_bytes(), "/detect?classes=person&confidence=0.5&iou=0.3").ok() for path in samples.upright()]
    assert {(a["image"]["width"], a["image"]["height"]) for a in answers} == {(900, 1280)}
    upright = answers[0]["detections"][0]["box"]
    for i, answer in enumerate(answers):
        assert len(answer["detections"]) == len(answers[0]["detections"]), f"{i}: {answer['detections']}"
        assert overlap(answer["detections"][0]["box"], upright) > 0.9, f"{i}: {answer['detections']}"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_orientation_of_a_known_picture(function, pictures, kind, orientation):
    """The stored pixels are turned such that Exif's orientation turns them back (Exif 2.32, 4.6.4)."""
    photo, expected = pictures[0]
    undo = samples.TURNS[orientation]
    image = PIL.Image.open(io.BytesIO(photo))
    exif = image.getexif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "PNG": {}, "WEBP": {"lossless": True}}[kind]
    (image.transpose(undo) if undo is not None else image).save(file, kind, exif=exif, **options)
    answer = function.post(file.getvalue()).ok()
    assert answer["image"] == {"width": 128, "height": 96}
    support.same_boxes(answer["detections"], expected, pixels=1.5, score=0.05)
