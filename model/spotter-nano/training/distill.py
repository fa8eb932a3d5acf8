"""Trains the network to answer as the teacher does.

    python distill.py --crops crops --out run --samples 4000000                      (deterministic given --seed)
    python distill.py --crops crops --out run --minutes 90 --processes 2             (the schedule follows the clock)

A run that was stopped goes on from OUT/last.pt when started again with the same options; --start takes the weights
of another run or of an exported file. The sizes of the pictures grow along the schedule: --sizes 0:224,0.8:320 is 224
pixels up to 80 %.
`processes` x one thread suits processors (it bears being disturbed, even stopped); with --device cuda use one process.
"""
import argparse
import copy
import datetime
import math
import os
import pathlib
import time

import numpy as np
import torch
import torch.distributed as dist
from torch.nn import functional as F

from crops import Crops
from muon import Muon
from nano import STRIDES, Detector, grid
from unfold import unfold

TEMPERATURE = 2.0       # of the softened class loss


def overlap(a, b):
    """Generalised IoU and IoU of boxes [M,4] (centre x, y, width, height)."""
    a1, a2, b1, b2 = a[:, :2] - a[:, 2:] / 2, a[:, :2] + a[:, 2:] / 2, b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2
    shared = (torch.minimum(a2, b2) - torch.maximum(a1, b1)).clamp(min=0).prod(1)
    union = a[:, 2:].prod(1) + b[:, 2:].prod(1) - shared
    hull = (torch.maximum(a2, b2) - torch.minimum(a1, b1)).prod(1)
    iou = shared / (union + 1e-6)
    return iou - (hull - union) / (hull + 1e-6), iou


def softened(mine, theirs):
    """How far class logits [M,80] are from the teacher's, both divided by a temperature (Hinton et al. 2015): what the
    teacher finds unlikely, a cat in a dog, counts as well. Divergence summed over the classes; 0 where they agree."""
    soft = torch.sigmoid(theirs / TEMPERATURE)
    entropy = F.binary_cross_entropy_with_logits
    apart = entropy(mine / TEMPERATURE, soft, reduction="none") - entropy(theirs / TEMPERATURE, soft, reduction="none")
    return TEMPERATURE ** 2 * apart.sum(1)


def losses(answer, batch, cells, strides, balance):
    """Objectness over all cells; box, class and softened class over the kept ones, weighted by how sure the teacher is,
    of the cell for the box and of the object for the classes; all also by the `balance` [3,80] of stride and class.

    answer [B,N,85] logits. Returns the five losses and the mean IoU of the boxes."""
    _, objectness, where, boxes, sure, logits = batch
    entropy, classes = F.binary_cross_entropy_with_logits, torch.sigmoid(logits)
    row, cell = where.T
    levels = (strides[:, 0] / STRIDES[0]).log2().long()
    lift = balance[levels[cell], classes.argmax(1)]
    emphasis = torch.ones_like(objectness)
    emphasis[row, cell] = lift
    seen = entropy(answer[..., 4], objectness, emphasis, reduction="sum") / (objectness * emphasis).sum().clamp(min=1)
    mine, step, corner = answer[row, cell], strides[cell], cells[cell]
    weight = objectness[row, cell] * classes.amax(1) * lift
    total = weight.sum().clamp(min=1)
    weight, sure = weight / total, sure * lift / total
    place = torch.cat([(mine[:, :2] + corner) * step, mine[:, 2:4].clamp(-4, 6).exp() * step], 1)
    giou, iou = overlap(place, boxes)
    code = torch.cat([boxes[:, :2] / step - corner, torch.log(boxes[:, 2:] / step)], 1)
    distance = (mine[:, :4] - code).abs().clamp(max=8).sum(1)
    classed = entropy(mine[:, 5:], classes, reduction="none").sum(1)
    weighted = lambda part, weight: (part * weight).sum()
    return (seen, weighted(1 - giou, weight), weighted(distance, weight), weighted(classed, sure),
            weighted(softened(mine[:, 5:], logits), sure), weighted(iou, weight))


def average(gradients, world):
    """Mean of the gradients over the processes, in place."""
    if world > 1:
        flat = torch.cat([g.reshape(-1) for g in gradients])
        dist.all_reduce(flat)
        flat /= world
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients])):
            gradient.copy_(part.view_as(gradient))


