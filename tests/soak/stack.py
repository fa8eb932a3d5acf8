"""The bulk path under test: S3 and queue behind a proxy that goes wrong, detect-bulk whose clock jumps and whose S3 has a name
that may be lost, and the uploader's commands."""

import contextlib
import json
import os
import signal
import subprocess

import cloud
import history
import support

from soak.watcher import FamilyWatcher, family, left_over

WRAPPER = """#!/bin/sh
{exports}
export AWS_ENDPOINT_URL=$(echo "$AWS_ENDPOINT_URL" | sed s/127.0.0.1/{host}/)
export AWS_ENDPOINT_URL_S3=$AWS_ENDPOINT_URL
exec '{program}' "$@"
"""
# A function whose workers have died so often is given up by `uploader local`.
MOST_DEATHS = 9
# Documented for detect-bulk (bulk_rss_mb in docs/measurements.md); the uploader needs less.
MOST_MEGABYTES = 400


class Stack:
    """`uploader local --bulk` for some scenes, and what they leave to be counted."""

    def __init__(self, folder, figures, names, clock, visibility):
        folder.mkdir()
        self.folder, self.figures, self.host, self.deaths = folder, figures, names.host, 0
        self.good, self.bad = {}, {}
        wrapper = folder / "detect-bulk.sh"
        exports = "\n".join(f"export {name}='{value}'" for name, value in clock.variables.items())
        wrapper.write_text(WRAPPER.format(exports=exports, host=names.host, program=support.binary("detect-bulk")))
        wrapper.chmod(0o755)
        (folder / "faults").mkdir()
        arguments = ("--workers", "1", "--batch-size", "10", "--batch-window", "0", "--visibility", str(visibility), "--bulk-function", str(wrapper))
        self.bulk = cloud.Bulk(folder / "log", support.ROOT / "model" / "spotter-nano", arguments, faults=folder / "faults")
        self.endpoint = self.bulk.places["S3 and SQS"].replace("127.0.0.1", names.host)
        self.environment = support.environment(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", **clock.variables)
        self.watcher = FamilyWatcher(os.getpid(), figures, ("detect-bulk", "uploader"))

    @contextlib.contextmanager
    def s3_fault(self, fault):
        """Every request to S3 meets this fault meanwhile."""
        path = self.folder / "faults" / "fault.json"
        path.with_suffix(".new").write_text(json.dumps(fault))
        path.with_suffix(".new").replace(path)
        yield
        path.unlink()

    def kill_worker(self, chance):
        """SIGKILL or SIGTERM for the worker, unless it has died too often already."""
        workers = self.bulk.functions()
        if workers and self.deaths < MOST_DEATHS:
            how = chance.choice((signal.SIGKILL, signal.SIGTERM))
            with contextlib.suppress(ProcessLookupError):
                os.kill(workers[0], how)
                self.deaths += 1
                self.figures.add(f"workers_ended_by_{how.name}")

    def uploader(self, verb, *arguments):
        """A command of the uploader, ready to be started."""
        command = [support.binary("uploader"), verb, *arguments, "--results", self.bulk.places["results"], "--endpoint-url", self.endpoint]
        return [str(word) for word in command]

    def start(self, command, log):
        with log.open("ab") as file:
            return subprocess.Popen(command, env=self.environment, stdout=file, stderr=file)

    def run(self, command, log, patience=900):
        """Its exit status, and what it said."""
        before = log.stat().st_size if log.exists() else 0
        process = self.start(command, log)
        try:
            status = process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            self.figures.fail(f"{command[1]} hangs: {log}")
            status = process.wait()
        with log.open(errors="replace") as file:
            file.seek(before)
            said = file.read()
        self.figures.expect("panicked at" not in said, f"{command[1]} panicked: {said[-500:]}")
        return status, said

    def count(self):
        """When the queue is empty: what is lost, what is there twice, and whether anything was acknowledged before it was stored."""
        figures = self.figures
        try:
            self.bulk.drained()
        except AssertionError as error:
            figures.fail(f"the queue does not become empty: {str(error)[:300]}")
        dead = self.bulk.count("dead letters")
        figures.add("dead_letters", dead)
        figures.expect(dead == 0, f"{dead} messages in the dead-letter queue")
        lines = self.bulk.lines()
        photos = self.good | self.bad
        figures.add("photos", len(photos))
        for key, repeats in lines.items():
            identities = {cloud.identity(line) for line in repeats}
            figures.add("doubled_raw", len(repeats) - len(identities))
            figures.expect(key in photos, f"a result of a photo that nobody has sent: {key}")
            figures.expect(len(identities) == 1, f"{key} has results of {len(identities)} contents")
            kind = "error" if key in self.bad else "detections"
            figures.expect(all(kind in line for line in repeats), f"{key} should have {kind}: {str(repeats)[:300]}")
        lost = photos.keys() - lines.keys()
        figures.add("results", len(photos.keys() & lines.keys()))
        figures.add("lost", len(lost))
        figures.expect(not lost, f"{len(lost)} photos without a result, such as {sorted(lost)[:3]}")
        try:
            received, _, _ = history.History(self.folder / "faults" / "log.jsonl").replay()
            figures.add("deliveries", sum(received.values()))
        except AssertionError as error:
            figures.fail(str(error))
        log = self.bulk.log.read_text(errors="replace")
        figures.expect("panicked at" not in log, f"a panic: {log[log.find('panicked at') :][:500]}")

    def end(self, how):
        """Ends the stack: by Ctrl-C, by killing `uploader local`, or by killing its S3. Nothing of it may be left."""
        process = self.bulk.process
        self.watcher.stop()
        below = family(process.pid)
        victim = process.pid
        if how == "S3":
            victim = next((pid for pid, child in below.items() if any("faults.py" in word for word in child.cmdline())), None)
        if victim is None:
            return self.figures.fail("there is no S3 to kill")
        os.kill(victim, signal.SIGINT if how == "Ctrl-C" else signal.SIGKILL)
        try:
            status = process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            status = self.figures.fail(f"`uploader local` does not end after the end of {how}")
        self.figures.add(f"stacks_ended_by_{how.replace(' ', '_')}")
        self.figures.expect(status != 0 or how == "Ctrl-C", f"`uploader local` ended well without {how}")
        left = left_over(below)
        self.figures.expect(not left, f"left over after the end of {how}: {left}")


def killed_at_times(stack, command, log, chance, done, most=6):
    """Runs a command that is killed again and again on its way, and at last is not. Its last exit status."""
    for _ in range(most):
        process = stack.start(command, log)
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = process.wait(chance.uniform(0.05, 1.5))
            if done(status):
                return status
            continue
        how = chance.choice((signal.SIGKILL, signal.SIGTERM))
        process.send_signal(how)
        process.wait(60)
        stack.figures.add(f"uploaders_ended_by_{how.name}")
    return stack.run(command, log)[0]


def collected(path):
    """How often each photo is in what `collect` wrote; torn lines count as none."""
    counts = {}
    if not path.exists():
        return counts
    for line in path.read_text().splitlines():
        with contextlib.suppress(ValueError):
            # A photo without a result has no source.
            if source := json.loads(line).get("source"):
                counts[source["key"]] = counts.get(source["key"], 0) + 1
    return counts
