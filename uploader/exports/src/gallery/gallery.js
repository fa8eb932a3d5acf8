// The gallery: what is shown of `gallery.photos`, rows that are drawn as they come into sight, and one photo large.
import { byId, counted, drawing, element } from "./elements.js";
import { enlarge } from "./viewer.js";

const { photos, packs } = gallery;

/** Thumbnails in a file, as the exporter packs them. */
const PACK = 64;
/** Narrowest cell, and the part of it below the photo, in CSS pixels. */
const CELL = 172;
const CAPTION = 40;
const GAP = 10;
/** Rows drawn beyond those in sight. */
const AHEAD = 3;
const BINS = 20;
const UNKNOWN_COLOR = { fill: "#00785b", ink: "#ffffff" };

const grid = byId("grid");
const sheet = element("div", { class: "sheet" });
grid.append(sheet);

const chosen = { labels: new Set(), bin: null };
let shown = [];
let cells = new Map();
let columns = 1;
let focused = 0;
const asked = new Set();

function colorOf({ class_id }) {
  return gallery.colors[class_id] ?? UNKNOWN_COLOR;
}

/** Whether a detection counts with what is chosen of the charts. */
function counts({ label, score }) {
  if (chosen.labels.size > 0 && !chosen.labels.has(label)) return false;
  return chosen.bin === null || Math.min(BINS - 1, Math.floor(score * BINS)) === chosen.bin;
}

function found(photo) {
  return photo.detections.filter(counts);
}

/** The photos that pass all filters, in the order that is wanted. */
function choose() {
  const text = byId("search").value.trim().toLowerCase();
  const [kind, least, order] = [byId("kind").value, Number(byId("least").value) || 0, byId("order").value];
  const fits = {
    all: () => true,
    found: ({ detections }) => detections.length > 0,
    empty: ({ detections, error }) => detections.length === 0 && !error,
    failed: ({ error }) => Boolean(error),
  }[kind];
  const narrowed = chosen.labels.size > 0 || chosen.bin !== null;
  shown = photos.filter((photo) => {
    if (!fits(photo) || (text && !photo.name.toLowerCase().includes(text))) return false;
    const number = narrowed || least > 0 ? found(photo).length : 0;
    return (!narrowed || number > 0) && number >= least;
  });
  const best = (photo) => found(photo).reduce((most, { score }) => Math.max(most, score), -1);
  const keys = {
    name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }),
    best: (a, b) => best(b) - best(a),
    worst: (a, b) => best(a) - best(b),
    most: (a, b) => found(b).length - found(a).length,
    slow: (a, b) => (b.ms ?? -1) - (a.ms ?? -1),
  };
  if (keys[order]) shown.sort(keys[order]);
  byId("status").textContent = shown.length === photos.length ? "" : `${shown.length} of ${counted(photos.length, "photo")}`;
  for (const cell of cells.values()) cell.remove();
  cells = new Map();
  focused = Math.min(focused, Math.max(0, shown.length - 1));
  grid.scrollTop = 0;
  arrange();
  charts();
}

/** Rows and columns for the window's width. */
function arrange() {
  const width = grid.clientWidth - 2 * GAP;
  const before = columns;
  columns = Math.max(1, Math.floor((width + GAP) / (CELL + GAP)));
  const side = (width - (columns - 1) * GAP) / columns;
  sheet.dataset.side = side;
  sheet.style.height = `${Math.ceil(shown.length / columns) * (side * 0.75 + CAPTION + GAP) + GAP}px`;
  if (before !== columns || cells.size > 0) {
    for (const cell of cells.values()) cell.remove();
    cells = new Map();
  }
  draw();
}

/** Draws what is in sight and removes what is far from it. */
function draw() {
  const side = Number(sheet.dataset.side);
  const [height, row] = [side * 0.75 + CAPTION, side * 0.75 + CAPTION + GAP];
  const first = Math.max(0, Math.floor(grid.scrollTop / row) - AHEAD) * columns;
  const last = Math.min(shown.length, (Math.ceil((grid.scrollTop + grid.clientHeight) / row) + AHEAD) * columns);
  for (const [place, cell] of cells) {
    if (place >= first && place < last) continue;
    cell.remove();
    cells.delete(place);
  }
  for (let place = first; place < last; place += 1) {
    if (cells.has(place)) continue;
    const cell = cellOf(shown[place], place, side);
    Object.assign(cell.style, {
      left: `${GAP + (place % columns) * (side + GAP)}px`, top: `${GAP + Math.floor(place / columns) * row}px`,
      width: `${side}px`, height: `${height}px`,
    });
    cells.set(place, cell);
    sheet.append(cell);
  }
}

