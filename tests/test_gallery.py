"""The gallery, opened from disk in a real browser."""

import json
import os
import re
import subprocess

import browser as chromium
import PIL.Image
import pytest
import samples
import support

OUT = support.ROOT / "out"
PHOTOS = [samples.BUSY, samples.ROTATED, samples.CROWD]
SETTLED = "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 250))))"
NAMES = "return [...document.querySelectorAll('.cell')].sort((a, b) => a.dataset.place - b.dataset.place).map((cell) => cell.title.split('/').at(-1))"
LOADED = "return document.querySelectorAll('.cell').length > 0 && !document.querySelector('.thumb[data-pack]')"


@pytest.fixture(scope="module")
def chrome(tmp_path_factory):
    chromium.require_chromium()
    opened = chromium.Browser(tmp_path_factory.mktemp("browser"))
    OUT.mkdir(exist_ok=True)
    yield opened
    opened.close()


def uploader(*arguments, expect=0):
    command = [str(support.binary("uploader")), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=support.environment())
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def opened(chrome, folder):
    chrome.look(1280, 900)
    chrome.open((folder / "index.html").as_uri())
    chrome.wait(LOADED)
    chrome.run(SETTLED)


def silent(chrome):
    errors = [text for level, text in chrome.console() if level == "SEVERE"]
    assert not errors, errors


@pytest.fixture(scope="module")
def album(tmp_path_factory, real):
    """A gallery of photos, one of them turned, one broken, one with nothing in it; and the same results as lines."""
    samples.make()
    home = tmp_path_factory.mktemp("album")
    (home / "photos").mkdir()
    for photo in PHOTOS:
        (home / "photos" / os.path.basename(photo)).write_bytes(photo.read_bytes())
    PIL.Image.new("RGB", (320, 240), (120, 130, 140)).save(home / "photos" / "Grüße & <b> #1 100%.png")
    (home / "photos" / "broken.jpg").write_bytes(PHOTOS[0].read_bytes()[:30_000])
    done = uploader("detect", home / "photos", "--url", real.base, "-f", "jsonl", "-o", home / "lines.jsonl", "--gallery", home / "gallery", expect=1)
    assert re.search(r"open \S+gallery/index.html in a browser", done.stderr), done.stderr
    return home


def test_every_photo_is_shown_with_its_boxes(chrome, album):
    opened(chrome, album / "gallery")
    lines = {os.path.basename(line["photo"]): line for line in map(json.loads, (album / "lines.jsonl").read_text().splitlines())}
    cells = chrome.run(
        "return [...document.querySelectorAll('.cell')].map((cell) => [cell.title.split('/').at(-1), cell.querySelectorAll('svg rect').length, cell.querySelector('.found').textContent])"
    )
    assert {name: boxes for name, boxes, _ in cells} == {name: len(line.get("detections", [])) for name, line in lines.items()}
    words = {name: text for name, _, text in cells}
    assert words["broken.jpg"] == "undecodable_image" and words["Grüße & <b> #1 100%.png"] == "nothing found"
    # A thumbnail has its photo's shape, turned upright.
    sizes = chrome.run("return [...document.querySelectorAll('.cell img')].map((img) => [img.alt.split('/').at(-1), img.naturalWidth / img.naturalHeight])")
    for name, ratio in sizes:
        if "image" in lines[name]:
            assert ratio == pytest.approx(lines[name]["image"]["width"] / lines[name]["image"]["height"], rel=0.02)
    chrome.screenshot(OUT / "gallery.png")
    chrome.look(1280, 900, dark=True)
    chrome.screenshot(OUT / "gallery-dark.png")
    chrome.look(390, 844, phone=True)
    chrome.run(SETTLED)
    assert chrome.run("return document.documentElement.scrollWidth") <= 390
    chrome.screenshot(OUT / "gallery-phone.png")
    silent(chrome)


def test_charts_and_filters_choose_photos(chrome, album):
    opened(chrome, album / "gallery")
    lines = [json.loads(line) for line in (album / "lines.jsonl").read_text().splitlines()]
    with_person = {os.path.basename(line["photo"]) for line in lines if any(d["label"] == "person" for d in line.get("detections", []))}
    chrome.click("#classes [data-label=person]")
    chrome.run(SETTLED)
    assert set(chrome.run(NAMES)) == with_person
    chrome.click("#classes [data-label=person]")
    for kind, wanted in (("failed", {"broken.jpg"}), ("empty", {"Grüße & <b> #1 100%.png"}), ("found", {os.path.basename(p) for p in PHOTOS})):
        chrome.run("const kind = document.getElementById('kind'); kind.value = arguments[0]; kind.dispatchEvent(new Event('input'));", kind)
        chrome.run(SETTLED)
        assert set(chrome.run(NAMES)) == wanted
    chrome.click("#reset")
    best = max(d["score"] for line in lines for d in line.get("detections", []))
    chrome.click(f"#scores [data-bin='{min(19, int(best * 20))}']")
    chrome.run(SETTLED)
    assert set(chrome.run(NAMES)) == {
        os.path.basename(line["photo"]) for line in lines if any(min(19, int(d["score"] * 20)) == min(19, int(best * 20)) for d in line.get("detections", []))
    }
    chrome.click("#reset")
    chrome.type("#search", "crowd")
    chrome.run(SETTLED)
    assert chrome.run(NAMES) == ["crowd.jpg"]
    silent(chrome)


