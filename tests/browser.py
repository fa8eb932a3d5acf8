"""Headless Chromium by the WebDriver protocol: what the tests of the page need of it."""

import base64
import json
import pathlib
import shutil
import subprocess
import time
import urllib.error
import urllib.request

import support

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's name for a reference to an element
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars --force-color-profile=srgb"""


def require_chromium():
    """Skips the test where Debian's packages chromium and chromium-driver are missing."""
    missing = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    if missing:
        support.skip(f"{' and '.join(missing)} not found", "apt-get install chromium chromium-driver")


def start_driver(folder):
    """chromedriver and its port. Once in many starts it ends at once, as where its free port of IPv4 is taken in IPv6: then again."""
    printed = []
    for _ in range(5):
        process = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder
        )
        for line in process.stdout:
            printed.append(line)
            if "started successfully on port" in line:
                return process, line.rsplit(" ", 1)[1].rstrip(".\n")
        process.wait(10)
    raise AssertionError(f"chromedriver did not start: {''.join(printed)}")


class Browser:
    """One browser with one empty profile."""

    def __init__(self, folder):
        self.downloads = pathlib.Path(folder) / "downloads"
        self.downloads.mkdir(parents=True)
        self.process, port = start_driver(folder)
        try:
            self.url = f"http://127.0.0.1:{port}/session"
            options = {
                "args": [*FLAGS.split(), f"--user-data-dir={folder}/profile"],
                "prefs": {"download.default_directory": str(self.downloads)},
            }
            capabilities = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            session = self._send("POST", "", {"capabilities": {"alwaysMatch": capabilities}})
            self.url += f"/{session['sessionId']}"
            self._send("POST", "/timeouts", {"pageLoad": 10_000})
            # The clipboard is for focused pages only, and not every headless Chromium focuses its window.
            self.devtools("Emulation.setFocusEmulationEnabled", {"enabled": True})
        except BaseException:
            self.process.kill()
            raise

    def close(self):
        try:
            self._send("DELETE", "")
        finally:
            self.process.terminate()
            self.process.wait(10)

    def open(self, url):
        self._send("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """What a function body returns in the page; a promise is awaited."""
        return self._send("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector):
        """A reference to an element, which `run` takes as an argument."""
        return self._send("POST", "/element", {"using": "css selector", "value": selector})

    def type(self, selector, text):
        """Keys into an element; for a file input, the paths of files, one a line."""
        self._send("POST", f"/element/{self.find(selector)[ELEMENT]}/value", {"text": str(text)})

    def click(self, selector):
        self._send("POST", f"/element/{self.find(selector)[ELEMENT]}/click", {})

    def keys(self, *keys):
        """Keys pressed wherever the focus is."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._send("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def point(self, x, y):
        """Moves the mouse to a place in the window."""
        move = {"type": "pointerMove", "x": round(x), "y": round(y)}
        self._send("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": [move]}]})

    def downloaded(self, name, seconds=30):
        """The bytes of a file that the page hands to the browser."""
        path, deadline = self.downloads / name, time.monotonic() + seconds
        while not path.exists():
            assert time.monotonic() < deadline, f"{name} was not downloaded: {[p.name for p in self.downloads.iterdir()]}"
            time.sleep(0.05)
        return path.read_bytes()

    def wait(self, script, *arguments, seconds=120):
        """Waits until a function body returns something true; gives that. Longer than the page's own patience: where the
        emulator loses an answer by silence, the page asks again after 90 seconds."""
        deadline = time.monotonic() + seconds
        while not (value := self.run(script, *arguments)):
            assert time.monotonic() < deadline, f"{script!r} did not come true; the page says:\n{self.run('return document.body.innerText')}"
            time.sleep(0.05)
        return value

    def look(self, width, height, dark=False, phone=False):
        """The size and the colour scheme that the page sees; nothing moves, so that a screenshot is of a moment."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone},
        )
        wishes = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        self.devtools("Emulation.setEmulatedMedia", {"features": features})

    def screenshot(self, path, whole=False):
        options = {"format": "png", "captureBeyondViewport": whole}
        if whole:
            size = self.devtools("Page.getLayoutMetrics", {})["cssContentSize"]
            options["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        pathlib.Path(path).write_bytes(base64.b64decode(self.devtools("Page.captureScreenshot", options)["data"]))

    def devtools(self, command, parameters):
        return self._send("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def console(self):
        """What was logged since the last call: [(level, message)]."""
        return [(entry["level"], entry["message"]) for entry in self._send("POST", "/se/log", {"type": "browser"})]

    def _send(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {json.load(error)['value']['message']}") from None
