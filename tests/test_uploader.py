"""The uploader from outside: paths, result formats, exit codes, the local function's life."""

import contextlib
import csv
import io
import json
import os
import pty
import re
import socket
import subprocess
import time
import urllib.parse

import PIL.Image
import pytest
import support


@pytest.fixture(scope="module")
def folder(tmp_path_factory, pictures):
    """A folder with two good photos, `1.png` and `deep/000000000139.png`, and a file that is none."""
    path = tmp_path_factory.mktemp("photos")
    (path / "deep").mkdir()
    (path / "1.png").write_bytes(pictures[0][0])
    (path / "deep" / "000000000139.png").write_bytes(pictures[1][0])
    (path / "notes.txt").write_text("no photo")
    return path


@pytest.fixture(scope="module")
def detect(squares):
    """Runs `uploader detect … --url` against the fixture function."""

    def run(*arguments, expect=0, stdin=None, cwd=None):
        command = [str(support.binary("uploader")), "detect", *map(str, arguments), "--url", squares.base]
        done = subprocess.run(
            command, input=stdin, cwd=cwd, capture_output=True, text=True, timeout=60, env=support.environment()
        )
        assert done.returncode == expect, f"exit {done.returncode}, expected {expect}\n{done.stdout}\n{done.stderr}"
        return done

    return run


def lines(done):
    """The answers of --format jsonl by file name."""
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return {answer["photo"].rsplit("/", 1)[-1]: answer for answer in answers}


def test_text_and_summary(detect, folder):
    done = detect(folder)
    assert "1.png" in done.stdout and "000000000139.png" in done.stdout and "notes.txt" not in done.stdout
    for label in ("red", "blue", "green"):
        assert label in done.stdout
    for word in ("inference", "upload", "mean", "wait", "decode", "4 objects in 2 photos"):
        assert word in done.stdout.lower(), f"the summary lacks {word}:\n{done.stdout}"
    # Of two photos they would be the slower one.
    assert "p90" not in done.stdout and "p99" not in done.stdout
    assert "\r" not in done.stdout + done.stderr, "a progress bar in a pipe"


def test_jsonl(detect, folder, pictures):
    answers = lines(detect(folder, "--format", "jsonl"))
    for name, (_, expected) in zip(("1.png", "000000000139.png"), pictures):
        support.same_boxes(answers[name]["detections"], expected)
        assert answers[name]["client_ms"] and "total" in answers[name]["timings_ms"]


@pytest.mark.parametrize("body", ["base64", "binary"])
def test_bodies(detect, folder, pictures, body):
    answers = lines(detect(folder / "1.png", "--format", "jsonl", "--body", body, "--concurrency", 2))
    support.same_boxes(answers["1.png"]["detections"], pictures[0][1])


def test_csv(detect, folder):
    rows = list(csv.DictReader(io.StringIO(detect(folder, "--format", "csv").stdout)))
    assert len(rows) == 4 and {row["label"] for row in rows} == {"red", "green", "blue"}
    assert all(0 < float(row["score"]) <= 1 for row in rows)


def test_coco(detect, folder, tmp_path):
    output = tmp_path / "results.json"
    done = detect(folder, "--format", "coco", "--output", output)
    results = json.loads(output.read_text())
    assert {result["image_id"] for result in results} == {1, 139} and len(results) == 4
    assert "bbox" not in done.stdout
    boxes = [r["bbox"] for r in results if r["image_id"] == 139 and r["category_id"] == 2]
    assert boxes == [pytest.approx([36, 66, 48, 54], abs=0.5)]


