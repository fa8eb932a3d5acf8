"""What the steps of the recipe share: the grid, the pictures, the network and its decoder."""
import cv2
import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.nn import functional as F

SIZE = 320            # side of the network's input in pixels
TEACHER_SIZE = 416    # side of the teacher's input in pixels
STRIDES = (8, 16, 32)
CLASSES = 80
PAD = 114
HALF = ".half"        # what the name of a tensor ends with that an exported file stores as fp16
# The ids that COCO's annotations use for the 80 classes.
COCO_IDS = [i for i in range(1, 91) if i not in (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)]


def grid(size):
    """Cells of all levels for a square input: (column,row) f32 [N,2] and stride f32 [N,1]."""
    cells, strides = [], []
    for stride in STRIDES:
        n = size // stride
        rows, columns = np.divmod(np.arange(n * n), n)
        cells.append(np.stack([columns, rows], 1))
        strides.append(np.full((n * n, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)


def resize(picture, width, height):
    """Picture scaled to width x height pixels, without aliasing."""
    shrinks = width * height < picture.shape[0] * picture.shape[1]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def letterbox(photo, size):
    """Photo u8 [h,w,3] -> (u8 [size,size,3] with the photo in the top left corner, scale)."""
    scale = min(size / photo.shape[0], size / photo.shape[1])
    width, height = int(photo.shape[1] * scale), int(photo.shape[0] * scale)
    canvas = np.full((size, size, 3), PAD, np.uint8)
    canvas[:height, :width] = cv2.resize(photo, (width, height), interpolation=cv2.INTER_LINEAR)
    return canvas, scale


def tensor(picture):
    """u8 [h,w,3] -> f32 [1,3,h,w], values 0..255."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[None], dtype=np.float32)


def session(path, threads=1):
    """An ONNX Runtime session on the processor."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


LOWEST, STEPS = -10.0, 16.0     # a logit's byte: steps of 1/16 from -10 on, so up to 5.9


def bytes_of(scores):
    """Probabilities f32 -> their logits as bytes u8, clipped to what a byte holds."""
    scores = np.clip(scores, 1e-6, 1 - 1e-6)
    return np.round(np.clip((np.log(scores / (1 - scores)) - LOWEST) * STEPS, 0, 255)).astype(np.uint8)


def logits_of(codes):
    """What `bytes_of` made, as logits (array or tensor of floats)."""
    return codes / STEPS + LOWEST


def scores_of(answer):
    """Objectness x class [N,80] of a raw answer [N,85]."""
    return answer[:, 4:5] * answer[:, 5:]


def boxes_of(answer, cells, strides):
    """Raw answer [N,85] -> boxes [N,4] as centre x, centre y, width, height in input pixels."""
    return np.concatenate([(answer[:, :2] + cells) * strides, np.exp(answer[:, 2:4]) * strides], 1)


def corners_of(boxes):
    """Boxes [N,4] as centre x, centre y, width, height -> x1, y1, x2, y2."""
    return np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)


def overlaps(some, others):
    """IoU of boxes [...,4] with boxes [...,4] that broadcast against them, all x1, y1, x2, y2."""
    shared = np.maximum(np.minimum(some[..., 2:], others[..., 2:]) - np.maximum(some[..., :2], others[..., :2]), 0)
    shared = shared.prod(-1)
    area = lambda boxes: (boxes[..., 2:] - boxes[..., :2]).prod(-1)
    return shared / (area(some) + area(others) - shared)


class Block(nn.Sequential):
    """Convolution, batch norm and, unless told otherwise, ReLU."""

    def __init__(self, inputs, outputs, kernel=3, stride=1, relu=True):
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03),
            nn.ReLU(inplace=True) if relu else nn.Identity(),
        )


class Residual(nn.Module):
    """Two 3x3 blocks around a shortcut."""

    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(Block(channels, channels), Block(channels, channels, relu=False))

    def forward(self, x):
        return F.relu(x + self.body(x))


class Stage(nn.Module):
    """Cross-stage partial: half of the channels pass `depth` residuals, every step is kept, 1x1 mixes them."""

    def __init__(self, channels, depth):
        super().__init__()
        half = channels // 2
        self.keep, self.branch = Block(channels, half, 1), Block(channels, half, 1)
        self.residuals = nn.ModuleList(Residual(half) for _ in range(depth))
        self.mix = Block(half * (2 + depth), channels, 1)

    def forward(self, x):
        parts = [self.keep(x), self.branch(x)]
        for residual in self.residuals:
            parts.append(residual(parts[-1]))
        return self.mix(torch.cat(parts, 1))


