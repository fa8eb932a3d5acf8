"""Datasets, as other people's libraries read them; XMP files, as exiftool and Exiv2 do; photos sorted by label."""

import json
import os
import pathlib
import shutil
import subprocess
import urllib.parse

import PIL.Image
import pytest
import support

READERS = support.ROOT / ".tools" / "readers" / "bin" / "python"

# Names that XML, YAML, URLs and file systems have their own ideas about.
ODD = "Grüße & <b> \"d\" 's'/mit Leerzeichen #1 100%.png"
NAMES = ["a/x.png", "b/x.jpg", ODD, "empty.png", "turned 6.jpg", "turned 3.png"]
FAILED = "broken.png"

FORMATS = {  # And what the output is called.
    "coco-dataset": "instances.json",
    "yolo": "yolo",
    "voc": "voc",
    "cvat": "annotations.xml",
    "label-studio": "tasks.json",
    "megadetector": "md.json",
}


def turned(image, orientation):
    """The file of an image that is turned by its Exif orientation, and upright where that is heeded."""
    method = {6: PIL.Image.Transpose.ROTATE_90, 3: PIL.Image.Transpose.ROTATE_180}[orientation]
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    return image.transpose(method), exif


@pytest.fixture(scope="module")
def photos(tmp_path_factory, pictures):
    """Photos with and without objects, two of them turned, and one that is broken."""
    folder = tmp_path_factory.mktemp("exports") / "photos"
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / "a" / "x.png").write_bytes(pictures[0][0])
    (folder / ODD).write_bytes(pictures[1][0])
    (folder / FAILED).write_bytes(pictures[0][0][:100])
    PIL.Image.new("RGB", (128, 96), (114, 114, 114)).save(folder / "empty.png")
    upright = PIL.Image.open(folder / "a" / "x.png").convert("RGB")
    upright.save(folder / "b" / "x.jpg", quality=95, subsampling=0)
    for name, orientation in (("turned 6.jpg", 6), ("turned 3.png", 3)):
        image, exif = turned(upright, orientation)
        image.save(folder / name, exif=exif, **({"quality": 95, "subsampling": 0} if name.endswith("jpg") else {}))
    return folder


def uploader(*arguments, expect=0, stdin=None, cwd=None):
    command = [str(support.binary("uploader")), *map(str, arguments)]
    done = subprocess.run(command, input=stdin, cwd=cwd, capture_output=True, text=True, timeout=60, env=support.environment())
    assert done.returncode == expect, f"exit {done.returncode}, expected {expect}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def results(photos, squares):
    """The results as JSON lines, written to a file."""
    path = photos.parent / "results.jsonl"
    uploader("detect", photos, "--url", squares.base, "--format", "jsonl", "--output", path, "--quiet", expect=1)
    return path


@pytest.fixture(scope="module")
def truth(photos, results):
    """By name in the folder what was found on each photo, and its size."""
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    found = {os.path.relpath(line["photo"], photos): line for line in lines if "error" not in line}
    assert sorted(found) == sorted(NAMES) and len(lines) == len(NAMES) + 1
    assert not found["empty.png"]["detections"] and len(found["a/x.png"]["detections"]) == 2
    for name in ("turned 6.jpg", "turned 3.png"):  # Boxes are in the upright photo.
        assert found[name]["image"] == found["a/x.png"]["image"]
        support.same_boxes(found[name]["detections"], found["a/x.png"]["detections"], pixels=1.5, score=0.1)
    return {
        name: {
            "boxes": [[d["label"], *d["box"]] for d in line["detections"]],
            "size": [line["image"]["width"], line["image"]["height"]],
        }
        for name, line in found.items()
    }


