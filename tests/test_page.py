"""The page in a real browser: what it sends, what it shows of an answer, and what it saves."""

import base64
import gzip
import io
import json
import re
import shlex
import urllib.parse
import zipfile

import pillow_heif
import PIL.Image
import pytest
import samples
import support
from page import CROWD, DONE, DRAWN, OUT, PLAIN, ROTATED, Page, chrome, client, page, same_frames  # noqa: F401 (fixtures)


def test_the_document_is_one_compressed_request(client):
    plain = client.call("GET", "/")
    packed = client.call("GET", "/", **{"Accept-Encoding": "gzip, deflate, br"})
    assert plain.status == packed.status == 200 and plain.type == "text/html"
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert gzip.decompress(packed.body) == plain.body and len(packed.body) <= 60 * 1024
    assert not re.findall(rb"(?:src|href)=\"(?!data:)", plain.body), "it must not ask for anything else"
    again = client.call("GET", "/", **{"If-None-Match": plain.headers["etag"]})
    assert again.status == 304 and not again.body
    head = client.call("HEAD", "/")
    assert head.status == 200 and not head.body and head.type == "text/html"


def test_the_policy_is_strict(client):
    headers = client.call("GET", "/").headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["img-src"] == "blob: data:" and policy["connect-src"] == "'self'"
    for name in ("script-src", "style-src"):
        assert re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", policy[name]), policy[name]
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("photo", [PLAIN, ROTATED, samples.ROTATED_BACK])
def test_boxes_lie_where_the_answer_says(page, photo, tmp_path):
    path = photo
    page.choose(path)
    expected = page.answer(path)
    assert expected["detections"]
    frames = page.frames(path.name)
    same_frames(frames, expected["detections"], pixels=1)
    # On the screen too: the line in the class's colour, a little inside the box's left edge.
    page.chrome.screenshot(tmp_path / "screen.png", whole=True)
    screen = PIL.Image.open(tmp_path / "screen.png").convert("RGB")
    area = page.chrome.run("const r = document.querySelector('.picture').getBoundingClientRect(); return [r.x + scrollX, r.y + scrollY, r.width, r.height]")
    best = frames[0]
    x = area[0] + best["box"][0] / expected["image"]["width"] * area[2] + 1.5
    y = area[1] + (best["box"][1] * 0.3 + best["box"][3] * 0.7) / expected["image"]["height"] * area[3]
    wanted = tuple(int(best["stroke"][i : i + 2], 16) for i in (1, 3, 5))
    near = [screen.getpixel((round(x) + dx, round(y))) for dx in (-1, 0, 1)]
    assert any(max(abs(a - b) for a, b in zip(pixel, wanted)) < 30 for pixel in near), (near, wanted)


def test_one_broken_photo_spoils_no_other(page, tmp_path):
    plain, rotated = PLAIN, ROTATED
    (tmp_path / "broken.jpg").write_bytes(plain.read_bytes()[:40_000])
    (tmp_path / "no photo.jpg").write_bytes(b"not a photo at all" * 9)
    large(plain, tmp_path / "large.png")
    page.choose(plain, tmp_path / "broken.jpg", rotated, tmp_path / "no photo.jpg", tmp_path / "large.png")
    for name in ("broken.jpg", "no photo.jpg"):
        refused = page.client.post((tmp_path / name).read_bytes())
        assert refused.json["detail"] in page.text(name)
    for path in (plain, rotated):
        same_frames(page.frames(path.name), page.answer(path)["detections"], pixels=2)
    person = page.answer(plain)["detections"][0]
    found = [f["box"] for f in page.frames("large.png") if f["label"] == person["label"]]
    assert any(box == pytest.approx([v * 4 for v in person["box"]], abs=120) for box in found), (found, person)
    page.chrome.screenshot(OUT / "page-desktop.png", whole=True)
    page.chrome.look(1280, 900, dark=True)
    page.chrome.screenshot(OUT / "page-dark.png")
    page.chrome.look(390, 844, phone=True)
    page.chrome.run(DRAWN)
    page.chrome.screenshot(OUT / "page-phone.png")
    assert page.chrome.run("return document.documentElement.scrollWidth") <= 390
    same_frames(page.frames(plain.name), page.answer(plain)["detections"], pixels=2)


def test_what_lambda_cannot_carry_is_shrunk(chrome, tmp_path):
    samples.make()
    local = support.Emulator(tmp_path / "log", model=support.fixture("yolox")[0])
    page = Page(chrome, local)
    large(PLAIN, tmp_path / "large.png")
    page.choose(tmp_path / "large.png")
    text = page.text("large.png")
    assert "shrunk" in text and "4.5 MB" in text, text
    page.silent()
    local.close()


