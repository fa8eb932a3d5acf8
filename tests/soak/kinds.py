"""Kinds of requests, how often each comes, and the statuses that are declared for it."""

import base64
import gzip
import json
import typing
import zlib

import brotli
import mutations

from soak import photos

RAW, JSON = "application/octet-stream", "application/json"
# A photo that somebody has broken is read, or refused with one of these.
BROKEN = frozenset({200, 400, 413, 415, 422})


class Request(typing.NamedTuple):
    method: str
    path: str
    body: bytes
    headers: dict


class Kind(typing.NamedTuple):
    name: str
    weight: int
    statuses: frozenset
    make: typing.Callable
    # The server may answer and close before all of the body has been sent.
    early: bool = False


def post(body, query="", content_type=RAW, path="/detect", **headers):
    return Request("POST", path + query, body, {"Content-Type": content_type} | {name.replace("_", "-"): value for name, value in headers.items()})


def b64(data):
    return base64.b64encode(data).decode()


def batch(chance):
    """Several photos, one of which may be none: its error is its own."""
    several = [photos.small(chance) for _ in range(chance.randint(1, 8))]
    if chance.random() < 0.3:
        several.append(chance.choice(photos.no_photos()))
    return post(json.dumps({"images": [b64(photo) for photo in several], "confidence": 0.2}).encode(), content_type=JSON)


def form(chance):
    parts = [f'--x\r\nContent-Disposition: form-data; name="f{number}"; filename="{number}.jpg"\r\n\r\n'.encode() + photos.small(chance) + b"\r\n" for number in range(chance.randint(1, 4))]
    return post(b"".join(parts) + b'--x\r\nContent-Disposition: form-data; name="iou"\r\n\r\n0.5\r\n--x--\r\n', content_type="multipart/form-data; boundary=x")


def coded(chance):
    coding, pack = chance.choice([("gzip", gzip.compress), ("deflate", zlib.compress), ("br", lambda data: brotli.compress(data, quality=1))])
    return post(pack(photos.small(chance)), Content_Encoding=coding)


def formats(chance):
    name = chance.choice(("spotter", "coco", "rekognition", "roboflow", "seed"))
    return post(photos.photo(chance), f"?format={name}&confidence=0.3&max_detections=20")


def redact(chance):
    return post(photos.photo(chance), f"?redact={chance.choice(('blur', 'pixelate', 'fill'))}&confidence=0.1")


def slices(chance):
    return post(photos.encoded(chance.randrange(4), (1280, 960), "JPEG"), f"?slice={chance.choice((320, 640))}&slice_overlap=0.2")


def rekognition(chance):
    body = json.dumps({"Image": {"Bytes": b64(photos.small(chance))}, "MaxLabels": 10}).encode()
    return post(body, path="/", content_type="application/x-amz-json-1.1", X_Amz_Target="RekognitionService.DetectLabels")


def pages(chance):
    return Request(chance.choice(("GET", "HEAD")), chance.choice(("/health", "/model", "/", "/sample.jpg")), b"", {})


def wrong_options(chance):
    query = chance.choice(("?conf=0.4", "?confidence=2", "?confidence=x", "?iou=-1", "?max_detections=0.5", "?classes=unicorn", "?format=xml", "?slice=x", "?redact=eat", "?annotate=maybe"))
    return post(photos.small(chance), query)


def wrong_bodies(chance):
    return chance.choice([
        post(b"{", content_type=JSON), post(b'{"image": "!!"}', content_type=JSON), post(b"{}", content_type=JSON), post(b"[]", content_type=JSON),
        post(b""), post(b"--x--", content_type="multipart/form-data; boundary=x"), post(b"no gzip", Content_Encoding="gzip"),
        post(b"photo", content_type="text/plain"), post(b"photo", Content_Encoding="zstd"),
    ])  # fmt: skip


def wrong_places(chance):
    return chance.choice([Request("GET", "/nothing", b"", {}), Request("PUT", "/detect", b"x", {}), Request("DELETE", "/model", b"", {}), post(b"x", path="/detect/more")])


def mutant(chance):
    return post(mutations.mutant(SEEDS, chance.randrange(1 << 30), "soak"), "?annotate=true" if chance.random() < 0.5 else "")


class Seed:
    """What mutations.mutant takes for a path."""

    def __init__(self, data):
        self.data, self.suffix = data, ".any"

    def read_bytes(self):
        return self.data


SEEDS = [Seed(data) for data in photos.tree().values()] + [Seed(photos.encoded(0, (64, 48), kind)) for kind in photos.KINDS]

KINDS = [
    Kind("photo", 30, frozenset({200}), lambda chance: post(photos.photo(chance))),
    Kind("json", 8, frozenset({200}), lambda chance: post(json.dumps({"image": b64(photos.small(chance))}).encode(), content_type=JSON)),
    Kind("batch", 6, frozenset({200}), batch),
    Kind("form", 5, frozenset({200}), form),
    Kind("coded", 5, frozenset({200}), coded),
    Kind("formats", 6, frozenset({200}), formats),
    Kind("annotate", 6, frozenset({200}), lambda chance: post(photos.photo(chance), "?annotate=true")),
    Kind("redact", 4, frozenset({200}), redact),
    Kind("slices", 2, frozenset({200}), slices),
    Kind("large", 1, frozenset({200}), lambda chance: post(photos.large(chance.randrange(2)), chance.choice(("", "?annotate=true", "?redact=blur")))),
    Kind("rekognition", 3, frozenset({200}), rekognition),
    Kind("pages", 8, frozenset({200}), pages),
    Kind("no_photo", 4, frozenset({415, 422}), lambda chance: post(chance.choice(photos.no_photos()))),
    Kind("truncated", 3, frozenset({422}), lambda chance: post(photos.truncated(chance.randrange(8)))),
    Kind("mutant", 8, BROKEN, mutant),
    Kind("bomb", 2, frozenset({413}), lambda chance: post(photos.bomb())),
    Kind("inflating", 1, frozenset({413}), lambda chance: post(photos.inflating(), Content_Encoding="gzip")),
    Kind("too_large", 1, frozenset({413}), lambda chance: post(bytes(21 << 20)), early=True),
    Kind("wrong_option", 4, frozenset({400}), wrong_options),
    Kind("wrong_body", 4, frozenset({400, 415}), wrong_bodies),
    Kind("wrong_place", 3, frozenset({404, 405}), wrong_places),
]
WEIGHTS = [kind.weight for kind in KINDS]


def draw(chance):
    """A kind, and a request of it."""
    (kind,) = chance.choices(KINDS, WEIGHTS)
    return kind, kind.make(chance)


def verdict(kind, status, headers, body):
    """What is wrong with an answer, or None."""
    if status == 503 and headers.get("retry-after"):
        # Declared for every request: `overloaded`, and `loading` after a start. The answer to HEAD has no document.
        return None if not body or b'"overloaded"' in body or b'"loading"' in body else f"503 of another kind: {body[:200]}"
    if kind.name == "rekognition" and status == 400 and b'"ThrottlingException"' in body:
        return None  # the same by the name that Rekognition's clients know
    if status not in kind.statuses:
        return f"{status}: {body[:300]}"
    problem = headers.get("content-type", "").startswith("application/problem+json")
    if status >= 400 and kind.name != "rekognition" and not problem:
        return f"{status} without a problem document: {body[:200]}"
    if problem and json.loads(body)["status"] != status:
        return f"{status}, and its document says otherwise: {body[:200]}"
    return None
