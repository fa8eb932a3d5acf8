"""Photos in every shape of HEIC, AVIF, TIFF, BMP and GIF, and what a reader should make of them.

    tests/formats.py DIR

Writes the files into DIR, for each a PNG of the pixels that Pillow reads (upright, without alpha), and `manifest.json`: a
list of {file, format, width, height, reference, tolerance}. The tolerance is of the mean difference of all values, for an
answer that went through a JPEG: what that costs, and a little. Where a reference has alpha itself, only its opaque pixels
count. Where there is none, the file is `unread` here, or readers differ for good reasons, and any defined answer will do."""

import dataclasses
import io
import json
import pathlib
import sys
import zlib

import bmp
import cv2
import numpy as np
import PIL.GifImagePlugin
import PIL.Image
import PIL.ImageOps
import pillow_heif
import tiff

WIDTH, HEIGHT = 160, 120
# How much more than a JPEG a reader may differ, on the mean, and the quality of that JPEG.
TOLERANCE = 1.5
QUALITY = 90
ORIENTATIONS = range(1, 9)
ORIENTATION = 0x0112


@dataclasses.dataclass
class File:
    """A file, and what it shows: `truth` where that is not what Pillow reads of it."""

    name: str
    data: bytes
    truth: PIL.Image.Image | None = None
    compared: bool = True


# Kinds that no reader in Rust decodes: they are named in the refusal.
UNREAD = {
    "heic": ("chroma-422", "chroma-444", "lossless"),
    "tiff": ("bilevel-ccitt", "bilevel-group3", "planar-tiles"),
}


def picture(width=WIDTH, height=HEIGHT):
    """Slopes of all three colours with shapes on them, no two corners alike, as height x width x 3 bytes. The shapes are of
    little colour: JPEG's chroma would smear it."""
    y, x = np.mgrid[0:height, 0:width]
    u, v = x / max(width - 1, 1), y / max(height - 1, 1)
    pixels = np.stack([60 + 140 * u, 60 + 140 * v, 180 - 60 * u - 60 * v], axis=-1)
    pixels[(u - 0.3) ** 2 + (v - 0.35) ** 2 < 0.03] *= 0.5
    pixels[(u > 0.6) & (u < 0.9) & (v > 0.2) & (v < 0.4)] += 50
    pixels[(v > 0.7) & (v < 0.85) & (u > 0.1) & (u < 0.5)] *= 1.2
    return pixels.round().astype(np.uint8)


def image(width=WIDTH, height=HEIGHT, mode="RGB"):
    """The picture; with alpha, that falls from left to right."""
    found = PIL.Image.fromarray(picture(width, height))
    if mode.endswith("A"):
        slope = np.linspace(255, 100, width).astype(np.uint8)
        found.putalpha(PIL.Image.fromarray(np.tile(slope, (height, 1))))
    return found.convert(mode)


def few(colors):
    """The picture in so many colours: (indexes, palette of red, green and blue)."""
    reduced = image().quantize(colors, dither=PIL.Image.Dither.NONE)
    palette = np.array(reduced.getpalette()[: colors * 3], np.uint8).reshape(-1, 3)
    return np.array(reduced), [tuple(map(int, color)) for color in palette]


def bilevel():
    """Large black and white shapes: dots would not survive a JPEG."""
    return PIL.Image.fromarray((picture()[:, :, 0] > 128).astype(np.uint8) * 255).convert("1", dither=PIL.Image.Dither.NONE)


def saved(picture, kind, **options):
    """The bytes of a Pillow image's file."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def exif(orientation):
    tags = PIL.Image.Exif()
    tags[ORIENTATION] = orientation
    return tags


def deep(bits):
    """The picture with more than 8 bits, whose upper 8 are the picture's."""
    return (picture().astype(np.uint16) << (bits - 8)) + (1 << (bits - 8)) // 2


