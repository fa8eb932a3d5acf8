"""Photos of all formats and sizes, and files that are none, made from what the tree and `tools/setup` have."""

import functools
import gzip
import io
import random
import struct
import zlib

import PIL.Image
import support

SIZES = [(1, 1), (3, 200), (16, 16), (64, 48), (320, 240), (640, 480), (480, 640), (1280, 960), (1920, 300)]
LARGE = (4000, 3000)
KINDS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
# Of formats that Pillow does not write.
TREE = support.ROOT / "detector" / "tests" / "photos"


@functools.cache
def samples():
    folder = support.ROOT / ".tools" / "samples"
    return [PIL.Image.open(path).convert("RGB") for path in sorted(folder.glob("*.png"))]


@functools.cache
def encoded(number, size, kind):
    """A sample photo in a size and a format."""
    file = io.BytesIO()
    samples()[number % 4].resize(size).save(file, kind, **({"quality": 88} if kind in ("JPEG", "WEBP") else {}))
    return file.getvalue()


@functools.cache
def tree():
    """Photos of the tree that are read."""
    suffixes, refused = (".heic", ".avif", ".tif", ".webp"), ("full-chroma.heic",)
    return {path.name: path.read_bytes() for path in sorted(TREE.iterdir()) if path.suffix in suffixes and path.name not in refused}


@functools.cache
def large(number=0):
    """12 megapixels, a few MB."""
    return encoded(number, LARGE, "JPEG")


def photo(chance):
    """A photo of any size and format."""
    if chance.random() < 0.3:
        return chance.choice(list(tree().values()))
    return encoded(chance.randrange(4), chance.choice(SIZES), chance.choice(KINDS))


def small(chance):
    return encoded(chance.randrange(4), (320, 240), chance.choice(("JPEG", "PNG", "WEBP")))


def unique(number, size=(320, 240)):
    """A photo like which there is no other: what follows a JPEG's end is not looked at."""
    return encoded(number % 4, size, "JPEG") + f"photo {number}".encode()


def truncated(number):
    """A JPEG whose second half is missing."""
    whole = encoded(number % 4, (320, 240), "JPEG")
    return whole[: len(whole) // 2] + f"photo {number}".encode()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


@functools.cache
def bomb():
    """A PNG of 1.6 gigapixels in a few kB."""
    head = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(4 << 20))) + chunk(b"IEND", b"")


@functools.cache
def inflating():
    """64 MiB of nothing, compressed."""
    return gzip.compress(bytes(64 << 20))


@functools.cache
def no_photos():
    noise = random.Random(1).randbytes(5000)
    return [b"hello", b"<html></html>", b"%PDF-1.7\n", b"\x00" * 100, noise, b"GIF89a", b"\xff\xd8\xff", b"RIFF\x00\x00\x00\x00WEBP", b"\x89PNG\r\n\x1a\n"]
