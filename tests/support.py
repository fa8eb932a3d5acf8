"""Where the tests find the programs, the photos and the models, and how they talk to the function."""

import base64
import contextlib
import http.client
import io
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import time
import urllib.parse

import PIL.Image
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
ASSETS = pathlib.Path(os.environ.get("SPOTTER_ASSETS") or ROOT.parent / "shared" / "assets").resolve()
BINARIES = pathlib.Path(os.environ.get("SPOTTER_BIN") or ROOT / "target" / "release").resolve()
IMAGE = os.environ.get("IMAGE") or "spotter:latest"


def assets(path):
    """A file or folder of the assets, which are not part of the tree."""
    return ASSETS / path


TO_RUN_IT = "; to run it: "


def skip(missing, how):
    """Skips the test, and says what is missing and how to run it. conftest.py takes no skip that does not; in CI none at all."""
    pytest.skip(missing + TO_RUN_IT + how)


def require_assets():
    """Skips the test where the assets are missing."""
    if not ASSETS.is_dir():
        skip(f"the assets (photos, weights, hostile files) are not at {ASSETS}", "set SPOTTER_ASSETS to a folder of them")


def binary(name):
    """A built program."""
    path = BINARIES / name
    assert path.exists(), f"{path} is missing: cargo build --release, or set SPOTTER_BIN"
    return path


def environment(**more):
    """The environment in which programs under test run."""
    tools = ROOT / ".tools"
    given = {
        "ORT_DYLIB_PATH": str(tools / "lib" / "libonnxruntime.so"),
        "PATH": f"{tools / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "MODEL_DIR": str(ASSETS / "models"),
    }
    unset = ("MODEL", "CONFIDENCE", "IOU", "MAX_DETECTIONS", "CLASSES", "SLICE", "REDACT")
    return {k: v for k, v in os.environ.items() if k not in unset} | given | more


class Reply:
    """An HTTP answer: status, headers (by lower-case name), body, and the seconds it took."""

    def __init__(self, status, headers, body, seconds):
        self.status, self.body, self.seconds = status, body, seconds
        self.headers = {name.lower(): value for name, value in headers}
        self.type = self.headers.get("content-type", "").split(";")[0]

    @property
    def json(self):
        return json.loads(self.body)

    def problem(self, status, code):
        """Asserts that this is the problem document of that code."""
        assert self.status == status, f"{self.status} instead of {status}: {self.body[:300]}"
        assert self.type == "application/problem+json", self.type
        assert self.json["code"] == code, self.json
        assert self.json["status"] == status and self.json["title"] and self.json["type"], self.json
        assert len(self.json["detail"]) > 10, self.json
        return self

    def ok(self):
        """Asserts 200; gives the JSON."""
        assert self.status == 200, f"{self.status}: {self.body[:300]}"
        return self.json


class Client:
    """Sends requests to a function URL over one kept-alive connection."""

    def __init__(self, base):
        self.base = base
        url = urllib.parse.urlsplit(base)
        self.prefix = url.path.rstrip("/")
        self.connection = http.client.HTTPConnection(url.hostname, url.port, timeout=20)
        self.used = time.monotonic()

    def call(self, method, path, body=b"", content_type=None, **headers):
        """Asks, and asks again where the emulator lost the answer: one of a hundred larger ones, by a 500 of its own (the
        function's are problem documents) or by silence."""
        if content_type:
            headers["Content-Type"] = content_type
        for _ in range(4):
            with contextlib.suppress(TimeoutError):
                reply = self._call(method, path, body, headers)
                if reply.status != 500 or reply.type == "application/problem+json":
                    return reply
        raise AssertionError(f"{method} {path} is not answered")

    def _call(self, method, path, body, headers):
        started = time.monotonic()
        if started - self.used > 60:  # A server closes connections that nobody uses.
            self.connection.close()
        self.used = started
        try:
            self.connection.request(method, self.prefix + path, body, headers)
            response = self.connection.getresponse()
            return Reply(response.status, response.getheaders(), response.read(), time.monotonic() - started)
        except (http.client.HTTPException, OSError):
            self.connection.close()
            raise

    def post(self, body, path="/detect", content_type="application/octet-stream"):
        return self.call("POST", path, body, content_type)

    def json(self, members, path="/detect"):
        """Posts a JSON object; photos in `image` and `images` may be bytes."""
        members = dict(members)
        if isinstance(members.get("image"), bytes):
            members["image"] = base64.b64encode(members["image"]).decode()
        if isinstance(members.get("images"), list):
            photos = members["images"]
            members["images"] = [base64.b64encode(p).decode() if isinstance(p, bytes) else p for p in photos]
        return self.post(json.dumps(members), path, "application/json")


