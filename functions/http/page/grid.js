// Many photos as small pictures with their boxes: a grid whose rows are drawn as they come into sight.
import { drawing, element } from "./elements.js";

/** Narrowest cell, the part of it below the photo, and the space between cells, in CSS pixels. */
const CELL = 172;
const CAPTION = 40;
const GAP = 10;
/** Rows drawn beyond those in sight. */
const AHEAD = 3;
/** A thumbnail's height for its width. */
const SHAPE = 0.75;

export class Grid {
  #host;
  #sheet = element("div", { class: "sheet" });
  #items = [];
  #cells = new Map();
  #columns = 1;
  #side = CELL;
  #focused = 0;

  /**
   * `host` scrolls by itself, or with the window. `look(item)` tells how an item looks: its `name`, the `words` below it, whether
   * it is `bad`, a `picture` (an element, or a text in its place), its `size` in pixels and the `boxes` on it, each with a
   * `stroke`. `open(place)`: a cell was clicked.
   */
  constructor(host, look, open) {
    Object.assign(this, { look, open });
    this.#host = host;
    host.append(this.#sheet);
    addEventListener("scroll", () => requestAnimationFrame(() => this.#draw()), { passive: true, capture: true });
    host.addEventListener("keydown", (event) => this.#press(event));
    new ResizeObserver(() => this.#arrange()).observe(host);
  }

  /** Shows other items, from the first. */
  show(items) {
    this.#items = items;
    this.#focused = Math.min(this.#focused, Math.max(0, items.length - 1));
    this.#host.scrollTop = 0;
    this.#arrange();
  }

  /** The same items as they are now, each in its place. */
  replace(items) {
    this.#items = items;
    this.refresh();
  }

  /** Draws items again where they are in sight: all, or those that `which` names. */
  refresh(which = () => true) {
    for (const [place, cell] of this.#cells) if (which(this.#items[place])) this.#fill(cell, this.#items[place]);
  }

  /** Moves the keyboard's place, into sight where it is not. */
  focus(place) {
    this.#cells.get(this.#focused)?.setAttribute("tabindex", "-1");
    this.#focused = Math.max(0, Math.min(this.#items.length - 1, place));
    const top = Math.floor(this.#focused / this.#columns) * this.#row;
    const sight = this.#sight;
    if (top < sight.top) this.#scroll(top - sight.top);
    else if (top + this.#row > sight.top + sight.height) this.#scroll(top + this.#row + GAP - sight.top - sight.height);
    this.#draw();
    const cell = this.#cells.get(this.#focused);
    cell?.setAttribute("tabindex", "0");
    if (this.#host.contains(document.activeElement)) cell?.focus({ preventScroll: true });
  }

  /** Gives the keyboard back to the cell that had it. */
  takeFocus() {
    this.#cells.get(this.#focused)?.focus({ preventScroll: true });
  }

  get #row() {
    return this.#side * SHAPE + CAPTION + GAP;
  }

  get #scrolls() {
    return getComputedStyle(this.#host).overflowY === "auto";
  }

  /** What is seen of the sheet: where it begins, and how high it is. */
  get #sight() {
    if (this.#scrolls) return { top: this.#host.scrollTop, height: this.#host.clientHeight };
    const { top } = this.#host.getBoundingClientRect();
    const covered = parseFloat(getComputedStyle(this.#host).scrollMarginTop) || 0;
    return { top: Math.max(0, covered - top), height: innerHeight - Math.max(covered, top) };
  }

  #scroll(by) {
    (this.#scrolls ? this.#host : window).scrollBy(0, by);
  }

  /** Rows and columns for the width that there is. */
  #arrange() {
    const width = this.#host.clientWidth - 2 * GAP;
    if (width <= 0) return;
    this.#columns = Math.max(1, Math.floor((width + GAP) / (CELL + GAP)));
    this.#side = (width - (this.#columns - 1) * GAP) / this.#columns;
    this.#sheet.style.height = `${Math.ceil(this.#items.length / this.#columns) * this.#row + GAP}px`;
    for (const cell of this.#cells.values()) cell.remove();
    this.#cells.clear();
    this.#draw();
  }

  /** Draws what is in sight and removes what is far from it. */
  #draw() {
    const { top, height } = this.#sight;
    const first = Math.max(0, Math.floor(top / this.#row) - AHEAD) * this.#columns;
    const last = Math.min(this.#items.length, (Math.ceil((top + height) / this.#row) + AHEAD) * this.#columns);
    for (const [place, cell] of this.#cells) {
      if (place >= first && place < last) continue;
      cell.remove();
      this.#cells.delete(place);
    }
    for (let place = first; place < last; place += 1) {
      if (this.#cells.has(place)) continue;
      const cell = this.#cell(place);
      this.#cells.set(place, cell);
      this.#sheet.append(cell);
    }
  }

  #cell(place) {
    const cell = element("button", {
      type: "button", "data-place": place, tabindex: place === this.#focused ? 0 : -1, onclick: () => this.open(place),
    }, element("span", { class: "thumb" }), element("span", { class: "name" }), element("span", { class: "found" }));
    Object.assign(cell.style, {
      left: `${GAP + (place % this.#columns) * (this.#side + GAP)}px`, top: `${GAP + Math.floor(place / this.#columns) * this.#row}px`,
      width: `${this.#side}px`, height: `${this.#row - GAP}px`,
    });
    this.#fill(cell, this.#items[place]);
    return cell;
  }

  #fill(cell, item) {
    const { name, words, bad, picture, size, boxes } = this.look(item);
    const [thumb, title, found] = cell.children;
    cell.className = bad ? "cell bad" : "cell";
    cell.title = name;
    title.textContent = name.split("/").at(-1);
    found.textContent = words;
    if (typeof picture === "string" || !size) {
      thumb.replaceChildren(picture);
      return;
    }
    const scale = Math.min(this.#side / size.width, (this.#side * SHAPE) / size.height);
    const frame = element("span", { class: "frame" }, picture, frames(size, boxes, 2 / scale));
    Object.assign(frame.style, { width: `${size.width * scale}px`, height: `${size.height * scale}px` });
    thumb.replaceChildren(frame);
  }

  #press(event) {
    const page = this.#columns * Math.max(1, Math.floor(this.#sight.height / this.#row));
    const step = {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.#columns, ArrowDown: this.#columns,
      PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity,
    }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.focus(this.#focused + step);
  }
}

/** The boxes of a thumbnail: frames without words. */
function frames({ width, height }, boxes, line) {
  const rects = boxes.map(({ box: [x1, y1, x2, y2], stroke }) => drawing("rect", {
    x: x1 + line / 2, y: y1 + line / 2, width: Math.max(0, x2 - x1 - line), height: Math.max(0, y2 - y1 - line),
    fill: "none", stroke, "stroke-width": line,
  }));
  return drawing("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, ...rects.reverse());
}