class Run:
    """The state of one training process."""

    def __init__(self, options, rank):
        self.options, self.rank, self.device = options, rank, torch.device(options.device)
        torch.manual_seed(options.seed)
        self.net = Detector().to(self.device).to(memory_format=torch.channels_last).train()
        if options.start:
            self.net.take_over(self.begin(options.start))
        self.mean = copy.deepcopy(self.net).eval()
        for name in options.freeze:
            self.net.get_submodule(name).eval().requires_grad_(False)
        inner = lambda n, p: p.ndim == 4 and options.optimizer == "muon" and not n.startswith(("stem", "classes", "boxes"))
        named = [(n, p) for n, p in self.net.named_parameters() if p.requires_grad]
        self.parameters = [p for _, p in named]
        matrices = [p for n, p in named if inner(n, p)]
        rest = [p for n, p in named if not inner(n, p)]
        groups = [dict(params=[p for p in rest if p.ndim > 1], weight_decay=options.decay),
                  dict(params=[p for p in rest if p.ndim <= 1], weight_decay=0.0)]
        self.optimizers = [torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.99))]
        if matrices:
            self.optimizers.append(Muon(matrices, options.rate, options.decay))
        self.crops = Crops(options.crops, rank, options.processes, options.seed)
        self.crops.refill()
        self.balance = self.crops.balance(options.balance).to(self.device)
        self.samples, self.spent, self.steps = 0, 0.0, 0
        self.clock = time.time()
        if (options.out / "last.pt").exists():
            self.restore(torch.load(options.out / "last.pt", map_location=self.device))

    def begin(self, path):
        """The weights to start from: the averaged ones of a checkpoint, or those of an exported file."""
        if path.suffix != ".onnx":
            return torch.load(path, map_location=self.device)["mean"]
        pictures, *_ = Crops(self.options.crops, 0, 1, self.options.seed).batch(256, 224)
        return unfold(path, pictures).state_dict()

    def restore(self, saved):
        self.net.load_state_dict(saved["net"])
        self.mean.load_state_dict(saved["mean"])
        for optimizer, state in zip(self.optimizers, saved["optimizers"]):
            optimizer.load_state_dict(state)
        self.crops.restore(saved["crops"][self.rank])
        self.samples, self.spent, self.steps = saved["samples"], saved["seconds"], saved["steps"]
        self.clock = time.time() - self.spent

    def seconds(self):
        return time.time() - self.clock

    def save(self):
        """Writes last.pt, whole or not at all."""
        states = [self.crops.state()]
        if self.options.processes > 1:
            states = [None] * self.options.processes
            dist.all_gather_object(states, self.crops.state())
        if self.rank == 0:
            saved = dict(net=self.net.state_dict(), mean=self.mean.state_dict(), crops=states, samples=self.samples,
                         optimizers=[o.state_dict() for o in self.optimizers], seconds=self.seconds(), steps=self.steps)
            torch.save(saved, self.options.out / "last.tmp")
            os.replace(self.options.out / "last.tmp", self.options.out / "last.pt")

    def progress(self):
        """Share of the schedule that is done and seconds spent, as process 0 sees them."""
        o = self.options
        done = self.seconds() / (o.minutes * 60) if o.minutes else self.samples / o.samples
        agreed = torch.tensor([done, self.seconds()], dtype=torch.float64)
        if o.processes > 1:
            dist.broadcast(agreed, 0)
        return agreed.tolist()

    def step(self, done, size, cells, strides):
        """One batch; returns its losses as a tensor."""
        o = self.options
        rate = o.rate * min(1, (self.steps + 1) / o.warmup) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        batch = [t.to(self.device) for t in self.crops.batch(o.batch, size)]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=o.bf16):
            answer = self.net(batch[0])
        seen, giou, distance, classed, soft, iou = losses(answer.float(), batch, cells, strides, self.balance)
        total = seen + o.box_gain * (giou + 0.2 * distance) + o.class_gain * classed + o.soft_gain * soft
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=False)
        total.backward()
        average([p.grad for p in self.parameters], o.processes)
        torch.nn.utils.clip_grad_norm_(self.parameters, 20.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.steps += 1
        self.samples += o.batch * o.processes
        self.follow(min(o.ema, (1 + self.steps) / (20 + self.steps)))
        return torch.stack([total, seen, giou, distance, classed, soft, iou]).detach().cpu()

    @torch.no_grad()
    def follow(self, keep):
        """Moves the averaged network towards the trained one."""
        for mean, now in zip(self.mean.state_dict().values(), self.net.state_dict().values()):
            mean.lerp_(now, 1 - keep) if mean.is_floating_point() else mean.copy_(now)


def train(rank, options):
    torch.set_num_threads(options.threads)
    if options.processes > 1:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(options.port))
        dist.init_process_group("gloo", rank=rank, world_size=options.processes, timeout=datetime.timedelta(hours=4))
    run = Run(options, rank)
    (options.out / f"process-{rank}.pid").write_text(str(os.getpid()))
    sizes = [(float(at), int(size)) for at, size in (part.split(":") for part in options.sizes.split(","))]
    smooth, grids, saved, shown = None, {}, run.seconds(), (run.samples, run.seconds())
    while True:
        done, seconds = run.progress()
        if done >= 1:
            break
        if seconds - saved > options.save_every:
            run.save()
            saved = seconds
        size = [size for at, size in sizes if done >= at][-1]
        if size not in grids:
            grids[size] = [torch.from_numpy(a).to(run.device) for a in grid(size)]
        parts = run.step(done, size, *grids[size])
        smooth = parts if smooth is None else smooth.lerp(parts, 0.03)
        if rank == 0 and run.steps % options.show_every == 0:
            speed = (run.samples - shown[0]) / (run.seconds() - shown[1])
            shown = (run.samples, run.seconds())
            names = "loss", "objectness", "giou", "distance", "class", "soft", "iou"
            text = " ".join(f"{name} {value:.3f}" for name, value in zip(names, smooth))
            line = f"step {run.steps} samples {run.samples} size {size} done {done:.3f} {speed:.0f}/s {text}"
            print(line, flush=True)
            with open(options.out / "log.txt", "a") as log:
                print(line, file=log)
    run.save()


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crops", type=pathlib.Path, required=True, help="what prepare made")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for last.pt and log.txt")
    parser.add_argument("--start", type=pathlib.Path,
                        help="weights to begin with: averaged ones of a last.pt, or an exported model.onnx")
    parser.add_argument("--freeze", nargs="*", default=[], help="parts of the network to leave as --start has them")
    parser.add_argument("--samples", type=int, default=4_000_000, help="length of the schedule")
    parser.add_argument("--minutes", type=float, help="length of the schedule by the clock, instead of --samples")
    parser.add_argument("--sizes", default="0:224,0.55:256,0.75:320", help="picture sizes along the schedule")
    parser.add_argument("--batch", type=int, default=16, help="samples per process and step")
    parser.add_argument("--rate", type=float, default=4e-3, help="highest learning rate")
    parser.add_argument("--warmup", type=int, default=200, help="steps until the rate is reached")
    parser.add_argument("--decay", type=float, default=0.02, help="weight decay")
    parser.add_argument("--box-gain", type=float, default=2.5, help="weight of the box loss")
    parser.add_argument("--class-gain", type=float, default=1.0, help="weight of the class loss")
    parser.add_argument("--soft-gain", type=float, default=0.2, help="weight of the softened class loss")
    parser.add_argument("--balance", type=float, default=0.5,
                        help="how much to lift classes that are thin at a stride: 0 not at all, 1 fully")
    parser.add_argument("--ema", type=float, default=0.999,
                        help="decay of the averaged weights per step; less for a schedule of few steps")
    parser.add_argument("--optimizer", choices=["muon", "adamw"], default="muon")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="threads per process")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--bf16", action="store_true", help="for processors and GPUs with bfloat16 units")
    parser.add_argument("--save-every", type=float, default=120, help="seconds between checkpoints")
    parser.add_argument("--show-every", type=int, default=50, help="steps between lines of the log")
    parser.add_argument("--port", type=int, default=29511)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.processes == 1:
        train(0, options)
    else:
        torch.multiprocessing.spawn(train, args=(options,), nprocs=options.processes)
