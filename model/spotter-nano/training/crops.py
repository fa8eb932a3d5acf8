"""Feeds prepared crops to the training: random windows of them, with the teacher's answers moved along."""
import pathlib

import cv2
import numpy as np
import torch

from nano import CLASSES, SIZE, STRIDES, TEACHER_SIZE, grid, logits_of

LUMA = np.array([[0.114, 0.587, 0.299]])


def recolour(picture, random):
    """Changes saturation, contrast, brightness and the balance of the channels; now and then to grey."""
    middle = float(picture[::16, ::16].mean())
    saturation = 0.0 if random.random() < 0.04 else random.uniform(0.5, 1.4)
    contrast, brightness = random.uniform(0.7, 1.3), random.uniform(0.7, 1.3)
    gain = random.uniform(0.92, 1.08, 3)[:, None]
    matrix = (saturation * np.eye(3) + (1 - saturation) * LUMA) * contrast * gain
    return cv2.transform(picture, np.concatenate([matrix, middle * (brightness - contrast) * gain], 1))


def blur(picture, random):
    """Loses a little detail, as a badly scaled photo does."""
    side = picture.shape[0]
    small = int(side * random.uniform(0.6, 0.95))
    return cv2.resize(cv2.resize(picture, (small, small), interpolation=cv2.INTER_LINEAR), (side, side))


class Crops:
    """Endless batches for one of `world` processes; each pass takes all complete shards in a new order."""

    def __init__(self, folder, rank, world, seed):
        self.folder, self.rank, self.world, self.seed = pathlib.Path(folder), rank, world, seed
        self.shards, self.queue, self.passes = [], [], 0
        self.random = np.random.default_rng([seed, rank])
        cv2.setNumThreads(1)

    def refill(self):
        """Starts another pass."""
        known = len(self.shards)
        for done in sorted(self.folder.glob("shard-*/done"))[known:]:
            load = lambda name: np.load(done.parent / f"{name}.npy", mmap_mode="r")
            self.shards.append((load("pictures"), load("answers")))
        if not self.shards:
            raise SystemExit(f"no complete shard under {self.folder}: run prepare first")
        crops = [(s, i) for s, shard in enumerate(self.shards) for i in range(len(shard[0]))]
        order = np.random.default_rng([self.seed, self.passes]).permutation(len(crops))
        self.queue = [crops[k] for k in order[self.rank::self.world]]
        self.passes += 1

    def balance(self, power):
        """Weight per stride and class f32 [3,80], 1/3 to 3: 1 for a class with a fair share of the answers' weights at
        this stride, more for thinner ones (fair share / share, to the given power)."""
        share, ends = np.zeros((len(STRIDES), CLASSES)), np.cumsum([(TEACHER_SIZE // s) ** 2 for s in STRIDES])
        for _, answers in self.shards:
            for answer in answers[::16]:
                n = answer["n"]
                level = np.searchsorted(ends, answer["cell"][:n], "right")
                np.add.at(share, (level, answer["classes"][:n].argmax(1)), answer["weight"][:n].astype(float))
        share = np.maximum(share / share.sum(1, keepdims=True).clip(1e-6), 1e-6)
        return torch.from_numpy(np.clip((1 / CLASSES / share) ** power, 1 / 3, 3)).float()

    def state(self):
        """What a checkpoint keeps, to go on with the same crops."""
        return {"passes": self.passes, "left": len(self.queue), "random": self.random.bit_generator.state}

    def restore(self, state):
        """Goes on where `state` was taken."""
        self.passes = max(0, state["passes"] - 1)
        self.refill()
        self.queue = self.queue[:state["left"]]
        self.random.bit_generator.state = state["random"]

    def one(self, size, cells, strides):
        """One window: picture u8 [S,S,3], objectness u8 [N], kept cells i [M], boxes f32 [M,4] (px), weights
        f2 [M], classes u8 [M,80]."""
        if not self.queue:
            self.refill()
        shard, index = self.queue.pop()
        picture, answer = self.shards[shard][0][index], self.shards[shard][1][index]
        side, whole = SIZE, size == SIZE      # at full size a window is enlarged and loses sharpness: fewer of them
        if self.random.random() < (0.4 if whole else 0.8):
            side = int(self.random.uniform(0.6 * SIZE if whole else 0.85 * size, SIZE))
        x0, y0 = self.random.integers(SIZE - side + 1, size=2)
        flip = self.random.random() < 0.5
        zoom = size / side
        picture = picture[y0:y0 + side, x0:x0 + side]
        if side != size:
            picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_LINEAR)
        if self.random.random() < 0.1:
            picture = blur(picture, self.random)
        if flip:
            picture = cv2.flip(picture, 1)
        if self.random.random() < 0.6:
            picture = recolour(picture, self.random)

        # The centre of each cell of the window, looked up in the teacher's grid of the same stride.
        centre = (cells + 0.5) * strides
        if flip:
            centre[:, 0] = size - centre[:, 0]
        centre = (centre / zoom + (x0, y0)) * (TEACHER_SIZE / SIZE)
        source, start, begin = np.empty(len(cells), int), 0, 0
        for stride in STRIDES:
            n, wide = (size // stride) ** 2, TEACHER_SIZE // stride
            place = np.minimum(centre[begin:begin + n] // stride, wide - 1).astype(int)
            source[begin:begin + n] = start + place[:, 1] * wide + place[:, 0]
            begin, start = begin + n, start + wide * wide
        slot = np.full(len(answer["objectness"]), -1)
        slot[answer["cell"][:answer["n"]]] = np.arange(answer["n"])
        slot = slot[source]
        kept = np.flatnonzero(slot >= 0)
        box = answer["box"][slot[kept]].astype(np.float32) * SIZE
        corners = np.concatenate([box[:, :2] - box[:, 2:] / 2, box[:, :2] + box[:, 2:] / 2], 1)
        corners = np.clip((corners - (x0, y0, x0, y0)) * zoom, 0, size)
        if flip:
            corners = np.stack([size - corners[:, 2], corners[:, 1], size - corners[:, 0], corners[:, 3]], 1)
        extent = np.maximum(corners[:, 2:] - corners[:, :2], 1)
        box = np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, extent], 1).astype(np.float32)
        slot = slot[kept]
        return picture, answer["objectness"][source], kept, box, answer["weight"][slot], answer["classes"][slot]

    def batch(self, count, size):
        """`count` windows as tensors: pictures f32 [B,3,S,S] in 0..1, objectness [B,N], then for all kept cells of the
        batch together: (row in the batch, cell) i64 [M,2], boxes f32 [M,4] in pixels, weights f32 [M], class logits f32
        [M,80]."""
        cells, strides = grid(size)
        windows = (self.one(size, cells, strides) for _ in range(count))
        pictures, objectness, kept, boxes, weights, classes = zip(*windows)
        where = np.concatenate([np.stack([np.full(len(k), i), k], 1) for i, k in enumerate(kept)])
        unit = lambda arrays, join: torch.from_numpy(join(arrays)).float() / 255
        return (unit(pictures, np.stack).permute(0, 3, 1, 2), unit(objectness, np.stack), torch.from_numpy(where),
                torch.from_numpy(np.concatenate(boxes)), torch.from_numpy(np.concatenate(weights)).float(),
                logits_of(torch.from_numpy(np.concatenate(classes)).float()))