def heic():
    def file(name, picture=None, **options):
        return File(name, saved(picture or image(), "HEIF", **({"quality": 90} | options)))

    for chroma in ("4:2:0", "4:2:2", "4:4:4"):
        yield file("chroma-" + chroma.replace(":", ""), subsampling=chroma)
    for bits in (10, 12):
        pillow_heif.options.SAVE_HDR_TO_12_BIT = bits == 12
        source = pillow_heif.from_bytes("RGB;16", (WIDTH, HEIGHT), deep(16).tobytes())
        target = io.BytesIO()
        source.save(target, quality=90)
        yield File(f"bits-{bits}", target.getvalue())
    yield file("alpha", image(mode="RGBA"))
    yield file("mono", image(mode="L"))
    yield file("lossless", quality=-1, chroma=444)
    yield file("limited-range", full_range_flag=0)
    yield file("bt709", matrix_coefficients=1)
    yield file("thumbnail", thumbnails=[64])
    for width, height in ((161, 119), (97, 64), (17, 13)):
        yield file(f"size-{width}x{height}", image(width, height))
    # Exif as bytes becomes irot and imir, which is what counts; as an object it stays in Exif, where nobody heeds it.
    for orientation in ORIENTATIONS:
        yield file(f"orientation-{orientation}", exif=exif(orientation).tobytes())
    yield file("orientation-exif-only", exif=exif(6))
    yield file("grid", image(256, 192), tile_size=64)
    yield file("grid-uneven", image(200, 150), tile_size=64)
    yield file("grid-orientation-6", image(200, 150), tile_size=64, exif=exif(6).tobytes())
    yield file("several", save_all=True, append_images=[image(mode="L"), image(64, 48)], primary_index=0)
    yield file("several-second", image(64, 48), save_all=True, append_images=[image()], primary_index=1)


def timeless(data):
    """A file with tracks whose times of creation and change are none: the same each time that it is written."""
    data = bytearray(data)
    for kind in (b"mvhd", b"tkhd", b"mdhd"):
        place = data.index(kind) + 4
        length = 16 if data[place] == 1 else 8
        data[place + 4 : place + 4 + length] = bytes(length)
    return bytes(data)


def avif():
    def file(name, picture=None, **options):
        return File(name, saved(picture or image(), "AVIF", **({"quality": 90, "max_threads": 1} | options)))

    for chroma in ("4:2:0", "4:2:2", "4:4:4"):
        yield file("chroma-" + chroma.replace(":", ""), subsampling=chroma)
    for bits in (8, 10, 12):
        parameters = [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 90]
        pixels = np.ascontiguousarray((deep(bits) if bits > 8 else picture())[:, :, ::-1])
        yield File(f"bits-{bits}", cv2.imencode(".avif", pixels, parameters)[1].tobytes())
    yield file("alpha", image(mode="RGBA"))
    # Pillow divides by alpha what was multiplied by it; others drop alpha and leave the colours as they are stored.
    premultiplied = file("alpha-premultiplied", image(mode="RGBA"), alpha_premultiplied=True)
    yield dataclasses.replace(premultiplied, compared=False)
    yield file("mono", image(mode="L"))
    yield file("mono-as-420", image(mode="L"), subsampling="4:2:0")
    yield file("lossless", quality=100, subsampling="4:4:4")
    yield file("limited-range", range="limited")
    yield file("tiles", image(512, 256), tile_rows=1, tile_cols=1)
    for width, height in ((161, 119), (97, 64), (17, 13), (1, 1)):
        yield file(f"size-{width}x{height}", image(width, height))
    for orientation in ORIENTATIONS:
        yield file(f"orientation-{orientation}", exif=exif(orientation))
    sequence = file("sequence", save_all=True, append_images=[PIL.ImageOps.invert(image())], duration=100)
    yield dataclasses.replace(sequence, data=timeless(sequence.data))


def tiff_by_pillow():
    def file(name, picture=None, **options):
        return File(name, saved(picture or image(), "TIFF", **options))

    yield file("plain")
    for name, compression in [("lzw", "tiff_lzw"), ("deflate", "tiff_adobe_deflate"), ("deflate-old", "tiff_deflate"), ("packbits", "packbits")]:
        yield file(name, compression=compression)
        if name != "packbits":
            yield file(f"{name}-predictor", compression=compression, tiffinfo={tiff.TAGS["predictor"]: 2})
    yield file("jpeg", compression="jpeg", quality=92)
    yield file("jpeg-gray", image(mode="L"), compression="jpeg", quality=92)
    yield file("cmyk", image(mode="CMYK"))
    yield file("cmyk-lzw", image(mode="CMYK"), compression="tiff_lzw")
    yield file("gray", image(mode="L"))
    yield file("gray-alpha", image(mode="LA"))
    yield file("alpha", image(mode="RGBA"), compression="tiff_lzw")
    yield file("palette", image().quantize(256, dither=PIL.Image.Dither.NONE))
    yield file("bilevel", bilevel())
    for group in ("ccitt", "group3", "group4"):
        yield file(f"bilevel-{group}", bilevel(), compression="tiff_ccitt" if group == "ccitt" else group)
    yield file("big", big_tiff=True)
    yield file("pages", save_all=True, append_images=[image(64, 48, "L"), PIL.ImageOps.invert(image())], compression="tiff_lzw")
    for width, height in ((161, 119), (17, 13), (1, 1)):
        yield file(f"size-{width}x{height}", image(width, height), compression="tiff_lzw")
    for orientation in ORIENTATIONS:
        yield file(f"orientation-{orientation}", tiffinfo={ORIENTATION: orientation}, compression="tiff_lzw")