function cellOf(photo, place, side) {
  const thumb = element("span", { class: "thumb" });
  const words = photo.error ? photo.error.code : summary(found(photo));
  const cell = element("button", {
    type: "button", class: photo.error ? "cell bad" : "cell", "data-place": place, tabindex: place === focused ? 0 : -1, title: photo.name,
    onclick: () => open(place),
  }, thumb, element("span", { class: "name" }, photo.name.split("/").at(-1)), element("span", { class: "found" }, words));
  fill(thumb, photo, side);
  return cell;
}

/** The photo in its cell, once its pack has come. */
function fill(thumb, photo, side) {
  const number = Math.floor(photo.index / PACK);
  const picture = packs[number]?.[photo.index % PACK];
  if (!photo.thumb) {
    thumb.textContent = photo.error ? photo.error.message : "no picture here";
    return;
  }
  if (!packs[number]) {
    thumb.dataset.pack = number;
    ask(number);
    return;
  }
  delete thumb.dataset.pack;
  if (!picture) {
    thumb.textContent = "no picture";
    return;
  }
  const frame = element("span", { class: "frame" }, element("img", { src: `data:image/jpeg;base64,${picture}`, alt: photo.name, decoding: "async" }));
  if (photo.width) {
    const scale = Math.min(side / photo.width, (side * 0.75) / photo.height);
    Object.assign(frame.style, { width: `${photo.width * scale}px`, height: `${photo.height * scale}px` });
    frame.append(frames(photo, 2 / scale));
  }
  thumb.replaceChildren(frame);
}

