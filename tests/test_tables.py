"""`uploader compact` against somebody else's S3: what becomes of results, whoever is killed or comes between."""

import collections
import json
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import cloud
import pyarrow.parquet
import pytest
import support

DAY = "date=2026-11-30"


class Moto(cloud.Bulk):
    """moto alone: S3 with the client of `cloud.Bulk`."""

    def __init__(self, folder):
        self.log = folder / "moto.log"
        program = cloud.MOTO if cloud.MOTO.exists() else shutil.which("moto_server")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with self.log.open("w") as log:
            self.process = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
        self.address = ("127.0.0.1", port)
        self.wait(self.listens)
        for bucket in ("results", "tables"):
            self.ask("PUT", f"/{bucket}")

    def listens(self):
        try:
            return self.ask("GET", "/")
        except OSError:
            return None

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def moto(tmp_path):
    with Moto(tmp_path) as moto:
        yield moto


def line(key, etag="e", model="m1", **more):
    answer = {
        "source": {"bucket": "in", "key": key, "etag": etag, "size": 7},
        "image": {"width": 640, "height": 480},
        "detections": [{"label": "cat", "class_id": 15, "score": 0.91, "box": [64.0, 48.0, 320.0, 240.0]}],
        "model": {"name": "yolox-nano", "sha256": model},
        "thresholds": {"confidence": 0.25, "iou": 0.45, "max_detections": 100},
        "timings_ms": {"queue": 0.0, "decode": 1.0, "preprocess": 0.5, "inference": 7.0, "postprocess": 0.5, "total": 9.0},
        "cold_start": False,
        "init_ms": 0.0,
    }
    return json.dumps(answer | more)


def part(*lines):
    return "".join(f"{text}\n" for text in lines).encode()


def command(moto, *more, target="s3://tables/t/"):
    endpoint = ["--endpoint-url", "http://{}:{}".format(*moto.address)]
    return [str(support.binary("uploader")), "compact", "s3://results/out/", str(target), *endpoint, *more]


ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def compact(moto, *more, expect=0, **where):
    done = subprocess.run(command(moto, *more, **where), env=support.environment(**ENVIRONMENT), capture_output=True, text=True, timeout=120)
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr


def rows(moto, folder):
    """All rows of the tables in S3, as pyarrow reads them, and how many each day has."""
    found, days = [], collections.Counter()
    for key in moto.keys("tables"):
        path = folder / "read.parquet"
        path.write_bytes(moto.get(key, "tables")[0])
        table = pyarrow.parquet.read_table(path)
        found += table.to_pylist()
        days[key] += table.num_rows
    return found, dict(days)


def identities(found):
    return [cloud.identity(row) for row in found]


def today():
    return time.strftime("%Y-%m-%d", time.gmtime())


def test_layouts_repeats_and_what_is_no_result(moto, tmp_path):
    moto.put("out/part-old.jsonl", part(line("old.jpg"), line("a.jpg")), "results")
    moto.put("out/albums/single.jpg.json", line("albums/single.jpg").encode(), "results")
    moto.put(f"out/{DAY}/part-1.jsonl", part(line("a.jpg"), line("a.jpg"), line("b.jpg"), '{"level": "INFO"}', line("c.jpg")[:70]), "results")
    moto.put(f"out/{DAY}/albums/é b.jpg.json", line("albums/é b.jpg", request_id="r-1").encode(), "results")
    moto.put(f"out/{DAY}/albums/é b.jpg.annotated.jpg", b"a picture", "results")
    moto.put("out/date=2026-12-01/part-2.jsonl", part(line("b.jpg"), line("b.jpg", etag="e2"), line("b.jpg", model="m2")), "results")
    moto.put("elsewhere/part-3.jsonl", part(line("z.jpg")), "results")
    began = today()
    said = compact(moto, "--dry-run")
    assert "5 files, 5 (0.0 MB) of them new" in said and moto.keys("tables") == []
    said = compact(moto)
    assert f"{DAY}/part-1.jsonl line 4: not a result" in said and "line 5: ends early" in said, said
    assert "rows      7 added, 3 repeats dropped\nignored   2 lines" in said, said
    found, days = rows(moto, tmp_path)
    wanted = {("old.jpg", "e", "m1"), ("a.jpg", "e", "m1"), ("albums/single.jpg", "e", "m1"), ("b.jpg", "e", "m1")}
    wanted |= {("albums/é b.jpg", "e", "m1"), ("b.jpg", "e2", "m1"), ("b.jpg", "e", "m2")}
    assert sorted(identities(found)) == sorted(("in", *identity) for identity in wanted)
    # Those in no day's folder are of the day on which they were stored, which may end meanwhile.
    assert set(days) <= {f"t/date={day}/results.parquet" for day in (DAY.removeprefix("date="), "2026-12-01", began, today())}
    assert {row["request_id"] for row in found} == {None, "r-1"}
    headers = moto.get(f"t/{DAY}/results.parquet", "tables")[1]
    assert headers["content-type"] == "application/vnd.apache.parquet"
    assert "5 files, none of them new" in compact(moto)
    assert rows(moto, tmp_path)[0] == found