def tiff_by_hand():
    rgb, gray = picture(), np.array(image(mode="L"))

    def file(name, pixels, order="<", big=False, truth=None, compared=True, **options):
        return File(name, tiff.file([tiff.page(pixels, order, **options)], order, big), truth, compared)

    deflate = {"compression": 8, "compress": zlib.compress}
    for order, name in (("<", "little"), (">", "big")):
        yield file(f"{name}-endian", rgb, order, rows=7)
        yield file(f"{name}-endian-16", deep(16), order, truth=image())
        yield file(f"{name}-endian-gray-16", gray.astype(np.uint16) * 257, order, truth=image(mode="L"))
        # Pillow does not know a BigTIFF with its larger end first; libtiff does.
        yield file(f"{name}-endian-bigtiff", rgb, order, big=True, rows=11, truth=image())
        # Whether 1.0 or 255 is white no tag says.
        yield file(f"{name}-endian-float", (gray / 255).astype(np.float32), order, compared=False)
        yield file(f"{name}-endian-float-rgb", (rgb / 255).astype(np.float32), order, compared=False)
    yield file("tiles", rgb, tile=(64, 48))
    yield file("tiles-deflate", rgb, tile=(32, 32), **deflate)
    yield file("tiles-gray", gray, tile=(16, 16))
    yield file("tile-larger-than-all", rgb, tile=(256, 256), **deflate)
    yield file("planar", rgb, planar=True)
    yield file("planar-strips-deflate", rgb, planar=True, rows=13, **deflate)
    yield file("planar-tiles", rgb, planar=True, tile=(48, 64))
    yield file("white-is-zero", 255 - gray, photometric=tiff.MIN_IS_WHITE, truth=image(mode="L"))
    yield file("orientation-6-tiles-16", deep(16), tile=(64, 64), orientation=6, truth=image().transpose(PIL.Image.Transpose.ROTATE_270))
    indexes, palette = few(16)
    nibbles = (indexes[:, ::2] << 4 | indexes[:, 1::2]).astype(np.uint8)
    tags, blocks, tiled = tiff.page(nibbles, photometric=tiff.PALETTE, palette=[color[i] * 257 for i in range(3) for color in palette])
    yield File("palette-16", tiff.file([(tags | {"width": [WIDTH], "bits": [4]}, blocks, tiled)]))
    bits = np.packbits(np.array(bilevel()), axis=1)
    tags, blocks, tiled = tiff.page(255 - bits, photometric=tiff.MIN_IS_WHITE)
    yield File("bilevel-white-is-zero", tiff.file([(tags | {"width": [WIDTH], "bits": [1]}, blocks, tiled)]))


def bmps():
    rgb = picture()
    bgr = np.ascontiguousarray(rgb[:, :, ::-1])
    wide = rgb.astype(np.uint32)
    for header, name in ((bmp.INFO, ""), (bmp.CORE, "-core")):
        for bits in (1, 4, 8):
            indexes, palette = few(2**bits)
            yield File(f"bits-{bits}{name}", bmp.file(indexes, bits, palette, header=header))
        yield File(f"bits-24{name}", bmp.file(bgr, 24, header=header))
    indexes, palette = few(100)
    yield File("bits-8-few", bmp.file(indexes, 8, palette, used=100))
    yield File("bits-8-top-down", bmp.file(indexes, 8, palette, used=100, top_down=True))
    yield File("bits-24-top-down", bmp.file(bgr, 24, top_down=True))
    yield File("rle8", bmp.file(*few(20)[:1], 8, few(20)[1], bmp.RLE8, used=20))
    yield File("rle4", bmp.file(*few(16)[:1], 4, few(16)[1], bmp.RLE4))
    five = (wide >> 3).astype(np.uint16)
    six = (wide >> 2).astype(np.uint16)
    yield File("bits-16", bmp.file((five[..., 0] << 10 | five[..., 1] << 5 | five[..., 2]).astype("<u2"), 16))
    packed = (five[..., 0] << 11 | six[..., 1] << 5 | five[..., 2]).astype("<u2")
    yield File("bits-16-565", bmp.file(packed, 16, compression=bmp.FIELDS, masks=(0xF800, 0x07E0, 0x001F)))
    whole = (wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]).astype("<u4")
    yield File("bits-32", bmp.file(whole, 32))
    alpha = (whole | 0x80000000).astype("<u4")
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    for header, name in ((bmp.V4, "v4"), (bmp.V5, "v5")):
        yield File(name, bmp.file(alpha, 32, compression=bmp.FIELDS, masks=masks, header=header), image())
    yield File("v5-24", bmp.file(bgr, 24, header=bmp.V5))
    for width, height in ((161, 119), (17, 13), (1, 1)):
        yield File(f"size-{width}x{height}", saved(image(width, height), "BMP"))


