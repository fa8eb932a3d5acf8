"""Makes the pictures of the README, docs/pictures/, from the sample photos (public domain): `make pictures`.

Needs Chromium and its driver (tests/browser.py). Look at what it made before you commit it."""

import io
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import browser
import PIL.Image
import support

FOLDER = support.ROOT / "docs" / "pictures"
SAMPLES = support.ROOT / ".tools" / "samples"
PHOTOS = [SAMPLES / f"{name}.png" for name in ("motorcycle_left", "chelsea", "coffee", "astronaut")]
# A desktop with a mouse: headless Chromium has none.
browser.FLAGS += " --blink-settings=availableHoverTypes=2,primaryHoverType=2,availablePointerTypes=4,primaryPointerType=4"

DONE = "return document.querySelectorAll('.card').length === arguments[0] && !document.querySelector('.waiting')"
DRAWN = "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 300))))"


def shoot(chrome, name, scratch, **look):
    """One screenshot as a JPEG."""
    chrome.look(**look)
    chrome.run(DRAWN)
    chrome.screenshot(scratch / "screen.png")
    screen = PIL.Image.open(scratch / "screen.png").convert("RGB")
    screen.resize((look["width"], look["height"]), PIL.Image.LANCZOS).save(FOLDER / name, quality=80, optimize=True, progressive=True)


def main():
    for tool in ("chromium", "chromedriver"):
        if not shutil.which(tool):
            sys.exit(f"pictures: {tool} not found (Debian: apt-get install chromium chromium-driver)")
    FOLDER.mkdir(parents=True, exist_ok=True)
    model_dir = os.environ.get("MODEL_DIR") or str(support.assets("models"))
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        local = support.Local(scratch / "log", MODEL_DIR=model_dir)
        try:
            chrome = browser.Browser(scratch)
            try:
                desktop, phone = {"width": 1280, "height": 860}, {"width": 390, "height": 760, "phone": True}
                chrome.look(**desktop)
                chrome.open(local.base)
                # The first photo of each shape loads a session of its own: not what the bars are to show.
                for path in PHOTOS:
                    local.client.post(path.read_bytes(), content_type="image/png").ok()
                chrome.type("#files", "\n".join(map(str, PHOTOS)))
                chrome.wait(DONE, len(PHOTOS))
                chrome.run("document.activeElement.blur()")
                shoot(chrome, "page.jpg", scratch, **desktop)
                shoot(chrome, "page-dark.jpg", scratch, dark=True, **desktop)
                shoot(chrome, "page-phone.jpg", scratch, **phone)
            finally:
                chrome.close()
            model = local.client.call("GET", "/model").json
        finally:
            local.close()
        photo = SAMPLES / "motorcycle_left.png"
        command = [support.binary("uploader"), "detect", photo, "--annotate", scratch / "drawn", "-q"]
        subprocess.run(command, check=True, env=support.environment(MODEL_DIR=model_dir), stdout=subprocess.DEVNULL)
        drawn = next((scratch / "drawn").rglob("*.jpg"))
        annotated = io.BytesIO(drawn.read_bytes())
        PIL.Image.open(annotated).save(FOLDER / "annotated.jpg", quality=85, optimize=True)
    print(f"{FOLDER}: model {model['name']}, sha256 {model['sha256']}")
    for path in sorted(FOLDER.iterdir()):
        print(f"{path.stat().st_size / 1000:7.0f} kB  {path.name}")


if __name__ == "__main__":
    main()
