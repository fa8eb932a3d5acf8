"""Datasets through S3 while everything goes wrong in turn."""

import itertools
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
        self.until, self.played = time.monotonic() + self.seconds, 0
        stacks = itertools.count()
        try:
            while not self.played or time.monotonic() < self.until:
                number = next(stacks)
                stack = Stack(self.folder / f"stack-{number}", self.figures, self.machine.names, self.machine.clock, self.visibility)
                try:
                    self.scenes(stack)
                finally:
                    stack.end(ENDS[number % len(ENDS)])
        except Exception as error:  # noqa: BLE001
            self.figures.fail(f"the dataset's part ended early: {error!r}")
        for name in ("detect-bulk", "uploader"):
            self.figures.bound(f"{name}_rss_peak_mb", MOST_MEGABYTES)
            self.figures.bound(f"{name}_descriptors_peak", 400)
            self.figures.bound(f"{name}_threads_peak", 200)

    def scenes(self, stack):
        """Every scene once, in any order; the first stack's are all played, however long it takes."""
        for scene in self.chance.sample(SCENES, len(SCENES)):
            if self.played >= len(SCENES) and (time.monotonic() > self.until or stack.deaths >= MOST_DEATHS):
                break
            self.play(scene, stack, self.played)
            self.played += 1
        stack.count()

    def play(self, play, stack, number):
        # A result may come after a fault, and a message after that.
        patience = 60 + 3 * (self.fault + self.visibility)
        scene = Scene(stack, play.__name__, number, self.photos, patience, self.chance)
        play(scene, self.machine, self.fault)
        scene.complete()
