"""The page's slices and hidden objects, in a real browser."""

import io

import numpy as np
import PIL.Image
from page import DRAWN, OUT, PLAIN, Page, chrome, page, same_frames  # noqa: F401 (fixtures)

CHOOSE = "const list = document.getElementById(arguments[0]); list.value = arguments[1]; list.dispatchEvent(new Event('change'));"
IDLE = "return !document.querySelector('.waiting')"
SHOWN = "return document.querySelector('.card .picture img').alt"


def choose(page, name, value):  # noqa: F811
    page.chrome.run(CHOOSE, name, value)
    page.chrome.run("return new Promise((done) => setTimeout(done, 600))")
    page.chrome.wait(IDLE)
    page.chrome.run(DRAWN)


def mosaic(path):
    """The photo four times over."""
    one = PIL.Image.open(PLAIN).convert("RGB")
    four = PIL.Image.new("RGB", (2 * one.width, 2 * one.height))
    for x in (0, one.width):
        for y in (0, one.height):
            four.paste(one, (x, y))
    four.save(path, quality=95)
    return one.size


def test_slices_find_what_is_small(page, tmp_path):  # noqa: F811
    path = tmp_path / "four.jpg"
    mosaic(path)
    page.choose(path)
    whole = page.frames(path.name)
    same_frames(whole, page.answer(path)["detections"], pixels=2)
    choose(page, "slice", "640")
    sliced = page.frames(path.name)
    same_frames(sliced, page.answer(path, slice=640, confidence=0.25, iou=0.45)["detections"], pixels=2)
    assert len(sliced) > len(whole)
    page.set(confidence=0.5)
    choose(page, "slice", "640")
    same_frames(page.frames(path.name), page.answer(path, slice=640, confidence=0.5, iou=0.45)["detections"], pixels=2)
    page.click(path.name, "curl")
    assert "slice=640" in page.text(path.name)
    page.chrome.screenshot(OUT / "page-slices.png")
    page.chrome.click("#reset")
    page.chrome.run("return new Promise((done) => setTimeout(done, 600))")
    page.chrome.wait(IDLE)
    page.chrome.run(DRAWN)
    same_frames(page.frames(path.name), page.answer(path)["detections"], pixels=2)


def test_objects_are_hidden_and_saved_so(page):  # noqa: F811
    path = PLAIN
    page.choose(path)
    original = np.array(PIL.Image.open(path).convert("RGB")).astype(int)
    person = page.answer(path)["detections"][0]["box"]
    choose(page, "redact", "fill")
    assert page.chrome.run(SHOWN) == f"{path.name}, objects hidden"
    page.chrome.screenshot(OUT / "page-redacted.png")
    page.click(path.name, "Save photo, objects hidden")
    saved = PIL.Image.open(io.BytesIO(page.chrome.downloaded(f"{path.stem}-redacted.jpg")))
    assert not saved.getexif() and saved.size == (original.shape[1], original.shape[0])
    x, y = (round((person[i] + person[i + 2]) / 2) for i in (0, 1))
    assert np.array(saved.convert("RGB"))[y, x].max() < 12
    choose(page, "redact", "")
    assert page.chrome.run(SHOWN) == path.name
    page.chrome.look(390, 844, phone=True)
    page.chrome.run(DRAWN)
    assert page.chrome.run("return document.documentElement.scrollWidth") <= 390
    page.chrome.screenshot(OUT / "page-phone-controls.png")
