"""`uploader compare` with real functions: here, under the emulator, behind a link that takes time, and in a container."""

import csv
import io
import itertools
import json
import re
import subprocess
import urllib.parse

import browser as chromium
import pytest
import support
from relay import Relay

ROUND_TRIP, MBIT = 0.06, 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory, pictures):
    """Photos of different weight."""
    path = tmp_path_factory.mktemp("photos")
    for number, (png, _) in enumerate(pictures):
        (path / f"{number}.png").write_bytes(png)
    case = json.loads((support.fixture("yolox")[0] / "expected.json").read_text())["cases"][0]
    for scale in (2, 3):
        (path / f"large-{scale}.jpg").write_bytes(support.draw(case["picture"], scale, "JPEG"))
    return path


@pytest.fixture(scope="module")
def far(squares):
    """The fixture function's URL, at the other end of a link."""
    url = urllib.parse.urlsplit(squares.base)
    relay = Relay(url.hostname, url.port, ROUND_TRIP, MBIT * 1e6 / 8)
    yield f"http://127.0.0.1:{relay.port}{url.path}"
    relay.close()


@pytest.fixture(scope="module")
def compare(tmp_path_factory):
    """Runs `uploader compare`; gives what it printed, and its reports by extension."""

    def run(*arguments, expect=0):
        reports = tmp_path_factory.mktemp("reports")
        files = {kind: reports / f"report.{kind}" for kind in ("json", "csv", "md", "html")}
        command = [str(support.binary("uploader")), "compare", *map(str, arguments)]
        for file in files.values():
            command += ["--report", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=support.environment())
        assert done.returncode == expect, f"exit {done.returncode}, expected {expect}\n{done.stdout}\n{done.stderr}"
        return done.stdout, {kind: file.read_text() for kind, file in files.items()}

    return run


def told(report, topic):
    """What the verdict says on a topic."""
    return " ".join(finding["text"] for finding in report["verdict"] if finding["topic"] == topic)


def test_here_and_there(compare, folder, far):
    model = support.fixture("yolox")[0]
    printed, reports = compare(
        folder, "--local", "--model", model, "--url", f"there={far}", "--runs", 2, "--like-2023", "--ec2-per-hour", "0.2"
    )
    report = json.loads(reports["json"])
    local, there = report["targets"]
    assert (local["name"], there["name"]) == ("local", "there")
    assert local["answered"] == there["answered"] == 2 * len(list(folder.iterdir()))
    assert local["models"][0]["sha256"] == there["models"][0]["sha256"] and report["pairs"][0]["same_model"]
    assert "same boxes in all" in told(report, "boxes"), told(report, "boxes")
    assert told(report, "speed").startswith("local is faster than there"), told(report, "speed")
    assert told(report, "speed") in printed and told(report, "cost") in printed

    offload = report["pairs"][0]["offload"]
    assert (offload["near"], offload["far"]) == ("local", "there")
    assert there["link_ms"]["round_trip"] >= ROUND_TRIP * 1e3 * 0.9
    assert offload["network_share"] > 0.3, offload
    assert local["cost"]["machine"] > 0 and there["cost"]["machine"] is None
    assert local["cold"]["count"] >= 1, "the local function has just been started"

    (waterfall,) = report["waterfalls"]
    milliseconds = [step["ms"] for step in waterfall["steps"]]
    assert milliseconds[0] > milliseconds[1], f"a new connection costs round trips: {milliseconds}"
    assert not any(step["failed"] for step in waterfall["steps"])

    rows = list(csv.DictReader(io.StringIO(reports["csv"])))
    counted = [row for row in rows if row["run"] != "0"]
    assert len(counted) == local["answered"] + there["answered"]
    assert all(float(row["server_inference_ms"]) > 0 for row in counted)
    assert "## Verdict" in reports["md"] and "| ms per photo | local | there |" in reports["md"]


def test_the_page_needs_nothing_else(compare, folder, far):
    _, reports = compare(folder, "--url", f"here={far}", "--url", f"there={far}", "--ladder", "1,2")
    page = reports["html"]
    for word in ("src=", "href=", "url(", "@import", "<script"):
        assert word not in page, f"{word} in the page"
    assert page.count("<svg") == 5, "distribution, two scatters, phases, ladder"


