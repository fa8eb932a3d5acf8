"""Runs the whole recipe on a handful of generated pictures: prepare, distill (twice, and resumed), export, evaluate.

    python smoke.py [--uploader ../../../target/release/uploader] [--teacher yolox_nano.onnx] [--keep DIR]

Without --teacher a stand-in is made that sees coloured patches. Takes about a minute; fails when the loss does not
fall, when the same seed gives other weights, when the exported graph does not answer in YOLOX's layout or cannot be
trained on, when a larger network does not begin with a smaller one's answers, when a second look changes what it must
leave or leaves what it must change, or, with --uploader, when Spotter's detector finds something else with it than
evaluate.
"""
import argparse
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import warnings

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import export
from crops import Crops
from evaluate import Model
from nano import COCO_IDS, SIZE, STRIDES, TEACHER_SIZE, Detector, session
from teacher import SHARES, Teacher, reconsider, surest
from unfold import unfold

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = HERE.parents[2] / ".tools"      # where `make setup` puts the runtime and the emulator


class Patches(nn.Module):
    """A teacher without weights: the further a cell's colour is from the padding's grey, the surer it is."""

    def forward(self, images):
        levels = []
        for stride in STRIDES:
            colour = F.avg_pool2d(images, stride)
            place = torch.full_like(colour[:, :2], 0.5)
            seen = torch.sigmoid((colour - 114).abs().mean(1, keepdim=True) / 8 - 5)
            classes = torch.sigmoid(colour / 16 - 9)
            rest = classes.mean(1, keepdim=True).expand(-1, 77, -1, -1) * 0
            levels.append(torch.cat([place, place + 0.5, seen, classes, rest], 1).flatten(2))
        return torch.cat(levels, 2).transpose(1, 2)


def stand_in(path):
    """Writes the stand-in teacher."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(Patches(), torch.zeros(1, 3, TEACHER_SIZE, TEACHER_SIZE), str(path), opset_version=17,
                          input_names=["images"], output_names=["output"])


def picture(random):
    """A noisy grey picture u8 [240,320,3] with coloured rectangles, and their boxes (x, y, w, h; class)."""
    canvas = random.normal(114, 12, (240, 320, 3))
    boxes = []
    for _ in range(random.integers(1, 5)):
        w, h = random.integers(30, 120, 2)
        x, y, label = random.integers(320 - w), random.integers(240 - h), random.integers(3)
        canvas[y:y + h, x:x + w] = np.where(np.arange(3) == label, 250, 60)
        boxes.append((int(x), int(y), int(w), int(h), int(label)))
    return np.clip(canvas, 0, 255).astype(np.uint8), boxes


def draw(folder, count, seed):
    """Pictures and their instances.json, in COCO's form."""
    folder.mkdir()
    random, images, annotations = np.random.default_rng(seed), [], []
    for i in range(count):
        canvas, boxes = picture(random)
        cv2.imwrite(str(folder / f"{i}.png"), canvas)
        images.append(dict(id=i, file_name=f"{i}.png", width=320, height=240))
        annotations += [dict(id=len(annotations) + k + 1, image_id=i, category_id=COCO_IDS[c], bbox=[x, y, w, h],
                             area=w * h, iscrowd=0) for k, (x, y, w, h, c) in enumerate(boxes)]
    categories = [dict(id=c, name=f"class {i}") for i, c in enumerate(COCO_IDS)]
    (folder / "instances.json").write_text(json.dumps(dict(images=images, annotations=annotations,
                                                           categories=categories)))