def test_a_folder_is_as_good_as_s3(moto, tmp_path):
    moto.put(f"out/{DAY}/part-1.jsonl", part(line("a.jpg")), "results")
    compact(moto, target=tmp_path / "tables")
    (path,) = (path for path in (tmp_path / "tables").rglob("*") if path.is_file())
    assert path == tmp_path / "tables" / DAY / "results.parquet"
    assert pyarrow.parquet.read_table(path).num_rows == 1


def test_what_cannot_be_is_told(moto, tmp_path):
    assert "no results in s3://results/out/" in compact(moto, expect=2)
    assert "another place" in compact(moto, target="s3://results/out", expect=2)
    moto.put(f"out/{DAY}/part-1.jsonl", part(line("a.jpg")), "results")
    moto.put(f"t/{DAY}/results.parquet", b"PAR1 by hand", "tables")
    assert "is no Parquet file" in compact(moto, expect=2)
    assert moto.get(f"t/{DAY}/results.parquet", "tables")[0] == b"PAR1 by hand"


class Reader(threading.Thread):
    """Reads the tables again and again: what is once there stays, each row once, every file whole."""

    def __init__(self, moto, folder):
        super().__init__()
        self.moto, self.folder, self.ended, self.looks, self.trouble = moto, folder, threading.Event(), 0, None
        folder.mkdir()
        self.start()

    def run(self):
        seen = set()
        try:
            while not self.ended.is_set():
                found = identities(rows(self.moto, self.folder)[0])
                assert len(found) == len(set(found)), "a row is there twice"
                assert seen <= set(found), "a row is gone"
                seen = set(found)
                self.looks += 1
        except BaseException as error:
            self.trouble = error

    def end(self):
        self.ended.set()
        self.join()
        if self.trouble:
            raise self.trouble
        assert self.looks > 0


def test_killed_again_and_again_while_results_arrive(moto, tmp_path):
    """Results come in, runs are killed at any moment, others run to their end: nothing is lost, and nothing there twice."""
    chance = random.Random(7)
    expected = set()

    def arrive(number):
        keys = [f"{chance.randrange(2000)}.jpg" for _ in range(40)]
        expected.update(("in", key, "e", "m1") for key in keys)
        moto.put(f"out/{DAY}/part-{number}.jsonl", part(*map(line, keys)), "results")

    for number in range(20):
        arrive(number)
    reader = Reader(moto, tmp_path / "reader")
    start = time.monotonic()
    compact(moto)
    whole = time.monotonic() - start
    for number in range(20, 60):
        arrive(number)
        run = subprocess.Popen(command(moto), env=support.environment(**ENVIRONMENT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            run.communicate(timeout=chance.uniform(0, 1.2 * whole))
            assert run.returncode == 0
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            run.communicate()
    compact(moto)
    reader.end()
    found, days = rows(moto, tmp_path)
    assert sorted(identities(found)) == sorted(expected)
    assert set(days) == {f"t/{DAY}/results.parquet"}


def test_several_at_once(moto, tmp_path):
    """Runs get in each other's way and begin anew; in the end each row is there once."""
    days = ["2026-11-28", "2026-11-29", "2026-11-30"]
    expected = set()
    for number in range(30):
        keys = [f"{(7 * number + n) % 300}.jpg" for n in range(20)]
        expected.update(("in", key, "e", "m1") for key in keys)
        moto.put(f"out/date={days[number % 3]}/part-{number}.jsonl", part(*map(line, keys)), "results")
    runs = [
        subprocess.Popen(command(moto), env=support.environment(**ENVIRONMENT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(4)
    ]
    for run in runs:
        said, _ = run.communicate(timeout=120)
        assert run.returncode == 0, said
    found, _ = rows(moto, tmp_path)
    assert sorted(identities(found)) == sorted(expected)


def test_large_files_go_in_parts_and_memory_is_bounded(moto, tmp_path):
    """240,000 lines of one day, of which the file is larger than what is sent at once."""
    noise = random.Random(1)
    for number in range(48):
        keys = [f"{noise.randbytes(60).hex()}.jpg" for _ in range(5000)]
        text = part(*(line(key, etag=noise.randbytes(16).hex()) for key in keys))
        moto.put(f"out/{DAY}/part-{number}.jsonl", text, "results")
    # A small process starts it: what is told of a child's memory is at least that of the process that it was forked from.
    measured = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    run = [sys.executable, "-c", measured, *command(moto)]
    done = subprocess.run(run, env=support.environment(**ENVIRONMENT), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "240000 added" in done.stdout + done.stderr, done.stderr
    peak = int(done.stdout.split()[-1]) >> 10
    assert peak < 400, f"{peak} MB"
    head = moto.ask("HEAD", f"/tables/t/{DAY}/results.parquet")[1]
    assert int(head["content-length"]) > 32 << 20 and re.search(r"-\d+\"?$", head["etag"]), head
    _, days = rows(moto, tmp_path)
    assert days == {f"t/{DAY}/results.parquet": 240_000}
