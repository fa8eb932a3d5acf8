"""The benchmark's peer: the same service as a competent Python programmer would write it, with the same weights.

    python tests/peer.py --model yolox_nano.onnx [--port 0] [--threads 1]

Waitress in front (keep-alive), OpenCV to decode and resize, ONNX Runtime, numpy and OpenCV's NMS behind. It answers
`POST /detect` with `{"image": "<base64>"}` as Spotter does: detections with label, class_id, score and box (x1, y1, x2, y2
in pixels of the photo). Its first line is its base URL.
"""

import argparse
import base64
import json
import logging
import pathlib
import time

import cv2
import numpy as np
import onnxruntime
import waitress

CONFIDENCE, IOU, MAX_DETECTIONS = 0.25, 0.45, 100
STRIDES, PAD = (8, 16, 32), 114


class Detector:
    """YOLOX over one photo at a time."""

    def __init__(self, path, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        model_input = self.session.get_inputs()[0]
        self.name, self.size = model_input.name, model_input.shape[2]
        grids = [(s, np.indices((self.size // s,) * 2).reshape(2, -1)[::-1].T) for s in STRIDES]
        self.cells = np.concatenate([grid for _, grid in grids]).astype(np.float32)  # [n,2], x and y
        self.strides = np.concatenate([np.full((len(grid), 1), s, np.float32) for s, grid in grids])  # [n,1]
        self.session.run(None, {self.name: np.zeros((1, 3, self.size, self.size), np.float32)})

    def __call__(self, photo):
        """uint8 BGR photo [H,W,3] -> (boxes [n,4] as x1,y1,x2,y2 in photo pixels, scores [n], class ids [n], stage times in
        seconds)."""
        started = time.perf_counter()
        height, width = photo.shape[:2]
        ratio = min(self.size / height, self.size / width)
        fit = (int(width * ratio), int(height * ratio))
        canvas = np.full((self.size, self.size, 3), PAD, np.uint8)
        canvas[: fit[1], : fit[0]] = cv2.resize(photo, fit, interpolation=cv2.INTER_LINEAR)
        tensor = cv2.dnn.blobFromImage(canvas)
        packed = time.perf_counter()
        rows = self.session.run(None, {self.name: tensor})[0][0]
        inferred = time.perf_counter()
        found = self.decode(rows, ratio, width, height)
        return (*found, (packed - started, inferred - packed, time.perf_counter() - inferred))

    def decode(self, rows, ratio, width, height):
        """Rows [n,85] -> boxes, scores, class ids after thresholds and NMS per class."""
        likely = np.flatnonzero(rows[:, 4] >= CONFIDENCE)
        rows, cells, strides = rows[likely], self.cells[likely], self.strides[likely]
        classes = rows[:, 5:].argmax(axis=1)
        scores = rows[:, 4] * rows[np.arange(len(rows)), 5 + classes]
        sides = np.exp(rows[:, 2:4]) * strides / ratio
        corners = (rows[:, :2] + cells) * strides / ratio - sides / 2
        boxes = np.concatenate([corners, sides], axis=1)  # x, y, width, height
        if not len(boxes):
            return boxes, scores, classes
        kept = np.asarray(cv2.dnn.NMSBoxesBatched(boxes, scores, classes, CONFIDENCE, IOU), int)[:MAX_DETECTIONS]
        kept = kept[np.argsort(-scores[kept])]
        boxes = boxes[kept]
        boxes[:, 2:] += boxes[:, :2]
        return np.clip(boxes, 0, [width, height, width, height]), scores[kept], classes[kept]


class Service:
    """The WSGI application."""

    def __init__(self, detector, labels):
        self.detector, self.labels = detector, labels

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == "/health":
            status, answer = "200 OK", {"status": "ok"}
        elif environ["PATH_INFO"] != "/detect" or environ["REQUEST_METHOD"] != "POST":
            status, answer = "404 Not Found", {"error": "POST /detect"}
        else:
            try:
                body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                status, answer = "200 OK", self.detect(base64.b64decode(json.loads(body)["image"]))
            except (ValueError, KeyError, TypeError) as error:
                status, answer = "400 Bad Request", {"error": str(error)}
        body = json.dumps(answer).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    def detect(self, data):
        started = time.perf_counter()
        photo = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)  # EXIF orientation applied
        if photo is None:
            raise ValueError("the photo cannot be decoded")
        decoded = time.perf_counter()
        boxes, scores, classes, stages = self.detector(photo)
        detections = [
            {"label": self.labels[c], "class_id": c, "score": round(s, 4), "box": [round(v, 2) for v in b]}
            for b, s, c in zip(boxes.tolist(), scores.tolist(), classes.tolist())
        ]
        timings = [decoded - started, *stages, time.perf_counter() - started]
        names = ("decode", "preprocess", "inference", "postprocess", "total")
        return {
            "image": {"width": photo.shape[1], "height": photo.shape[0]},
            "detections": detections,
            "timings_ms": {name: round(1000 * seconds, 3) for name, seconds in zip(names, timings)},
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a YOLOX graph")
    parser.add_argument("--labels", type=pathlib.Path, help="a file of labels, one per line")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="ONNX Runtime's intra-op threads")
    options = parser.parse_args()
    cv2.setNumThreads(options.threads)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # or it says at each request that others wait
    labels = options.labels.read_text().splitlines() if options.labels else [f"class {i}" for i in range(80)]
    service = Service(Detector(options.model, options.threads), labels)
    server = waitress.create_server(service, host="127.0.0.1", port=options.port, ident=None)
    print(f"http://127.0.0.1:{server.effective_port}/", flush=True)
    server.run()


if __name__ == "__main__":
    main()
