"""A browser, and the function's page in it."""

import contextlib
import urllib.parse

import browser as chromium
import pytest
import samples
import support

OUT = support.ROOT / "out"
PLAIN, ROTATED, CROWD = samples.BUSY, samples.ROTATED, samples.CROWD

# Each frame on a card: its label, score and corners in the photo's pixels, as they lie on the screen.
FRAMES = """
const card = document.querySelector(`.card[aria-label="${arguments[0]}"]`);
const photo = card.querySelector(".picture").getBoundingClientRect();
const [width, height] = card.querySelector(".overlay").getAttribute("viewBox").split(" ").slice(2).map(Number);
return [...card.querySelectorAll(".overlay .box")].map((box) => {
  const frame = box.querySelector("rect"), { x, y, width: w, height: h } = frame.getBBox(), at = frame.getScreenCTM();
  const [a, b] = [new DOMPoint(x, y), new DOMPoint(x + w, y + h)].map((corner) => corner.matrixTransform(at));
  const across = width / photo.width, down = height / photo.height;
  return {
    label: box.dataset.label, score: Number(box.dataset.score), stroke: box.querySelector("rect:last-child").getAttribute("stroke"),
    box: [(a.x - photo.x) * across, (a.y - photo.y) * down, (b.x - photo.x) * across, (b.y - photo.y) * down],
  };
});
"""
DONE = "return document.querySelectorAll('.card').length === arguments[0] && !document.querySelector('.waiting')"
SET = "const slider = document.getElementById(arguments[0]); slider.value = arguments[1]; slider.dispatchEvent(new Event('input'));"
DRAWN = "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 300))))"
TEXT = "return document.querySelector(`.card[aria-label=\"${arguments[0]}\"]`).innerText"
REQUESTS = "return performance.getEntriesByType('resource').filter((entry) => entry.name.includes('/detect?')).length"


@pytest.fixture(scope="module")
def client(squares):
    return support.Client(squares.base)


@pytest.fixture(scope="module")
def chrome(tmp_path_factory):
    chromium.require_chromium()
    opened = chromium.Browser(tmp_path_factory.mktemp("browser"))
    opened.devtools("Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
    OUT.mkdir(exist_ok=True)
    yield opened
    opened.close()


class Page:
    """The page of a function, freshly opened."""

    def __init__(self, chrome, local):
        self.chrome, self.client = chrome, support.Client(local.base)
        chrome.look(1280, 900)
        self.open(local.base)

    def open(self, url):
        """Opens it; again where the emulator lost the answer."""
        for _ in range(4):
            self.chrome.console()
            with contextlib.suppress(AssertionError):
                self.chrome.open(url)
                if self.chrome.run("return Boolean(document.getElementById('drop'))"):
                    return
        raise AssertionError(f"{url} does not open")

    def choose(self, *paths):
        """Chooses files and waits for their answers."""
        self.chrome.type("#files", "\n".join(str(path) for path in paths))
        self.chrome.wait(DONE, len(paths))
        self.chrome.run(DRAWN)

    def set(self, **sliders):
        for name, value in sliders.items():
            self.chrome.run(SET, name, value)
        self.chrome.run(DRAWN)

    def frames(self, name):
        """The frames on a photo, the best first."""
        return self.chrome.run(FRAMES, name)[::-1]

    def text(self, name):
        return self.chrome.run(TEXT, name)

    def click(self, name, button):
        """Clicks a button of a card."""
        find = "return [...document.querySelectorAll(`.card[aria-label=\"${arguments[0]}\"] button`)].find((b) => b.textContent === arguments[1]).click()"
        self.chrome.run(find, name, button)

    def answer(self, path, **options):
        """What the function says of the same photo."""
        return self.client.post(path.read_bytes(), f"/detect?{urllib.parse.urlencode(options)}", "image/jpeg").ok()

    def silent(self):
        """Asserts that nothing was logged as an error."""
        # The emulator's lost answers are asked for again, but the browser tells of them.
        errors = [text for level, text in self.chrome.console() if level == "SEVERE" and "status of 500" not in text]
        assert not errors, errors


@pytest.fixture
def page(chrome, real):
    samples.make()
    opened = Page(chrome, real)
    yield opened
    opened.silent()


def same_frames(frames, detections, pixels):
    assert [(f["label"], f["score"]) for f in frames] == [(d["label"], d["score"]) for d in detections]
    for frame, detection in zip(frames, detections):
        assert frame["box"] == pytest.approx(detection["box"], abs=pixels)