def large(path, to):
    """The photo four times as wide and high, with noise: more than a request may carry."""
    image = PIL.Image.open(path).convert("RGB")
    image = image.resize((image.width * 4, image.height * 4))
    noise = PIL.Image.effect_noise(image.size, 30).convert("RGB")
    PIL.Image.blend(image, noise, 0.15).save(to, compress_level=1)
    assert to.stat().st_size > 6_000_000


def test_more_pixels_than_the_function_takes(chrome, squares, tmp_path):
    page = Page(chrome, squares)
    case = json.loads((support.fixture("yolox")[0] / "expected.json").read_text())["cases"][0]
    (tmp_path / "many.png").write_bytes(support.draw(case["picture"], scale=20))
    page.choose(tmp_path / "many.png")
    assert "million pixels" in page.text("many.png")
    found = {frame["label"]: frame["box"] for frame in page.frames("many.png")}
    for expected in case["detections"]:
        assert found[expected["label"]] == pytest.approx([v * 20 for v in expected["box"]], abs=45)
    page.silent()


def test_other_pictures_are_sent_as_jpeg(page, tmp_path):
    # What a browser shows and the function does not read.
    PIL.Image.open(PLAIN).resize((256, 256)).save(tmp_path / "picture.ico", sizes=[(256, 256)])
    page.choose(tmp_path / "picture.ico")
    assert "sent as JPEG" in page.text("picture.ico") and "person" in page.text("picture.ico")


@pytest.mark.parametrize("kind", ["heic", "tiff"])
def test_photos_that_browsers_cannot_show(page, kind, tmp_path):
    pillow_heif.register_heif_opener()
    path = tmp_path / f"picture.{kind}"
    original = PIL.Image.open(PLAIN).convert("RGB")
    original.save(path)
    page.choose(path)
    same_frames(page.frames(path.name), page.answer(path)["detections"], pixels=2)
    shown = "return [...document.images].filter(({ alt }) => alt === arguments[0]).map(({ naturalWidth, naturalHeight }) => [naturalWidth, naturalHeight])"
    assert page.chrome.run(shown, path.name) == [list(original.size)]
    page.chrome.screenshot(OUT / f"page-{kind}.png")


def test_the_sample_photo(page):
    assert page.chrome.run("return document.getElementById('sample').checkVisibility()")
    page.chrome.screenshot(OUT / "page-empty.png")
    page.chrome.click("#sample")
    page.chrome.wait(DONE, 1)
    page.chrome.run(DRAWN)
    sample = page.client.call("GET", "/sample.jpg")
    assert sample.type == "image/jpeg" and len(sample.body) < 60_000
    answer = page.client.post(sample.body, content_type="image/jpeg").ok()
    assert "cup" in {detection["label"] for detection in answer["detections"]}
    same_frames(page.frames("coffee.jpg"), answer["detections"], pixels=1)
    assert not page.chrome.run("return document.getElementById('sample').checkVisibility()")


