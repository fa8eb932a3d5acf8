"""What can be measured from outside, as `name value` lines: medians after warm-up, both sides of a ratio by turns in one run.

    python tests/bench.py [--photos DIR] [--rounds N]
    python tests/bench.py --model-into DIR        copies and prepares the model that all benchmarks run, prints its path

    init_ms            process start to listening, model loaded and warmed (median of 9 starts)
    peak_mb            peak memory of detect-http after more than 300 photos, one session
    http_ms            round trip of one photo, sent as it is, over plain HTTP with keep-alive; one session of one thread
    pipeline_ms        the detector's own time for the same photos, as Server-Timing tells it
    http/pipeline      http_ms / pipeline_ms, median of the photos' own ratios
    peer/http_T        round trip of a photo as base64 in JSON to tests/peer.py (ONNX Runtime as it comes) over ours, T threads each
    http_load          photos per second with 8 clients, all cores
    peer_load          the same of the peer at its best setting, which stands behind it
    peer/http_load     http_load / peer_load
    link_share         share of a link of 110 ms and 20 Mbit/s that `uploader detect` fills with whole photos, 4 at once
    link_shrunk_ms     wall time per photo over that link, photos shrunk to 416 pixels, 4 at once
    decode/turbo       decoding a 640x480 JPEG in the detector over libjpeg-turbo in OpenCV, medians by turns
    decode_KIND_ms     decoding a photo of 640x480 of each kind of file that is read (heic_12mp: of 4032x3024, in tiles)
    decode_KIND/pillow the same over Pillow and pillow-heif, which do it on all cores where they can
"""

import argparse
import base64
import collections
import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

import cv2
import load
import numpy as np
import PIL.Image
import pillow_heif
import relay
import support

WARM_UP = 5
CLIENTS = 8
LINK_ROUND_TRIP, LINK_MBIT = 0.11, 20


def model_into(folder):
    """The default model where the assets have it, else the one in the tree (a YOLOX head both), copied and prepared."""
    published = support.assets("models/yolox_nano.onnx")
    source = published if published.exists() else support.ROOT / "model" / "spotter-nano" / "model.onnx"
    model = folder / ("yolox_nano.onnx" if published.exists() else "spotter_nano.onnx")
    shutil.copy(source, model)
    command = [support.binary("uploader"), "model", "prepare", model]
    subprocess.run(command, check=True, env=support.environment(), stdout=subprocess.DEVNULL)
    return model


