"""`uploader page` in a real browser: a function's page, forwarded and signed, and another web site that tries to use it."""

import contextlib
import http.server
import subprocess
import threading

import browser as chromium
import pytest
import samples
import support

DONE = "return document.querySelectorAll('.card').length === 1 && !document.querySelector('.waiting')"
# Without asking for the answer a browser sends it, as far as anybody lets it: `no-cors`, and an image.
ABUSE = """
const address = arguments[0];
const outcome = await fetch(address + "detect", { method: "POST", mode: "no-cors", body: "photo" }).then(() => "sent", () => "failed");
const image = new Image();
await new Promise((done) => { image.onload = image.onerror = done; image.src = address + "sample.jpg"; });
const read = await fetch(address + "model").then((response) => response.text(), () => "failed");
return [outcome, image.naturalWidth, read];
"""


class Forwarded:
    """`uploader page` of a function, until close()."""

    def __init__(self, base, *arguments, **variables):
        command = [support.binary("uploader"), "page", "--url", base, "--port", "0", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=support.environment(**variables))
        self.base = self.process.stdout.readline().strip()
        assert self.base.startswith("http://127.0.0.1:"), self.base

    def close(self):
        self.process.terminate()
        assert self.process.wait(15) == 143


@pytest.fixture
def function(tmp_path):
    server = support.Server(tmp_path / "log", model=support.ROOT / "model" / "spotter-nano", RUST_LOG="info")
    yield server
    server.close()


@pytest.fixture
def forwarded(function):
    page = Forwarded(function.base, "--sign", "eu-central-1", AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY="secret")
    yield page
    page.close()


@pytest.fixture
def chrome(tmp_path):
    chromium.require_chromium()
    opened = chromium.Browser(tmp_path / "browser")
    yield opened
    opened.close()


@contextlib.contextmanager
def web_site():
    """Another web site on this machine; `localhost` is not 127.0.0.1 to a browser."""

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>another site</title>")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_address[1]}/"
        server.shutdown()


def test_photos_are_answered_through_it(function, forwarded, chrome):
    samples.make()
    photo = samples.BUSY
    chrome.look(1280, 900)
    chrome.open(forwarded.base)
    chrome.type("#files", str(photo))
    chrome.wait(DONE)
    labels = set(chrome.run("return [...document.querySelectorAll('.card .overlay .box')].map((box) => box.dataset.label)"))
    direct = {found["label"] for found in support.Client(function.base).post(photo.read_bytes()).ok()["detections"]}
    assert direct and labels == direct
    assert not [text for level, text in chrome.console() if level == "SEVERE"]


def test_what_it_forwards_is_what_the_function_says(function, forwarded):
    direct, through = support.Client(function.base), support.Client(forwarded.base)
    for method, path in [("GET", "/"), ("HEAD", "/"), ("GET", "/model"), ("GET", "/sample.jpg"), ("GET", "/nowhere")]:
        one, other = direct.call(method, path), through.call(method, path)
        assert (one.status, one.type, one.body) == (other.status, other.type, other.body), path
        for name in ("content-security-policy", "etag", "content-length", "x-content-type-options"):
            assert one.headers.get(name) == other.headers.get(name), (path, name)
    etag = through.call("GET", "/").headers["etag"]
    assert through.call("GET", "/", **{"If-None-Match": etag}).status == 304


def test_another_web_site_gets_nothing(function, forwarded, chrome):
    before = function.log.read_text().count("/detect")
    with web_site() as site:
        chrome.open(site)
        sent, width, read = chrome.run(ABUSE, forwarded.base)
    # The browser does send the first; it must not reach the function.
    assert width == 0 and read == "failed", (sent, width, read)
    assert function.log.read_text().count("/detect") == before
    assert support.Client(forwarded.base).call("GET", "/model").status == 200