def test_one_photo_is_enlarged_and_the_keyboard_goes_on(chrome, album):
    opened(chrome, album / "gallery")
    chrome.run("document.querySelector('.cell[data-place=\"0\"]').focus()")
    names = chrome.run(NAMES)
    chrome.keys("\ue014", "\ue007")  # arrow right, Enter
    chrome.run(SETTLED)
    shown = "const viewer = document.querySelector('.viewer'); return viewer && [viewer.getAttribute('aria-label').split('/').at(-1), viewer.querySelector('img')?.src.slice(0, 5), viewer.querySelectorAll('.box').length]"
    assert chrome.run(shown)[0] == names[1]
    chrome.keys("\ue00c")  # Escape
    place = names.index("busy.jpg")
    chrome.run(f"document.querySelector('.cell[data-place=\"{place}\"]').click()")
    chrome.run(SETTLED)
    name, scheme, boxes = chrome.run(shown)
    line = next(line for line in map(json.loads, (album / "lines.jsonl").read_text().splitlines()) if line["photo"].endswith(name))
    assert (name, scheme, boxes) == ("busy.jpg", "file:", len(line["detections"]))
    assert f"{line['image']['width']} × {line['image']['height']}" in chrome.run("return document.querySelector('.viewer .data').innerText")
    chrome.screenshot(OUT / "gallery-photo.png")
    chrome.keys("\ue012" if place > 0 else "\ue014")
    chrome.run(SETTLED)
    assert chrome.run(shown)[0] == names[place - 1 if place > 0 else 1]
    chrome.run(f"document.querySelector('.cell[data-place=\"{names.index('broken.jpg')}\"]').click()")
    chrome.run(SETTLED)
    assert chrome.run(shown)[0] == "broken.jpg" and "undecodable_image" in chrome.run("return document.querySelector('.viewer .data').innerText")
    silent(chrome)


def test_thousands_of_photos_are_drawn_as_they_come_into_sight(chrome, tmp_path):
    photo = tmp_path / "0.jpg"
    PIL.Image.new("RGB", (64, 48), (90, 140, 60)).save(photo)
    detection = {"label": "cat", "class_id": 15, "box": [4.0, 4.0, 40.0, 40.0]}
    answer = {
        "image": {"width": 64, "height": 48}, "model": {"name": "m", "sha256": "ab"}, "cold_start": False, "init_ms": 0.0,
        "thresholds": {"confidence": 0.25, "iou": 0.45, "max_detections": 100},
        "timings_ms": {"queue": 0, "decode": 1, "preprocess": 1, "inference": 1, "postprocess": 1, "total": 4},
    }  # fmt: skip
    with open(tmp_path / "lines.jsonl", "w") as lines:
        for number in range(5000):
            path = tmp_path / "photos" / f"{number:04}.jpg"
            path.parent.mkdir(exist_ok=True)
            os.link(photo, path)
            scores = [0.3 + number % 70 / 100] * (number % 3)
            found = [detection | {"score": score} for score in scores]
            lines.write(json.dumps({"photo": str(path), "detections": found} | answer) + "\n")
    uploader("convert", tmp_path / "lines.jsonl", "--format", "gallery", "--output", tmp_path / "gallery")
    opened(chrome, tmp_path / "gallery")
    assert chrome.run("return document.querySelectorAll('.cell').length") < 200
    assert "5000 photos" in chrome.run("return document.getElementById('facts').textContent")
    chrome.run("const grid = document.getElementById('grid'); grid.scrollTop = grid.scrollHeight;")
    chrome.run(SETTLED)
    chrome.wait(LOADED)
    names = chrome.run(NAMES)
    assert names[-1] == "4999.jpg" and len(names) < 200
    chrome.run("const order = document.getElementById('order'); order.value = 'most'; order.dispatchEvent(new Event('input'));")
    chrome.run(SETTLED)
    assert chrome.run(NAMES)[0] == "0002.jpg"
    silent(chrome)
    # Neither the gallery nor anything else in a folder that is not empty is written over.
    uploader("convert", tmp_path / "lines.jsonl", "--format", "gallery", "--output", tmp_path / "gallery", expect=2)
