"""BMP files of kinds that Pillow reads and does not write: few bits, runs, bit fields, every header."""

import struct

import numpy as np

PLAIN, RLE8, RLE4, FIELDS = 0, 1, 2, 3
CORE, INFO, V4, V5 = 12, 40, 108, 124


def packed_rows(pixels, bits):
    """Rows of indexes (or of whole pixels as little-endian numbers), each filled up to four bytes."""
    for row in pixels:
        if bits < 8:
            row = np.concatenate([row, np.zeros(-len(row) % (8 // bits), np.uint8)]).reshape(-1, 8 // bits)
            row = sum(row[:, i].astype(np.uint8) << (8 - bits * (i + 1)) for i in range(8 // bits))
        data = np.ascontiguousarray(row).tobytes()
        yield data + bytes(-len(data) % 4)


def runs(row):
    """(value, length) of equal neighbours."""
    start = 0
    for i in range(1, len(row) + 1):
        if i == len(row) or row[i] != row[start] or i - start == 255:
            yield int(row[start]), i - start
            start = i


def encoded(pixels, bits):
    """RLE8 or RLE4 of rows from the bottom: runs, the beginning of each row in absolute mode, every end of line."""
    data = bytearray()
    for row in pixels[::-1]:
        literal = row[: min(7, len(row))]
        if len(literal) >= 3:
            if bits == 8:
                content = literal.tobytes()
            else:
                padded = np.append(literal, 0) if len(literal) % 2 else literal
                content = bytes(int(a) << 4 | int(b) for a, b in padded.reshape(-1, 2))
            data += bytes([0, len(literal)]) + content + bytes(len(content) % 2)
            row = row[len(literal) :]
        for value, length in runs(row):
            data += bytes([length, value if bits == 8 else value << 4 | value])
        data += b"\0\0"
    return bytes(data[:-2] + b"\0\1")


def file(pixels, bits, palette=(), compression=PLAIN, header=INFO, masks=(), top_down=False, used=None):
    """A file. `pixels` are indexes, numbers of 16 or 32 bits, or blue, green and red; `palette` is of red, green and blue."""
    height, width = pixels.shape[:2]
    rows = pixels if top_down else pixels[::-1]
    body = encoded(pixels, bits) if compression in (RLE8, RLE4) else b"".join(packed_rows(rows, bits))
    if header == CORE:
        head = struct.pack("<IHHHH", CORE, width, height, 1, bits)
        colors = b"".join(bytes([b, g, r]) for r, g, b in palette)
    else:
        signed = -height if top_down else height
        head = struct.pack("<IiiHHIIiiII", header, width, signed, 1, bits, compression, len(body), 2835, 2835, used or 0, 0)
        fields = b"".join(struct.pack("<I", mask) for mask in masks)
        head += fields if header == INFO else fields.ljust(16, b"\0")
        # sRGB; the end points and gammas do not count then.
        head = (head + b"BGRs").ljust(header, b"\0") if header > INFO else head
        colors = b"".join(bytes([b, g, r, 0]) for r, g, b in palette)
    start = 14 + len(head) + len(colors)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + head + colors + body