def read(kind, path, photos=None):
    """What somebody else's reader makes of it."""
    if not READERS.exists():
        support.skip(f"{READERS} is missing", "tools/setup tests (x86_64 only)")
    script = pathlib.Path(__file__).with_name("readers.py")
    command = [str(READERS), str(script), kind, str(path), *([str(photos)] if photos else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def same(found, truth, pixels=0.5):
    """Asserts that a reader found the same photos and boxes."""
    assert sorted(found) == sorted(truth)
    for name, expected in truth.items():
        boxes = sorted(found[name]["boxes"])
        assert [box[0] for box in boxes] == [box[0] for box in sorted(expected["boxes"])], name
        for box, other in zip(boxes, sorted(expected["boxes"])):
            assert box[1:] == pytest.approx(other[1:], abs=pixels), name
        if found[name].get("size"):
            assert found[name]["size"] == expected["size"], name


@pytest.fixture(scope="module", params=["detect", "convert"])
def export(request, photos, results, squares, tmp_path_factory):
    """Writes a format, either at once or from results that lie about."""
    folder = tmp_path_factory.mktemp(request.param)

    def run(kind, *options, output=None, within=""):
        output = folder / (output or FORMATS[kind])
        failed = 1 if within == "" else 0
        if request.param == "detect":
            done = uploader("detect", photos / within, "--url", squares.base, "-f", kind, "-o", output, *options, expect=failed)
        else:
            lines = [line for line in results.read_text().splitlines() if f"{photos / within}" in json.loads(line)["photo"]]
            done = uploader("convert", "-", "-f", kind, "-o", output, *options, stdin="\n".join(lines), expect=failed)
        if failed and kind != "megadetector":
            assert "1 photo failed and is not in the dataset" in done.stderr
        return output

    return run


@pytest.mark.parametrize("reader", ["coco-dataset", "coco-dataset/supervision"])
def test_coco_dataset(export, photos, truth, reader):
    output = export("coco-dataset", output=f"{reader.replace('/', '-')}.json")
    same(read(reader, output, photos), truth)
    dataset = json.loads(output.read_text())
    ids = [image["id"] for image in dataset["images"]]
    assert len(set(ids)) == len(ids) == len(NAMES)
    assert len({annotation["id"] for annotation in dataset["annotations"]}) == len(dataset["annotations"]) > 0
    # The fixture's classes are none of COCO's: the class id and 1.
    assert {c["id"]: c["name"] for c in dataset["categories"]} == {1: "red", 2: "green", 3: "blue"}


def test_datumaro_reads_coco_and_yolo(export, photos, truth):
    by_id = {os.path.splitext(name)[0]: photo for name, photo in truth.items()}
    output = export("coco-dataset", output="instances_default.json")
    folder = output.parent / "coco"
    (folder / "annotations").mkdir(parents=True)
    shutil.copy(output, folder / "annotations")
    shutil.copytree(photos, folder / "images")
    same(read("coco-dataset/datumaro", folder), by_id)
    # Of YOLO it reads one folder, and calls photos by their stems.
    output = export("yolo", "--with-photos", "copy", output="flat", within=os.path.dirname(ODD))
    same(read("yolo/datumaro", output), {pathlib.Path(ODD).stem: truth[ODD]})


def test_a_coco_results_list_goes_with_the_dataset(photos, results, export, tmp_path):
    from pycocotools import coco, cocoeval

    uploader("convert", results, "-f", "coco", "-o", tmp_path / "results.json", expect=1)
    dataset = coco.COCO(str(export("coco-dataset", output="for results.json")))
    evaluation = cocoeval.COCOeval(dataset, dataset.loadRes(str(tmp_path / "results.json")), "bbox")
    for step in (evaluation.evaluate, evaluation.accumulate, evaluation.summarize):
        step()
    assert evaluation.stats[0] == pytest.approx(1)


def test_yolo(export, photos, truth):
    output = export("yolo", "--with-photos", "link")
    same(read("yolo", output), truth)
    assert (output / "labels" / "empty.txt").read_text() == ""
    lines = (output / "labels" / "a" / "x.txt").read_text().splitlines()
    assert [len(line.split()) for line in lines] == [5, 5]
    assert (output / "images" / ODD).is_symlink() and (output / "images" / ODD).samefile(photos / ODD)
    assert not list(output.rglob("broken*"))


def test_yolo_with_scores(export, truth, results):
    output = export("yolo", "--with-scores", "--with-photos", "copy", output="scored")
    same(read("yolo", output), truth)
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    scores = {d["score"] for line in lines for d in line.get("detections", [])}
    written = {float(line.split()[5]) for file in (output / "labels").rglob("*.txt") for line in file.read_text().splitlines()}
    assert written == scores and not (output / "images" / "a" / "x.png").is_symlink()


def test_voc(export, truth):
    output = export("voc", "--with-photos", "copy")  # datumaro follows no links that lead out
    same(read("voc", output), truth)
    by_id = {os.path.splitext(name)[0]: expected for name, expected in truth.items()}
    same(read("voc/datumaro", output), by_id)


def test_cvat(export, photos, truth):
    output = export("cvat")
    folder = output.parent / "cvat"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(output, folder / "annotations.xml")
    (folder / "images").symlink_to(photos)
    same(read("cvat", folder), {os.path.splitext(name)[0]: expected for name, expected in truth.items()})


def test_label_studio(export, truth):
    output = export("label-studio")
    config = export("label-studio-config", output="tasks.xml")
    assert 'toName="image"' in config.read_text()
    found = read("label-studio", output)
    assert found.pop("complaints") == []
    same({urllib.parse.unquote(url).removeprefix("/data/local-files/?d="): photo for url, photo in found.items()}, truth)
    tasks = json.loads(output.read_text())
    assert {task["predictions"][0]["model_version"] for task in tasks} == {"yolox"}


def test_megadetector(export, photos, truth):
    found = read("megadetector", export("megadetector"), photos)
    assert found.pop("complaints") == []
    failed = found.pop(FAILED)
    assert failed["failure"].startswith("undecodable_image: ") and not failed["boxes"]
    for name, photo in found.items():
        width, height = truth[name]["size"]
        photo["boxes"] = [[label, *(v * s for v, s in zip(box, 2 * [width, height]))] for label, *box in photo["boxes"]]
    same(found, truth)


def test_equal_stems_in_one_folder(squares, pictures, tmp_path):
    for name in ("x.png", "x.webp"):
        (tmp_path / "in" / "deep").mkdir(parents=True, exist_ok=True)
        PIL.Image.open(support.io.BytesIO(pictures[0][0])).save(tmp_path / "in" / "deep" / name, lossless=True)
    done = uploader("detect", tmp_path / "in", "--url", squares.base, "-f", "yolo", "-o", tmp_path / "out", "--with-photos", "link")
    assert "deep/x.webp is in labels/deep/x-2.txt: labels/deep/x.txt is another photo's" in done.stderr
    found = read("yolo", tmp_path / "out")
    assert sorted(found) == ["deep/x-2.webp", "deep/x.png"] and all(len(photo["boxes"]) == 2 for photo in found.values())


def test_the_same_name_in_two_folders_that_are_given(squares, photos, tmp_path):
    uploader("detect", photos / "a", photos / "b", "--url", squares.base, "-f", "yolo", "-o", tmp_path / "out")
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.txt")} == {"out/labels/a/x.txt", "out/labels/b/x.txt"}


def test_relative_to(results, photos, tmp_path):
    images = lambda *options: {  # noqa: E731
        image["file"] for image in json.loads(uploader("convert", results, "-f", "megadetector", *options, expect=1).stdout)["images"]
    }
    assert images() == images("--relative-to", photos) == {*NAMES, FAILED}
    assert images("--relative-to", photos.parent) == {f"photos/{name}" for name in (*NAMES, FAILED)}


def test_results_of_buckets_and_of_two_models(results, tmp_path):
    line = next(json.loads(line) for line in results.read_text().splitlines() if json.loads(line).get("detections"))
    del line["photo"]
    lines = [
        line | {"source": {"bucket": "in", "key": key}, "model": {"name": model, "sha256": digest * 32}}
        for key, model, digest in (("p/a b.jpg", "one", "ab"), ("p/c/d.jpg", "two", "cd"), ("p/a b.jpg", "one", "ab"))
    ]
    lines[1]["detections"] = [d | {"label": "zebra"} for d in line["detections"]]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = uploader("convert", "-", "-f", "coco-dataset", stdin=text)
    dataset = json.loads(done.stdout)
    assert [image["file_name"] for image in dataset["images"]] == ["a b.jpg", "c/d.jpg"]
    assert len({c["id"] for c in dataset["categories"]}) == 3 and "1 repeated results left out" in done.stderr
    tasks = json.loads(uploader("convert", "-", "-f", "label-studio", stdin=text).stdout)
    assert [task["data"]["image"] for task in tasks] == ["s3://in/p/a b.jpg", "s3://in/p/c/d.jpg"]
    both = text + text.replace('"one"', '"three"').replace("ab" * 32, "ef" * 32)
    done = uploader("convert", "-", "-f", "yolo", "-o", tmp_path / "out", stdin=both, expect=2)
    assert "s3://in/p/a b.jpg has results of several models: one, three; choose one with --model" in done.stderr
    assert not (tmp_path / "out").exists()
    for model in ("three", "efefefef"):
        chosen = json.loads(uploader("convert", "-", "-f", "coco-dataset", "--model", model, stdin=both).stdout)
        assert [image["file_name"] for image in chosen["images"]] == ["a b.jpg"]


def test_boxes_are_clipped_to_the_photo(results):
    line = next(json.loads(line) for line in results.read_text().splitlines() if json.loads(line).get("detections"))
    boxes = [[-20, -20, 60, 50], [100, 80, 500, 500], [-9, -9, -1, -1], [5, 5, 5, 20]]
    line |= {"image": {"width": 128, "height": 96}, "detections": [line["detections"][0] | {"box": box} for box in boxes]}
    done = uploader("convert", "-", "-f", "coco-dataset", stdin=json.dumps(line))
    assert [a["bbox"] for a in json.loads(done.stdout)["annotations"]] == [[0, 0, 60, 50], [100, 80, 28, 16]]
    assert "2 boxes outside the photo or without area were left out" in done.stderr


def test_nothing_is_written_over(results, photos, tmp_path):
    for kind in ("yolo", "voc"):
        out = tmp_path / kind
        out.mkdir()
        (out / "data.yaml").write_text("mine")
        done = uploader("convert", results, "-f", kind, "-o", out, expect=2)
        assert "is not empty" in done.stderr and [p.name for p in out.iterdir()] == ["data.yaml"]
        assert "--output DIR" in uploader("convert", results, "-f", kind, expect=2).stderr
    before = results.read_bytes()
    assert "would overwrite an input" in uploader("convert", results, "-f", "csv", "-o", results, expect=2).stderr
    assert results.read_bytes() == before


def test_broken_lines_are_told_and_the_rest_is_converted(results, tmp_path):
    lines = results.read_text().splitlines()
    (tmp_path / "torn.jsonl").write_text("\n".join([*lines[:3], lines[3][:50], "", "{}"]))
    done = uploader("convert", tmp_path / "torn.jsonl", "-f", "jsonl", expect=1)
    assert done.stdout.splitlines() == lines[:3]
    assert "torn.jsonl line 4 is not a result" in done.stderr and "line 6 is not a result" in done.stderr
    assert "no results in" in uploader("convert", "-", "-f", "csv", stdin="", expect=2).stderr
    assert "no such file" in uploader("convert", tmp_path / "gone", "-f", "csv", expect=2).stderr.lower()


def keywords(path):
    """The keywords of XMP files as exiftool reads them."""
    if not shutil.which("exiftool"):
        support.skip("exiftool is missing", "apt-get install libimage-exiftool-perl")
    command = ["exiftool", "-json", "-r", "-ext", "xmp", "-struct", "-Subject", "-TagsList", "-HierarchicalSubject", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    as_list = lambda value: value if isinstance(value, list) else [value]  # noqa: E731
    return {
        os.path.relpath(file["SourceFile"], path): {k: as_list(v) for k, v in file.items() if k != "SourceFile"}
        for file in json.loads(done.stdout)
    }


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def copies(photos, tmp_path):
    """The photos, to have files put beside them."""
    return pathlib.Path(shutil.copytree(photos, tmp_path / "photos"))


def test_keywords_beside_the_photos(copies, truth, squares):
    before = contents(copies)
    detect = lambda *options: uploader("detect", copies, "--url", squares.base, "-q", *options, expect=1)  # noqa: E731
    detect("--xmp")
    expected = {f"{name}.xmp": sorted({box[0] for box in photo["boxes"]}) for name, photo in truth.items() if photo["boxes"]}
    found = keywords(copies)
    assert {name: sorted(file["Subject"]) for name, file in found.items()} == expected
    for file in found.values():
        assert sorted(file["TagsList"]) == sorted(file["HierarchicalSubject"]) == sorted(file["Subject"])
    after = contents(copies)
    assert {path: content for path, content in after.items() if path in before} == before
    assert {path for path in after if path not in before} == {copies / name for name in expected}
    # Again nothing is to be done, and sidecar files are no photos.
    detect("--xmp")
    assert contents(copies) == after
    by_exiv2 = read("xmp", copies)
    assert {name: sorted(file["Xmp.dc.subject"].split(", ")) for name, file in by_exiv2.items()} == expected


def test_keywords_are_added_to_what_is_there(copies, squares, tmp_path):
    photo, sidecar = copies / "a" / "x.png", copies / "a" / "x.png.xmp"
    theirs = ["-XMP-dc:Subject=holiday & sun", "-XMP-dc:Title=A <title>", "-XMP-xmp:Rating=4", "-XMP-lr:HierarchicalSubject=places|sea"]
    subprocess.run(["exiftool", "-q", *theirs, str(sidecar)], check=True, timeout=60)
    uploader("detect", photo, "--url", squares.base, "-q", "--xmp")
    file = keywords(copies)["a/x.png.xmp"]
    assert file["Subject"] == ["holiday & sun", "blue", "red"] and file["HierarchicalSubject"] == ["places|sea", "blue", "red"]
    rest = subprocess.run(["exiftool", "-json", "-Title", "-Rating", str(sidecar)], capture_output=True, text=True, timeout=60)
    assert json.loads(rest.stdout)[0] | {"SourceFile": ""} == {"SourceFile": "", "Title": "A <title>", "Rating": 4}
    sidecar.write_text("not XMP")
    done = uploader("detect", photo, "--url", squares.base, "-q", "--xmp", expect=1)
    assert "x.png.xmp: it is there already; it was left as it is" in done.stderr and sidecar.read_text() == "not XMP"


def test_keywords_in_a_folder_of_their_own(photos, results, tmp_path):
    before = contents(photos)
    uploader("convert", results, "-f", "csv", "--xmp-name", "stem", f"--xmp={tmp_path / 'xmp'}", expect=1)
    assert contents(photos) == before
    expected = [f"{os.path.splitext(name)[0]}.xmp" for name in NAMES if name != "empty.png"]
    assert sorted(keywords(tmp_path / "xmp")) == sorted(expected)
    # Photos that are not here have none.
    gone = results.read_text().replace(f"{photos}/", "s3://in/")
    done = uploader("convert", "-", "-f", "csv", "--xmp", stdin=gone, expect=1)
    assert f"no XMP file was written for {len(NAMES)} photos, not files of this machine" in done.stderr


@pytest.mark.parametrize("how", ["link", "hardlink", "copy"])
def test_sorted_by_label(photos, squares, truth, tmp_path, how):
    before = contents(photos)
    for _ in range(2):  # The second run finds all in place.
        command = ["detect", photos, "--url", squares.base, "-q", "--sort-into", tmp_path / "out", "--sort-as", how]
        uploader(*command, expect=1)
    by_label = {label: {path.name for path in (tmp_path / "out" / label).iterdir()} for label in os.listdir(tmp_path / "out")}
    assert by_label.pop("no-objects") == {"empty.png"}
    for label, names in by_label.items():
        expected = {pathlib.Path(name).name for name, photo in truth.items() if label in {box[0] for box in photo["boxes"]}}
        assert names == expected, label
    one = tmp_path / "out" / "red" / "x.png"
    assert one.is_symlink() == (how == "link") and one.samefile(photos / "a" / "x.png") == (how != "copy")
    assert contents(photos) == before