def run(step, *arguments):
    """One step of the recipe, as its README gives it; returns what it printed."""
    started = time.time()
    done = subprocess.run([sys.executable, HERE / f"{step}.py", *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    print(f"{step}: {time.time() - started:.0f} s, exit {done.returncode}", flush=True)
    if done.returncode:
        raise SystemExit(f"{step} failed:\n{done.stdout}")
    return done.stdout


def logged(folder):
    """The losses in a run's log."""
    return [float(line.split(" loss ")[1].split()[0]) for line in (folder / "log.txt").read_text().splitlines()]


def try_detector(uploader, model, photo):
    """Spotter's own detector loads the export by its card and finds what evaluate finds."""
    environment = dict(os.environ, PATH=f"{TOOLS / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    environment.setdefault("ORT_DYLIB_PATH", str(TOOLS / "lib" / "libonnxruntime.so"))
    command = [uploader, "detect", photo, "--model", model, "--confidence", "0.01", "--format", "jsonl", "--quiet"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True)
    found = json.loads(done.stdout)["detections"]
    assert found, "the detector finds nothing"
    best, pixels = found[0], cv2.imread(str(photo))
    expected, edges = list(zip(*Model(model).find(pixels, 0.01, 0.45))), pixels.shape[1::-1] * 2
    alike = lambda label, score, box: (label == best["class_id"] and abs(score - best["score"]) < 0.01
                                       and np.abs(np.clip(box, 0, edges) - best["box"]).max() < 3)
    assert any(alike(*other) for other in expected), f"the detector finds {best}, evaluate {expected[:3]}"
    print(f"detector: {len(found)} boxes, the best as evaluate has it")


def try_second_look(teacher):
    """Each size's boxes are brought back to their place, also on the right. What is surer in the same place gives its
    class, but not what lies on something that is still there; and what is large counts everywhere as in its surest."""
    stand_in(teacher)
    canvas = np.full((TEACHER_SIZE, TEACHER_SIZE, 3), 114, np.uint8)
    canvas[100:260, 256:416] = 255, 60, 60
    corners, *_ = Teacher(teacher).again(canvas)
    centres = (corners[:, :2] + corners[:, 2:]) / 2
    widths = len(np.unique((corners[:, 2] - corners[:, 0]).round(1)))
    assert widths == len(SHARES) * len(STRIDES), f"{widths} widths of boxes: not every size was seen at every stride"
    assert (np.abs(centres - (336, 180)) < 80 + 48).all(), f"boxes out of place: {centres}"
    cat, dog, bowl, table = 15, 16, 45, 60
    place, elsewhere = (10, 10, 300, 300), (10, 10, 300, 150)
    boxes, scores = np.array([place, place, elsewhere, place], np.float32), np.array([0.2, 0.6, 0.9, 0.8])
    counts = surest(boxes, scores, np.array([cat, cat, cat, dog]))
    assert np.allclose(counts, [0.6, 0.6, 0.9, 0.8]), counts
    # A cell's class, score and place, what is seen besides, and the class that must come out.
    cases = [((dog, 0.5, place), [(cat, 0.8, place)], cat), ((dog, 0.5, place), [(cat, 0.4, place)], dog),
             ((dog, 0.5, place), [(cat, 0.8, elsewhere)], dog), ((dog, 0.5, place), [], dog),
             ((dog, 0.15, place), [(cat, 0.62, place), (dog, 0.15, place)], cat),
             ((table, 0.5, place), [(bowl, 0.8, place), (table, 0.5, place)], table)]
    for (label, score, box), second, expected in cases:
        answer = np.zeros((1, 85), np.float32)
        answer[0, 4], answer[0, 5 + label] = 1, score
        classes = np.zeros((len(second), 80), np.float32)
        for row, (other, surer, _) in zip(classes, second):
            row[other] = surer
        corners = np.array([box for *_, box in second], np.float32).reshape(-1, 4)
        reconsider(answer, np.array([0]), np.array([box], np.float32), corners,
                   np.ones((len(second), 1), np.float32), classes)
        assert answer[0, 5:].argmax() == expected, f"{label} and then {second}: {answer[0, 5:].argmax()}"


def try_growth(model):
    """A network that takes over a smaller one's file answers as that one does, and the smaller one takes its own part
    back. Mixed with all of a file a network answers as the file does; the file's own network does with a half, too."""
    small, large = Detector(depths=(1, 1, 1), neck=(32, 48, 64), classing=(64, 64, 96)).eval(), Detector().eval()
    with torch.no_grad():       # the exporter would merge parameters that are still equal
        for parameter in small.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    export.export(small, model)
    large.take_over(unfold(model, torch.rand(8, 3, 128, 128)).state_dict())
    worst = export.check(large, model)
    assert worst < 1e-3, f"the larger network's answers differ by {worst:.2g}"
    back = Detector(depths=(1, 1, 1), neck=(32, 48, 64), classing=(64, 64, 96)).eval()
    back.take_over(large.state_dict())
    worst = export.check(back, model)
    assert worst < 1e-3, f"the smaller network's answers differ by {worst:.2g}"
    export.mix(back, model, 0.5)
    other = Detector(depths=(1, 1, 1), neck=(32, 48, 64), classing=(64, 64, 96)).eval()
    export.mix(other, model, 1.0)
    worst = max(export.check(back, model), export.check(other, model))
    assert worst < 1e-3, f"the mixed networks' answers differ by {worst:.2g}"


def check(work, teacher, uploader):
    try_second_look(work / "stand-in.onnx")
    try_growth(work / "small.onnx")
    draw(work / "photos", 12, 1)
    draw(work / "held-out", 6, 2)
    if not teacher:
        teacher = work / "teacher.onnx"
        stand_in(teacher)
    run("prepare", "--teacher", teacher, "--photos", work / "photos", "--exclude", work / "held-out",
        "--out", work / "crops", "--crops", 48, "--shard", 24)

    settings = ["--crops", work / "crops", "--sizes", "0:96,0.6:128", "--batch", 8, "--show-every", 1, "--warmup", 10]
    for name in ("run", "again"):
        run("distill", *settings, "--out", work / name, "--samples", 480)
    losses = logged(work / "run")
    first, last = np.mean(losses[:5]), np.mean(losses[-5:])
    assert last < 0.8 * first, f"the loss does not fall: {first:.2f} -> {last:.2f}"
    one, two = (torch.load(work / name / "last.pt")["net"] for name in ("run", "again"))
    assert all(torch.equal(one[k], two[k]) for k in one), "the same seed gave other weights"
    run("distill", *settings, "--out", work / "again", "--samples", 520)
    assert torch.load(work / "again" / "last.pt")["samples"] == 520, "the run did not go on"

    card = work / "model.toml"
    shutil.copy(HERE.parent / "model.toml", card)
    model = work / "model.onnx"
    run("export", work / "run" / "last.pt", model, "--card", card)
    answer = session(model).run(None, {"images": np.zeros((2, 3, SIZE, SIZE), np.float32)})[0]
    assert answer.shape == (2, 2100, 85) and answer.dtype == np.float32, answer.shape
    assert 0 <= answer[..., 4:].min() and answer[..., 4:].max() <= 1, "scores are no probabilities"
    assert hashlib.sha256(model.read_bytes()).hexdigest() in card.read_text(), "the card was not brought up to date"
    pictures, *_ = Crops(work / "crops", 0, 1, 1).batch(16, 128)
    worst = export.check(unfold(model, pictures), model)
    assert worst < 1e-3, f"unfolded, the export differs by {worst:.2g}"
    if uploader:
        try_detector(uploader, model, work / "held-out" / "0.png")
    printed = run("evaluate", model, "--photos", work / "held-out", "--teacher", teacher, "--rounds", 5)
    assert "ratio: " in printed and "AP50" in printed, printed
    print(f"loss {first:.2f} -> {last:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploader", type=pathlib.Path, help="Spotter's program, to try the export in its detector")
    parser.add_argument("--teacher", type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path, help="work there and leave everything (a new folder)")
    options = parser.parse_args()
    started = time.time()
    with tempfile.TemporaryDirectory() as scratch:
        work = options.keep or pathlib.Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        check(work, options.teacher, options.uploader)
    print(f"smoke test passed in {time.time() - started:.0f} s")


if __name__ == "__main__":
    main()
