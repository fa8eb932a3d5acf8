"""The page in a real browser: sliders, classes, the pointer, the enlarged photo, phones and the keyboard."""


import pytest
import support
from page import CROWD, DRAWN, OUT, PLAIN, REQUESTS, ROTATED, chrome, page, same_frames  # noqa: F401 (fixtures)


def test_sliders_and_classes_filter_without_asking_again(page):
    path = PLAIN
    page.choose(path)
    requests = page.chrome.run(REQUESTS)
    assert requests == 1
    for confidence, iou in ((0.5, 0.45), (0.1, 0.3), (0.05, 0.6)):
        page.set(confidence=confidence, iou=iou)
        same_frames(page.frames(path.name), page.answer(path, confidence=confidence, iou=iou)["detections"], pixels=1)
    page.chrome.click("#reset")
    page.chrome.run(DRAWN)
    same_frames(page.frames(path.name), page.answer(path)["detections"], pixels=1)
    page.chrome.click("#classes [data-label=person]")
    page.chrome.run(DRAWN)
    labels = {frame["label"] for frame in page.frames(path.name)}
    assert labels and "person" not in labels
    assert page.chrome.run("return document.querySelector('#classes [data-label=person]').getAttribute('aria-pressed')") == "false"
    page.chrome.click("#classes [data-label=person]")
    page.chrome.run(DRAWN)
    assert "person" in {frame["label"] for frame in page.frames(path.name)}
    assert page.chrome.run(REQUESTS) == requests


TABS = "return [...document.querySelectorAll('.overlay > .tab rect')].map(({ x, y, width, height }) => [x, y, width, height].map((v) => v.baseVal.value))"


def shared(a, b):
    """The area that two rectangles [x, y, width, height] have in common."""
    width, height = (min(a[i] + a[i + 2], b[i] + b[i + 2]) - max(a[i], b[i]) for i in (0, 1))
    return max(0, width) * max(0, height)