def gif():
    def file(name, picture=None, **options):
        return File(name, saved(picture or image(), "GIF", **options))

    yield file("interlaced", interlace=1)
    yield file("progressive", interlace=0)
    for colors in (2, 3, 16):
        yield file(f"colors-{colors}", image().quantize(colors, dither=PIL.Image.Dither.NONE))
    for width, height in ((161, 119), (17, 13), (1, 1)):
        yield file(f"size-{width}x{height}", image(width, height))
    yield file("gray", image(mode="L"))
    clear = image().quantize(64, dither=PIL.Image.Dither.NONE)
    yield file("transparent", clear, transparency=clear.getpixel((50, 40)))
    moving = [PIL.ImageOps.invert(image()), image().rotate(180)]
    yield file("animated", save_all=True, append_images=moving, duration=50, loop=0)
    yield file("animated-own-palettes", image().quantize(32), save_all=True, append_images=[frame.quantize(64) for frame in moving])
    # The first frame is smaller than the screen and lies somewhere on it; it brings its own palette.
    small = image(96, 64).quantize(64, dither=PIL.Image.Dither.NONE)
    screen = WIDTH.to_bytes(2, "little") + HEIGHT.to_bytes(2, "little")
    frame = b"".join(PIL.GifImagePlugin.getdata(small, offset=(40, 30), include_color_table=True))
    truth = PIL.Image.new("RGBA", (WIDTH, HEIGHT))
    truth.paste(small.convert("RGBA"), (40, 30))
    yield File("first-frame-within", b"GIF89a" + screen + b"\x00\x00\x00" + frame + b";", truth)
    yield File("version-87", b"GIF87a" + saved(image(), "GIF")[6:])


FORMATS = {"heic": [heic], "avif": [avif], "tiff": [tiff_by_pillow, tiff_by_hand], "bmp": [bmps], "gif": [gif]}


def reference(kind, file):
    """What the file shows, upright."""
    if file.truth is not None:
        return file.truth if file.truth.mode == "RGBA" else file.truth.convert("RGB")
    found = PIL.ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(file.data)))
    # What colour transparent pixels have in a GIF is nobody's promise.
    return found.convert("RGBA" if kind == "gif" else "RGB")


def difference(answer, shown):
    """The mean difference between a JPEG and what it should show, of the opaque pixels where that has alpha."""
    found = np.asarray(PIL.Image.open(io.BytesIO(answer)).convert("RGB"), np.int16)
    wanted = np.asarray(shown, np.int16)
    assert found.shape[:2] == wanted.shape[:2]
    opaque = wanted[:, :, 3] == 255 if wanted.shape[2] == 4 else np.ones(found.shape[:2], bool)
    return float(np.abs(found - wanted[:, :, :3])[opaque].mean())


def write(folder):
    """Writes everything into a folder; gives what the manifest holds."""
    pillow_heif.register_heif_opener()
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for kind, makers in FORMATS.items():
        for file in (file for maker in makers for file in maker()):
            name = f"{kind}-{file.name}"
            (folder / f"{name}.{kind}").write_bytes(file.data)
            unread = file.name in UNREAD.get(kind, ())
            entry = {"file": f"{name}.{kind}", "format": kind, "reference": None, "unread": unread}
            if file.compared and not unread:
                shown = reference(kind, file)
                jpeg = saved(shown.convert("RGB"), "JPEG", quality=QUALITY)
                shown.save(folder / f"{name}.png")
                entry |= {"reference": f"{name}.png", "width": shown.width, "height": shown.height, "tolerance": round(TOLERANCE + difference(jpeg, shown), 2)}
            entries.append(entry)
    (folder / "manifest.json").write_text(json.dumps(entries, indent=1))
    return entries


def manifest(folder, kind=None):
    """The entries of what was written there, of one format or of all."""
    entries = json.loads((folder / "manifest.json").read_text())
    return [entry for entry in entries if kind in (None, entry["format"])]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    entries = write(folder)
    size = sum((folder / entry["file"]).stat().st_size for entry in entries)
    print(f"{len(entries)} files, {size} bytes")


if __name__ == "__main__":
    main()
