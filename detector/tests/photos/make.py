"""Writes the photos that the Rust tests cannot write themselves: the test picture (four quadrants: red, green, blue, grey;
64 x 48) as lossy WebP, HEIC, AVIF and TIFF, plain and in the ways in which cameras, phones and scanners write them. Names
ending in -o1 to -o8 are stored turned and say so. Needs Pillow and pillow-heif. Run: python3 make.py"""

import io
import struct
from pathlib import Path

import pillow_heif
from PIL import Image, ImageOps

pillow_heif.register_heif_opener()
FOLDER = Path(__file__).parent

# To store a picture so that an orientation shows it upright: the inverse of what the orientation asks for.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def picture(scale=1):
    image = Image.new("RGB", (64, 48))
    for left, top, color in [(0, 0, (220, 30, 30)), (32, 0, (30, 200, 30)), (0, 24, (30, 40, 220)), (32, 24, (120, 120, 120))]:
        image.paste(color, (left, top, left + 32, top + 24))
    return image.resize((64 * scale, 48 * scale), Image.Resampling.NEAREST)


def save(name, image, **options):
    image.save(FOLDER / name, **options)


def turned(orientation):
    image = picture()
    return image if STORED[orientation] is None else image.transpose(STORED[orientation])


def oriented(name, orientation, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(name, turned(orientation), exif=exif.tobytes(), **options)
    assert ImageOps.exif_transpose(Image.open(FOLDER / name)).size == (64, 48), name


def box(kind, *parts):
    payload = b"".join(parts)
    return struct.pack(">I", 8 + len(payload)) + kind + payload


def full_box(kind, version, flags, *parts):
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def boxes(data, start, end):
    while start + 8 <= end:
        (size,) = struct.unpack_from(">I", data, start)
        yield data[start + 4 : start + 8], start + 8, start + size
        start += size


def coded(image):
    """The hvcC and the data of a picture's only item."""
    file = io.BytesIO()
    image.save(file, "HEIF", quality=80)
    data = file.getvalue()
    top = {kind: (start, end) for kind, start, end in boxes(data, 0, len(data))}
    meta = {kind: (start, end) for kind, start, end in boxes(data, top[b"meta"][0] + 4, top[b"meta"][1])}
    properties = {kind: (start, end) for kind, start, end in boxes(data, *meta[b"iprp"])}
    config = next(data[start:end] for kind, start, end in boxes(data, *properties[b"ipco"]) if kind == b"hvcC")
    return config, data[slice(*top[b"mdat"])]


def grid(image, size, turn):
    """A HEIC as phones write it: tiles, a grid that puts them together (ISO/IEC 23008-12, 6.6.2.3), and irot."""
    columns, rows = -(-image.width // size), -(-image.height // size)
    canvas = Image.new("RGB", (columns * size, rows * size))
    canvas.paste(image)
    corners = [(x * size, y * size) for y in range(rows) for x in range(columns)]
    tiles = [coded(canvas.crop((x, y, x + size, y + size))) for x, y in corners]
    count, whole = len(tiles), len(tiles) + 1
    description = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, image.width, image.height)
    hidden, shown = 1, 0
    entries = b"".join(full_box(b"infe", 2, hidden, struct.pack(">HH", i, 0), b"hvc1\0") for i in range(1, whole))
    entries += full_box(b"infe", 2, shown, struct.pack(">HH", whole, 0), b"grid\0")
    parts = b"".join(struct.pack(">H", i) for i in range(1, whole))
    properties = box(
        b"ipco",
        box(b"hvcC", tiles[0][0]),
        full_box(b"ispe", 0, 0, struct.pack(">II", size, size)),
        full_box(b"ispe", 0, 0, struct.pack(">II", image.width, image.height)),
        box(b"irot", bytes([turn])),
    )
    essential = 0x80
    uses = b"".join(struct.pack(">HBBB", i, 2, 1 | essential, 2) for i in range(1, whole))
    uses += struct.pack(">HBBB", whole, 2, 3, 4 | essential)
    head = box(b"ftyp", b"heic\0\0\0\0mif1heic")
    items = [data for _, data in tiles] + [description]

    def meta(start):
        places = b""
        for index, data in enumerate(items, 1):
            places += struct.pack(">HHHII", index, 0, 1, start, len(data))
            start += len(data)
        return full_box(
            b"meta", 0, 0,
            full_box(b"hdlr", 0, 0, b"\0\0\0\0pict" + b"\0" * 13),
            full_box(b"pitm", 0, 0, struct.pack(">H", whole)),
            full_box(b"iloc", 0, 0, b"\x44\x00", struct.pack(">H", whole), places),
            full_box(b"iinf", 0, 0, struct.pack(">H", whole), entries),
            full_box(b"iref", 0, 0, box(b"dimg", struct.pack(">HH", whole, count), parts)),
            box(b"iprp", properties, full_box(b"ipma", 0, 0, struct.pack(">I", whole), uses)),
        )

    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", *items)


def heic():
    rgb, quality = picture(), {"quality": 80}
    alpha = rgb.copy()
    alpha.putalpha(Image.new("L", rgb.size, 90))
    save("plain.heic", rgb, **quality)
    save("alpha.heic", alpha, **quality)
    save("grey.heic", rgb.convert("L"), **quality)
    save("bt709.heic", rgb, matrix_coefficients=1, **quality)
    save("limited.heic", rgb, full_range_flag=0, **quality)
    save("lossless.heic", rgb, quality=-1)
    save("full-chroma.heic", rgb, chroma="444", **quality)
    deep = bytes(byte for channel in rgb.tobytes() for byte in (channel * 257).to_bytes(2, "little"))
    pillow_heif.from_bytes(mode="RGB;16", size=rgb.size, data=deep).save(FOLDER / "10-bit.heic", **quality)
    pillow_heif.options.SAVE_HDR_TO_12_BIT = True
    pillow_heif.from_bytes(mode="RGB;16", size=rgb.size, data=deep).save(FOLDER / "12-bit.heic", **quality)
    for orientation in STORED:
        oriented(f"o{orientation}.heic", orientation, **quality)
    # 96 x 128 in tiles of 64: the last column reaches beyond. Stored so that a quarter turn clockwise is upright.
    (FOLDER / "grid.heic").write_bytes(grid(picture(2).transpose(STORED[6]), 64, turn=3))


def avif():
    rgb, quality = picture(), {"quality": 80}
    alpha = rgb.copy()
    alpha.putalpha(Image.new("L", rgb.size, 90))
    for subsampling in ("4:2:0", "4:2:2", "4:4:4"):
        save(f"{subsampling.replace(':', '')}.avif", rgb, subsampling=subsampling, **quality)
    save("alpha.avif", alpha, **quality)
    save("grey.avif", rgb.convert("L"), **quality)
    save("limited.avif", rgb, range="limited", **quality)
    save("lossless.avif", rgb, quality=100, subsampling="4:4:4")
    save("sequence.avif", rgb, save_all=True, append_images=[rgb.transpose(Image.Transpose.ROTATE_180)], **quality)
    for orientation in STORED:
        oriented(f"o{orientation}.avif", orientation, **quality)


def tiff():
    rgb = picture()
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        save(f"{compression.removeprefix('tiff_')}.tif", rgb, compression=compression)
    alpha = rgb.copy()
    alpha.putalpha(Image.new("L", rgb.size, 90))
    save("alpha.tif", alpha, compression="tiff_lzw")
    save("cmyk.tif", rgb.convert("CMYK"), compression="tiff_lzw")
    save("palette.tif", rgb.quantize(4), compression="tiff_lzw")
    save("grey.tif", rgb.convert("L"), compression="tiff_lzw")
    save("fax.tif", rgb.convert("L").point(lambda shade: 255 * (shade > 90)).convert("1"), compression="group4")
    save("pages.tif", rgb, save_all=True, append_images=[rgb.transpose(Image.Transpose.ROTATE_180)], compression="tiff_lzw")
    save("big.tif", rgb, big_tiff=True, compression="tiff_lzw")
    for orientation in STORED:
        save(f"o{orientation}.tif", turned(orientation), tiffinfo={274: orientation}, compression="tiff_lzw")


save("lossy.webp", picture(), quality=90)
heic()
avif()
tiff()
