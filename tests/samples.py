"""Photos with objects in them, cut and pasted from the four samples of .tools/samples (public domain): what the tests of the page, the
gallery and the clients look at, wherever they run. `make()` writes them into target/test-photos, once in a run."""

import functools
import itertools

import PIL.Image
import PIL.ImageOps
import support

FOLDER = support.ROOT / "target" / "test-photos"
# Of 640x480 pixels: four scenes, and nine, in which spotter-nano finds several of persons, motorcycles, cups and bowls.
BUSY, CROWD = FOLDER / "busy.jpg", FOLDER / "crowd.jpg"
# A person on end, as a camera stores it: on its side (6 and 8 of Exif). upright() has all nine.
ROTATED, ROTATED_BACK = FOLDER / "person-6.jpg", FOLDER / "person-8.jpg"
# Stored so, the pixels are turned back by Exif's orientation (Exif 2.32, 4.6.4).
Turn = PIL.Image.Transpose
TURNS = (None, None, Turn.FLIP_LEFT_RIGHT, Turn.ROTATE_180, Turn.FLIP_TOP_BOTTOM, Turn.TRANSPOSE, Turn.ROTATE_90, Turn.TRANSVERSE, Turn.ROTATE_270)


def sample(name):
    return PIL.Image.open(support.ROOT / ".tools" / "samples" / f"{name}.png").convert("RGB")


def scenes():
    """A person, a motorcycle, a cup, and the first two as in a mirror."""
    person, motorcycle = sample("astronaut").crop((60, 0, 420, 512)), sample("motorcycle_left").crop((60, 40, 640, 480))
    return person, motorcycle, sample("coffee").crop((100, 0, 520, 400)), PIL.ImageOps.mirror(person), PIL.ImageOps.mirror(motorcycle)


def mosaic(columns, rows, width=640, height=480):
    """The scenes in turn, as tiles of one size."""
    picture, turn = PIL.Image.new("RGB", (width, height)), itertools.cycle(scenes())
    for row, column in itertools.product(range(rows), range(columns)):
        tile = next(turn).resize((width // columns, height // rows))
        picture.paste(tile, (column * tile.width, row * tile.height))
    return picture


def turned(picture, path, orientation):
    """Saves a picture as a JPEG that says which way is up; 0: without a word."""
    exif = PIL.Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    (picture.transpose(TURNS[orientation]) if TURNS[orientation] is not None else picture).save(path, quality=92, exif=exif)


@functools.cache
def upright():
    """[path] of the person in each of Exif's orientations, that without any first."""
    make()
    return [FOLDER / f"person-{orientation}.jpg" for orientation in range(9)]


@functools.cache
def small(number=120):
    """[path] of so many small photos, no two alike: pieces of the scenes, and their mirror images."""
    folder = FOLDER / "small"
    folder.mkdir(parents=True, exist_ok=True)
    paths, pieces = [], scenes()
    for i in range(number):
        scene = pieces[i % len(pieces)]
        left, top = i * 7 % 60, i * 11 % 50
        paths.append(folder / f"{i:04}.jpg")
        scene.crop((left, top, scene.width - i % 9, scene.height - i % 13)).resize((320, 240)).save(paths[-1], quality=80)
    return paths


@functools.cache
def make():
    """Writes those that have names here."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    mosaic(2, 2).save(BUSY, quality=92)
    mosaic(3, 3).save(CROWD, quality=92)
    for orientation in range(9):
        turned(scenes()[0].resize((900, 1280)), FOLDER / f"person-{orientation}.jpg", orientation)
