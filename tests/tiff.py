"""TIFF files of kinds that Pillow reads and does not write: tiles, planes, any byte order and depth."""

import struct

import numpy as np

SHORT, LONG, LONG8 = 3, 4, 16
CODES = {SHORT: "H", LONG: "I", LONG8: "Q"}
TAGS = {
    "width": 256, "height": 257, "bits": 258, "compression": 259, "photometric": 262, "strip_offsets": 273, "orientation": 274,
    "samples": 277, "rows": 278, "strip_lengths": 279, "planar": 284, "predictor": 317, "palette": 320, "tile_width": 322,
    "tile_height": 323, "tile_offsets": 324, "tile_lengths": 325, "extra": 338, "sample_format": 339,
}  # fmt: skip
MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE = 0, 1, 2, 3


def pieces(pixels, size):
    """The rows and columns of `pixels` in pieces of (width, height), those at the edges filled up with their last pixels."""
    width, height = size
    down, across = -pixels.shape[0] % height, -pixels.shape[1] % width
    filled = np.pad(pixels, [(0, down), (0, across)] + [(0, 0)] * (pixels.ndim - 2), mode="edge")
    for top in range(0, filled.shape[0], height):
        for left in range(0, filled.shape[1], width):
            yield filled[top : top + height, left : left + width]


def page(pixels, order="<", tile=None, rows=None, planar=False, compression=1, compress=bytes, **tags):
    """A page of height x width (x samples) numbers: (tags, blocks, are they tiles)."""
    samples = pixels.shape[2] if pixels.ndim == 3 else 1
    depth = pixels.dtype.itemsize * 8
    pixels = pixels.astype(pixels.dtype.newbyteorder(order))
    planes = [pixels[:, :, i] for i in range(samples)] if planar else [pixels]
    rows = rows or pixels.shape[0]
    blocks = []
    for plane in planes:
        parts = pieces(plane, tile) if tile else (plane[top : top + rows] for top in range(0, plane.shape[0], rows))
        blocks += [compress(np.ascontiguousarray(part).tobytes()) for part in parts]
    found = {
        "width": [pixels.shape[1]], "height": [pixels.shape[0]], "bits": [depth] * samples, "compression": [compression],
        "photometric": [RGB if samples >= 3 else MIN_IS_BLACK], "samples": [samples], "planar": [2 if planar else 1],
    }  # fmt: skip
    found |= {"tile_width": [tile[0]], "tile_height": [tile[1]]} if tile else {"rows": [rows]}
    found |= {"sample_format": [3] * samples} if pixels.dtype.kind == "f" else {}
    return found | {name: values if isinstance(values, list) else [values] for name, values in tags.items()}, blocks, bool(tile)


def file(pages, order="<", big=False):
    """A file of such pages."""
    pointer, count = ("Q", "Q") if big else ("I", "H")
    pack = lambda code, *values: struct.pack(order + code * len(values), *values)  # noqa: E731
    data = bytearray(b"II" if order == "<" else b"MM")
    data += pack("H", 43) + pack("H", 8) + pack("H", 0) if big else pack("H", 42)
    link = len(data)
    data += pack(pointer, 0)
    for tags, blocks, tiled in pages:
        offsets = []
        for block in blocks:
            offsets.append(len(data))
            data += block + bytes(len(block) % 2)
        kind = "tile" if tiled else "strip"
        tags = tags | {f"{kind}_offsets": offsets, f"{kind}_lengths": [len(block) for block in blocks]}
        entries = bytearray()
        for name, values in sorted(tags.items(), key=lambda item: TAGS[item[0]]):
            type_ = LONG if "offsets" in name or "lengths" in name else SHORT
            type_ = LONG8 if big and type_ == LONG else type_
            packed = pack(CODES[type_], *values)
            room = 8 if big else 4
            if len(packed) > room:
                place = len(data)
                data += packed + bytes(len(packed) % 2)
                packed = pack(pointer, place)
            entries += pack("H", TAGS[name]) + pack("H", type_) + pack(pointer, len(values)) + packed.ljust(room, b"\0")
        struct.pack_into(order + pointer, data, link, len(data))
        data += pack(count, len(tags)) + entries
        link = len(data)
        data += pack(pointer, 0)
    return bytes(data)
