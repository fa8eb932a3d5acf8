"""`uploader evaluate` against pycocotools, and on small truths whose figures are known."""

import contextlib
import csv
import io
import json
import pathlib
import random
import re
import shutil
import subprocess

import PIL.Image
import pytest
import samples
import support

NAMES = ["ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large"]
OPTIONS = ["--confidence", "0.01", "--iou", "0.65", "--max-detections", "300"]


def uploader(*arguments, expect=0):
    """(what is printed, what is noted) by `uploader`, which must end as expected."""
    command = [str(word) for word in (support.binary("uploader"), *arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=support.environment())
    assert done.returncode == expect, f"exit {done.returncode}, expected {expect}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


def evaluated(folder, *arguments, expect=0):
    """(report, what is noted) of `uploader evaluate`."""
    report = folder / "report.json"
    _, noted = uploader("evaluate", *arguments, "--quiet", "--report", report, expect=expect)
    return json.loads(report.read_text()), noted


@pytest.fixture(scope="module")
def labelled(tmp_path_factory, pictures):
    """A folder of photos that the fixture model knows, and a COCO truth of what is in them."""
    folder = tmp_path_factory.mktemp("labelled")
    truth = {"images": [], "annotations": [], "categories": [{"id": i + 5, "name": n} for i, n in enumerate(["Red", "green", "BLUE"])]}
    ids = {category["name"].lower(): category["id"] for category in truth["categories"]}
    for number, (png, expected) in enumerate(pictures):
        (folder / "photos").mkdir(exist_ok=True)
        (folder / "photos" / f"photo {number}.png").write_bytes(png)
        truth["images"].append({"id": 100 - number, "file_name": f"elsewhere/photo {number}.png"})
        for found in expected:
            x1, y1, x2, y2 = found["box"]
            box = {"image_id": 100 - number, "category_id": ids[found["label"]], "bbox": [x1, y1, x2 - x1, y2 - y1], "iscrowd": 0}
            truth["annotations"].append(box | {"id": len(truth["annotations"]) + 1, "area": (x2 - x1) * (y2 - y1)})
    assert truth["annotations"]
    (folder / "instances.json").write_text(json.dumps(truth))
    return folder


def fixture():
    return support.fixture("yolox")[0]


def changed(folder, to, change):
    """A truth like that of `labelled`, changed."""
    truth = json.loads((folder / "instances.json").read_text())
    change(truth)
    to.write_text(json.dumps(truth))
    return to


def test_whoever_finds_everything_has_all_points(labelled, tmp_path):
    truth = json.loads((labelled / "instances.json").read_text())
    report, noted = evaluated(tmp_path, labelled / "photos", "--truth", labelled / "instances.json", "--model", fixture())
    (target,) = report["targets"]
    assert target["photos"] == len(truth["images"]) and target["objects"] == len(truth["annotations"])
    assert target["figures"]["ap50"] == pytest.approx(1) and target["figures"]["ap"] > 0.9, target["figures"]
    assert target["best"]["f1"] == pytest.approx(1) and target["worst"] == []
    assert target["best"]["true_positives"] == len(truth["annotations"])
    assert {row["label"] for row in target["classes"] if row["objects"]} <= {"Red", "green", "BLUE"}
    assert target["ms_per_photo"] > 0 and target["dollars_per_1000"] > 0 and target["multi_label"] is False
    assert target["thresholds"]["confidence"] == 0.01 and target["models"][0]["name"] == "yolox"
    assert noted == ""


def test_yolo_and_voc_say_the_same(labelled, tmp_path, pictures):
    truth = json.loads((labelled / "instances.json").read_text())
    yolo, voc = tmp_path / "yolo", tmp_path / "voc"
    (yolo / "labels").mkdir(parents=True), voc.mkdir()
    (yolo / "data.yaml").write_text("path: .\ntrain: images\nnames:\n  0: red\n  1: green\n  2: blue\n")
    for image in truth["images"]:
        stem = pathlib.Path(image["file_name"]).stem
        width, height = PIL.Image.open(labelled / "photos" / f"{stem}.png").size
        lines, objects = "", ""
        for box in (box for box in truth["annotations"] if box["image_id"] == image["id"]):
            x, y, w, h = box["bbox"]
            lines += f"{box['category_id'] - 5} {(x + w / 2) / width} {(y + h / 2) / height} {w / width} {h / height}\n"
            corners = zip(("xmin", "ymin", "xmax", "ymax"), (x + 1, y + 1, x + w, y + h))
            corners = "".join(f"<{name}>{value}</{name}>" for name, value in corners)
            name = ["red", "green", "blue"][box["category_id"] - 5]
            objects += f"<object><name>{name}</name><difficult>0</difficult><bndbox>{corners}</bndbox></object>"
        (yolo / "labels" / f"{stem}.txt").write_text(lines)
        (voc / f"{stem}.xml").write_text(f"<annotation><filename>{stem}.png</filename>{objects}</annotation>")
    expected, _ = evaluated(tmp_path, labelled / "photos", "--truth", labelled / "instances.json", "--model", fixture())
    for path in (yolo, yolo / "data.yaml", voc):
        report, _ = evaluated(tmp_path, labelled / "photos", "--truth", path, "--model", fixture())
        for name in NAMES:
            ours, theirs = report["targets"][0]["figures"][name], expected["targets"][0]["figures"][name]
            assert ours == pytest.approx(theirs, abs=1e-3) if theirs is not None else ours is None, (path, name)


def test_what_is_only_on_one_side_is_told(labelled, tmp_path):
    def change(truth):
        truth["images"].append({"id": 7, "file_name": "gone.png"})
        truth["images"] = [image for image in truth["images"] if image["file_name"] != "elsewhere/photo 0.png"]
        truth["categories"][0]["name"] = "zebra"

    truth = changed(labelled, tmp_path / "truth.json", change)
    report, noted = evaluated(tmp_path, labelled / "photos", "--truth", truth, "--model", fixture())
    assert "photo 0.png" in noted and "not in the truth" in noted
    assert "1 image of the truth is not among the photos: gone.png" in noted
    assert "red" in noted and "count for nothing" in noted
    assert report["targets"][0]["photos"] == len(list((labelled / "photos").iterdir())) - 1
    # Of the categories only those that are wanted.
    report, noted = evaluated(tmp_path, labelled / "photos", "--truth", labelled / "instances.json", "--model", fixture(), "--classes", "Blue")
    assert [row["label"] for row in report["targets"][0]["classes"]] == ["BLUE"] and "zebra" not in noted
    _, noted = uploader("evaluate", labelled / "photos", "--truth", truth, "--classes", "red", "--model", fixture(), expect=2)
    assert "--classes red" in noted and "zebra" in noted


def test_crowds_count_for_nothing(labelled, tmp_path):
    def change(truth):
        for box in truth["annotations"]:
            box["iscrowd"] = 1

    truth = changed(labelled, tmp_path / "truth.json", change)
    report, _ = evaluated(tmp_path, labelled / "photos", "--truth", truth, "--model", fixture())
    (target,) = report["targets"]
    assert target["objects"] == 0 and target["crowds"] > 0 and target["figures"]["ap"] is None
    assert target["worst"] == [] and target["best"] is None


def test_a_truth_without_objects(labelled, tmp_path):
    truth = changed(labelled, tmp_path / "truth.json", lambda truth: truth.update(annotations=[]))
    printed, noted = uploader("evaluate", labelled / "photos", "--truth", truth, "--model", fixture())
    assert "the truth has no objects" in noted
    assert re.search(r"local .* - +- ", printed), printed


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "not a COCO ground truth"),
        ("[]", "a list, as COCO results are"),
        ('{"images": [], "annotations": [], "categories": []}', "it has no images"),
        ('{"images": [{"id": 1, "file_name": "other.jpg"}], "annotations": [], "categories": []}', "no photo is in the truth"),
        (
            '{"images": [{"id": 1, "file_name": "photo 0.png"}], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}',
            "no label of the model is a category of the truth; the model has red, green, blue; the truth has cat",
        ),
    ],
)
def test_truths_that_cannot_be_used(labelled, tmp_path, text, said):
    path = tmp_path / "truth.json"
    path.write_text(text)
    printed, noted = uploader("evaluate", labelled / "photos", "--truth", path, "--model", fixture(), "--report", tmp_path / "r.md", expect=2)
    assert said in noted and printed == "" and not (tmp_path / "r.md").exists()


