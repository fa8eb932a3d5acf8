// Boxes and labels as SVG in the photo's pixels. All looks are attributes, so that a saved photo has them too.
import { drawing } from "./elements.js";
import { place, placeAnywhere } from "./layout.js";

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
const MISSING = { fill: "#00785b", ink: "#ffffff" };

/** What is tried in turn for a tab, as [size, whether with the score]; a box that is smaller than its tab gets the last. */
const TABS = [[1, true], [0.76, true], [0.76, false]];

/** The largest share of a box's side that its line takes, so that a small object is still seen. */
const THICKEST = 1 / 9;

const ruler = document.createElement("canvas").getContext("2d");
ruler.font = `500 100px ${FONT}`;
const widths = new Map();

/** Line width and text height, in proportion to the photo as annotated photos have them. */
export function photoScale({ width, height }) {
  const short = Math.min(width, height);
  return { line: Math.min(12, Math.max(1, Math.round(short / 200))), text: Math.min(64, Math.max(11, short / 26)) };
}

/** The same for a photo shown at `zoom` screen pixels per pixel: always easy to read. */
export function screenScale(zoom) {
  return { line: 2.5 / zoom, text: 15 / zoom };
}

/**
 * The drawing for a photo's `detections`, their boxes in pixels of `size`. Where labels are crowded they shrink; one that
 * would bury a box or hide another label even so is left out where `waits` (the pointer brings it), else moved away.
 */
export function overlay(size, detections, colors, { line, text }, waits) {
  const frames = [];
  const tabs = [];
  const taken = [];
  const boxes = detections.map(around);
  for (const [i, detection] of detections.entries()) {
    const { fill, ink } = colors[detection.class_id] ?? MISSING;
    frames.push(frame(boxes[i], line, fill, detection));
    const every = TABS.map(([scale, scored]) => tabOf(size, scored ? caption(detection) : detection.label, text * scale));
    const isSmall = every[0].width * every[0].height > boxes[i].width * boxes[i].height;
    const variants = isSmall ? every.slice(-1) : every;
    let found = null;
    for (const variant of variants) found ??= located(variant, place(size, boxes[i], variant, taken, boxes));
    if (!found && !waits) found = located(variants.at(-1), placeAnywhere(size, boxes[i], variants.at(-1), taken));
    if (!found) continue;
    taken.push(found.at);
    tabs.push(tabDrawing(found, fill, ink));
  }
  return drawing("svg", {
    class: "overlay", viewBox: `0 0 ${size.width} ${size.height}`, preserveAspectRatio: "none", role: "img",
    "aria-label": detections.map(caption).join(", ") || "no objects",
  }, ...frames.reverse(), ...tabs);
}

/** One detection again, with its whole label, to lie above all others. */
export function spotlight(size, detection, colors, { line, text }) {
  const { fill, ink } = colors[detection.class_id] ?? MISSING;
  const box = around(detection);
  const tab = tabOf(size, caption(detection), text);
  const at = place(size, box, tab, [], [box]) ?? placeAnywhere(size, box, tab, []);
  const lit = drawing("g", { class: "lit" }, ...lines(box, line * 1.4, fill));
  if (at) lit.append(tabDrawing({ ...tab, at }, fill, ink));
  return lit;
}

export function caption({ label, score }) {
  return `${label} ${score.toFixed(2)}`;
}

function around({ box: [x, y, right, bottom] }) {
  return { x, y, width: right - x, height: bottom - y };
}

/** A tab's text and size, `text` pixels high, or as high as the photo is wide enough for. */
function tabOf(size, words, text) {
  const wide = width(words) * text * 0.86 + text / 2;
  const shrink = Math.min(1, size.width / wide);
  return { words, letter: text * 0.86 * shrink, width: wide * shrink, height: text * 1.1 * shrink };
}

function located(tab, at) {
  return at && { ...tab, at };
}

/** The width of a text whose letters have size 1. */
function width(text) {
  if (!widths.has(text)) widths.set(text, ruler.measureText(text).width / 100);
  return widths.get(text);
}

function frame(box, line, fill, detection) {
  return drawing("g", { class: "box", "data-label": detection.label, "data-score": detection.score }, ...lines(box, line, fill));
}

/** The coloured line lies inside the box, its dark casing around it. */
function lines({ x, y, width, height }, line, fill) {
  const short = Math.min(width, height);
  const inset = Math.min(line, Math.max(line / 2.5, short * THICKEST), short) / 2;
  const casing = drawing("rect", { x, y, width, height, fill: "none", stroke: "#000", "stroke-opacity": 0.5, "stroke-width": (inset * 4) / 3 });
  const colored = drawing("rect", {
    x: x + inset, y: y + inset, width: width - 2 * inset, height: height - 2 * inset,
    fill: "none", stroke: fill, "stroke-width": inset * 2,
  });
  return [casing, colored];
}

function tabDrawing({ at, words, letter }, fill, ink) {
  const text = drawing("text", {
    x: at.x + at.width / 2, y: at.y + at.height / 2, "text-anchor": "middle", dy: ".35em",
    "font-family": FONT, "font-weight": 500, "font-size": letter, fill: ink,
  }, words);
  return drawing("g", { class: "tab" }, drawing("rect", { ...at, fill }), text);
}