def test_download_of_all(page, tmp_path):
    plain, rotated = PLAIN, ROTATED
    same_name = tmp_path / plain.name
    same_name.write_bytes(CROWD.read_bytes())
    (tmp_path / "no photo.jpg").write_bytes(b"not a photo at all" * 9)
    photos = [plain, rotated, same_name, tmp_path / "no photo.jpg"]
    page.choose(*photos)
    page.set(confidence=0.4)
    page.chrome.click("#all-json")
    results = json.loads(page.chrome.downloaded("boxes.json"))["results"]
    assert [result["photo"] for result in results] == [path.name for path in photos]
    for result, path in zip(results[:3], photos):
        support.same_boxes(result["detections"], page.answer(path, confidence=0.4)["detections"])
    assert "detections" not in results[3] and results[3]["error"]["message"] in page.text("no photo.jpg")
    page.chrome.click("#all-zip")
    with zipfile.ZipFile(io.BytesIO(page.chrome.downloaded("spotter.zip"))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["boxes.json", f"{plain.stem}-boxes.jpg", "person-6-boxes.jpg", f"{plain.stem}-boxes (2).jpg"]
        assert json.loads(archive.read("boxes.json"))["results"] == results
        for name, result in zip(archive.namelist()[1:], results):
            size = PIL.Image.open(io.BytesIO(archive.read(name))).size
            assert size == (result["image"]["width"], result["image"]["height"])


def test_dropped_and_pasted(page):
    photo = base64.b64encode(PLAIN.read_bytes()).decode()
    give = """
    const [name, type, photo] = arguments;
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(photo), (c) => c.charCodeAt(0))], name, { type: "image/jpeg" }));
    const more = { bubbles: true, cancelable: true };
    document.body.dispatchEvent(type === "paste" ? new ClipboardEvent(type, { clipboardData: data, ...more }) : new DragEvent(type, { dataTransfer: data, ...more }));
    """
    page.chrome.run(give, "dropped.jpg", "drop", photo)
    page.chrome.run(give, "pasted.jpg", "paste", photo)
    page.chrome.wait(DONE, 2)
    page.chrome.run(DRAWN)
    expected = page.answer(PLAIN)["detections"]
    for name in ("dropped.jpg", "pasted.jpg"):
        same_frames(page.frames(name), expected, pixels=2)


def test_json_curl_and_timings(page):
    path = PLAIN
    page.choose(path)
    page.set(confidence=0.4)
    expected = page.answer(path, confidence=0.4)
    page.click(path.name, "Copy JSON")
    copied = json.loads(page.chrome.wait("return navigator.clipboard.readText()"))
    support.same_boxes(copied["detections"], expected["detections"])
    assert copied["thresholds"] == expected["thresholds"] and copied["image"] == expected["image"]
    page.click(path.name, "curl")
    arguments = shlex.split(page.chrome.run("return document.querySelector('.curl code').innerText"))
    assert arguments[0] == "curl" and arguments[arguments.index("--data-binary") + 1] == f"@{path.name}"
    url = urllib.parse.urlsplit(arguments[-1])
    line = page.client.post(path.read_bytes(), f"/detect?{url.query}", arguments[arguments.index("-H") + 1].split(": ")[1])
    assert urllib.parse.urljoin(page.client.base, "detect") == arguments[-1].split("?")[0]
    assert line.ok()["detections"] == expected["detections"]
    stages = page.chrome.run("return [...document.querySelectorAll('.legend div')].map((d) => [d.querySelector('dt').innerText, Number(d.querySelector('dd').innerText)])")
    assert [name for name, _ in stages] == ["network", "decode", "preprocess", "inference", "postprocess"]
    assert sum(milliseconds for _, milliseconds in stages) > 1
    widths = page.chrome.run("return [...document.querySelectorAll('.bar span')].map((s) => s.getBoundingClientRect().width)")
    assert len(widths) == 5 and min(widths) > 0


def test_saved_photo(page):
    path = ROTATED
    page.choose(path)
    page.click(path.name, "Save photo with boxes")
    saved = PIL.Image.open(io.BytesIO(page.chrome.downloaded("person-6-boxes.jpg"))).convert("RGB")
    expected = page.answer(path)
    assert saved.size == (expected["image"]["width"], expected["image"]["height"])
    best = page.frames(path.name)[0]
    wanted = tuple(int(best["stroke"][i : i + 2], 16) for i in (1, 3, 5))
    pixel = saved.getpixel((round(best["box"][0]) + 2, round(best["box"][1] * 0.3 + best["box"][3] * 0.7)))
    assert max(abs(a - b) for a, b in zip(pixel, wanted)) < 40, (pixel, wanted)


def test_opened_without_the_last_slash(page):
    page.open(page.client.base.rstrip("/"))
    page.choose(PLAIN)
    assert "person" in page.text(PLAIN.name)


def test_the_model_is_named_and_nobody_waits_for_it(page):
    model = page.client.call("GET", "/model").json
    page.chrome.wait("return document.getElementById('model').innerText.includes(arguments[0])", model["name"])
    page.chrome.devtools("Network.enable", {})
    page.chrome.devtools("Network.setBlockedURLs", {"urls": ["*/model"]})
    try:
        page.open(page.client.base)
        assert page.chrome.run("return document.querySelector('.drop').getBoundingClientRect().height") > 100
        page.chrome.wait("return !document.getElementById('note').hidden")
        page.choose(PLAIN)
        same_frames(page.frames(PLAIN.name), page.answer(PLAIN)["detections"], pixels=1)
    finally:
        page.chrome.devtools("Network.setBlockedURLs", {"urls": []})
        page.chrome.console()  # the browser tells of the blocked request


def test_a_stand_in_says_so(chrome, tmp_path):
    local = support.Local(tmp_path / "log", MODEL_DIR="", XDG_CACHE_HOME=str(tmp_path))
    try:
        page = Page(chrome, local)
        model = page.client.call("GET", "/model").json
        assert model["note"]
        page.chrome.wait("return document.getElementById('note').innerText.includes(arguments[0])", model["note"])
        page.silent()
    finally:
        local.close()
