"""What can be measured from outside, as `name value` lines: medians after warm-up, both sides in one run, one thread each.

    python tests/bench.py [--photos DIR] [--rounds N]

    init_ms        process start to first poll for work, model loaded and warmed (median of 5 starts)
    peak_mb        peak memory of detect-http after 300 photos
    http_ms        round trip of one photo (base64 JSON, keep-alive) through the local emulator
    empty_ms       round trip of GET /health the same way: the emulator's own share
    pipeline_ms    the detector's own time for the same photos, as Server-Timing tells it
    http/pipeline  (http_ms - empty_ms) / pipeline_ms
    peer_ms        round trip of the same requests to tests/peer.py
    peer/http      peer_ms / http_ms
"""

import argparse
import base64
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import support

WARM_UP = 5


def model_path():
    """The default model where the assets have it, else the one in the tree: a YOLOX head both."""
    published = support.assets("models/yolox_nano.onnx")
    return published if published.exists() else support.ROOT / "model" / "spotter-nano" / "model.onnx"


def photos(folder):
    """Up to 50 photos as request bodies."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))[:50]
    return [json.dumps({"image": base64.b64encode(path.read_bytes()).decode()}) for path in files]


@contextlib.contextmanager
def peer(model):
    """The Python peer; gives its client."""
    command = [sys.executable, support.ROOT / "tests" / "peer.py", "--model", model, "--threads", "1"]
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    try:
        yield support.Client(process.stdout.readline().strip())
    finally:
        process.terminate()
        process.wait()


def local(folder):
    """One copy of the function with one thread."""
    return support.Emulator(pathlib.Path(folder, "log"), model_path(), arguments=("--workers", "1", "--memory", "1769"))


def post(client, body):
    """(round trip in ms, the answer)."""
    reply = client.post(body, content_type="application/json")
    return 1000 * reply.seconds, reply.ok()


def say(name, value):
    print(f"{name} {value:.3g}", flush=True)


def main():
    default = support.assets("photos/coco-dev/images")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=pathlib.Path, default=default if default.is_dir() else support.ROOT / ".tools/samples")
    parser.add_argument("--rounds", type=int, default=6, help="how often every photo is sent")
    options = parser.parse_args()
    bodies = photos(options.photos)

    with tempfile.TemporaryDirectory() as folder:
        starts = []
        for _ in range(4):
            function = local(folder)
            starts.append(post(function.client, bodies[0])[1]["init_ms"])
            function.close()
        function = local(folder)
        ours, empty, pipeline, theirs, differing = [], [], [], [], 0
        with peer(model_path()) as other:
            for body in bodies[:WARM_UP]:
                starts.append(post(function.client, body)[1]["init_ms"])
                post(other, body)
            for _ in range(options.rounds):
                for body in bodies:  # by turns, so that a busy moment meets both
                    milliseconds, answer = post(function.client, body)
                    ours.append(milliseconds)
                    pipeline.append(answer["timings_ms"]["total"])
                    empty.append(1000 * function.client.call("GET", "/health").seconds)
                    milliseconds, others = post(other, body)
                    theirs.append(milliseconds)
                    differing += abs(len(answer["detections"]) - len(others["detections"])) > 1
        peak = function.peak_megabytes()
        function.close()

    http, nothing, core, python = (statistics.median(values) for values in (ours, empty, pipeline, theirs))
    say("init_ms", statistics.median(starts[:5]))
    say("peak_mb", peak)
    say("http_ms", http)
    say("empty_ms", nothing)
    say("pipeline_ms", core)
    say("http/pipeline", (http - nothing) / core)
    say("peer_ms", python)
    say("peer/http", python / http)
    requests = len(ours)
    print(f"{requests} requests to each, {differing} with different detections, load {os.getloadavg()[0]:.1f}", file=sys.stderr)


if __name__ == "__main__":
    main()
