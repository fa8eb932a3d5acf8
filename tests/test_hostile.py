"""Broken and malicious photos, and photos that lie on their side, through the real emulator and a real model."""

import pytest
import support

SECONDS, MEGABYTES = 2, 400
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


@pytest.mark.parametrize("motif", ["Landscape", "Portrait"])
def test_all_orientations_give_the_same_boxes(real, motif):
    """The files differ in how they were compressed, hence the tolerance; clear objects only."""
    support.require_assets()
    answers = [
        real.client.post(support.assets(f"hostile/exif/{motif}_{i}.jpg").read_bytes(), "/detect?confidence=0.3").ok()
        for i in range(9)
    ]
    assert len({(a["image"]["width"], a["image"]["height"]) for a in answers}) == 1
    size = answers[0]["image"]
    assert (size["width"] > size["height"]) == (motif == "Landscape")
    upright = [d for d in answers[0]["detections"] if d["score"] > 0.4]
    assert upright, "nothing is found in the upright photo"
    for i, answer in enumerate(answers):
        for wanted in upright:
            same = [d for d in answer["detections"] if d["label"] == wanted["label"] and overlap(d["box"], wanted["box"]) > 0.85]
            assert same, f"{motif}_{i}: no {wanted['label']} at {wanted['box']}: {answer['detections']}"