def test_the_report_in_a_browser(compare, folder, tmp_path):
    """Two models whose boxes differ, as they are seen: the fact first, pictures with boxes on them, no wider than a phone."""
    chromium.require_chromium()
    yolo, yolox = (support.fixture(name)[0] for name in ("yolo", "yolox"))
    _, reports = compare(folder, "--local", f"a=,model={yolo}", "--local", f"b=,model={yolox}", "--ladder", 0)
    (tmp_path / "report.html").write_text(reports["html"])
    browser = chromium.Browser(tmp_path)
    try:
        browser.devtools("Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True})
        browser.open((tmp_path / "report.html").as_uri())
        assert browser.run("return document.documentElement.scrollWidth") <= 390
        assert "different models" in browser.run("return document.querySelector('h1').nextElementSibling.innerText")
        assert browser.run("return document.querySelectorAll('.summary li').length") == 3
        shots = "return [...document.querySelectorAll('.shot')].map((shot) => [shot.querySelector('img').naturalWidth, shot.querySelectorAll('rect').length])"
        different = json.loads(reports["json"])["pairs"][0]["boxes"]["different"]
        assert different and len(browser.run(shots)) == len(different)
        assert all(width > 0 and boxes > 0 for width, boxes in browser.run(shots))
        longest = "return Math.max(...[...document.querySelectorAll('dd')].flatMap((e) => [...e.innerText.matchAll(/[0-9a-f]{13,}/g)].map((m) => m[0].length)), 0)"
        assert browser.run(longest) == 0, "digests are shortened"
    finally:
        browser.close()


def test_waiting_for_the_emulators_one_worker_is_a_queue(compare, folder, far):
    """Four at once, one after the other: the last of each four has waited for three others, on this side of the emulator."""
    yolox = support.fixture("yolox")[0]
    _, reports = compare(
        folder, "--emulator", "one=,workers=1", "--local", "--model", yolox, "--concurrency", 4, "--ladder", 0
    )
    report = json.loads(reports["json"])
    own = [sample for sample in report["samples"] if sample["target"] == "one" and sample["run"] > 0]
    turns = [list(turn) for _, turn in itertools.groupby(own, key=lambda sample: sample["turn"])]
    assert turns[0] and all(sample["client_ms"]["queue"] >= 0 for sample in own)
    for turn in turns:
        work = sorted(sample["answer"]["timings_ms"]["total"] for sample in turn)
        assert max(sample["client_ms"]["queue"] for sample in turn) >= sum(work[:-1]) * 0.99, turn
    rows = csv.DictReader(io.StringIO(reports["csv"]))
    assert any(float(row["client_queue_ms"]) > 0 for row in rows if row["target"] == "one")


def test_the_bar_tells_all_passes_and_the_end_where_the_report_lies(folder, far, tmp_path):
    report = tmp_path / "report.md"
    command = [support.binary("uploader"), "compare", folder, "--url", f"here={far}", "--url", f"there={far}"]
    command += ["--ladder", "1,2", "--sizes=3", "--like-2023", "--report", report]
    with (tmp_path / "printed").open("w") as printed:
        shown = support.on_terminal(command, printed, NO_COLOR="1")
    told = re.findall(r"(warm-up|sequential|concurrency \d|folder \w+|steps at \w+) (\d+)/(\d+)(?:, (\w+) left)?", shown.decode())
    passes = [name for name, _ in itertools.groupby(told, key=lambda part: part[0])]
    expected = ["warm-up", "sequential", "concurrency 1", "concurrency 2", "folder 3", "steps at here", "steps at there"]
    assert [name for name in expected if name in passes] == passes and set(passes) >= {"sequential", "concurrency 2"}, passes
    early = [part for part in told if part[3] == "0s" and not (part[0] == "steps at there" and part[1] == part[2])]
    assert not early, "nothing is left only at the end"
    assert all(int(done) <= int(photos) for _, done, photos, _ in told)
    assert f"Report: {report}\n" in (tmp_path / "printed").read_text()


def test_sizes(compare, folder, far):
    printed, reports = compare(
        folder, "--local", "--model", support.fixture("yolox")[0], "--url", far, "--sizes=3,6,9", "--ladder", 0
    )
    folders = json.loads(reports["json"])["folders"]
    assert [(row["name"], row["photos"]) for row in folders[::2]] == [("SMALL", 3), ("MEDIUM", 6), ("BIG", 9)]
    for local, there in zip(folders[::2], folders[1::2]):
        assert local["inference_s"] > 0 and there["upload_s"] > local["upload_s"], (local, there)
    assert "SMALL" in printed and "inference, s" in printed


def test_two_models_here_and_the_emulator(compare, folder):
    """Each target has settings of its own; what has none takes those of all."""
    yolo, yolox = (support.fixture(name)[0] for name in ("yolo", "yolox"))
    _, reports = compare(
        folder, "--local", "a=", "--local", f"b=,model={yolo},threads=1", "--emulator", "c=,memory=3538", "--model", yolox
    )
    targets = json.loads(reports["json"])["targets"]
    assert [(target["name"], target["kind"]) for target in targets] == [("a", "local"), ("b", "local"), ("c", "emulator")]
    assert [target["models"][0]["name"] for target in targets] == ["yolox", "yolo", "yolox"]
    assert [target["cost"]["memory_mb"] for target in targets] == [1769, 1769, 3538]
    assert all(target["answered"] == target["photos"] > 0 for target in targets)


@pytest.mark.image
def test_with_docker(image, compare, folder, far):
    """A container beside the function here and a link, two photos at once: as many containers, each with one at a time."""
    _, reports = compare(
        folder, "--local", "--docker", f"image={image}", "--url", f"there={far}", "--concurrency", 2, "--ladder", "1,2,4"
    )
    report = json.loads(reports["json"])
    assert [target["kind"] for target in report["targets"]] == ["local", "docker", "url"]
    assert all(target["answered"] == target["photos"] > 0 for target in report["targets"])
    paces = [[rung["at_once"] for rung in target["ladder"]] for target in report["targets"]]
    assert paces == [[1, 2, 4], [1, 2], [1, 2, 4]], paces
    image_pair, far_pair = report["pairs"]
    assert (image_pair["second"], far_pair["second"]) == ("image", "there")
    assert image_pair["offload"] is None and far_pair["offload"]["far"] == "there", "only a URL is away"
    assert image_pair["boxes"]["photos"] == len(list(folder.iterdir()))
    assert not far_pair["same_model"] and "do not run the same model file" in told(report, "boxes")
