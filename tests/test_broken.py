"""Broken and hostile photos and requests by the hundred, made by broken.py and bodies.py, through the server and `uploader detect`.
Nothing here needs the assets; test_hostile.py has files of decoders' own fuzzing besides."""

import collections
import functools
import json
import re
import resource
import subprocess

import bodies
import broken
import pytest
import support

# A generous bound: a decoder that loops takes minutes.
SECONDS = 10
MAX_PIXELS = 4_000_000
# What a photo may take while it is decoded (detector/README.md, Photos), and what its answer and the body take besides.
MEGABYTES = 8 * MAX_PIXELS / 2**20 + 96
# What all bodies together may take (functions/http/README.md, Bounds).
BODIES_MEGABYTES = 256
CODES = set(re.findall(r"`([a-z0-9_]+)`", (support.ROOT / "docs" / "api.md").read_text().split("| 400 |")[1].split("\n\n")[0]))


@functools.cache
def photos():
    return broken.photos()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with one session, a low bound of pixels and the yolox fixture; its process must outlive all tests here."""
    folder = tmp_path_factory.mktemp("server")
    server = support.Server(folder / "log", model=support.fixture("yolox")[0], arguments=("--sessions", "1"), MAX_PIXELS=str(MAX_PIXELS))
    yield server
    assert server.close() == 0


def answered(server, what, body, path="/detect", kind="application/octet-stream", coding=None):
    """An answer that is 200 or a defined 4xx, in time, by a server that lives."""
    headers = {"Content-Encoding": coding} if coding else {}
    try:
        reply = server.client.call("POST", path, body, kind, **headers)
    except (OSError, AssertionError) as error:
        raise AssertionError(f"{what}: no answer ({error!r}); exit status {server.process.poll()}") from error
    assert reply.seconds <= SECONDS, f"{what} took {reply.seconds:.1f} s"
    if reply.status != 200:
        assert 400 <= reply.status < 500, f"{what}: {reply.status} {reply.body[:300]}"
        assert reply.problem(reply.status, reply.json["code"]).json["code"] in CODES, f"{what}: {reply.json}"
    return reply


def peak(server):
    return server.megabytes("VmHWM")


@pytest.fixture(scope="module")
def used(server, pictures):
    """What the server has taken at most for good photos, drawn and in a batch."""
    for _ in range(3):
        answered(server, "a good photo", pictures[0][0], "/detect?annotate=true")
    return peak(server)


def test_there_are_many_of_every_kind():
    kinds = collections.Counter(name.rsplit(".", 1)[1].replace("tiff", "tif") for name, _ in photos())
    assert set(kinds) == {"jpg", "png", "webp", "heic", "avif", "tif", "bmp", "gif"}
    assert len(photos()) >= 1500 and min(kinds.values()) >= 100, kinds
    assert len({data for _, data in photos()}) == len({name for name, _ in photos()}) == len(photos())


def test_every_photo_gets_a_defined_answer(server, used):
    statuses = collections.Counter()
    for number, (name, data) in enumerate(photos()):
        # Every third one is drawn, every fifth looked at in slices.
        path = "/detect" + ("?annotate=true" if number % 3 == 0 else "?slice=64" if number % 5 == 0 else "")
        reply = answered(server, name, data, path)
        statuses[reply.status] += 1
        assert reply.status == 200 or not name.startswith("good-"), f"{name}: {reply.body[:300]}"
        assert peak(server) <= used + MEGABYTES, f"{name}: {peak(server):.0f} MB, {used:.0f} before"
    print(dict(statuses), f"{used:.0f} MB, at most {peak(server):.0f}")
    assert statuses[200] > 300 and statuses[422] > 500 and statuses[413] > 20 and statuses[415] > 20, statuses


def test_bombs_are_refused_by_their_heads(server, used):
    named = dict(photos())
    for name, code in [
        ("side-of-a-million.png", "too_many_pixels"),
        ("all-pixels-there-are.png", "undecodable_image"),
        ("just-above-the-limit.png", "too_many_pixels"),
        ("65500-squared.jpg", "too_many_pixels"),
        ("largest-screen.gif", "too_many_pixels"),
        ("huge.bmp", "too_many_pixels"),
        ("many-tiles.tiff", "undecodable_image"),
        ("a-thousand-scans.jpg", "undecodable_image"),
        ("one-byte.png", "unsupported_image"),
    ]:
        reply = answered(server, name, named[f"bomb-{name}"])
        assert reply.status != 200 and reply.json["code"] == code, f"{name}: {reply.body[:300]}"
    assert answered(server, "as large as may be", named["bomb-just-below-the-limit.png"]).ok()["image"] == {"width": 2000, "height": 1999}


def test_every_request_gets_a_defined_answer(server, used, pictures):
    statuses = collections.Counter()
    every = bodies.requests(pictures[0][0])
    assert len(every) > 250
    for number, (name, kind, coding, body) in enumerate(every):
        reply = answered(server, name, body, kind=kind, coding=coding)
        statuses[reply.status] += 1
        assert reply.status == 200 or number >= len(bodies.good(pictures[0][0])), f"{name}: {reply.body[:300]}"
        assert peak(server) <= used + MEGABYTES + BODIES_MEGABYTES, f"{name}: {peak(server):.0f} MB, {used:.0f} before"
    print(dict(statuses), f"at most {peak(server):.0f} MB")
    assert statuses[200] > 20 and statuses[400] > 100, statuses


def test_in_a_batch_each_has_its_own_answer(server, used, pictures):
    """64 photos a request, the first one good: none takes the place of another, none spoils its neighbour."""
    good, seen = pictures[0][0], 0
    alone = [(name, data) for name, data in photos() if len(data) < 20_000][::4]
    for start in range(0, len(alone), 63):
        some = alone[start : start + 63]
        results = server.client.json({"images": [good, *(data for _, data in some)]}).ok()["results"]
        assert len(results) == 1 + len(some)
        support.same_boxes(results[0]["detections"], pictures[0][1])
        for (name, _), result in zip(some, results[1:]):
            assert ("error" in result) != ("detections" in result), (name, result)
            assert "error" not in result or result["error"]["code"] in CODES, (name, result)
            seen += 1
    assert seen == len(alone) > 300


def test_the_uploader_counts_every_file(tmp_path):
    """Each is answered, or an error of its own, or told to be no photo, by its name, and the summary says how many."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, data in photos():
        (folder / name).write_bytes(data)
    command = [support.binary("uploader"), "detect", folder, "--model", support.fixture("yolox")[0], "--format", "jsonl", "--verbose"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, env=support.environment(MAX_PIXELS=str(MAX_PIXELS)))
    assert done.returncode == 1, f"exit {done.returncode}\n{done.stderr[-3000:]}"
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    names = [line["photo"].rsplit("/", 1)[1] for line in lines]
    passed_over = [name.rsplit("/", 1)[1] for name in re.findall(r"^uploader: skipped (.+): [^:]+$", done.stderr, re.MULTILINE)]
    assert sorted(names + passed_over) == sorted(name for name, _ in photos())
    failed = [line for line in lines if "error" in line]
    assert all(("error" in line) != ("detections" in line) for line in lines)
    assert not [line for name, line in zip(names, lines) if name.startswith("good-") and "error" in line]
    counts = {"found": len(lines) - len(failed), "failed": len(failed), "skipped": len(passed_over)}
    for name, count in counts.items():
        [told] = re.findall(rf"^{name} +(.*)$", done.stderr, re.MULTILINE)
        assert str(count) in re.findall(r"\d+", told), (name, told, counts)
    assert min(counts.values()) > 30, counts


def test_they_are_the_same_each_time():
    again = broken.photos()
    assert [name for name, _ in again] == [name for name, _ in photos()]
    # libheif and libaom write times and use threads; all else is byte by byte the same.
    assert all(data == other for (name, data), (_, other) in zip(photos(), again) if not name.endswith(("heic", "avif")))


def test_a_length_is_not_believed(tmp_path):
    """A server that can take half a gigabyte more of addresses: what a header says of 2 and 4 GB must not be asked for."""
    found = (support.ROOT / "fuzz" / "found" / "decode" / "exif-chunk-larger-than-its-file.webp").read_bytes()
    place = found.index(b"EXIF") + 4
    server = support.Server(tmp_path / "log", model=support.fixture("yolox")[0])
    size = int(server.megabytes("VmSize")) + 512
    resource.prlimit(server.process.pid, resource.RLIMIT_AS, (size << 20, size << 20))
    for photo in (found, found[:place] + b"\xfe\xff\xff\xff" + found[place + 4 :]):
        server.client.post(photo).ok()
    assert server.close() == 0