def test_cocos_own_tools_read_the_results(detect, pictures, tmp_path):
    from pycocotools import coco, cocoeval

    names = ["val/000000000139.png", "x/1.png", "y/1.png", "cat.png"]
    for name in names:
        (tmp_path / "P" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "P" / name).write_bytes(pictures[0][0])
    detect("P", "--format", "coco", "--output", tmp_path / "results.json", cwd=tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    by_id = {result["image_id"]: result["file_name"] for result in results}
    assert sorted(by_id.values()) == sorted(f"P/{name}" for name in names) and by_id[139] == "P/val/000000000139.png"
    # The truth is what was found: by the way from a number to its photo every photo is found again.
    truth = {
        "images": [{"id": number, "file_name": name, "width": 128, "height": 96} for number, name in by_id.items()],
        "categories": [{"id": number, "name": str(number)} for number in {result["category_id"] for result in results}],
        "annotations": [
            {k: r[k] for k in ("image_id", "category_id", "bbox")} | {"id": n, "area": r["bbox"][2] * r["bbox"][3], "iscrowd": 0}
            for n, r in enumerate(results, 1)
        ],
    }
    (tmp_path / "instances.json").write_text(json.dumps(truth))
    instances = coco.COCO(tmp_path / "instances.json")
    evaluation = cocoeval.COCOeval(instances, instances.loadRes(str(tmp_path / "results.json")), "bbox")
    for step in (evaluation.evaluate, evaluation.accumulate, evaluation.summarize):
        step()
    assert evaluation.stats[0] == pytest.approx(1)


def test_annotate(detect, folder, tmp_path):
    detect(folder, "--annotate", tmp_path / "out", "--quiet")
    photos = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(photos) == 2 and {PIL.Image.open(path).format for path in photos} == {"JPEG"}
    assert {PIL.Image.open(path).size for path in photos} == {(128, 96), (96, 128)}


def test_the_progress_bar_has_a_rate_and_no_colour(squares, folder, tmp_path):
    for number in range(60):
        (tmp_path / f"{number}.png").write_bytes((folder / "1.png").read_bytes())
    command = [str(support.binary("uploader")), "detect", str(tmp_path), "--url", squares.base, "-o", "/dev/null", "--rate", "40"]
    for variables in ({}, {"NO_COLOR": "1"}):
        shown = support.on_terminal(command, subprocess.DEVNULL, **variables)
        rates = re.findall(r"photos (\S+)/s, \S+ left", shown.decode())
        assert rates and all(re.fullmatch(r"\d+\.\d", rate) for rate in rates), shown[-300:]
        assert not re.search(rb"\x1b\[[0-9;]*m", shown), shown[-300:]


def test_no_bar_is_drawn_where_results_may_go_to_the_same_terminal(squares, folder):
    """As with `| tee`: results and bar would get into each other."""
    terminal, theirs = pty.openpty()
    command = [str(support.binary("uploader")), "detect", str(folder), "--url", squares.base]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=support.environment(TERM="xterm-256color"))
    os.close(theirs)
    out, shown = process.communicate(timeout=60)[0], b""
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 4096):
            shown += piece
    os.close(terminal)
    assert b"1.png: " in out and shown == b""


def test_resize_gives_boxes_in_the_originals_pixels(detect, tmp_path):
    case = json.loads((support.fixture("yolox")[0] / "expected.json").read_text())["cases"][0]
    (tmp_path / "large.jpg").write_bytes(support.draw(case["picture"], scale=8, kind="JPEG"))
    answer = lines(detect(tmp_path / "large.jpg", "--format", "jsonl", "--resize", 256))["large.jpg"]
    expected = [e | {"box": [v * 8 for v in e["box"]]} for e in case["detections"]]
    support.same_boxes(answer["detections"], expected, pixels=17, score=0.06)  # one pixel of the network's input
    assert answer["image"] == {"width": 1024, "height": 768}


def test_list_on_standard_input_and_globs(detect, folder):
    listed = detect("-", "--format", "jsonl", stdin=f"{folder}/1.png\n\n{folder}/deep/000000000139.png\n")
    assert set(lines(listed)) == {"1.png", "000000000139.png"}
    assert set(lines(detect(f"{folder}/*.png", "--format", "jsonl"))) == {"1.png"}
    assert set(lines(detect("**/0*.png", "--format", "jsonl", cwd=folder))) == {"000000000139.png"}


def test_options_are_passed_on(detect, folder):
    answer = lines(detect(folder / "1.png", "--format", "jsonl", "--classes", "red", "--confidence", 0, "--max-detections", 5))
    assert {d["label"] for d in answer["1.png"]["detections"]} == {"red"}
    assert answer["1.png"]["thresholds"]["confidence"] == 0


def test_exit_1_where_some_photos_failed(detect, folder, tmp_path):
    (tmp_path / "broken.png").write_bytes((folder / "1.png").read_bytes()[:90])
    done = detect(folder / "1.png", tmp_path / "broken.png", "--format", "jsonl", expect=1)
    answers = lines(done)
    assert answers["broken.png"]["error"]["code"] == "undecodable_image" and answers["broken.png"]["error"]["message"]
    assert answers["1.png"]["detections"]


