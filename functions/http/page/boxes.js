// The boxes on a photo that is shown, and the one under the pointer above all others.
import { overlay, screenScale, spotlight } from "./overlay.js";

/** How far from a box a pointer still means it, in CSS pixels. */
const NEAR = 5;

export class Boxes {
  #picture;
  #drawn = null;
  #shown = null;
  #lit = null;

  /** `picture` holds the photo and nothing beside it. */
  constructor(picture) {
    this.#picture = picture;
    picture.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch") this.#light(this.#under(event));
    });
    picture.addEventListener("pointerleave", ({ pointerType }) => {
      if (pointerType !== "touch") this.#light(null);
    });
    picture.addEventListener("click", (event) => {
      if (event.pointerType !== "touch") return;
      const found = this.#under(event);
      this.#light(found === this.#lit?.detection ? null : found);
    });
  }

  get isDrawn() {
    return Boolean(this.#drawn);
  }

  /** Draws `detections`, their boxes in pixels of `size`, for a photo that is `width` CSS pixels wide. */
  draw(size, detections, colors, width) {
    const scale = screenScale(width / size.width);
    const drawn = overlay(size, detections, colors, scale, true);
    if (this.#drawn) this.#drawn.replaceWith(drawn);
    else this.#picture.append(drawn);
    this.#drawn = drawn;
    this.#shown = { size, detections, colors, scale };
    this.#lit = null;
  }

  #light(detection) {
    if (!this.#drawn || detection === (this.#lit?.detection ?? null)) return;
    this.#lit?.drawn.remove();
    this.#lit = null;
    this.#drawn.classList.toggle("dimmed", Boolean(detection));
    if (!detection) return;
    const { size, colors, scale } = this.#shown;
    const drawn = spotlight(size, detection, colors, scale);
    this.#drawn.append(drawn);
    this.#lit = { detection, drawn };
  }

  /** The smallest box at the pointer, or null: a large one can be pointed at where no other lies on it. */
  #under({ clientX, clientY }) {
    if (!this.#shown) return null;
    const { size, detections } = this.#shown;
    const area = this.#drawn.getBoundingClientRect();
    const zoom = area.width / size.width;
    const [x, y, near] = [(clientX - area.x) / zoom, (clientY - area.y) / zoom, NEAR / zoom];
    const at = detections.filter(({ box: [x1, y1, x2, y2] }) => x >= x1 - near && x <= x2 + near && y >= y1 - near && y <= y2 + near);
    const area1 = ({ box: [x1, y1, x2, y2] }) => (x2 - x1) * (y2 - y1);
    return at.reduce((best, one) => (best && area1(best) <= area1(one) ? best : one), null);
  }
}
