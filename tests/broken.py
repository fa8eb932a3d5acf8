"""Broken and hostile photos by the hundred, made of a few good ones: what tests take that need no assets.

    tests/broken.py DIR

writes them all into DIR, by names that say what was done. `photos()` gives [(name, data)], always the same: files cut at the borders
of their parts, parts doubled, left out and exchanged, lengths and sides that lie, one kind's head before another's body, bytes
changed by chance (a fixed seed), and bombs: a few bytes that ask for a lot of memory or time."""

import itertools
import pathlib
import random
import struct
import sys
import zlib

import bmp
import formats
import mutations
import numpy as np
import PIL.Image
import pillow_heif
import structures
import support
import tiff

SEED = 20261130
FLIPS = 22  # of each file
CUTS = 12  # at most, of each file, of each way
HUGE = (0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
SIDES = (0, 1, 0x3FFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
FIXTURES = support.ROOT / "detector" / "tests" / "photos"
# One of each kind that no writer here makes, from the tree.
OF_THE_TREE = ("grid.heic", "12-bit.heic", "sequence.avif", "422.avif", "pages.tif", "jpeg.tif", "lossy.webp")


def good():
    """{name: (kind, data)} of the photos that are broken."""
    pillow_heif.register_heif_opener()
    picture, turned = formats.image(96, 72), formats.exif(6)
    few = picture.quantize(16, dither=PIL.Image.Dither.NONE)
    save = formats.saved
    indexes, palette = np.array(few), [tuple(few.getpalette()[i : i + 3]) for i in range(0, 48, 3)]
    made = {
        "baseline.jpg": save(picture, "JPEG", quality=80, exif=turned, comment=b"a comment"),
        "progressive.jpg": save(picture, "JPEG", quality=80, progressive=True, subsampling="4:4:4", restart_marker_blocks=4),
        "grey.jpg": save(picture.convert("L"), "JPEG", quality=60, optimize=True),
        "plain.png": save(picture, "PNG", exif=turned),
        "palette.png": save(few, "PNG", bits=4),
        "alpha.png": save(formats.image(96, 72, "RGBA"), "PNG", dpi=(300, 300)),
        "exif.webp": save(picture, "WEBP", quality=80, exif=turned),
        "lossless.webp": save(picture, "WEBP", lossless=True),
        "plain.heic": save(picture, "HEIF", quality=80, exif=turned.tobytes()),
        "plain.avif": save(picture, "AVIF", quality=70, max_threads=1, exif=turned),
        "lzw.tiff": save(picture, "TIFF", compression="tiff_lzw", tiffinfo={formats.ORIENTATION: 6}),
        "tiles.tiff": tiff.file([tiff.page(formats.picture(96, 72), ">", tile=(32, 32), compression=8, compress=zlib.compress)], ">"),
        "plain.bmp": save(picture, "BMP"),
        "rle.bmp": bmp.file(indexes, 4, palette, bmp.RLE4),
        "plain.gif": save(few, "GIF"),
        "animated.gif": save(few, "GIF", save_all=True, append_images=[few.rotate(180)], duration=50),
    }
    made |= {name: (FIXTURES / name).read_bytes() for name in OF_THE_TREE}
    return {name: (name.rsplit(".", 1)[1].replace("tif", "tiff").replace("tifff", "tiff"), data) for name, data in made.items()}


def spread(values, most):
    """At most so many of them, evenly."""
    values = list(values)
    return values if len(values) <= most else [values[i * len(values) // most] for i in range(most)]


def cut(kind, data):
    """Ends at the borders of parts, and a byte after them."""
    ends = sorted({end for _, end in structures.parts(kind, data) if 0 < end < len(data)})
    for end in spread(ends, CUTS):
        yield f"cut-{end}", data[:end]
        yield f"cut-{end + 1}", data[: end + 1]
    yield "cut-middle", data[: len(data) // 2]


def rearranged(kind, data):
    """Parts left out, doubled, and exchanged with the next."""
    parts = structures.parts(kind, data)
    for number in spread(range(1, len(parts)), CUTS // 2):
        start, end = parts[number]
        yield f"without-{number}", data[:start] + data[end:]
        yield f"twice-{number}", data[:end] + data[start:end] + data[end:]
    for number in spread(range(1, len(parts) - 1), CUTS // 2):
        (start, middle), (_, end) = parts[number], parts[number + 1]
        yield f"exchanged-{number}", data[:start] + data[middle:end] + data[start:middle] + data[end:]
    yield "thousandfold", data[: parts[1][0]] + data[slice(*parts[1])] * 1000 + data[parts[1][1] :] if len(parts) > 1 else data * 2


def with_number(data, place, code, value):
    copy = bytearray(data)
    size = struct.calcsize(code)
    struct.pack_into(code.upper() if code[-1] in "ihbq" else code, copy, place, value % 2 ** (8 * size))
    return bytes(copy)


def lengths(kind, data):
    """Lengths and counts that are nothing, or more than there is."""
    for place, code in spread(structures.numbers(kind, data), CUTS // 2):
        if place + struct.calcsize(code) <= len(data):
            for value in (0, HUGE[-1]):
                yield f"length-{place}-{value:x}", with_number(data, place, code, value)


def sides(kind, data):
    """Widths and heights that are not the photo's."""
    for name, (place, code) in zip(("width", "height"), structures.sides(kind, data)):
        for value in SIDES:
            if value < 2 ** (8 * struct.calcsize(code)):
                yield f"{name}-{value:x}", with_number(data, place, code, value)


def by_chance(name, data, others):
    """Changed by chance, always the same."""
    for number in range(FLIPS):
        chance, copy = random.Random(f"{SEED}/{name}/{number}"), bytearray(data)
        chance.choice(mutations.WAYS)(chance, copy, bytearray(chance.choice(others)))
        yield f"chance-{number}", bytes(copy)


def mixed(files):
    """One kind's first bytes before another's rest."""
    firsts = {}
    for kind, data in files.values():
        firsts.setdefault(kind, data)
    for (one, head), (other, body) in itertools.permutations(firsts.items(), 2):
        yield f"head-of-{one}.{other}", head[:32] + body[32:]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width, height, depth, color, rows, *before):
    """A PNG whose compressed rows are given, right or not."""
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(before) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def bombs():
    """{name: data}: small files that ask for much."""
    zeros = zlib.compress(bytes(64_000_000), 9)
    text = chunk(b"zTXt", b"Raw profile type exif\0\0" + zeros)
    jpeg = formats.saved(formats.image(96, 72), "JPEG")
    frame = structures.sides("jpg", jpeg)
    scans = formats.saved(formats.image(96, 72), "JPEG", progressive=True)
    parts = list(structures.jpeg(scans))
    last = max(i for i, (_, _, marker) in enumerate(parts) if marker == 0xDA)
    scan = scans[parts[last][0] : parts[last + 1][1]]
    gif = formats.saved(formats.image(96, 72).quantize(16), "GIF")
    solid = formats.saved(PIL.Image.new("RGB", (2000, 1999)), "WEBP", lossless=True, method=0)
    yield "more-rows-than-said.png", png_of(64, 64, 8, 2, zeros)
    yield "side-of-a-million.png", png_of(1_000_000, 1, 1, 0, zlib.compress(bytes(125_001)))
    yield "all-pixels-there-are.png", png_of(0x7FFFFFFF, 0x7FFFFFFF, 16, 6, zeros)
    yield "just-below-the-limit.png", png_of(2000, 1999, 8, 2, zlib.compress(bytes(1999 * 6001), 9))
    yield "just-above-the-limit.png", png_of(2001, 2000, 8, 2, zlib.compress(bytes(2000 * 6004), 9))
    yield "text-that-swells.png", png_of(64, 64, 8, 2, zlib.compress(bytes(64 * 193)), text)
    yield "ten-thousand-chunks.png", png_of(64, 64, 8, 2, zlib.compress(bytes(64 * 193)), chunk(b"tEXt", b"a\0b") * 10_000)
    yield "profile-that-swells.png", png_of(64, 64, 8, 2, zlib.compress(bytes(64 * 193)), chunk(b"iCCP", b"p\0\0" + zeros))
    yield "65500-squared.jpg", with_number(with_number(jpeg, *frame[0], 65500), *frame[1], 65500)
    yield "tall-and-empty.jpg", with_number(jpeg, *frame[1], 65500)
    yield "a-thousand-scans.jpg", scans[: parts[last][0]] + scan * 1000 + scans[parts[last + 1][1] :]
    yield "a-hundred-thousand-comments.jpg", jpeg[:2] + b"\xff\xfe\0\2" * 100_000 + jpeg[2:]
    yield "fill-bytes.jpg", jpeg[:2] + b"\xff" * 500_000 + jpeg[2:]
    yield "largest-screen.gif", gif[:6] + b"\xff\xff\xff\xff" + gif[10:]
    yield "a-hundred-thousand-extensions.gif", gif[:781] + b"\x21\xfe\0" * 100_000 + gif[781:]
    yield "one-colour.webp", solid
    yield "huge.bmp", b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 30000, 30000, 1, 24, 0, 0, 0, 0, 0, 0)
    yield "upside-down.bmp", b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, -(2**31), -(2**31), 1, 24, 0, 0, 0, 0, 0, 0)
    yield "runs-without-end.bmp", b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 2000, 1999, 1, 8, 1, 0, 0, 0, 256, 0) + bytes(1024) + b"\0\2\0\0" * 50_000
    rows = zlib.compress(bytes(48_000_000), 9)
    yield "strip-that-swells.tiff", tiff.file([tiff.page(formats.picture(64, 48), compression=8, compress=lambda _: rows)])
    yield "many-tiles.tiff", tiff.file([({"width": [60000], "height": [60000], "bits": [8], "compression": [1], "photometric": [1], "samples": [1], "tile_width": [16], "tile_height": [16]}, [b"a"] * 2000, True)])
    yield "directory-in-a-circle.tiff", circle()
    for name in ("plain.heic", "plain.avif"):
        kind, data = good()[name]
        yield f"largest-size{name[5:]}", b"".join((data[: data.index(b"ispe") + 8], b"\xff" * 8, data[data.index(b"ispe") + 16 :]))
    yield "boxes-in-boxes.heic", nested(data)
    yield "one-byte.png", b"\x89"


def circle():
    """A TIFF whose next page is its first."""
    data = bytearray(tiff.file([tiff.page(formats.picture(64, 48))]))
    directory = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, directory)[0]
    struct.pack_into("<I", data, directory + 2 + 12 * count, directory)
    return bytes(data)


def nested(data):
    """A HEIF file of 20,000 boxes, each within the one before."""
    head = data[: struct.unpack_from(">I", data)[0]].replace(b"avif", b"heic")
    depth = 20_000
    return head + b"".join(struct.pack(">I4s", 8 * (depth - i), b"meta" if i % 2 else b"iprp") for i in range(depth))


def photos():
    """[(name, data)] of all; of equal files the first."""
    files, seen = good(), set()
    others = [data for _, data in files.values()]
    found = [(f"good-{name}", data) for name, (_, data) in files.items()]
    for name, (kind, data) in files.items():
        stem, suffix = name.rsplit(".", 1)
        ways = itertools.chain(cut(kind, data), rearranged(kind, data), lengths(kind, data), sides(kind, data), by_chance(name, data, others))
        found += [(f"{suffix}-{stem}-{way}.{suffix}", broken) for way, broken in ways]
    found += [(f"mixed-{name}", data) for name, data in mixed(files)]
    found += [(f"bomb-{name}", data) for name, data in bombs()]
    return [(name, data) for name, data in found if data not in seen and not seen.add(data)]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    every = photos()
    for name, data in every:
        (folder / name).write_bytes(data)
    print(f"{len(every)} files, {sum(len(data) for _, data in every)} bytes")


if __name__ == "__main__":
    main()
