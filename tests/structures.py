"""Where the parts of a photo's file lie, for those who break it at its joints: segments, chunks, boxes, tables, blocks.

`parts(kind, data)` gives consecutive (start, end) that cover the file; `numbers(kind, data)` the (offset, struct code) of what says
how long something is; `sides(kind, data)` that of the width and of the height."""

import struct

import mutations

JPEG_ALONE = {0xD8, 0xD9, *range(0xD0, 0xD8)}  # markers without a length
JPEG_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def jpeg(data):
    """(start, end, marker) of each segment; what follows a scan's header is its own, without a marker."""
    place = 0
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        end = place + 2 + (0 if marker in JPEG_ALONE else struct.unpack_from(">H", data, place + 2)[0])
        yield place, end, marker
        place = end
        if marker == 0xDA:
            while end + 1 < len(data) and not (data[end] == 0xFF and data[end + 1] not in (0, *range(0xD0, 0xD8))):
                end += 1
            yield place, end, None
            place = end
    if place < len(data):
        yield place, len(data), None


def png(data):
    """(start, end, type) of the signature and of each chunk."""
    yield 0, 8, b""
    place = 8
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        yield place, place + 12 + length, kind
        place += 12 + length


def webp(data):
    """(start, end, type) of RIFF's header and of each chunk."""
    yield 0, 12, b"RIFF"
    place = 12
    while place + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, place)
        end = min(place + 8 + length + length % 2, len(data))
        yield place, end, kind
        place = end


def isobmff(data):
    """(start, end, type) of the boxes of the outermost level, and within `meta`."""
    place = 0
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = min(place + length, len(data)) if length >= 8 else len(data)
        inner = place + 12
        if kind == b"meta":
            yield place, inner, kind
            while inner + 8 <= end:
                length, kind = struct.unpack_from(">I4s", data, inner)
                yield inner, inner + length, kind
                inner += length
        else:
            yield place, end, kind
        place = end


def gif(data):
    """(start, end, type) of the screen, its palette and each block."""
    place = 13
    yield 0, place, b"screen"
    if data[10] & 0x80:
        end = place + 3 * 2 ** ((data[10] & 7) + 1)
        yield place, end, b"palette"
        place = end
    while place < len(data) and data[place] in (0x21, 0x2C):
        start, kind = place, data[place]
        place += 2 if kind == 0x21 else 10 + (3 * 2 ** ((data[place + 9] & 7) + 1) if data[place + 9] & 0x80 else 0) + 1
        while data[place]:
            place += 1 + data[place]
        place += 1
        yield start, place, kind
    yield place, len(data), b"end"


def tiff(data):
    """(start, end, type) of what lies between the header, the places that the directory names, and the end."""
    order = "<" if data[:2] == b"II" else ">"
    cuts = {0, 8, len(data)}
    for place, code in mutations.directories(data):
        cuts.add(place)
        if code == order + "I":
            value = struct.unpack_from(code, data, place)[0]
            cuts.update({value} if value < len(data) else ())
    ordered = sorted(cuts)
    yield from ((start, end, b"") for start, end in zip(ordered, ordered[1:]))


def bmp(data):
    """(start, end, type) of both headers, the palette and the pixels."""
    pixels, header = struct.unpack_from("<II", data, 10)
    ordered = sorted({0, 14, min(14 + header, len(data)), min(pixels, len(data)), len(data)})
    yield from ((start, end, b"") for start, end in zip(ordered, ordered[1:]))


READERS = {"jpg": jpeg, "png": png, "webp": webp, "heic": isobmff, "avif": isobmff, "gif": gif, "tiff": tiff, "bmp": bmp}


def parts(kind, data):
    return [(start, end) for start, end, _ in READERS[kind](data)]


def numbers(kind, data):
    """(offset, struct code) of lengths and counts."""
    match kind:
        case "jpg":
            return [(start + 2, ">H") for start, _, marker in jpeg(data) if marker is not None and marker not in JPEG_ALONE]
        case "png":
            return [(start, ">I") for start, _, _ in list(png(data))[1:]]
        case "webp":
            return [(4, "<I")] + [(start + 4, "<I") for start, _, _ in list(webp(data))[1:]]
        case "heic" | "avif":
            return list(mutations.boxes(data))
        case "tiff":
            return list(mutations.directories(data))
        case "bmp":
            return [(2, "<I"), (10, "<I"), (14, "<I"), (26, "<H"), (28, "<H"), (30, "<I"), (34, "<I"), (46, "<I")]
        case "gif":
            return [(10, "B")] + [(start + (9 if what == 0x2C else 2), "B") for start, _, what in gif(data) if what in (0x21, 0x2C)]


def sides(kind, data):
    """(offset, struct code) of the width, and of the height."""
    match kind:
        case "jpg":
            frame = next(start for start, _, marker in jpeg(data) if marker in JPEG_FRAMES)
            return (frame + 7, ">H"), (frame + 5, ">H")
        case "png":
            return (16, ">I"), (20, ">I")
        case "webp":
            # Lossy: 14 bits each behind the start code; lossless: packed, so that the height is in the same word.
            start = next(start for start, _, what in webp(data) if what in (b"VP8 ", b"VP8L"))
            return ((start + 14, "<H"), (start + 16, "<H")) if data[start : start + 4] == b"VP8 " else ((start + 9, "<H"), (start + 11, "<H"))
        case "heic" | "avif":
            place = data.index(b"ispe") + 8
            return (place, ">I"), (place + 4, ">I")
        case "tiff":
            order = "<" if data[:2] == b"II" else ">"
            entry = {struct.unpack_from(order + "H", data, place)[0]: place for place, code in mutations.directories(data)}
            return tuple((entry[tag] + 8, order + ("H" if struct.unpack_from(order + "H", data, entry[tag] + 2)[0] == 3 else "I")) for tag in (256, 257))
        case "bmp":
            return (18, "<i"), (22, "<i")
        case "gif":
            frame = next(start for start, _, what in gif(data) if what == 0x2C)
            return (frame + 5, "<H"), (frame + 7, "<H")
