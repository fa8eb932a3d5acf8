"""Scenes of the bulk path: some photos each, sent, looked at and collected while something goes wrong."""

import contextlib
import shutil
import threading
import time

from soak import photos
from soak.stack import collected, killed_at_times

CLOCKS = (3 * 3600, -3 * 3600, 5 * 86_400, -40 * 86_400, 600, -600)


class Scene:
    """A folder with photos, two of which cannot be decoded, and the commands for it."""

    def __init__(self, stack, name, number, count, patience, chance):
        self.stack, self.figures, self.chance, self.name = stack, stack.figures, chance, name
        self.patience = str(patience)
        self.folder = stack.folder / f"{number}-{name}"
        self.prefix = f"in/{number}-{name}/"
        (self.folder / "photos").mkdir(parents=True)
        self.log, self.journal, self.output = (self.folder / end for end in ("log", "journal.jsonl", "results.jsonl"))
        self.bodies = {}
        for index in range(count):
            bad = index % (count // 2) == 1
            body = (photos.truncated if bad else photos.unique)(number * 10_000 + index)
            self.bodies[f"{self.prefix}{index} ü+.jpg"] = body
            (stack.bad if bad else stack.good)[f"{self.prefix}{index} ü+.jpg"] = body
        for key, body in self.bodies.items():
            (self.folder / "photos" / key.rpartition("/")[2]).write_bytes(body)

    def upload(self, *more, journal=None):
        bucket = f"s3://photos/{self.prefix}"
        return self.stack.uploader("bulk", self.folder / "photos", "--bucket", bucket, "--journal", journal or self.journal, "--no-wait", *more)

    def collect(self, *more, journal=None, output=None):
        output = output or self.output
        return self.stack.uploader("collect", "--journal", journal or self.journal, "--format", "jsonl", "--output", output, "--timeout", self.patience, *more)

    def again(self, command, expected, tries=8):
        """Gives a command until its exit status is the expected one."""
        for _ in range(tries):
            status, said = self.stack.run(command, self.log)
            if status == expected:
                return said
            self.figures.add("given_again")
            time.sleep(0.5)
        return self.figures.fail(f"{self.name}: {command[1]} never ended with {expected}, last with {status}: {said[-600:]}")

    def complete(self, output=None):
        """Every photo once, and no other, is in what was collected."""
        found = collected(output or self.output)
        missing, others = self.bodies.keys() - found.keys(), found.keys() - self.bodies.keys()
        doubled = sum(found.values()) - len(found)
        self.figures.add("collected", len(found))
        self.figures.add("doubled", doubled)
        self.figures.expect(not missing, f"{self.name}: {len(missing)} photos were not collected, such as {sorted(missing)[:3]}")
        self.figures.expect(not others and not doubled, f"{self.name}: {len(others)} other photos, {doubled} more than once")
        self.figures.add(f"scenes_{self.name}")

    @contextlib.contextmanager
    def beside(self, work):
        """Something that happens meanwhile, on a thread, until it has been done."""
        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            thread.join()


def kills(scene, machine, seconds):
    """Workers and uploaders are ended at any moment."""
    over = threading.Event()

    def work():
        while not over.wait(scene.chance.uniform(1.0, 4.0)) and scene.stack.deaths % 3 != 2:
            scene.stack.kill_worker(scene.chance)
        scene.stack.kill_worker(scene.chance)

    with scene.beside(work):
        try:
            killed_at_times(scene.stack, scene.upload("--concurrency", "2"), scene.log, scene.chance, lambda status: status == 0)
            scene.again(scene.upload(), 0)
            killed_at_times(scene.stack, scene.collect(), scene.log, scene.chance, lambda status: status == 1, most=2)
        finally:
            over.set()
    scene.again(scene.collect(), 1)


def throttled(scene, machine, seconds):
    """S3 tells everybody to slow down, while photos are sent and while they are looked at; in between it is not there at all."""
    slow, gone = ["refuse", 503, "SlowDown"], ["down"]
    with scene.beside(lambda: meanwhile(scene.stack, slow, seconds)):
        scene.stack.run(scene.upload(), scene.log)
    with scene.beside(lambda: meanwhile(scene.stack, gone, seconds / 3)):
        scene.stack.run(scene.upload("--force"), scene.log)
    scene.again(scene.upload(), 0)
    with scene.beside(lambda: meanwhile(scene.stack, slow, seconds)):
        scene.again(scene.collect(), 1)
    scene.figures.add("throttled_seconds", 2 * seconds)


def meanwhile(stack, fault, seconds):
    with stack.s3_fault(fault):
        time.sleep(seconds)


def nameless(scene, machine, seconds):
    """S3's name cannot be found for a while, by the uploader nor by the worker."""

    def lost():
        for _ in range(3):
            machine.names.lose()
            time.sleep(seconds / 3)
            machine.names.find()
            scene.figures.add("names_lost", int(machine.names.there))
            time.sleep(1)

    with scene.beside(lost):
        scene.stack.run(scene.upload("--concurrency", "1"), scene.log)
    scene.again(scene.upload(), 0)
    with scene.beside(lost):
        scene.again(scene.collect(), 1)


def clocks(scene, machine, seconds):
    """The clocks of uploader and worker jump, by more than S3 allows and by less."""
    def jumps():
        for jump in CLOCKS:
            machine.clock.jump(jump)
            scene.figures.add("clock_jumps", int(machine.clock.there))
            time.sleep(max(1.5, seconds / len(CLOCKS)))
        machine.clock.jump(0)

    try:
        with scene.beside(jumps):
            for _ in range(3):
                scene.stack.run(scene.upload("--concurrency", "1"), scene.log)
    finally:
        machine.clock.jump(0)
    time.sleep(1.5)
    scene.again(scene.upload(), 0)
    # A clock that is a little wrong is none of S3's business.
    machine.clock.jump(500)
    scene.again(scene.collect(), 1)
    machine.clock.jump(0)


def full(scene, machine, seconds):
    """No room for the journal, the results, the pictures."""
    disk = machine.disk
    journal, output = disk.folder / f"{scene.name}.journal", disk.folder / f"{scene.name}.jsonl"
    for path in disk.folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for leave in (0, 4) if disk.there else ():
        disk.free()
        disk.fill(leave)
        status, said = scene.stack.run(scene.upload(journal=journal), scene.log)
        scene.figures.expect(status == 2 and "No space left" in said, f"the journal's disk was full: {status} {said[-500:]}")
        scene.figures.add("disks_full")
    disk.free()
    scene.again(scene.upload(journal=journal), 0)
    if disk.there:
        disk.fill(leave=4)
        status, said = scene.stack.run(scene.collect(journal=journal, output=output), scene.log)
        scene.figures.expect(status == 2 and "No space left" in said, f"the output's disk was full: {status} {said[-500:]}")
        pictures = disk.folder / "pictures"
        status, said = scene.stack.run(scene.collect("--annotate", pictures, journal=journal), scene.log)
        scene.figures.expect(status == 1 and "No space left" in said, f"the pictures' disk was full: {status} {said[-500:]}")
        scene.complete()
        scene.figures.add("disks_full", 2)
    disk.free()
    scene.again(scene.collect(journal=journal, output=output), 1)
    scene.output.write_text(output.read_text())


def existing(scene, machine, seconds):
    """Photos that are in the bucket already are queued, by an uploader that is killed."""
    put = scene.stack.bulk
    # Where no notification tells of them.
    for key, body in scene.bodies.items():
        del (scene.stack.good if key in scene.stack.good else scene.stack.bad)[key]
        there = "there/" + key
        (scene.stack.bad if b"\xff\xd9" not in body else scene.stack.good)[there] = body
        put.put(there, body)
    scene.bodies = {"there/" + key: body for key, body in scene.bodies.items()}
    queue = put.places["queue"]
    command = scene.stack.uploader("bulk", "--existing", f"s3://photos/there/{scene.prefix}", "--queue", queue, "--journal", scene.journal, "--per-message", "3")
    killed_at_times(scene.stack, [*command, "--no-wait"], scene.log, scene.chance, lambda status: status == 0, most=3)
    scene.stack.kill_worker(scene.chance)
    scene.again([*command, "--format", "jsonl", "--output", str(scene.output), "--timeout", scene.patience], 1)


SCENES = (kills, throttled, nameless, clocks, full, existing)