@pytest.mark.parametrize(
    "arguments",
    [["/nonexistent.jpg"], ["--unknown"], [], ["{folder}/1.png", "--confidence", "7"], ["{folder}/*.gif"]],
    ids=str,
)
def test_exit_2_on_wrong_use(detect, folder, arguments):
    done = detect(*(argument.format(folder=folder) for argument in arguments), expect=2)
    assert done.stderr.strip()


def test_exit_3_where_a_condition_came_true(detect, folder):
    assert "p95" in detect(folder, "--fail-if", "p95>0ms", expect=3).stderr
    detect(folder, "--fail-if", "p95>60s")


def test_quiet_says_nothing_but_results(detect, folder):
    done = detect(folder, "--format", "jsonl", "--quiet")
    assert done.stderr == "" and len(done.stdout.splitlines()) == 2


def test_limits_are_those_of_the_target(squares, detect, tmp_path):
    (tmp_path / "huge.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(7_000_000))
    # A server says itself what it does not take.
    done = detect(tmp_path / "huge.jpg", "--format", "jsonl", expect=1)
    assert "the limit is 300000" in json.loads(done.stdout)["error"]["message"], done.stdout
    # A Function URL takes no more than Lambda: told before sending, by whatever way it is reached.
    via = squares.base.removeprefix("http://").rstrip("/")
    url = ["--url", "http://id.lambda-url.us-east-1.on.aws/", "--no-sign", "--connect-to", via]
    command = [support.binary("uploader"), "detect", tmp_path / "huge.jpg", "--format", "jsonl", *url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=support.environment())
    assert done.returncode == 1 and "uploader bulk" in json.loads(done.stdout)["error"]["message"], done.stdout


def test_local_target_by_default(folder):
    command = [support.binary("uploader"), "detect", folder / "1.png", "--model", support.fixture("yolox")[0]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=support.environment())
    assert done.returncode == 0, done.stderr
    assert "blue" in done.stdout and "red" in done.stdout and "cold" in done.stdout


@pytest.mark.parametrize(("kind", "processes"), [(support.Local, 2), (support.Emulator, 3)], ids=["plain", "emulator"])
def test_ctrl_c_leaves_nothing_behind(tmp_path, kind, processes):
    local = kind(tmp_path / "log", model=support.fixture("yolo")[0])
    assert local.client.call("GET", "/health").status == 200
    family, port = local.family(), urllib.parse.urlsplit(local.base).port
    assert len(family) >= processes, "uploader, function, and the emulator where there is one"
    local.close()
    # A process whose main thread has ended counts as dead; its other threads may hold the port a moment longer.
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (any(alive(pid) for pid in family) or listening(port)):
        time.sleep(0.1)
    assert not [name for pid, name in family.items() if alive(pid)]
    assert not listening(port)


def test_what_local_prints_can_be_opened(tmp_path):
    local = support.Local(tmp_path / "log", model=support.fixture("yolo")[0])
    url = urllib.parse.urlsplit(local.base)
    assert url.path == "/"
    page = local.client.call("GET", "/")
    assert page.status == 200 and page.type == "text/html"
    local.close()


def test_the_emulators_answers_are_those_of_the_server(folder):
    command = [support.binary("uploader"), "detect", folder / "1.png", "--model", support.fixture("yolox")[0], "--format", "jsonl"]
    found = []
    for target in ("--local", "--emulator"):
        done = subprocess.run([*command, target], capture_output=True, text=True, timeout=60, env=support.environment())
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout)["detections"])
    assert found[0] == found[1] and found[0]


def test_standard_error_that_closes_is_no_panic(folder, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    command = f"{support.binary('uploader')} detect {folder}/1.png {tmp_path}/broken.jpg --model {support.fixture('yolox')[0]}"
    for arguments in ("", " --format jsonl", " --fail-if p50>0ms"):
        script = f"({command}{arguments.replace('>', chr(92) + '>')}; echo $? >&3) 3>{tmp_path}/code 2>&1 | head -1 >/dev/null"
        subprocess.run(["sh", "-c", script], timeout=60, env=support.environment(), check=True)
        assert (tmp_path / "code").read_text().strip() in ("0", "1", "3"), arguments


def listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_model_list_and_show():
    def model(*arguments):
        command = [support.binary("uploader"), "model", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=support.environment())

    assert "yolox-nano" in model("list").stdout
    assert "416" in model("show", "yolox-nano").stdout
    assert model("show", "no-such-model").returncode == 2
