"""What schemathesis does not know of itself, for tests/test_contract.py: photos, and that one of several may fail alone.
CONTRACT_PHOTOS is a folder of small ones; they are sent as they are, broken, or not at all."""

import base64
import os
import pathlib

import schemathesis
from hypothesis import strategies
from schemathesis.specs.openapi.checks import negative_data_rejection

PHOTOS = [path.read_bytes() for path in sorted(pathlib.Path(os.environ["CONTRACT_PHOTOS"]).iterdir())]


def broken(photo, place, byte, cut):
    """A photo with another byte somewhere, and perhaps an early end."""
    place %= len(photo)
    changed = photo[:place] + bytes([byte]) + photo[place + 1 :]
    return changed[:place] if cut else changed


whole = strategies.sampled_from(PHOTOS)
hurt = strategies.builds(broken, whole, strategies.integers(0, 1 << 20), strategies.integers(0, 255), strategies.booleans())
photos = strategies.one_of(whole, whole, hurt, strategies.binary(max_size=100))
texts = strategies.one_of(photos.map(lambda photo: base64.b64encode(photo).decode()), strategies.text(max_size=30))

schemathesis.openapi.media_type("application/octet-stream", photos, aliases=["image/*"])
schemathesis.openapi.format("photo", photos)
schemathesis.openapi.format("photo-text", texts)


def fails_alone(response):
    """Whether an answer to several photos has an error in place of one."""
    if response.status_code != 200 or "json" not in response.headers["content-type"][0]:
        return False
    answer = response.json()
    items = answer.get("results", []) if isinstance(answer, dict) else answer
    return any("error" in item for item in items)


@schemathesis.check
def invalid_requests_are_refused(ctx, response, case):
    """negative_data_rejection, but that a photo among several fails alone, and that beside several a single one is not read."""
    several = isinstance(case.body, dict) and case.body.get("images") and not isinstance(case.body.get("image", ""), str)
    return None if several or fails_alone(response) else negative_data_rejection(ctx, response, case)
