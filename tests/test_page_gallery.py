"""Several photos on the function's page, in a real browser: they become a gallery."""

import json

import PIL.Image
import pytest
from page import CROWD, DRAWN, OUT, PLAIN, ROTATED, chrome, page  # noqa: F401 (fixtures)
from test_page_pictures import choose

NAMES = "return [...document.querySelectorAll('.cell')].sort((a, b) => a.dataset.place - b.dataset.place).map((cell) => cell.title)"
ANSWERED = "const cells = [...document.querySelectorAll('.cell')]; return cells.length === arguments[0] && cells.every((cell) => !/…/.test(cell.querySelector('.found').textContent))"
CELLS = "return [...document.querySelectorAll('.cell')].map((cell) => [cell.title, cell.querySelectorAll('svg rect').length, cell.querySelector('.found').textContent])"
VIEWER = "const viewer = document.querySelector('.viewer'); return viewer && [viewer.getAttribute('aria-label'), viewer.querySelectorAll('.picture .box').length, viewer.querySelector('.facts').innerText]"
CLICK = "document.querySelector(`.cell[title='${arguments[0]}']`).click()"


@pytest.fixture
def album(page, tmp_path):  # noqa: F811
    """Seven photos on the page: two sorts, one turned, one without objects, one broken."""
    paths = [PLAIN, ROTATED, CROWD]
    for name in ("first.jpg", "second.jpg"):
        (tmp_path / name).write_bytes(PLAIN.read_bytes())
    PIL.Image.new("RGB", (320, 240), (120, 130, 140)).save(tmp_path / "grey.png")
    (tmp_path / "broken.jpg").write_bytes(PLAIN.read_bytes()[:40_000])
    paths += [tmp_path / name for name in ("first.jpg", "second.jpg", "grey.png", "broken.jpg")]
    page.chrome.type("#files", "\n".join(map(str, paths)))
    page.chrome.wait(ANSWERED, len(paths))
    page.chrome.run(DRAWN)
    return {path.name: path for path in paths}


def test_each_photo_has_its_boxes(page, album):  # noqa: F811
    cells = {name: (boxes, words) for name, boxes, words in page.chrome.run(CELLS)}
    assert not page.chrome.run("return document.querySelector('.card')")
    for name, path in album.items():
        if name == "broken.jpg":
            refused = page.client.post(path.read_bytes()).json["detail"]
            assert cells[name] == (0, refused)
        else:
            assert cells[name][0] == len(page.answer(path)["detections"])
    assert cells["grey.png"][1] == "nothing found" and "person" in cells["first.jpg"][1]
    page.chrome.screenshot(OUT / "page-gallery.png")
    page.set(confidence=0.6)
    after = {name: boxes for name, boxes, _ in page.chrome.run(CELLS)}
    assert after["first.jpg"] == len(page.answer(album["first.jpg"], confidence=0.6)["detections"]) < cells["first.jpg"][0]
    page.chrome.look(390, 844, phone=True)
    page.chrome.run(DRAWN)
    page.chrome.screenshot(OUT / "page-gallery-phone.png")
    assert page.chrome.run("return document.documentElement.scrollWidth") <= 390
    page.chrome.look(1280, 900, dark=True)


def test_filters_and_the_score_chart_choose_photos(page, album):  # noqa: F811
    answers = {name: page.answer(path)["detections"] for name, path in album.items() if name != "broken.jpg"}
    for kind, wanted in (("failed", {"broken.jpg"}), ("empty", {"grey.png"}), ("found", {name for name, found in answers.items() if found})):
        page.set(kind=kind)
        assert set(page.chrome.run(NAMES)) == wanted
    page.set(kind="all", search="second")
    assert page.chrome.run(NAMES) == ["second.jpg"]
    page.set(search="", order="name")
    assert page.chrome.run(NAMES) == sorted(album)
    best = max(found[0]["score"] for found in answers.values() if found)
    column = min(19, int(best * 20))
    page.chrome.click(f"#scores [data-bin='{column}']")
    page.chrome.run(DRAWN)
    assert set(page.chrome.run(NAMES)) == {name for name, found in answers.items() if any(min(19, int(d["score"] * 20)) == column for d in found)}
    page.chrome.click("#reset")
    page.chrome.run(DRAWN)
    assert page.chrome.run(NAMES) == list(album)


def test_one_photo_large_with_all_its_card_tells(page, album):  # noqa: F811
    page.chrome.run(CLICK, "first.jpg")
    page.chrome.run(DRAWN)
    name, boxes, facts = page.chrome.run(VIEWER)
    assert (name, boxes) == ("first.jpg", len(page.answer(album["first.jpg"])["detections"]))
    assert "person" in facts and "inference" in facts and "Copy JSON" in facts
    page.chrome.screenshot(OUT / "page-gallery-photo.png")
    page.chrome.keys("\ue014")  # arrow right
    page.chrome.run(DRAWN)
    assert page.chrome.run(VIEWER)[0] == "second.jpg"
    page.chrome.keys("\ue00c")  # Escape
    page.chrome.run(DRAWN)
    assert page.chrome.run("return document.activeElement.title") == "second.jpg"
    page.chrome.run(CLICK, "broken.jpg")
    page.chrome.run(DRAWN)
    name, boxes, facts = page.chrome.run(VIEWER)
    assert (name, boxes) == ("broken.jpg", 0) and page.client.post(album["broken.jpg"].read_bytes()).json["detail"] in facts
    page.chrome.click(".viewer [aria-label='Remove broken.jpg']")
    page.chrome.run(DRAWN)
    assert not page.chrome.run(VIEWER) and "broken.jpg" not in page.chrome.run(NAMES)


def test_cards_and_gallery_are_chosen(page, album):  # noqa: F811
    choose(page, "view", "cards")
    assert page.chrome.run("return document.querySelectorAll('.card').length") == len(album)
    frames = page.frames("first.jpg")
    assert [f["label"] for f in frames] == [d["label"] for d in page.answer(album["first.jpg"])["detections"]]
    choose(page, "view", "gallery")
    assert page.chrome.run(NAMES) == list(album)
    choose(page, "redact", "fill")
    page.chrome.wait("return !document.querySelector('.cell svg rect')")
    page.chrome.screenshot(OUT / "page-gallery-hidden.png")
    page.chrome.click("#all-json")
    results = json.loads(page.chrome.downloaded("boxes.json"))["results"]
    assert [result["photo"] for result in results] == list(album)