/** The boxes of a thumbnail: frames without words. */
function frames({ width, height, detections }, line) {
  const boxes = detections.filter(counts).map(({ box: [x1, y1, x2, y2], ...rest }) => drawing("rect", {
    x: x1 + line / 2, y: y1 + line / 2, width: Math.max(0, x2 - x1 - line), height: Math.max(0, y2 - y1 - line),
    fill: "none", stroke: colorOf(rest).fill, "stroke-width": line,
  }));
  return drawing("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, ...boxes.reverse());
}

/** Fetches a pack; a page from a disk may load scripts, and nothing else. */
function ask(number) {
  if (asked.has(number)) return;
  asked.add(number);
  document.head.append(element("script", { src: `gallery/thumbs-${String(number).padStart(5, "0")}.js`, async: true }));
}

gallery.arrived = (number) => {
  for (const [place, cell] of cells) {
    const thumb = cell.querySelector(`[data-pack="${number}"]`);
    if (thumb) fill(thumb, shown[place], Number(sheet.dataset.side));
  }
};

function summary(detections) {
  const numbers = new Map();
  for (const { label } of detections) numbers.set(label, (numbers.get(label) ?? 0) + 1);
  return [...numbers].sort((a, b) => b[1] - a[1]).map(([label, number]) => (number > 1 ? `${number} ${label}` : label)).join(", ") || "nothing found";
}

/** One photo, large, with what is known of it. */
function open(place) {
  const photo = shown[place];
  focus(place);
  if (!photo.width) return;
  const thumb = packs[Math.floor(photo.index / PACK)]?.[photo.index % PACK];
  const stand = thumb ? `data:image/jpeg;base64,${thumb}` : "data:,";
  const rows = found(photo).map(({ label, score, box }) => element("tr", {}, ...[label, score.toFixed(2), box.map(Math.round).join(" ")].map((text) => element("td", {}, text))));
  const data = element("div", { class: "data" },
    element("p", {}, [photo.name, `${photo.width} × ${photo.height}`, photo.model, photo.ms != null && `${photo.ms} ms in the function`].filter(Boolean).join(" · ")),
    element("table", {}, ...rows));
  enlarge(photo.name, photo.src ?? stand, { width: photo.width, height: photo.height }, found(photo), gallery.colors, {
    below: data,
    instead: stand,
    step: (by) => {
      const next = place + by;
      if (next >= 0 && next < shown.length) open(next);
    },
    closed: () => cells.get(focused)?.focus(),
  });
}

/** Moves the place of the keyboard, into sight where it is not. */
function focus(place) {
  cells.get(focused)?.setAttribute("tabindex", "-1");
  focused = Math.max(0, Math.min(shown.length - 1, place));
  const row = Number(sheet.dataset.side) * 0.75 + CAPTION + GAP;
  const top = Math.floor(focused / columns) * row;
  if (top < grid.scrollTop) grid.scrollTop = top;
  if (top + row > grid.scrollTop + grid.clientHeight) grid.scrollTop = top + row - grid.clientHeight + GAP;
  draw();
  const cell = cells.get(focused);
  cell?.setAttribute("tabindex", "0");
  if (grid.contains(document.activeElement)) cell?.focus({ preventScroll: true });
}

/** Numbers of all photos by class and score; a click filters, another takes it back. */
function charts() {
  const [labels, bins] = [new Map(), new Array(BINS).fill(0)];
  for (const { detections } of photos) {
    for (const { label, class_id, score } of detections) {
      const known = labels.get(label) ?? { number: 0, class_id };
      labels.set(label, { ...known, number: known.number + 1 });
      if (chosen.labels.size === 0 || chosen.labels.has(label)) bins[Math.min(BINS - 1, Math.floor(score * BINS))] += 1;
    }
  }
  const list = [...labels].sort((a, b) => b[1].number - a[1].number);
  byId("classes").replaceChildren(...list.map(([label, { number, class_id }]) => {
    const dot = element("span", { class: "dot", "aria-hidden": "true" });
    dot.style.background = colorOf({ class_id }).fill;
    return element("button", { type: "button", "data-label": label, "aria-pressed": String(chosen.labels.has(label)), onclick: () => toggle(label) },
      dot, `${label} `, element("span", { class: "count" }, number));
  }));
  const most = Math.max(1, ...bins);
  byId("scores").replaceChildren(...bins.map((number, bin) => {
    const bar = element("i", { "aria-hidden": "true" });
    bar.style.height = `${(number / most) * 100}%`;
    const range = `${(bin / BINS).toFixed(2)} to ${((bin + 1) / BINS).toFixed(2)}`;
    return element("button", {
      type: "button", "data-bin": bin, "aria-pressed": String(chosen.bin === bin), "aria-label": `${counted(number, "object")} with a score of ${range}`, title: `${range}: ${counted(number, "object")}`,
      onclick: () => {
        chosen.bin = chosen.bin === bin ? null : bin;
        choose();
      },
    }, bar);
  }));
}

function toggle(label) {
  if (!chosen.labels.delete(label)) chosen.labels.add(label);
  choose();
  byId("classes").querySelector(`[data-label="${CSS.escape(label)}"]`)?.focus();
}

for (const id of ["search", "kind", "least", "order"]) byId(id).addEventListener("input", choose);
byId("reset").addEventListener("click", () => {
  for (const [id, value] of [["search", ""], ["kind", "all"], ["least", "0"], ["order", "given"]]) byId(id).value = value;
  chosen.labels.clear();
  chosen.bin = null;
  choose();
});
grid.addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
grid.addEventListener("keydown", (event) => {
  const page = columns * Math.max(1, Math.floor(grid.clientHeight / (Number(sheet.dataset.side) * 0.75 + CAPTION + GAP)));
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  focus(focused + step);
});
new ResizeObserver(arrange).observe(grid);

const objects = photos.reduce((sum, { detections }) => sum + detections.length, 0);
const failed = photos.filter(({ error }) => error).length;
byId("facts").textContent = [
  counted(photos.length, "photo"), counted(objects, "object"), failed > 0 && `${failed} failed`, [...new Set(photos.map(({ model }) => model).filter(Boolean))].join(", "),
].filter(Boolean).join(" · ");
choose();