def photos(folder):
    """Up to 50 photos."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))[:50]
    return [path.read_bytes() for path in files]


def as_json(photo):
    return json.dumps({"image": base64.b64encode(photo).decode()}).encode()


class Peer:
    """tests/peer.py, until close()."""

    def __init__(self, model, threads):
        command = [sys.executable, support.ROOT / "tests" / "peer.py", "--model", model, "--threads", threads]
        self.process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
        self.base = self.process.stdout.readline().strip()

    def close(self):
        self.process.terminate()
        self.process.wait()


def server(folder, model, sessions, threads):
    """detect-http with the prepared model; refuses to measure anything else."""
    function = support.Server(pathlib.Path(folder, "log"), model, ("--sessions", str(sessions), "--threads", str(threads)))
    assert function.client.call("GET", "/model").json["prepared"], "what was prepared is not what runs"
    return function


class Wire:
    """A kept-alive connection that costs as little as Python can: what is timed is the server, not the client's library."""

    def __init__(self, base):
        url = urllib.parse.urlsplit(base)
        self.host = url.netloc
        self.socket = socket.create_connection((url.hostname, url.port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def request(self, body, content_type):
        head = f"POST /detect HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def exchange(self, request):
        """(round trip in ms, the answer's body)."""
        watch, answer, rest = load.Watch(), b"", -1
        self.socket.sendall(request)
        while rest != 0:
            answer += self.socket.recv(1 << 16)
            if rest < 0 and (end := answer.find(b"\r\n\r\n")) > 0:
                length = int(re.search(rb"(?i)content-length: *(\d+)", answer)[1])
            rest = end + 4 + length - len(answer) if end > 0 else -1
        seconds = watch.seconds()
        assert answer.startswith(b"HTTP/1.1 200"), answer[:300]
        return 1000 * seconds, answer[end + 4 :]

    def post(self, body, content_type):
        """(round trip in ms, the answer)."""
        milliseconds, answer = self.exchange(self.request(body, content_type))
        return milliseconds, json.loads(answer)


def say(name, value):
    print(f"{name} {value:.3g}", flush=True)


def starts(folder, model):
    for _ in range(9):
        with contextlib.closing(server(folder, model, 1, 1)) as function:
            yield function.client.call("GET", "/health").json["init_ms"]


def against_the_detector(folder, model, bodies, rounds):
    trips, cores = [], []
    with contextlib.closing(server(folder, model, 1, 1)) as function:
        wire = Wire(function.base)
        for body in bodies[:WARM_UP]:
            wire.post(body, "image/jpeg")
        for body in bodies * max(rounds, 300 // len(bodies) + 1):
            trip, answer = wire.post(body, "image/jpeg")
            trips.append(trip)
            cores.append(answer["timings_ms"]["total"])
        say("peak_mb", function.megabytes("VmHWM"))
    say("http_ms", statistics.median(trips))
    say("pipeline_ms", statistics.median(cores))
    say("http/pipeline", statistics.median(trip / core for trip, core in zip(trips, cores)))


def against_the_peer(folder, model, bodies, rounds, threads):
    """By turns of all photos each; a pause between them, because the peer's threads go on spinning after its last photo."""
    bodies, times, counts = [as_json(body) for body in bodies], collections.defaultdict(list), collections.defaultdict(list)
    with contextlib.closing(server(folder, model, 1, threads)) as function, contextlib.closing(Peer(model, threads)) as peer:
        wires = {"http": Wire(function.base), "peer": Wire(peer.base)}
        for _ in range(rounds):
            for name, wire in wires.items():
                time.sleep(0.3)
                for body in bodies[:WARM_UP]:
                    wire.post(body, "application/json")
                for body in bodies:
                    milliseconds, answer = wire.post(body, "application/json")
                    times[name].append(milliseconds)
                    counts[name].append(len(answer["detections"]))
    ours, theirs = (statistics.median(times[name]) for name in ("http", "peer"))
    found = [sum(counts[name]) / rounds for name in ("http", "peer")]
    print(f"{threads} thread(s): ours {ours:.2f} ms with {found[0]:.0f} boxes, peer {theirs:.2f} ms with {found[1]:.0f}", file=sys.stderr)
    say(f"peer/http_{threads}", theirs / ours)


def under_load(folder, model, bodies, rounds):
    bodies, each, cores = [as_json(body) for body in bodies], rounds * 10, os.cpu_count()

    def rate(base):
        wires = [Wire(base) for _ in range(CLIENTS)]
        requests = [wires[0].request(body, "application/json") for body in bodies]

        def ask(client, times):
            for number in range(times):
                wires[client].exchange(requests[(client * len(requests) // CLIENTS + number) % len(requests)])

        def send_all(times):
            with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
                list(pool.map(ask, range(CLIENTS), [times] * CLIENTS))  # a list, or what went wrong is not told

        send_all(5)
        watch = load.Watch()
        send_all(each)
        return each * CLIENTS / watch.seconds()

    ours, theirs = [], collections.defaultdict(list)
    for _ in range(3):
        with contextlib.closing(server(folder, model, cores, 1)) as function:
            ours.append(rate(function.base))
        for threads in range(1, cores + 1):
            with contextlib.closing(Peer(model, threads)) as peer:
                theirs[threads].append(rate(peer.base))
    best = max(theirs, key=lambda threads: statistics.median(theirs[threads]))
    ours, theirs = statistics.median(ours), statistics.median(theirs[best])
    say("http_load", ours)
    print(f"peer_load {theirs:.3g}  ({best} thread(s) a photo)")
    say("peer/http_load", ours / theirs)


def over_a_link(folder, model, photos):
    def summary(base, *arguments):
        command = [support.binary("uploader"), "detect", photos, "--url", base, "--concurrency", "4", "--output", pathlib.Path(folder, "boxes"), *arguments]
        done = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, env=support.environment())
        return re.search(r"([\d.]+) photos/s.* ([\d.]+) Mbit/s", done.stdout + done.stderr)

    with contextlib.closing(server(folder, model, os.cpu_count(), 1)) as function:
        url = urllib.parse.urlsplit(function.base)
        with contextlib.closing(relay.Relay(url.hostname, url.port, LINK_ROUND_TRIP, LINK_MBIT * 1e6 / 8)) as link:
            base = f"http://127.0.0.1:{link.port}/"
            say("link_share", float(summary(base)[2]) / LINK_MBIT)
            say("link_shrunk_ms", 1000 / float(summary(base, "--resize", "416")[1]))


def decoding(folder):
    """The detector's benchmark and OpenCV decode the same file, by turns of some hundred times each."""
    sample = cv2.imread(str(support.ROOT / ".tools" / "samples" / "coffee.png"))
    photo = pathlib.Path(folder, "photo.jpg")
    cv2.imwrite(str(photo), cv2.resize(sample, (640, 480), interpolation=cv2.INTER_CUBIC), [cv2.IMWRITE_JPEG_QUALITY, 90])
    data = np.frombuffer(photo.read_bytes(), np.uint8)
    cv2.setNumThreads(1)
    ours, theirs = [], []
    for _ in range(5):
        ours += decoded(photo)
        watch, times = load.Watch(), []
        for _ in range(300):
            watch.restart()
            cv2.imdecode(data, cv2.IMREAD_COLOR)
            times.append(1000 * watch.seconds())
        theirs.append(statistics.median(times))
    say("decode_ms", statistics.median(ours))
    say("turbo_ms", statistics.median(theirs))
    say("decode/turbo", statistics.median(a / b for a, b in zip(ours, theirs)))


def decoded(*photos):
    """The median of each, in milliseconds, by the detector's own benchmark."""
    command = ["cargo", "bench", "--locked", "--quiet", "--package", "detector", "--bench", "decode", "--", *map(str, photos)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=support.ROOT).stdout
    return [float(value) for value in re.findall(r"^decode_ms ([\d.]+)", printed, re.MULTILINE)]


def formats(folder):
    """One photo in every kind of file, at the quality that their tools have as default or commonly write."""
    pillow_heif.register_heif_opener()
    photo = PIL.Image.open(support.ROOT / ".tools" / "samples" / "coffee.png").convert("RGB").resize((640, 480))
    kinds = {"jpeg": {"quality": 90}, "png": {}, "webp": {"quality": 80}, "heic": {}, "avif": {}, "bmp": {}, "gif": {}, "tiff": {"compression": "tiff_lzw"}}
    paths = {kind: pathlib.Path(folder, f"photo.{kind}") for kind in [*kinds, "heic_12mp"]}
    for kind, options in kinds.items():
        photo.save(paths[kind], **options)
    photo.resize((4032, 3024)).save(paths["heic_12mp"], format="HEIF", tile_size=512)
    for (kind, path), ours in zip(paths.items(), decoded(*paths.values()), strict=True):
        watch, times = load.Watch(), []
        for _ in range(5 if kind == "heic_12mp" else 60):
            watch.restart()
            PIL.Image.open(path).convert("RGB")
            times.append(1000 * watch.seconds())
        say(f"decode_{kind}_ms", ours)
        say(f"decode_{kind}/pillow", ours / statistics.median(times))


def main():
    default = support.assets("photos/coco-dev/images")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=pathlib.Path, default=default if default.is_dir() else support.ROOT / ".tools/samples")
    parser.add_argument("--rounds", type=int, default=6, help="how often every photo is sent")
    parser.add_argument("--model-into", type=pathlib.Path, metavar="DIR", help="only copy and prepare the model")
    options = parser.parse_args()
    if options.model_into:
        options.model_into.mkdir(parents=True, exist_ok=True)
        return print(model_into(options.model_into))
    bodies = photos(options.photos)
    with tempfile.TemporaryDirectory() as folder:
        model = model_into(pathlib.Path(folder))
        say("init_ms", statistics.median(starts(folder, model)))
        against_the_detector(folder, model, bodies, options.rounds)
        for threads in (1, 2):
            against_the_peer(folder, model, bodies, options.rounds, threads)
        under_load(folder, model, bodies, options.rounds)
        over_a_link(folder, model, options.photos)
        decoding(folder)
        formats(folder)
    print(f"load {os.getloadavg()[0]:.1f}", file=sys.stderr)


if __name__ == "__main__":
    main()
