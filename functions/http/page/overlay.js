// Boxes and labels as SVG in the photo's pixels. All looks are attributes, so that a saved photo has them too.
import { drawing } from "./elements.js";
import { place } from "./layout.js";

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
const MISSING = { fill: "#00785b", ink: "#ffffff" };
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

/** The drawing for a photo's `detections`, their boxes in pixels of `size`. */
export function overlay(size, detections, colors, { line, text }) {
  const letter = text * 0.86;
  const caption = ({ label, score }) => `${label} ${score.toFixed(2)}`;
  const wide = (detection) => width(caption(detection)) * letter;
  const shrink = Math.min(1, ...detections.map((detection) => size.width / (wide(detection) + text / 2)));
  const frames = [];
  const tabs = [];
  const taken = [];
  for (const detection of detections) {
    const { fill, ink } = colors[detection.class_id] ?? MISSING;
    const [x, y, right, bottom] = detection.box;
    const around = { x, y, width: right - x, height: bottom - y };
    frames.push(frame(around, line, fill, detection, caption(detection)));
    const tab = place(size, around, { width: (wide(detection) + text / 2) * shrink, height: text * 1.1 * shrink }, taken);
    if (!tab) continue;
    taken.push(tab);
    tabs.push(drawing("g", { class: "tab" },
      drawing("rect", { ...tab, fill }),
      label(tab, caption(detection), letter * shrink, ink)));
  }
  return drawing("svg", {
    class: "overlay", viewBox: `0 0 ${size.width} ${size.height}`, preserveAspectRatio: "none", role: "img",
    "aria-label": detections.map(caption).join(", ") || "no objects",
  }, ...frames.reverse(), ...tabs);
}

/** The width of a text whose letters have size 1. */
function width(text) {
  if (!widths.has(text)) widths.set(text, ruler.measureText(text).width / 100);
  return widths.get(text);
}

/** The coloured line lies inside the box, its dark casing around it. */
function frame({ x, y, width, height }, line, fill, { label: name, score }, caption) {
  const inset = Math.min(line, width, height) / 2;
  const casing = drawing("rect", { x, y, width, height, fill: "none", stroke: "#000", "stroke-opacity": 0.5, "stroke-width": (line * 2) / 3 });
  const colored = drawing("rect", {
    x: x + inset, y: y + inset, width: width - 2 * inset, height: height - 2 * inset,
    fill: "none", stroke: fill, "stroke-width": inset * 2,
  });
  return drawing("g", { class: "box", "data-label": name, "data-score": score }, drawing("title", {}, caption), casing, colored);
}

function label(tab, caption, letter, ink) {
  return drawing("text", {
    x: tab.x + tab.width / 2, y: tab.y + tab.height / 2, "text-anchor": "middle", dy: ".35em",
    "font-family": FONT, "font-weight": 500, "font-size": letter, fill: ink,
  }, caption);
}
