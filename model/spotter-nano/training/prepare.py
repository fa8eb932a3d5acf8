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

from nano import (CLASSES, SIZE, STRIDES, TEACHER_SIZE, boxes_of, bytes_of, corners_of, letterbox, overlaps, resize,
                  scores_of)
from teacher import FLOOR, GRID, LARGE, Teacher, surest
from views import close_up, place, tint, warp, window

KEPT = 320              # answers kept per crop, the strongest first; those under FLOOR only as objectness
CELLS = sum((TEACHER_SIZE // s) ** 2 for s in STRIDES)
# One crop's answers: objectness of every cell (255 = 1); index, box (centre x, y, width, height; 1 = the crop's side),
# how much the class counts (a large object counts in all its cells as in the surest one; else the cell's score) and
# class logits (nano.bytes_of) of the `n` kept cells.
ANSWER = np.dtype([("n", "i4"), ("cell", "i2", (KEPT,)), ("box", "f2", (KEPT, 4)), ("weight", "f2", (KEPT,)),
                   ("classes", "u1", (KEPT, CLASSES)), ("objectness", "u1", (CELLS,))])


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
    """For each class the teacher's best score in one photo and the box it belongs to, in the photo's pixels: f32
    [80,5] (score, x1, y1, x2, y2)."""
    canvas, scale = letterbox(PHOTOS[job], TEACHER_SIZE)
    answer = TEACHER.glance(canvas)
    scores = scores_of(answer)
    best = scores.argmax(0)
    corners = corners_of(boxes_of(answer, *GRID)[best]) / scale
    return np.column_stack([scores.max(0), corners]).astype(np.float32)


def repeats(scores, favoured=()):
    """How often each class is wanted, from the photos' class scores [P,80]: 1 for common ones, up to 6 for thin ones,
    three times as much for favoured ones."""
    share = (scores > 0.3).mean(0)
    repeat = np.clip(np.sqrt(0.05 / np.maximum(share, 1e-4)), 1, 6)
    repeat[list(favoured)] *= 3
    return repeat


def chances(scores, repeat):
    """How often each photo is drawn, as running sums up to 1: as its most wanted class, or half where there is none."""
    weight = np.where(scores > 0.3, repeat, 0.5).max(1)
    cumulative = np.cumsum(weight / weight.sum())
    cumulative[-1] = 1
    return cumulative


def confirmed(answer, label):
    """Whether the teacher's surest object of the class is of no other class to it."""
    scores, boxes = scores_of(answer), corners_of(boxes_of(answer, *GRID))
    best = scores[:, label].argmax()
    same = overlaps(boxes[best], boxes) > 0.5
    return scores[best, label] > 0.3 and scores[same].max(0).argmax() == label


def compose(random):
    """One crop u8 [416,416,3] and the teacher's answer to it: a close-up of an object (--close-ups; a letterboxed
    photo where four tries give none), else a letterboxed photo (40 in 100), a part of one (20) or a mosaic of four
    parts (40). Half of the photos are warped, half of them have other colours, through some crops (--blends) another
    photo shines, as in mixup (Zhang et al. 2018): the teacher sees what the student will see."""
    def change(photo):
        for do in (warp, tint):
            if random.random() < 0.5:
                photo = do(photo, random)
        return photo

    def draw():
        return int(np.searchsorted(CHANCES, random.random()))

    def blend(canvas):
        if random.random() >= BLENDS:
            return canvas
        share = random.uniform(0.1, 0.5)
        return cv2.addWeighted(canvas, 1 - share, place(change(PHOTOS[draw()]), random), share, 0)

    side, kind = TEACHER_SIZE, random.random()
    if kind < CLOSE_UPS:
        for _ in range(4):
            number = draw()
            found = close_up(PHOTOS[number], SEEN[number], REPEATS, random)
            if found:
                parts, label = found
                canvas = place(change(TEACHER.choose(parts, label)), random)
                answer = TEACHER.look(canvas)
                if confirmed(answer, label):
                    blended = blend(canvas)
                    return blended, answer if blended is canvas else TEACHER.look(blended)
    kind = (kind - CLOSE_UPS) / (1 - CLOSE_UPS)
    if kind < 0.4:
        canvas = place(change(PHOTOS[draw()]), random)
    elif kind < 0.6:
        canvas = window(change(PHOTOS[draw()]), random, side, side, 0.45)
    else:
        canvas = np.empty((side, side, 3), np.uint8)
        cx, cy = (int(side * random.uniform(0.35, 0.65)) for _ in "xy")
        for x0, x1 in ((0, cx), (cx, side)):
            for y0, y1 in ((0, cy), (cy, side)):
                canvas[y0:y1, x0:x1] = window(change(PHOTOS[draw()]), random, x1 - x0, y1 - y0, 0.5)
    canvas = blend(canvas)
    return canvas, TEACHER.look(canvas)


def record_of(raw):
    """The teacher's answer to one crop, as an ANSWER record."""
    score = scores_of(raw).max(1)
    kept = np.flatnonzero(score > FLOOR)
    kept = np.sort(kept[np.argsort(-score[kept])[:KEPT]])
    record = np.zeros((), ANSWER)
    record["n"], record["cell"][:len(kept)] = len(kept), kept
    boxes = boxes_of(raw, *GRID)[kept] / TEACHER_SIZE
    record["box"][:len(kept)] = boxes
    weight, large = score[kept], boxes[:, 2:].max(1) > LARGE
    weight[large] = surest(corners_of(boxes[large]), weight[large], raw[kept[large], 5:].argmax(1))
    record["weight"][:len(kept)] = weight
    record["classes"][:len(kept)] = bytes_of(raw[kept, 5:])
    record["objectness"] = np.round(raw[:, 4] * 255)
    return record


def make(job):
    """One crop at the student's size and its answers."""
    seed, number = job
    crop, answer = compose(np.random.default_rng([seed, number]))
    return resize(crop, SIZE, SIZE), record_of(answer)


def start(teacher):
    """Sets a worker up; the photos and what is known of them come with the fork."""
    global TEACHER
    TEACHER = Teacher(teacher)


def workers(options):
    """A pool of processes that share the photos and hold a teacher each."""
    return multiprocessing.get_context("fork").Pool(options.workers, start, (options.teacher,))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", required=True, help="YOLOX-nano, ONNX, 416 x 416")
    parser.add_argument("--photos", nargs="+", required=True, help="folders of photos")
    parser.add_argument("--exclude", nargs="*", default=[], help="folders of photos never to train on")
    parser.add_argument("--favour", type=int, nargs="*", default=[], metavar="CLASS",
                        help="classes (0 to 79, as in the labels file) to draw three times as often")
    parser.add_argument("--close-ups", type=float, default=0.25, metavar="SHARE", help="share of close-ups, below 1")
    parser.add_argument("--blends", type=float, default=0.4, metavar="SHARE",
                        help="share of crops through which another photo shines")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for the shards")
    parser.add_argument("--crops", type=int, default=32000)
    parser.add_argument("--shard", type=int, default=4000, help="crops per shard")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main():
    global PHOTOS, SEEN, REPEATS, CHANCES, CLOSE_UPS, BLENDS
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    PHOTOS = load(options.photos, options.exclude)
    known = options.out / "seen.npy"
    if not known.exists():
        with workers(options) as pool:
            np.save(known, pool.map(seen, range(len(PHOTOS)), 32))
    SEEN = np.load(known)
    REPEATS = repeats(SEEN[..., 0], options.favour)
    CHANCES = chances(SEEN[..., 0], REPEATS)
    CLOSE_UPS, BLENDS = options.close_ups, options.blends
    with workers(options) as pool:
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
