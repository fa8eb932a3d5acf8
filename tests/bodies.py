"""Broken requests by the hundred: JSON, base64, forms and codings that are cut, changed by chance (a fixed seed), or ask for a lot."""

import base64
import gzip
import json
import random
import zlib

import brotli
import mutations

SEED = 20261130
CHANGED, CUTS = 18, 10
FORM = "multipart/form-data; boundary=b"
JSON = "application/json"


def form(*parts):
    return b"".join(b"--b\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + content + b"\r\n" for head, content in parts) + b"--b--\r\n"


def good(photo):
    """{name: (content type, content coding, body)} of what is answered 200."""
    text = base64.b64encode(photo).decode()
    one = json.dumps({"image": text, "confidence": 0.4, "classes": ["red"]}).encode()
    parts = [(b'name="image"; filename="a.png"\r\nContent-Type: image/png', photo), (b'name="confidence"', b"0.4")]
    parts.append((b'name="image"; filename="b.png"\r\nContent-Transfer-Encoding: base64', base64.encodebytes(photo)))
    return {
        "json": (JSON, None, one),
        "json-batch": (JSON, None, json.dumps({"images": [text] * 3, "annotate": True}).encode()),
        "json-data-url": (JSON, None, json.dumps({"image": "data:image/png;base64," + text}).encode()),
        "form": (FORM, None, form(*parts)),
        "json-gzip": (JSON, "gzip", gzip.compress(one, mtime=0)),
        "form-deflate": (FORM, "deflate", zlib.compress(form(*parts))),
        "photo-gzip": ("image/png", "gzip", gzip.compress(photo, mtime=0)),
        "photo-brotli": ("image/png", "br", brotli.compress(photo)),
        "photo-twice": ("image/png", "gzip, gzip", gzip.compress(gzip.compress(photo, mtime=0), mtime=0)),
    }


def changed(name, body):
    """Cut at places, and changed by chance."""
    for number in range(CUTS):
        yield f"{name} cut at {len(body) * number // CUTS}", body[: len(body) * number // CUTS]
    for number in range(CHANGED):
        chance, copy = random.Random(f"{SEED}/{name}/{number}"), bytearray(body)
        chance.choice(mutations.WAYS)(chance, copy, bytearray(body))
        yield f"{name} changed {number}", bytes(copy)


def odd(photo):
    """(name, content type, content coding, body) of single cases."""
    text = base64.b64encode(photo).decode()
    spaces = bytes(32).replace(b"\0", b" ") * 2_000_000
    part = b'name="image"; filename="a.png"'
    yield "deep lists", JSON, None, b"[" * 200_000
    yield "deep lists in an image", JSON, None, b'{"image": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    yield "deep objects", JSON, None, b'{"a":' * 100_000
    yield "the same name often", JSON, None, b"{" + b'"image": "a",' * 50_000 + b'"image": "' + text.encode() + b'"}'
    yield "no photo of 64", JSON, None, json.dumps({"images": ["AAAA"] * 64}).encode()
    yield "one more than 64", JSON, None, json.dumps({"images": ["AAAA"] * 65}).encode()
    yield "a hundred thousand names", JSON, None, json.dumps({f"n{i}": i for i in range(100_000)} | {"image": text}).encode()
    yield "half a pair of surrogates", JSON, None, b'{"image": "\\ud800"}'
    yield "no UTF-8", JSON, None, b'{"image": "\xff\xfe"}'
    yield "UTF-16", JSON, None, json.dumps({"image": text}).encode("utf-16")
    yield "a long number", JSON, None, b'{"image": "' + text.encode() + b'", "confidence": 0.' + b"1" * 100_000 + b"}"
    yield "more than infinite", JSON, None, b'{"image": "' + text.encode() + b'", "confidence": 1e999}'
    yield "base64 of one letter", JSON, None, b'{"image": "A"}'
    yield "base64 with blanks", JSON, None, json.dumps({"image": "\n".join(text)}).encode()
    yield "nothing but padding", JSON, None, json.dumps({"image": "=" * 100_000}).encode()
    for coding, body in (("gzip", gzip.compress(spaces, mtime=0)), ("deflate", zlib.compress(spaces)), ("br", brotli.compress(spaces, quality=1))):
        for kind in (JSON, FORM, "image/png"):
            yield f"{coding} that swells, {kind}", kind, coding, body
    for coding in ("gzip, gzip, gzip, gzip", "gzip," * 300, "zip", "identity, identity, identity"):
        yield f"coding {coding[:30]}", "image/png", coding, gzip.compress(photo, mtime=0)
    yield "a form of ten thousand parts", FORM, None, form(*[(b'name="a"', b"b")] * 10_000)
    yield "a form of a hundred photos", FORM, None, form(*[(part, photo)] * 100)
    yield "a form without an end", FORM, None, form((part, photo))[:-9]
    yield "a form with a long head", FORM, None, form((b'name="' + b"a" * 200_000 + b'"', b"b"))
    yield "a form with many heads", FORM, None, form((part + b"\r\nX: y" * 20_000, photo))
    yield "a boundary within the photo", FORM, None, form((part, photo[:40] + b"\r\n--b\r\n" + photo[40:]))
    yield "another boundary", "multipart/form-data; boundary=c", None, form((part, photo))
    yield "an empty boundary", 'multipart/form-data; boundary=""', None, form((part, photo))
    yield "a long boundary", "multipart/form-data; boundary=" + "b" * 5000, None, form((part, photo))
    yield "dashes alone", FORM, None, b"--b" * 200_000


def requests(photo):
    """[(name, content type, content coding, body)] of all: those that are good first."""
    whole = good(photo)
    found = [(name, kind, coding, body) for name, (kind, coding, body) in whole.items()]
    found += [(what, kind, coding, broken) for name, (kind, coding, body) in whole.items() for what, broken in changed(name, body)]
    return found + list(odd(photo))