def test_nothing_that_is_read_is_written_to(labelled, tmp_path):
    for report in (labelled / "instances.json", tmp_path / "link.json"):
        if not report.exists():
            report.symlink_to(labelled / "instances.json")
        before = report.read_bytes()
        _, noted = uploader("evaluate", labelled / "photos", "--truth", labelled / "instances.json", "--report", report, expect=2)
        assert "would overwrite an input" in noted and report.read_bytes() == before


def test_a_photo_that_fails_is_counted_and_not_evaluated(labelled, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for photo in (labelled / "photos").iterdir():
        (photos / photo.name).write_bytes(photo.read_bytes())
    (photos / "photo 0.png").write_bytes((photos / "photo 0.png").read_bytes()[:300])
    report, noted = evaluated(tmp_path, photos, "--truth", labelled / "instances.json", "--model", fixture(), expect=1)
    (target,) = report["targets"]
    assert sum(target["failures"].values()) == 1 and target["photos"] == len(list(photos.iterdir())) - 1
    assert "photo 0.png" in noted and "1 failed and is not evaluated" in noted


def test_several_models_and_every_report(labelled, tmp_path):
    others = [fixture(), support.fixture("yolo")[0]]
    files = {kind: tmp_path / f"report.{kind}" for kind in ("json", "csv", "md", "html")}
    reports = [word for file in files.values() for word in ("--report", file)]
    models = [word for model in others for word in ("--model", model)]
    printed, _ = uploader("evaluate", labelled / "photos", "--truth", labelled / "instances.json", *models, *reports)
    names = [target["name"] for target in json.loads(files["json"].read_text())["targets"]]
    assert len(set(names)) == 2
    for part in ("Average precision", "ms per photo", "$ per 1000", "Best confidence", *names):
        assert part in printed, printed
        assert part in files["md"].read_text() and part in files["html"].read_text()
    rows = list(csv.DictReader(io.StringIO(files["csv"].read_text())))
    assert [row["target"] for row in rows if row["class"] == "all"] == names
    assert {row["class"] for row in rows} - {"all"} == {row["label"] for row in json.loads(files["json"].read_text())["targets"][0]["classes"]}
    page = files["html"].read_text()
    assert not re.search(r"src=|href=|url\(|@import|<script", page)
    assert page.count("<svg") == 2
    # The same as targets with names.
    targets = [word for name, model in zip("ab", others) for word in ("--local", f"{name}=,model={model}")]
    report, _ = evaluated(tmp_path, labelled / "photos", "--truth", labelled / "instances.json", *targets)
    assert [target["name"] for target in report["targets"]] == ["a", "b"]
    _, noted = uploader("evaluate", labelled / "photos", "--truth", labelled / "instances.json", *models, "--local", "a=", expect=2)
    assert "several --model" in noted


# Against pycocotools.


@pytest.fixture(scope="module", params=["coco-dev", "samples"])
def coco(request, tmp_path_factory):
    """Photos, their truth, pycocotools' reading of it, and a model: coco-dev of the assets with YOLOX-nano, and pieces of the
    sample photos with the model in the tree and a truth made of what it finds."""
    from pycocotools.coco import COCO

    if request.param == "coco-dev":
        support.require_assets()
        folder, images, model = support.assets("photos/coco-dev"), "images", support.assets("models/yolox_nano.onnx")
    else:
        folder, images, model = tmp_path_factory.mktemp("samples"), ".", support.ROOT / "model" / "spotter-nano"
        guessed(folder, model)
    with contextlib.redirect_stdout(io.StringIO()):
        return folder / images, folder / "instances.json", COCO(str(folder / "instances.json")), ["--model", model]


def guessed(folder, model):
    """Writes photos and a truth into a folder: what the model finds, some of it moved, left out or a crowd's, in a fixed way."""
    chance = random.Random(3)
    for path in samples.small(60):
        shutil.copy(path, folder)
    # A results list has the numbers in photos' names as their ids.
    for number, (columns, rows) in enumerate(((2, 2), (3, 2), (3, 3), (4, 3)), 500):
        samples.mosaic(columns, rows).save(folder / f"{number:04}.jpg")
    printed, _ = uploader("detect", folder, "--model", model, "--confidence", "0.08", "--iou", "0.65", "--format", "jsonl", "--quiet")
    truth = {"images": [], "annotations": [], "categories": [{"id": id, "name": name} for name, id in reference_ids().items()]}
    for line in sorted(map(json.loads, printed.splitlines()), key=lambda line: line["photo"]):
        number = int(pathlib.Path(line["photo"]).stem)
        truth["images"].append({"id": number, "file_name": pathlib.Path(line["photo"]).name} | line["image"])
        for found in line["detections"]:
            # What is faint is mostly wrong.
            if chance.random() > min(0.9, 2 * found["score"]):
                continue
            x1, y1, x2, y2 = found["box"]
            across, down = ((end - start) * chance.uniform(-0.15, 0.15) for start, end in ((x1, x2), (y1, y2)))
            side = {"bbox": [x1 + across, y1 + down, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1) * chance.uniform(0.3, 1)}
            label = {"category_id": reference_ids()[found["label"]], "iscrowd": int(chance.random() < 0.05)}
            truth["annotations"].append({"id": len(truth["annotations"]) + 1, "image_id": number} | side | label)
    assert len(truth["annotations"]) > 100
    (folder / "instances.json").write_text(json.dumps(truth))


def reference_ids():
    """{label: COCO's category id}, in the model's order."""
    text = (support.ROOT / "detector" / "src" / "labels.rs").read_text()
    labels = re.findall(r'"([a-z ]+)"', text[text.index("COCO") :])[:80]
    return dict(zip(labels, (i for i in range(1, 91) if i not in (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)), strict=True))


def reference(truth, results):
    """pycocotools' figures, by name; AP by category."""
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    by_class = {}
    for place, category in enumerate(evaluation.params.catIds):
        precision = evaluation.eval["precision"][:, :, place, 0, -1]
        precision = precision[precision > -1]
        by_class[truth.cats[category]["name"]] = precision.mean() if precision.size else None
    return dict(zip(NAMES, evaluation.stats)), by_class


def assert_same(target, truth, results):
    figures, by_class = reference(truth, results)
    for name, expected in figures.items():
        assert target["figures"][name] == pytest.approx(expected, abs=0.0005), (name, target["figures"])
    for row in target["classes"]:
        if by_class[row["label"]] is None:
            assert row["ap"] is None, row
        else:
            assert row["ap"] == pytest.approx(by_class[row["label"]], abs=0.001), row
    assert len([row for row in target["classes"] if row["ap"] is not None]) == len([ap for ap in by_class.values() if ap is not None])


@pytest.mark.parametrize("multi_label", [False, True])
def test_the_figures_are_those_of_pycocotools(coco, tmp_path, multi_label, capsys):
    photos, path, truth, model = coco
    options = [*OPTIONS, *(["--multi-label"] if multi_label else [])]
    results, lines = tmp_path / "results.json", tmp_path / "lines.jsonl"
    uploader("detect", photos, *options, *model, "--format", "coco", "--output", results, "--quiet")
    uploader("detect", photos, *options, *model, "--format", "jsonl", "--output", lines, "--quiet")
    found = json.loads(results.read_text())
    live, noted = evaluated(tmp_path, photos, "--truth", path, *options, *model)
    filed, _ = evaluated(tmp_path, "--truth", path, "--results", results, "--results", lines)
    with capsys.disabled():
        figures = live["targets"][0]["figures"]
        print(f"\nmulti_label {multi_label}: AP {100 * figures['ap']:.2f}, AP50 {100 * figures['ap50']:.2f}", end=" ")
    for target in (*live["targets"], *filed["targets"]):
        assert target["photos"] == len(truth.imgs) > 60
        assert_same(target, truth, found)
    assert live["targets"][0]["multi_label"] is multi_label
    if multi_label:
        pairs = [(entry["image_id"], tuple(entry["bbox"])) for entry in found]
        assert len(set(pairs)) < len(pairs), "no box has two labels"


def test_the_best_confidence_and_the_worst_photos_can_be_had_again(coco, tmp_path):
    """With the best confidence as the least score, the same objects are found, missed and false."""
    photos, path, truth, model = coco
    model = [*model, "--iou", "0.65"]
    report, _ = evaluated(tmp_path, photos, "--truth", path, *model)
    best, worst = report["targets"][0]["best"], report["targets"][0]["worst"]
    assert len(worst) == 10 and 0.1 < best["confidence"] < 0.9
    costs = [photo["false_negatives"] + photo["false_positives"] for photo in worst]
    assert costs == sorted(costs, reverse=True)
    results = tmp_path / "results.json"
    uploader("detect", photos, *model, "--confidence", best["confidence"], "--format", "coco", "--output", results, "--quiet")
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(truth, truth.loadRes(json.loads(results.read_text())), "bbox")
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
    by_photo = {}
    for cell in filter(None, evaluation.evalImgs):
        counts = by_photo.setdefault(truth.imgs[cell["image_id"]]["file_name"], [0, 0, 0])
        ignored = cell["dtIgnore"][0].astype(bool)
        hits = int(((cell["dtMatches"][0] > 0) & ~ignored).sum())
        counts[0] += hits
        counts[1] += int((~cell["gtIgnore"].astype(bool)).sum()) - hits
        counts[2] += int(((cell["dtMatches"][0] == 0) & ~ignored).sum())
    totals = [sum(counts[i] for counts in by_photo.values()) for i in range(3)]
    assert totals == [best["true_positives"], best["false_negatives"], best["false_positives"]]
    for photo in worst:
        assert by_photo[photo["photo"]] == [photo["true_positives"], photo["false_negatives"], photo["false_positives"]]
