"""Makes outlines.txt, which the detector draws labels with, from DejaVuSans-latin.ttf. Needs fontTools 4.60:

    python3 detector/font/outlines.py >detector/font/outlines.txt

First line: ascent and descent, in units of the font. Then a line per character, in order: its code point (`0` stands for all
that the font lacks), how far it advances, and its outline as an SVG path whose y axis points down.
"""

import pathlib

from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.pens.transformPen import TransformPen
from fontTools.ttLib import TTFont

font = TTFont(pathlib.Path(__file__).parent / "DejaVuSans-latin.ttf")
glyphs = font.getGlyphSet()
print(font["hhea"].ascent, font["hhea"].descent)
for code, name in sorted({0: ".notdef", **font.getBestCmap()}.items()):
    path = SVGPathPen(glyphs)
    glyphs[name].draw(TransformPen(path, (1, 0, 0, -1, 0, 0)))
    print(f"{code:X} {glyphs[name].width} {path.getCommands()}".rstrip())
