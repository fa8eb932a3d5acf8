// One photo, as large as the window and larger: by wheel, pinch, double click, buttons and keys.
import { element } from "./elements.js";
import { Boxes } from "./boxes.js";

/** How far the photo can be enlarged beyond the window. */
const LARGEST = 12;
const STEP = 1.4;

let viewer = null;

/**
 * Opens it on a photo; on one that cannot be shown, without `source` and `size`, for what stands below it. `more` may have an element to stand `below`, a picture to be shown `instead` of one that does not load,
 * and what to do with a `step` to the next photo (1) or the one before (-1) and when it is `closed`.
 */
export function enlarge(name, source, size, detections, colors, more = {}) {
  viewer?.close(true);
  viewer = new Viewer(name, source, size, detections, colors, more);
}

/** Closes it, as where its photo is removed. */
export function closeViewer() {
  viewer?.close();
}

class Viewer {
  #zoom = 1;
  #pinch = null;

  constructor(name, source, size, detections, colors, more) {
    Object.assign(this, { size: size ?? { width: 1, height: 1 }, detections, colors, more });
    const image = source ? element("img", { src: source, alt: name }) : "";
    if (more.instead) image.addEventListener?.("error", () => { image.src = more.instead; }, { once: true });
    this.picture = element("div", { class: "picture" }, image);
    this.boxes = new Boxes(this.picture);
    this.scroller = element("div", { class: "scroller", tabindex: "0" }, this.picture);
    this.percent = element("output", {});
    const button = (label, text, onclick) => element("button", { type: "button", "aria-label": label, title: label, onclick }, text);
    this.dialog = element("dialog", { class: "viewer", "aria-label": name, onclose: () => this.close() },
      element("header", {},
        element("h2", {}, name),
        ...(more.step ? [button("Previous photo", "‹", () => more.step(-1)), button("Next photo", "›", () => more.step(1))] : []),
        button("Zoom out", "−", () => this.#to(this.#zoom / STEP)),
        this.percent,
        button("Zoom in", "+", () => this.#to(this.#zoom * STEP)),
        button("Fit to the window", "Fit", () => this.#to(1)),
        button("Close", "×", () => this.close())),
      this.scroller, ...(more.below ? [more.below] : []));
    this.#listen();
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.scroller.focus();
    this.resized = new ResizeObserver(() => this.#to(this.#zoom));
    this.resized.observe(this.scroller);
  }

  /** `replaced`: by another photo, which follows at once. */
  close(replaced = false) {
    this.resized.disconnect();
    this.dialog.remove();
    viewer = null;
    if (!replaced) this.more.closed?.();
  }

  #listen() {
    const { scroller } = this;
    scroller.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.#to(this.#zoom * Math.exp(-event.deltaY / 400), event);
    }, { passive: false });
    scroller.addEventListener("dblclick", (event) => this.#to(this.#zoom > 1 ? 1 : 2.5, event));
    scroller.addEventListener("keydown", ({ key }) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
      // Enlarged, the arrows move the photo.
      if (step && this.more.step && this.#zoom === 1) this.more.step(step);
      const zoom = { "+": this.#zoom * STEP, "=": this.#zoom * STEP, "-": this.#zoom / STEP, 0: 1 }[key];
      if (zoom) this.#to(zoom);
    });
    // A mouse drags the photo; fingers scroll it by themselves, and two of them pinch.
    scroller.addEventListener("pointerdown", (event) => {
      if (event.pointerType !== "mouse" || event.button !== 0) return;
      event.preventDefault();
      scroller.focus();
      const drag = (move) => scroller.scrollBy(-move.movementX, -move.movementY);
      addEventListener("pointermove", drag);
      addEventListener("pointerup", () => removeEventListener("pointermove", drag), { once: true });
    });
    scroller.addEventListener("touchmove", (event) => {
      if (event.touches.length !== 2) return;
      event.preventDefault();
      const [a, b] = event.touches;
      const apart = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
      const middle = { clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 };
      this.#pinch ??= apart / this.#zoom;
      this.#to(apart / this.#pinch, middle);
    }, { passive: false });
    scroller.addEventListener("touchend", () => { this.#pinch = null; });
  }

  /** Enlarges; the place `at`, or the middle, stays where it is. */
  #to(zoom, at) {
    const { scroller, size } = this;
    const area = scroller.getBoundingClientRect();
    const [x, y] = at ? [at.clientX - area.x, at.clientY - area.y] : [area.width / 2, area.height / 2];
    const before = this.picture.getBoundingClientRect();
    const [across, down] = [(area.x + x - before.x) / before.width, (area.y + y - before.y) / before.height];
    const fit = Math.min(area.width / size.width, area.height / size.height);
    this.#zoom = Math.min(LARGEST, Math.max(1, zoom));
    const width = size.width * fit * this.#zoom;
    this.picture.style.width = `${width}px`;
    this.percent.textContent = `${Math.round((width / size.width) * 100)} %`;
    this.boxes.draw(size, this.detections, this.colors, width);
    const after = this.picture.getBoundingClientRect();
    scroller.scrollBy(after.x + across * after.width - area.x - x, after.y + down * after.height - area.y - y);
  }
}
