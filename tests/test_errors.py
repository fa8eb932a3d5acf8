"""Every error code of the Function URL, from outside, and requests that must not hurt."""

import base64
import json
import random

import conftest
import PIL.Image
import pytest
import support


def noise(width, height, kind="PNG"):
    """A photo that does not compress."""
    pixels = random.Random(1).randbytes(width * height * 3)
    image = PIL.Image.frombytes("RGB", (width, height), pixels)
    return support.encode(image, kind)


@pytest.mark.parametrize("body", ['{"image": ', "[1, 2]", "nonsense", '{"image": "aGk="} x', "null", '"text"'])
def test_invalid_json(function, body):
    function.post(body, content_type="application/json").problem(400, "invalid_json")


@pytest.mark.parametrize("text", ["a*b=", "data:image/png,abc", "ü", "AAAAA"])
def test_invalid_base64(function, text):
    function.json({"image": text}).problem(400, "invalid_base64")


@pytest.mark.parametrize("body", ["", "{}", '{"image": null}', '{"images": []}', '{"image": ""}', '{"url": "http://x/y.jpg"}'])
def test_missing_image(function, body):
    function.post(body, content_type="application/json").problem(400, "missing_image")


def test_missing_image_in_other_bodies(function):
    function.post(b"", content_type="image/jpeg").problem(400, "missing_image")
    function.post(b"--b--\r\n", content_type="multipart/form-data; boundary=b").problem(400, "missing_image")


@pytest.mark.parametrize(
    "options",
    [
        {"confidence": 1.5}, {"confidence": "much"}, {"confidence": []}, {"iou": -0.1}, {"iou": "NaN"}, {"max_detections": -1},
        {"max_detections": 1.5}, {"max_detections": 10**9}, {"classes": ["unicorn"]}, {"classes": 7}, {"class_agnostic": "perhaps"}, {"multi_label": 2},
        {"format": "xml"}, {"annotate": {}}, {"image": 7}, {"images": "x"},
    ],
    ids=str,
)  # fmt: skip
def test_invalid_parameter(function, pictures, options):
    problem = function.json({"image": pictures[0][0]} | options).problem(400, "invalid_parameter").json
    name, value = next(iter(options.items()))
    if name not in ("image", "images"):
        assert name in problem["detail"]
        if isinstance(value, (int, float, str)):
            query = f"/detect?{name}={value}"
            function.post(pictures[0][0], query).problem(400, "invalid_parameter")


def test_not_found_and_method_not_allowed(function):
    function.call("GET", "/nothing").problem(404, "not_found")
    function.json({"image": "aGk="}, "/detect/more").problem(404, "not_found")
    for method, path in (("DELETE", "/detect"), ("PUT", "/detect"), ("GET", "/detect"), ("POST", "/health"), ("POST", "/model")):
        function.call(method, path).problem(405, "method_not_allowed")


def test_too_many_bytes(function):
    photo = noise(400, 400)
    assert len(photo) > conftest.MAX_IMAGE_BYTES
    function.post(photo).problem(413, "too_many_bytes")
    function.json({"image": photo}).problem(413, "too_many_bytes")


def test_too_many_pixels(function):
    photo = support.encode(PIL.Image.new("L", (2000, conftest.MAX_PIXELS // 2000 + 1)))
    function.post(photo).problem(413, "too_many_pixels")
    results = function.json({"images": [photo]}).ok()["results"]
    assert results[0]["error"]["code"] == "too_many_pixels"


def test_unsupported_media_type(function, pictures):
    function.post("<photo/>", content_type="application/xml").problem(415, "unsupported_media_type")
    function.post("hello", content_type="text/html").problem(415, "unsupported_media_type")


@pytest.mark.parametrize("data", [b"8BPS" + bytes(60), b"%PDF-1.7" + bytes(60), b"hello, world", bytes(100), b"\xff"])
def test_unsupported_image(function, data):
    function.post(data, content_type="image/jpeg").problem(415, "unsupported_image")
    function.json({"image": data}).problem(415, "unsupported_image")


def test_undecodable_image(function, pictures):
    photo = pictures[0][0]
    jpeg = noise(64, 64, "JPEG")
    for broken in (photo[: len(photo) // 2], photo[:20] + bytes(200), jpeg[: len(jpeg) // 2], jpeg[:4]):
        function.post(broken).problem(422, "undecodable_image")


def test_messages_tell_nothing_internal(function, pictures):
    replies = [function.post(pictures[0][0][:60]), function.json({"image": "a*b="}), function.post("{", content_type="application/json")]
    for reply in replies:
        text = reply.body.decode().lower()
        assert not any(word in text for word in ("panic", ".rs", "unwrap", "/src", str(support.ROOT).lower(), "backtrace"))


def test_random_bodies(function):
    chance = random.Random(7)
    members = ["image", "images", "confidence", "classes", "format", "annotate", "x"]
    values = [None, True, 0, -1, 1e300, "", "aGk=", [], [[]], {}, {"a": [1]}, "ü" * 50, ["aGk=", 3], "9" * 400]
    # The emulator itself answers 500 where a text type holds no UTF-8, so bytes come with binary types only.
    binary = ["image/png", "application/octet-stream", "multipart/form-data; boundary=b", "multipart/form-data", "x"]
    for _ in range(150):
        if chance.random() < 0.6:
            body = json.dumps({chance.choice(members): chance.choice(values) for _ in range(chance.randint(0, 4))})
            kind = chance.choice([*binary, "application/json", "application/json", None])
        else:
            body, kind = chance.randbytes(chance.randint(0, 300)), chance.choice(binary)
        query = chance.choice(["", "confidence=", "iou=0.1", "classes=,"])
        reply = function.post(body, "/detect?" + query, kind)
        if reply.status != 200:
            assert 400 <= reply.status < 500 and reply.type == "application/problem+json", (body, kind, reply.status, reply.body)


def test_6_megabytes(real):
    """The most that a Function URL takes: 6 MB of JSON, 4.5 MB of photo. Beyond it every answer is still an answer."""
    photo = noise(1210, 1210)
    assert 4_300_000 < len(photo) < 4_500_000
    assert real.client.json({"image": photo, "confidence": 0.9}).ok()["image"] == {"width": 1210, "height": 1210}
    text = base64.b64encode(bytes(5_500_000)).decode()
    assert real.client.json({"image": text}).status in (413, 415)
    assert real.client.json({"image": photo, "confidence": 0.9}).status == 200
