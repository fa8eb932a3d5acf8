"""Cuts crops out of photos and asks the teacher what it sees in them.

    python prepare.py --teacher yolox_nano.onnx --photos DIR [DIR ...] --exclude DIR --out crops --crops 32000

Photos need no labels. Photos of thin classes (by the teacher's own count) are drawn more often. Photos that look like
one under --exclude (64-bit gradient hash, distance <= 3) are left out. Every crop depends on the seed and its own
number alone, so that the result does not depend on --workers. Shards that are complete are not made again.
"""
import argparse
import multiprocessing
import pathlib
import time

import cv2
import numpy as np

from nano import CLASSES, PAD, SIZE, STRIDES, TEACHER_SIZE, boxes_of, grid, letterbox, resize, session, tensor

KEPT = 320              # answers kept per crop, the strongest first
FLOOR = 0.03            # objectness x class under which an answer is only kept as objectness
CELLS = sum((TEACHER_SIZE // s) ** 2 for s in STRIDES)
# One crop's answers: objectness of every cell; index, box (centre x, y, width, height; 1 = the crop's side) and class
# scores of the `n` kept cells. u8 scores: 255 = 1.
ANSWER = np.dtype([("n", "i4"), ("cell", "i2", (KEPT,)), ("box", "f2", (KEPT, 4)),
                   ("classes", "u1", (KEPT, CLASSES)), ("objectness", "u1", (CELLS,))])
GRID = grid(TEACHER_SIZE)


def gradient_hash(photo):
    """64 bits: in an 8 x 8 grid, does brightness rise from left to right?"""
    grey = cv2.resize(cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY), (9, 8), interpolation=cv2.INTER_AREA).astype(int)
    return (grey[:, 1:] > grey[:, :-1]).ravel()


def files(folders):
    """All photos under the folders, in a fixed order."""
    kinds = {".jpg", ".jpeg", ".png"}
    return [f for d in folders for f in sorted(pathlib.Path(d).rglob("*")) if f.suffix.lower() in kinds]


def load(folders, excluded):
    """Photos u8 [h,w,3] BGR, the shorter side at most 352 pixels, without what looks like an excluded one."""
    cv2.setNumThreads(1)    # its thread pool would not outlive the fork
    forbidden = [gradient_hash(p) for p in map(cv2.imread, map(str, files(excluded))) if p is not None]
    forbidden = np.array(forbidden, bool).reshape(-1, 64)
    photos, unreadable, excluded = [], 0, 0
    for file in files(folders):
        photo = cv2.imread(str(file))
        if photo is None or min(photo.shape[:2]) < 64:
            unreadable += 1
            continue
        if len(forbidden) and (forbidden != gradient_hash(photo)).sum(1).min() <= 3:
            excluded += 1
            continue
        shrink = 352 / min(photo.shape[:2])
        if shrink < 0.85:
            photo = cv2.resize(photo, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        photos.append(photo)
    print(f"{len(photos)} photos; left out: {unreadable} unreadable, {excluded} near duplicates of excluded ones")
    return photos


def seen(job):
    """The teacher's best score for each class in one photo, f32 [80]."""
    answer = TEACHER.run(None, {NAME: tensor(letterbox(PHOTOS[job], TEACHER_SIZE)[0])})[0][0]
    return (answer[:, 4:5] * answer[:, 5:]).max(0)


def chances(scores, favoured=()):
    """How often each photo is drawn, from class scores [P,80]: 1 for common classes, up to 6 for thin ones, three
    times as much for favoured ones."""
    present = scores > 0.3
    share = present.mean(0)
    repeat = np.clip(np.sqrt(0.05 / np.maximum(share, 1e-4)), 1, 6)
    repeat[list(favoured)] *= 3
    weight = np.where(present, repeat, 0.5).max(1)
    return weight / weight.sum()


def window(photo, random, width, height, smallest):
    """A random part of the photo, of about the wanted shape and at least `smallest` of its size, scaled to fit.

    Small parts are not drawn, because blur misleads the teacher: one of the photo's own shape is enlarged 1.6 times at
    most, a square one of a photo of 320 x 240 pixels 2.2 times."""
    rows, columns = photo.shape[:2]
    sharp = np.sqrt(width * height / (rows * columns)) / 1.6
    part = random.uniform(min(1, max(smallest, sharp)), 1)
    shape = np.exp(random.uniform(-0.25, 0.25)) * width / height
    h = min(rows, np.sqrt(rows * columns * part * part / shape))
    w = min(columns, h * shape)
    h = min(h, w / shape)
    w, h = int(max(32, min(w, columns))), int(max(32, min(h, rows)))
    x, y = random.integers(columns - w + 1), random.integers(rows - h + 1)
    return resize(photo[y:y + h, x:x + w], width, height)


def compose(random):
    """One crop u8 [416,416,3]: a letterboxed photo, a part of one, or a mosaic of four parts."""
    def draw():
        return PHOTOS[np.searchsorted(CHANCES, random.random())]

    side, kind = TEACHER_SIZE, random.random()
    canvas = np.full((side, side, 3), PAD, np.uint8)
    if kind < 0.5:
        photo = draw()
        scale = side / max(photo.shape[:2]) * (1 if random.random() < 0.6 else random.uniform(0.6, 1))
        w, h = (max(1, int(n * scale)) for n in (photo.shape[1], photo.shape[0]))
        corner = random.random() < 0.6
        x, y = (0, 0) if corner else (random.integers(side - w + 1), random.integers(side - h + 1))
        canvas[y:y + h, x:x + w] = resize(photo, w, h)
    elif kind < 0.65:
        canvas = window(draw(), random, side, side, 0.45)
    else:
        cx, cy = (int(side * random.uniform(0.35, 0.65)) for _ in "xy")
        for x0, x1 in ((0, cx), (cx, side)):
            for y0, y1 in ((0, cy), (cy, side)):
                canvas[y0:y1, x0:x1] = window(draw(), random, x1 - x0, y1 - y0, 0.5)
    return np.ascontiguousarray(canvas)


def ask(crop):
    """The teacher's answer to one crop, as an ANSWER record."""
    raw = TEACHER.run(None, {NAME: tensor(crop)})[0][0]
    score = raw[:, 4] * raw[:, 5:].max(1)
    kept = np.flatnonzero(score > FLOOR)
    kept = np.sort(kept[np.argsort(-score[kept])[:KEPT]])
    record = np.zeros((), ANSWER)
    record["n"], record["cell"][:len(kept)] = len(kept), kept
    record["box"][:len(kept)] = boxes_of(raw, *GRID)[kept] / TEACHER_SIZE
    record["classes"][:len(kept)] = np.round(raw[kept, 5:] * 255)
    record["objectness"] = np.round(raw[:, 4] * 255)
    return record


def make(job):
    """One crop at the student's size and its answers."""
    seed, number = job
    crop = compose(np.random.default_rng([seed, number]))
    return resize(crop, SIZE, SIZE), ask(crop)


def start(teacher, chances_so_far):
    """Sets a worker up; the photos come with the fork."""
    global TEACHER, NAME, CHANCES
    TEACHER, CHANCES = session(teacher), chances_so_far
    NAME = TEACHER.get_inputs()[0].name


def workers(options, cumulative=None):
    """A pool of processes that share the photos and hold a teacher each."""
    return multiprocessing.get_context("fork").Pool(options.workers, start, (options.teacher, cumulative))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", required=True, help="YOLOX-nano, ONNX, 416 x 416")
    parser.add_argument("--photos", nargs="+", required=True, help="folders of photos")
    parser.add_argument("--exclude", nargs="*", default=[], help="folders of photos never to train on")
    parser.add_argument("--favour", type=int, nargs="*", default=[], metavar="CLASS",
                        help="classes (0 to 79, as in the labels file) to draw three times as often")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for the shards")
    parser.add_argument("--crops", type=int, default=32000)
    parser.add_argument("--shard", type=int, default=4000, help="crops per shard")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main():
    global PHOTOS
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    PHOTOS = load(options.photos, options.exclude)
    weights = options.out / "scores.npy"
    if not weights.exists():
        with workers(options) as pool:
            np.save(weights, pool.map(seen, range(len(PHOTOS)), 32))
    cumulative = np.cumsum(chances(np.load(weights), options.favour))
    cumulative[-1] = 1
    with workers(options, cumulative) as pool:
        for first in range(0, options.crops, options.shard):
            shard, count = options.out / f"shard-{first // options.shard:03}", min(options.shard, options.crops - first)
            if (shard / "done").exists():
                continue
            shard.mkdir(exist_ok=True)
            started, kept = time.time(), 0
            pictures = np.lib.format.open_memmap(shard / "pictures.npy", "w+", np.uint8, (count, SIZE, SIZE, 3))
            answers = np.lib.format.open_memmap(shard / "answers.npy", "w+", ANSWER, (count,))
            jobs = ((options.seed, first + i) for i in range(count))
            for i, (picture, answer) in enumerate(pool.imap(make, jobs, 16)):
                pictures[i], answers[i] = picture, answer
                kept += int(answer["n"])
            pictures.flush()
            answers.flush()
            (shard / "done").touch()
            print(f"{shard.name}: {count / (time.time() - started):.0f} crops/s, {kept / count:.0f} answers a crop",
                  flush=True)


if __name__ == "__main__":
    main()