class Pooling(nn.Module):
    """Spatial pyramid pooling: 5x5 maxima applied once, twice and three times, beside the input."""

    def __init__(self, channels):
        super().__init__()
        self.squeeze = Block(channels, channels // 2, 1)
        self.pool = nn.MaxPool2d(5, 1, 2)
        self.mix = Block(channels * 2, channels, 1)

    def forward(self, x):
        parts = [self.squeeze(x)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        return self.mix(torch.cat(parts, 1))


def double(x):
    """Feature map at twice the resolution."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class Detector(nn.Module):
    """spotter-nano. Dense 3x3 convolutions and ReLU alone: that is what a processor's kernels do fastest.

    Input f32 [B,3,S,S] in 0..1; output f32 [B,N,85]: x, y, w, h as YOLOX encodes them, then logits of
    objectness and of the 80 classes; N runs over the strides 8, 16, 32, row by row.
    """

    def __init__(self, backbone=(16, 32, 64, 96, 160), depths=(1, 3, 3), neck=(48, 64, 96), classing=(64, 96, 160)):
        super().__init__()
        c1, c2, c3, c4, c5 = backbone
        n3, n4, n5 = neck
        self.stem, self.down2 = Block(3, c1, 3, 2), Block(c1, c2, 3, 2)
        self.down3, self.stage3 = Block(c2, c3, 3, 2), Stage(c3, depths[0])
        self.down4, self.stage4 = Block(c3, c4, 3, 2), Stage(c4, depths[1])
        self.down5, self.stage5 = Block(c4, c5, 3, 2), nn.Sequential(Pooling(c5), Stage(c5, depths[2]))
        self.side3, self.side4 = Block(c3, n3, 1, relu=False), Block(c4, n4, 1, relu=False)
        self.side5 = Block(c5, n5, 1)
        self.narrow5, self.top4 = Block(n5, n4, 1, relu=False), Block(n4, n4)
        self.narrow4, self.top3 = Block(n4, n3, 1, relu=False), Block(n3, n3)
        self.widen3, self.out4 = Block(n3, n4, 3, 2, relu=False), Block(n4, n4)
        self.widen4, self.out5 = Block(n4, n5, 3, 2, relu=False), Block(n5, n5)
        self.class_stems = nn.ModuleList(Block(c, wide, 1) for c, wide in zip(neck, classing))
        self.box_stems = nn.ModuleList(Block(c, c, 1) for c in neck)
        self.classes = nn.ModuleList(nn.Conv2d(wide, CLASSES, 1) for wide in classing)
        self.boxes = nn.ModuleList(nn.Conv2d(c, 5, 1) for c in neck)
        self.reset()

    def reset(self):
        """Weights to start from: He's for the body, near zero for the answers, with rare objects expected."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        for classes, boxes in zip(self.classes, self.boxes):
            nn.init.normal_(classes.weight, std=0.01)
            nn.init.constant_(classes.bias, -3.5)
            nn.init.normal_(boxes.weight, std=0.01)
            nn.init.zeros_(boxes.bias)
            boxes.bias.data[4] = -4.6

    @torch.no_grad()
    def take_over(self, state):
        """Takes over the state of the same network with other numbers of residuals, another neck or other class stems.

        A smaller one's answers stay what they are: what is new keeps its first weights, and nobody listens to it yet. A
        larger one loses its last channels and residuals, and has to learn again without them. Refuses any other
        network's."""
        own = self.state_dict()
        parts = lambda names: {name.split(".")[0] for name in names}
        if parts(state) != parts(own):
            raise ValueError(f"not weights of this network: {sorted(parts(state) ^ parts(own))[0]}")
        for name, mine in own.items():
            if name in state:
                theirs = state[name]
                if mine.ndim > 1:
                    mine[:len(theirs), theirs.shape[1]:] = 0
                common = tuple(map(slice, map(min, mine.shape, theirs.shape)))
                mine[common] = theirs[common]

    def features(self, x):
        """Feature maps at strides 8, 16 and 32."""
        x3 = self.stage3(self.down3(self.down2(self.stem(x))))
        x4 = self.stage4(self.down4(x3))
        x5 = self.side5(self.stage5(self.down5(x4)))
        y4 = self.top4(F.relu(self.side4(x4) + double(self.narrow5(x5))))
        y3 = self.top3(F.relu(self.side3(x3) + double(self.narrow4(y4))))
        y4 = self.out4(F.relu(y4 + self.widen3(y3)))
        y5 = self.out5(F.relu(x5 + self.widen4(y4)))
        return y3, y4, y5

    def forward(self, x):
        levels = []
        for i, y in enumerate(self.features(x)):
            boxes = self.boxes[i](self.box_stems[i](y))
            classes = self.classes[i](self.class_stems[i](y))
            levels.append(torch.cat([boxes, classes], 1).flatten(2))
        return torch.cat(levels, 2).transpose(1, 2)
