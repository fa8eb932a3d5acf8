"""Writes lossy.webp: the test picture (four quadrants: red, green, blue, grey; 64 x 48) in the one encoding that the
Rust tests cannot write themselves. Needs Pillow. Run: python3 make.py"""

from pathlib import Path

from PIL import Image

image = Image.new("RGB", (64, 48))
for left, top, color in [(0, 0, (220, 30, 30)), (32, 0, (30, 200, 30)), (0, 24, (30, 40, 220)), (32, 24, (120, 120, 120))]:
    image.paste(color, (left, top, left + 32, top + 24))
image.save(Path(__file__).parent / "lossy.webp", quality=90)