class Local:
    """`uploader local` on a free port: the function over plain HTTP, until close()."""

    def __init__(self, log, model=None, arguments=(), **variables):
        command = [str(binary("uploader")), "local", "--port", "0", *arguments, *(["--model", str(model)] if model else [])]
        self.log = pathlib.Path(log)
        with self.log.open("w") as stderr:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment(**variables), start_new_session=True
            )
        self.base = self.process.stdout.readline().strip()
        if not self.base.startswith("http://127.0.0.1:"):
            self.close()
            raise AssertionError(f"uploader local printed {self.base!r}:\n{self.log.read_text()[-3000:]}")
        self.client = Client(self.base)

    def family(self):
        """{process id: command name} of everything that runs under it."""
        parents = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                pid, name, rest = re.match(r"(\d+) \((.*)\) . (\d+)", stat.read_text()).groups()
                parents[int(pid)] = (name, int(rest))
        family, grown = {self.process.pid}, True
        while grown:
            grown = {pid for pid, (_, parent) in parents.items() if parent in family} - family
            family |= grown
        return {pid: parents[pid][0] for pid in family if pid in parents}

    def functions(self):
        """Process ids of the function's copies."""
        return [pid for pid, name in self.family().items() if name == "detect-http"]

    def peak_megabytes(self):
        """The largest resident size any copy of the function has had."""
        status = [pathlib.Path(f"/proc/{pid}/status").read_text() for pid in self.functions()]
        return max(int(re.search(r"VmHWM:\s*(\d+)", text)[1]) for text in status) / 1024

    def close(self, patience=15):
        """Ctrl-C; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("uploader local did not end on Ctrl-C") from None


class Emulator(Local):
    """`uploader local --emulator`: the same function under Lambda's emulator."""

    def __init__(self, log, model=None, arguments=(), **variables):
        super().__init__(log, model, ("--emulator", *arguments), **variables)


class Server:
    """`detect-http --listen`, on a free port unless one is given: the plain server, until close()."""

    def __init__(self, log, model=None, arguments=(), ready=True, port=0, **variables):
        command = [str(binary("detect-http")), "--listen", f"127.0.0.1:{port}", *arguments]
        variables |= {"MODEL": str(model)} if model else {}
        self.log = pathlib.Path(log)
        with self.log.open("w") as stderr:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment(**variables), start_new_session=True
            )
        self.base = self.process.stdout.readline().strip()
        if not re.fullmatch(r"http://127\.0\.0\.1:\d+/", self.base):
            self.close()
            raise AssertionError(f"detect-http printed {self.base!r}:\n{self.log.read_text()[-3000:]}")
        self.client = Client(self.base)
        while ready and self.client.call("GET", "/health").status != 200:
            time.sleep(0.01)

    def megabytes(self, name="VmRSS"):
        """Resident memory now, or at its peak (VmHWM)."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{name}:\s*(\d+)", status)[1]) / 1024

    def close(self, patience=40):
        """SIGTERM; returns the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("detect-http did not end on SIGTERM") from None


def fixture(name):
    """A fixture of a model head: its folder, and its cases [(PNG bytes, expected detections)]."""
    folder = ROOT / "model" / "fixtures" / name
    cases = json.loads((folder / "expected.json").read_text())["cases"]
    return folder, [(draw(case["picture"]), case["detections"]) for case in cases]


def draw(picture, scale=1, kind="PNG"):
    """The file of a fixture's picture, enlarged by a whole number."""
    size = (picture["width"] * scale, picture["height"] * scale)
    image = PIL.Image.new("RGB", size, tuple(picture["background"]))
    for rectangle in picture["rectangles"]:
        x1, y1, x2, y2 = (v * scale for v in rectangle["box"])
        image.paste(tuple(rectangle["color"]), (x1, y1, x2, y2))
    return encode(image, kind)


def encode(image, kind="PNG"):
    """The bytes of a Pillow image's file."""
    file = io.BytesIO()
    image.save(file, kind, **({"quality": 95, "subsampling": 0} if kind == "JPEG" else {}))
    return file.getvalue()


def same_boxes(found, expected, pixels=0.5, score=0.02):
    """Asserts that detections agree in order and label, in boxes to `pixels`, in scores to `score`."""
    assert [f["label"] for f in found] == [e["label"] for e in expected], (found, expected)
    for f, e in zip(found, expected):
        assert f["class_id"] == e["class_id"]
        assert f["score"] == pytest.approx(e["score"], abs=score)
        assert f["box"] == pytest.approx(e["box"], abs=pixels)


def on_terminal(command, printed, **variables):
    """What a command writes to standard error where that is a terminal; standard output goes to `printed`."""
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        list(map(str, command)), stdout=printed, stderr=theirs, env=environment(TERM="xterm-256color", **variables)
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # Linux's way to say that nobody is at the other end.
        while piece := os.read(terminal, 4096):
            shown += piece
    os.close(terminal)
    assert process.wait(60) == 0, shown[-2000:]
    return shown