@pytest.mark.parametrize("photo", [PLAIN, CROWD])
def test_labels_stay_inside_and_bury_nothing(page, photo):
    path = photo
    page.choose(path)
    page.set(confidence=0.05, iou=0.9)
    tabs, frames = page.chrome.run(TABS), page.frames(path.name)
    image = page.answer(path)["image"]
    assert len(tabs) > 10
    assert len(tabs) < len(frames), "some have to wait for the pointer"
    boxes = [[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in (frame["box"] for frame in frames)]
    for i, (x, y, width, height) in enumerate(tabs):
        assert x >= 0 and y >= 0 and x + width <= image["width"] + 0.1 and y + height <= image["height"] + 0.1
        assert not [other for other in tabs[:i] if shared(other, tabs[i]) > 0.1]
        for box in boxes:
            most = 0.3 * box[2] * box[3] if box[2] * box[3] > width * height else 0
            assert shared(tabs[i], box) <= most + 0.1, (tabs[i], box)


def test_the_pointer_brings_out_one_box(page):
    path = CROWD
    page.choose(path)
    page.set(confidence=0.05)
    answer = page.answer(path, confidence=0.05)
    least = min(answer["detections"], key=lambda d: (d["box"][2] - d["box"][0]) * (d["box"][3] - d["box"][1]))
    area = page.chrome.run("const picture = document.querySelector('.picture'); picture.scrollIntoView({ block: 'center' }); const r = picture.getBoundingClientRect(); return [r.x, r.y, r.width]")
    zoom = area[2] / answer["image"]["width"]
    page.chrome.point(*(area[i] + (least["box"][i] + least["box"][i + 2]) / 2 * zoom for i in (0, 1)))
    page.chrome.run(DRAWN)
    lit = "return [...document.querySelectorAll('.dimmed .lit text')].map((text) => text.textContent)"
    assert page.chrome.run(lit) == [f"{least['label']} {least['score']:.2f}"]
    page.chrome.screenshot(OUT / "page-hover.png")
    page.chrome.point(2, 2)
    page.chrome.run(DRAWN)
    assert page.chrome.run(lit) == [] and not page.chrome.run("return document.querySelector('.dimmed')")


def test_enlarged(page):
    path = CROWD
    page.choose(path)
    photo = "return document.querySelector('.viewer .picture').getBoundingClientRect().width"
    page.chrome.run(f"document.querySelector('.card[aria-label=\"{path.name}\"] .picture img').click()")
    page.chrome.run(DRAWN)
    assert page.chrome.run("return document.querySelector('.viewer').open")
    fit = page.chrome.run(photo)
    assert fit > 640
    assert page.chrome.run("return document.querySelectorAll('.viewer .box').length") == len(page.answer(path)["detections"])
    page.chrome.keys("+", "+")
    page.chrome.run(DRAWN)
    assert page.chrome.run(photo) > 1.5 * fit
    page.chrome.screenshot(OUT / "page-enlarged.png")
    page.chrome.keys("0")
    page.chrome.run(DRAWN)
    assert page.chrome.run(photo) == pytest.approx(fit, abs=1)
    page.chrome.look(390, 844, phone=True)
    page.chrome.run(DRAWN)
    fit = page.chrome.run(photo)
    for kind, apart in (("touchStart", 80), ("touchMove", 90), ("touchMove", 160), ("touchMove", 240), ("touchEnd", None)):
        fingers = [{"id": id, "x": 195 + side * apart / 2, "y": 420} for id, side in enumerate((-1, 1))] if apart else []
        page.chrome.devtools("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    page.chrome.run(DRAWN)
    assert page.chrome.run(photo) > 1.8 * fit, "two fingers pinch"
    page.chrome.keys("\ue00c")  # Escape
    page.chrome.wait("return !document.querySelector('.viewer')")


def test_only_one_class(page):
    path = PLAIN
    page.choose(path)
    every = [frame["label"] for frame in page.frames(path.name)]
    page.chrome.run("document.querySelector('[data-only=person]').click()")
    page.chrome.run(DRAWN)
    assert {frame["label"] for frame in page.frames(path.name)} == {"person"}
    pressed = "return [...document.querySelectorAll('#classes [data-label]')].filter((b) => b.getAttribute('aria-pressed') === 'true').map((b) => b.dataset.label)"
    assert page.chrome.run(pressed) == ["person"]
    page.chrome.run("document.querySelector('[data-only=\"motorcycle\"]').click()")
    page.chrome.run(DRAWN)
    assert {frame["label"] for frame in page.frames(path.name)} == {"motorcycle"}
    page.chrome.run("document.querySelector('[data-only=\"motorcycle\"]').click()")
    page.chrome.run(DRAWN)
    assert [frame["label"] for frame in page.frames(path.name)] == every


def test_every_control_lies_within_a_phone(page):
    outside = """
    return [...document.querySelectorAll("button, input, label, .chip")].filter((control) => {
      const { left, right, width } = control.getBoundingClientRect();
      return width > 0 && (left < 0 || right > innerWidth);
    }).map((control) => control.id || control.textContent);
    """
    page.chrome.look(390, 844, phone=True)
    assert page.chrome.run(outside) == []
    page.chrome.screenshot(OUT / "page-empty-phone.png")
    page.choose(CROWD, PLAIN, ROTATED)
    page.set(confidence=0.05)
    assert page.chrome.run("return document.querySelectorAll('.chip').length") > 6
    assert page.chrome.run(outside) == [] and page.chrome.run("return document.documentElement.scrollWidth") <= 390
    page.chrome.screenshot(OUT / "page-phone-controls.png")


@pytest.mark.parametrize("width", [1280, 700])
def test_a_portrait_has_no_bars(page, width):
    path = ROTATED
    page.chrome.look(width, 900)
    page.choose(path)
    page.chrome.screenshot(OUT / "page-portrait.png")
    rects = page.chrome.run("return ['.stage', '.picture', '.facts'].map((part) => { const r = document.querySelector(part).getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; })")
    stage, picture, facts = rects
    assert stage[2] - picture[2] < 2
    assert facts[0] >= picture[0] + picture[2] - 1, "the facts lie beside it"


def test_works_from_the_keyboard(page):
    page.choose(PLAIN)
    page.chrome.run("document.activeElement.blur(); scrollTo(0, 0)")
    stops = []
    for _ in range(40):
        page.chrome.keys("\ue004")  # Tab
        stop = page.chrome.run("const e = document.activeElement; return e.id || e.dataset.label || e.getAttribute('aria-label') || e.textContent || e.tagName")
        if stop in stops or stop == "BODY":
            break
        stops.append(stop)
    assert stops[:3] == ["files", "confidence", "iou"]
    assert {"person", "reset", "clear", "all-json", "all-zip", "Copy JSON", "Save photo with boxes", "curl", "Enlarge busy.jpg"} <= set(stops), stops
    before = len(page.frames("busy.jpg"))
    page.chrome.run("document.getElementById('confidence').focus()")
    page.chrome.keys("\ue010")  # End
    page.chrome.run(DRAWN)
    assert not page.frames("busy.jpg")
    page.chrome.keys("\ue011")  # Home
    page.chrome.run(DRAWN)
    assert len(page.frames("busy.jpg")) > before


def test_removing(page):
    page.choose(PLAIN, ROTATED)
    page.chrome.click(f"[aria-label='Remove {PLAIN.name}']")
    page.chrome.wait("return document.querySelectorAll('.card').length === 1")
    page.chrome.click("#clear")
    page.chrome.wait("return !document.querySelector('.card') && document.getElementById('controls').hidden")
