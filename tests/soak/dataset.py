"""Datasets through S3 while everything goes wrong in turn."""

import random
import time
import types

from soak.machine import Disk, Names
from soak.scenes import SCENES, Scene
from soak.stack import MOST_DEATHS, MOST_MEGABYTES, Stack

ENDS = ("Ctrl-C", "uploader local", "S3")


class DatasetPart:
    def __init__(self, figures, folder, seconds, seed, clock):
        self.figures, self.folder, self.seconds, self.chance = figures, folder, seconds, random.Random(seed)
        self.machine = types.SimpleNamespace(clock=clock, names=Names(folder), disk=Disk(folder / "disk"))
        self.short = seconds < 600
        # How long a fault lasts, and after how long a message comes back: a message may come five times only.
        self.fault, self.visibility = (5, 6) if self.short else (100, 40)
        self.photos = 24 if self.short else 200

    def run(self):
        until, number, stacks = time.monotonic() + self.seconds, 0, 0
        try:
            while not stacks or time.monotonic() < until:
                stack = Stack(self.folder / f"stack-{stacks}", self.figures, self.machine.names, self.machine.clock, self.visibility)
                for scene in self.chance.sample(SCENES, len(SCENES)):
                    if number >= len(SCENES) and (time.monotonic() > until or stack.deaths >= MOST_DEATHS):
                        break
                    self.play(scene, stack, number)
                    number += 1
                stack.count()
                stack.end(ENDS[stacks % len(ENDS)])
                stacks += 1
        except Exception as error:  # noqa: BLE001
            self.figures.fail(f"the dataset's part ended early: {error!r}")
        for name in ("detect-bulk", "uploader"):
            self.figures.bound(f"{name}_rss_peak_mb", MOST_MEGABYTES)
            self.figures.bound(f"{name}_descriptors_peak", 400)
            self.figures.bound(f"{name}_threads_peak", 200)

    def play(self, play, stack, number):
        # A result may come after a fault, and a message after that.
        patience = 60 + 3 * (self.fault + self.visibility)
        scene = Scene(stack, play.__name__, number, self.photos, patience, self.chance)
        play(scene, self.machine, self.fault)
        scene.complete()
