"""Bodies with codings and bodies that say little of themselves, from outside, over plain HTTP and through the emulator. Their
many ways to be wrong are in functions/http/tests; here somebody else's writers and clients are held against the function."""

import base64
import gzip
import json
import shutil
import subprocess
import zlib

import brotli
import pytest
import support


def bare(data):
    """Deflate data without zlib around it."""
    encoder = zlib.compressobj(wbits=-15)
    return encoder.compress(data) + encoder.flush()


WAYS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress}


def form(*parts):
    """A form's body and type; parts are (headers beside form-data, content)."""
    body = b"".join(b"--x7x\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts)
    return body + b"--x7x--\r\n", "multipart/form-data; boundary=x7x"


def bodies(photo):
    """{type: body} of each kind with a photo in it."""
    body, kind = form(('name="image"; filename="a.png"\r\nContent-Type: image/png', photo))
    return {"image/png": photo, "application/json": json.dumps({"image": base64.b64encode(photo).decode()}).encode(), kind: body}


def send(client, body, kind, coding, path="/detect"):
    return client.call("POST", path, body, kind, **{"Content-Encoding": coding})


@pytest.mark.parametrize("coding, encode", [*WAYS.items(), ("deflate", bare)])
def test_codings_of_every_body(squares, emulated_squares, pictures, coding, encode):
    photo, expected = pictures[0]
    for client in (squares.client, emulated_squares.client):
        for kind, body in bodies(photo).items():
            if kind == "application/json" and client is emulated_squares.client:
                continue  # The emulator fails at JSON that is no text, before the function is asked.
            support.same_boxes(send(client, encode(body), kind, coding).ok()["detections"], expected)
            send(client, encode(body)[:-5], kind, coding).problem(400, "invalid_encoding")
            if kind != "application/json":
                send(client, body, kind, coding).problem(400, "invalid_encoding")


def test_lists_of_codings(function, pictures):
    photo, expected = pictures[0]
    for coding, body in [("gzip, br", brotli.compress(gzip.compress(photo))), ("identity", photo), ("br,identity", brotli.compress(photo))]:
        support.same_boxes(send(function, body, "image/png", coding).ok()["detections"], expected)


@pytest.mark.parametrize("coding", ["zstd", "compress", "gzip, zstd", "unknown"])
def test_codings_that_are_not_read(function, pictures, coding):
    reply = send(function, pictures[0][0], "image/png", coding).problem(415, "unsupported_media_type")
    assert reply.headers["accept-encoding"] == "gzip, deflate, br"
    assert "coding" in reply.json["detail"]
    assert "accept-encoding" not in function.post(b"hello", content_type="image/png").problem(415, "unsupported_image").headers


def test_bombs_are_too_many_bytes(squares):
    """400 MB of spaces in at most 400 kB."""
    spaces = b" " * 400_000_000
    before = squares.peak_megabytes()
    for coding in ("gzip", "deflate", "br"):
        bomb = {"gzip": lambda: gzip.compress(spaces, 9), "deflate": lambda: zlib.compress(spaces, 9), "br": lambda: brotli.compress(spaces, quality=1)}[coding]()
        assert len(bomb) < 400_000
        for kind in ("image/png", "application/json", "multipart/form-data; boundary=x"):
            send(squares.client, bomb, kind, coding).problem(413, "too_many_bytes")
    assert squares.peak_megabytes() < before + 100


def test_the_case_that_was_handed_out(real):
    support.require_assets()
    body = support.assets("cases/http/gzip.jpg.gz").read_bytes()
    expected = real.client.post(gzip.decompress(body), content_type="image/jpeg").ok()
    answer = send(real.client, body, "image/jpeg", "gzip").ok()
    support.same_boxes(answer["detections"], expected["detections"])
    assert answer["image"] == expected["image"]


@pytest.mark.parametrize("name", ["form-empty-file.body", "form-empty-number.body"])
def test_forms_with_empty_inputs_that_were_handed_out(real, name):
    support.require_assets()
    answer = real.client.post(support.assets(f"cases/http/{name}").read_bytes(), content_type="multipart/form-data; boundary=cases").ok()
    assert "detections" in answer and "results" not in answer and "error" not in answer
    assert answer["thresholds"]["confidence"] == 0.25


def test_empty_inputs_are_not_there(function, pictures):
    photo, expected = pictures[0]
    file, empty = ('name="image"; filename="a.png"', photo), ('name="image"; filename=""\r\nContent-Type: application/octet-stream', b"")
    options = ["confidence", "iou", "max_detections", "classes", "class_agnostic", "multi_label", "format", "annotate"]
    options += ["slice", "slice_overlap", "max_slices", "redact", "redact_margin"]
    body, kind = form(file, empty, *((f'name="{option}"', b"") for option in options))
    answer = function.post(body, content_type=kind).ok()
    support.same_boxes(answer["detections"], expected)
    assert "results" not in answer
    for option in options:
        support.same_boxes(function.post(photo, f"/detect?{option}=").ok()["detections"], expected)
    body, kind = form(empty, empty)
    function.post(body, content_type=kind).problem(400, "missing_image")
    body, kind = form(('name="image"; filename="a.png"', b""), file)
    assert function.post(body, content_type=kind).ok()["results"][0]["error"]["code"] == "missing_image"


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "Application/X-WWW-Form-URLEncoded; charset=UTF-8"])
def test_the_type_that_curl_sends(function, pictures, kind):
    photo, expected = pictures[0]
    support.same_boxes(function.call("POST", "/detect", photo, kind).ok()["detections"], expected)
    function.call("POST", "/detect", b"a=b&c=d", kind).problem(415, "unsupported_media_type")


def test_no_photo_is_text(squares, pictures):
    """Only over plain HTTP: the emulator fails at bytes of this type before the function is asked."""
    reply = squares.client.call("POST", "/detect", pictures[0][0], "text/plain").problem(415, "unsupported_media_type")
    assert "text/plain" in reply.json["detail"]


def test_curl_as_it_comes(squares, pictures, tmp_path):
    """`--data-binary`, `-T`, `-F` with an empty file, and `-d` with JSON, without a word about types."""
    if not shutil.which("curl"):
        support.skip("curl is not on the PATH", "apt-get install curl")
    photo, expected = pictures[0]
    (tmp_path / "a.png").write_bytes(photo)
    (tmp_path / "a.json").write_text(json.dumps({"image": base64.b64encode(photo).decode()}))
    (tmp_path / "a.png.gz").write_bytes(gzip.compress(photo))
    for arguments in (
        ["--data-binary", "@a.png"],
        ["-T", "a.png", "-X", "POST"],
        ["-H", "Content-Type:", "--data-binary", "@a.png"],
        ["-H", "Content-Encoding: gzip", "--data-binary", "@a.png.gz"],
        ["-d", "@a.json"],
        ["-F", "image=@a.png", "-F", "confidence="],
    ):
        done = subprocess.run(["curl", "-sS", *arguments, squares.base + "detect"], cwd=tmp_path, capture_output=True, timeout=60, check=True)
        support.same_boxes(json.loads(done.stdout)["detections"], expected)
