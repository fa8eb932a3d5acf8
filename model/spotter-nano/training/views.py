"""How photos become crops: parts and close-ups of them, letterboxed, warped, in other colours.

All functions take a photo u8 [h,w,3] BGR and a numpy generator, and leave the photo as it is.
"""
import cv2
import numpy as np

from nano import PAD, TEACHER_SIZE, resize
from teacher import surest


def warp(photo, random):
    """The photo turned by up to 20 degrees, sheared and stretched a little; its edges are mirrored outwards."""
    rows, columns = photo.shape[:2]
    turn, shear = np.radians(np.clip(random.normal(0, 8), -20, 20)), random.uniform(-0.12, 0.12)
    stretch = np.exp(random.uniform(-0.15, 0.15))
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = turned @ np.array([[stretch, shear], [0, 1 / stretch]])
    centre = np.array([columns / 2, rows / 2])
    shift = centre - matrix @ centre
    return cv2.warpAffine(photo, np.column_stack([matrix, shift]), (columns, rows), flags=cv2.INTER_CUBIC,
                          borderMode=cv2.BORDER_REFLECT_101)


def tint(photo, random):
    """The photo with another hue (up to 16 degrees), saturation and gamma."""
    level = np.arange(256)
    hue = (level + random.integers(-8, 9)) % 180
    saturation = np.minimum(level * random.uniform(0.5, 1.5), 255)
    value = 255 * (level / 255) ** np.exp(random.uniform(-0.4, 0.4))
    table = np.dstack([hue, saturation, value]).astype(np.uint8)
    return cv2.cvtColor(cv2.LUT(cv2.cvtColor(photo, cv2.COLOR_BGR2HSV), table), cv2.COLOR_HSV2BGR)


def place(photo, random):
    """The photo letterboxed for the teacher, now and then smaller or elsewhere than the model's own letterbox."""
    side = TEACHER_SIZE
    canvas = np.full((side, side, 3), PAD, np.uint8)
    scale = side / max(photo.shape[:2]) * (1 if random.random() < 0.6 else random.uniform(0.6, 1))
    w, h = (max(1, int(n * scale)) for n in (photo.shape[1], photo.shape[0]))
    x, y = (0, 0) if random.random() < 0.6 else (random.integers(side - w + 1), random.integers(side - h + 1))
    canvas[y:y + h, x:x + w] = resize(photo, w, h)
    return canvas


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


def close_up(photo, seen, wanted, random):
    """Parts of a photo around one of the objects the teacher is sure of, and the object's class; None without one. What
    it is surer to be something else is not taken.

    seen [80,5]: each class's best score and box (prepare.seen); wanted [80]: how likely a class is chosen. The object's
    longer side takes 0.4 to 4 of the parts' (even odds on a log scale), as far as this enlarges the photo 5 times at
    most. Above 1 the parts show pieces of the object, a face without the body; below there is one part only."""
    sure = np.flatnonzero((seen[:, 0] > 0.4) & (surest(seen[:, 1:], seen[:, 0]) == seen[:, 0]))
    if not len(sure):
        return None
    label = random.choice(sure, p=wanted[sure] / wanted[sure].sum())
    x1, y1, x2, y2 = seen[label, 1:]
    share = np.exp(random.uniform(*np.log([0.4, 4])))
    side, parts = max(max(x2 - x1, y2 - y1) / share, TEACHER_SIZE / 5), []
    for _ in range(4 if share > 1 else 1):
        part = []
        for low, high, most in ((x1, x2, photo.shape[1]), (y1, y2, photo.shape[0])):
            length = int(min(side, most))
            room = max(abs(high - low - length), 0.3 * length)
            first = (low + high - length) / 2 + room * random.uniform(-0.5, 0.5)
            first = int(np.clip(first, 0, most - length))
            part.append(slice(first, first + length))
        parts.append(photo[part[1], part[0]])
    return parts, label
