"""How a gallery of 5,000 photos is made, opened and scrolled, as `name value` lines. Needs Chromium.

    gallery_make_s     `uploader convert` of 5,000 results with their photos, thumbnails included
    gallery_open_ms    opening its page from disk until every cell in sight has its picture, median of 5
    gallery_frame_ms   95th percentile of the time between two frames while it scrolls by half a window each
"""

import json
import pathlib
import statistics
import subprocess
import tempfile

import browser
import load
import support

PHOTOS = 5000
ANSWER = {
    "model": {"name": "bench", "sha256": "ab"}, "cold_start": False, "init_ms": 0.0,
    "thresholds": {"confidence": 0.25, "iou": 0.45, "max_detections": 100},
    "timings_ms": {"queue": 0, "decode": 1, "preprocess": 1, "inference": 1, "postprocess": 1, "total": 4},
}  # fmt: skip
LABELS = ("person", "dog", "cup", "car", "chair")
DRAWN = "const all = [...document.querySelectorAll('.cell')]; return all.length > 0 && all.every((cell) => cell.querySelector('img')?.complete)"
SCROLL = """
return new Promise((done) => {
  const grid = document.getElementById("grid"), frames = [];
  let last = null;
  const step = (now) => {
    if (last !== null) frames.push(now - last);
    last = now;
    grid.scrollTop += grid.clientHeight / 2;
    if (frames.length < 120) requestAnimationFrame(step);
    else done(frames.sort((a, b) => a - b)[Math.floor(frames.length * 0.95)]);
  };
  requestAnimationFrame(step);
});
"""


def results(folder):
    """Lines of 5,000 photos: those of the assets, or the samples, linked over and over, with up to seven boxes each."""
    own = support.assets("photos/coco-dev/images")
    kinds = (".jpg", ".jpeg", ".png")
    photos = sorted(path for path in (own if own.is_dir() else support.ROOT / ".tools" / "samples").iterdir() if path.suffix.lower() in kinds)
    path = folder / "results.jsonl"
    (folder / "photos").mkdir()
    with path.open("w") as lines:
        for number in range(PHOTOS):
            source = photos[number % len(photos)]
            link = folder / "photos" / f"{number:04}{source.suffix}"
            link.symlink_to(source)
            found = [
                {"label": LABELS[(number + i) % 5], "class_id": (number + i) % 5, "score": 0.3 + (number * 7 + i * 13) % 69 / 100, "box": [20.0 + 60 * i, 30.0, 70.0 + 60 * i, 200.0]}
                for i in range(number % 8)
            ]  # fmt: skip
            lines.write(json.dumps({"photo": str(link), "image": {"width": 640, "height": 480}, "detections": found} | ANSWER) + "\n")
    return path


def say(name, value):
    print(f"{name} {value:.3g}", flush=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        lines, gallery = results(folder), folder / "gallery"
        command = [support.binary("uploader"), "convert", lines, "--format", "gallery", "--output", gallery]
        watch = load.Watch()
        subprocess.run([str(word) for word in command], check=True, capture_output=True, env=support.environment())
        say("gallery_make_s", watch.seconds())
        chrome = browser.Browser(folder)
        try:
            chrome.look(1280, 900)
            times = []
            for _ in range(5):
                chrome.open("about:blank")
                watch.restart()
                chrome.open((gallery / "index.html").as_uri())
                chrome.wait(DRAWN)
                times.append(1000 * watch.seconds())
            say("gallery_open_ms", statistics.median(times))
            say("gallery_frame_ms", chrome.run(SCROLL))
        finally:
            chrome.close()


if __name__ == "__main__":
    main()
