// One photo on the page: from the chosen file to its boxes, or to a sentence that says why there are none.
import { copy, counted, element, megabytes } from "./elements.js";
import { asJpeg, curl, detect } from "./function.js";
import { choose, tally } from "./choice.js";
import { isWhole, prepare, show } from "./photo.js";
import { Boxes } from "./boxes.js";
import { drawnPhoto, save, savedName } from "./save.js";
import { timings } from "./timings.js";
import { enlarge } from "./viewer.js";

export class Card {
  /** All that was found in the photo, the best first, in its own pixels. */
  found = [];
  /** What of it passes the thresholds. */
  passing = [];
  /** What is shown: that, less the hidden classes. */
  shown = [];
  #image = null;
  #size = null;
  #sent = null;
  #width = 0;
  #inSight = false;
  #rest = 0;
  #problem = null;

  constructor(file, remove) {
    this.file = file;
    this.picture = element("div", { class: "picture waiting" });
    this.summary = element("p", { class: "summary" }, "Waiting …");
    this.details = element("p", { class: "quiet" }, megabytes(file.size));
    this.facts = element("div", { class: "facts" },
      element("header", {},
        element("div", {}, element("h2", {}, file.name), this.details),
        element("button", { type: "button", "aria-label": `Remove ${file.name}`, title: "Remove", onclick: () => remove(this) }, "×")),
      this.summary);
    this.zoom = element("button", { type: "button", class: "zoom", hidden: true, "aria-label": `Enlarge ${file.name}`, title: "Enlarge", onclick: () => this.#enlarge() }, "⤢");
    this.stage = element("div", { class: "stage" }, element("div", { class: "frame" }, this.picture, this.zoom));
    this.boxes = new Boxes(this.picture);
    this.picture.addEventListener("click", ({ pointerType }) => pointerType !== "touch" && this.#enlarge());
    this.element = element("article", { class: "card", "aria-label": file.name }, this.stage, this.facts);
    // Photos out of sight are drawn again when they come near or the slider rests: it stays light over 300 photos.
    this.sight = new IntersectionObserver(([{ isIntersecting }]) => {
      this.#inSight = isIntersecting;
      this.#draw();
    }, { rootMargin: "50%" });
    this.resized = new ResizeObserver(([{ contentRect }]) => {
      this.#width = contentRect.width;
      this.#draw();
    });
  }

  /** Shows, sends, and takes in the answer. `model` is what the function said of itself. */
  async run(model) {
    this.summary.textContent = "Detecting …";
    try {
      this.#image = await show(this.file);
      if (this.#image) this.#showImage();
      const { blob, note } = await prepare(this.file, this.#image, model.limits);
      if (note) this.facts.append(element("p", { class: "notice" }, note));
      const doubtful = !this.#image || !await isWhole(blob);
      const { answer, milliseconds } = await detect(blob, doubtful, model.thresholds.confidence);
      if (!this.#image) await this.#borrow(blob);
      this.#takeIn(answer, milliseconds, model);
    } catch (error) {
      this.#fail(error.message);
    }
    this.picture.classList.remove("waiting");
  }

  /** Shows what passes. */
  choose(thresholds, hidden) {
    if (!this.#sent) return;
    const { model } = this.#sent;
    this.passing = choose(this.found, thresholds, model.needs_nms);
    this.shown = hidden.size > 0 ? choose(this.found, thresholds, model.needs_nms, hidden) : this.passing;
    this.#sent.options = {
      confidence: thresholds.confidence,
      iou: thresholds.iou,
      ...(hidden.size > 0 && this.shown.length > 0 && { classes: tally(this.shown).map(([label]) => label).sort().join(",") }),
    };
    this.#sent.thresholds = thresholds;
    const classes = tally(this.shown).map(([label, number]) => `${number} ${label}`).join(", ");
    this.summary.textContent = this.shown.length > 0 ? `${counted(this.shown.length, "object")}: ${classes}` : "No objects at these settings.";
    this.command.textContent = curl(this.file, this.#sent.options);
    this.#draw();
  }

  forget() {
    clearTimeout(this.#rest);
    this.sight.disconnect();
    this.resized.disconnect();
    if (this.#image) URL.revokeObjectURL(this.#image.src);
    this.element.remove();
  }

  /** A picture for the boxes from the function, where the browser knows no HEIC or TIFF. */
  async #borrow(blob) {
    const jpeg = await asJpeg(blob).catch(() => null);
    this.#image = jpeg && await show(jpeg);
    if (this.#image) this.#showImage();
  }

  #showImage() {
    const { naturalWidth: width, naturalHeight: height } = this.#image;
    this.#size = { width, height };
    this.#image.alt = this.file.name;
    this.picture.append(this.#image);
    this.zoom.hidden = false;
    this.details.textContent = `${width} × ${height}, ${megabytes(this.file.size)}`;
    this.#fit();
  }

  /** A tall photo gets a narrower picture, with the facts beside it where there is room, instead of a card as long as the screen. */
  #fit() {
    const { width, height } = this.#size;
    this.picture.style.aspectRatio = `${width} / ${height}`;
    this.element.style.setProperty("--ratio", width / height);
    this.element.classList.toggle("tall", width < height * 0.9);
  }

  #enlarge() {
    if (this.#image && this.#sent) enlarge(this.file.name, this.#image.src, this.#size, this.shown, this.#sent.model.colors);
  }

  #takeIn(answer, milliseconds, model) {
    this.#size ??= answer.image;
    this.#fit();
    const [across, down] = [this.#size.width / answer.image.width, this.#size.height / answer.image.height];
    this.found = answer.detections.map((detection) => {
      const [x1, y1, x2, y2] = detection.box;
      return { ...detection, box: [x1 * across, y1 * down, x2 * across, y2 * down] };
    });
    this.#sent = { answer, model };
    this.command = element("code");
    const saved = this.#image && element("button", { type: "button", onclick: () => this.#save() }, "Save photo with boxes");
    const line = element("div", { class: "curl", hidden: true },
      element("pre", {}, this.command),
      element("button", { type: "button", onclick: ({ target }) => copy(this.command.textContent, target) }, "Copy line"));
    const curlButton = element("button", {
      type: "button", "aria-expanded": "false",
      onclick: ({ target }) => {
        line.hidden = !line.hidden;
        target.setAttribute("aria-expanded", String(!line.hidden));
      },
    }, "curl");
    this.facts.append(
      timings(answer, milliseconds),
      element("div", { class: "actions" },
        element("button", { type: "button", onclick: ({ target }) => copy(JSON.stringify(this.answer, null, 2), target) }, "Copy JSON"), ...(saved ? [saved] : []), curlButton),
      line);
    if (!this.#image) this.facts.append(element("p", { class: "notice" }, "The browser cannot show this photo; these are its boxes."));
    this.resized.observe(this.picture);
    this.sight.observe(this.picture);
  }

  /** The answer as the function gives it for the settings of the page, boxes in the photo's own pixels; or why there is none. */
  get answer() {
    if (!this.#sent?.thresholds) return { error: { message: this.#problem ?? "not answered yet" } };
    const { answer, thresholds } = this.#sent;
    const hundredths = (value) => Math.round(value * 100) / 100;
    const detections = this.shown.map((detection) => ({ ...detection, box: detection.box.map(hundredths) }));
    const { confidence, iou, max_detections } = thresholds;
    return { ...answer, image: this.#size, detections, thresholds: { confidence, iou, max_detections } };
  }

  /** The photo with its boxes as a file of an archive, or null where the browser cannot show it. */
  async drawn() {
    if (!this.#image || !this.#sent) return null;
    return { name: savedName(this.file), blob: await drawnPhoto(this.#image, this.shown, this.#sent.model.colors) };
  }

  async #save() {
    try {
      await save(this.file, this.#image, this.shown, this.#sent.model.colors);
    } catch (error) {
      this.#fail(error.message);
    }
  }

  #draw() {
    clearTimeout(this.#rest);
    if (this.#inSight || !this.boxes.isDrawn) this.#drawNow();
    else this.#rest = setTimeout(() => this.#drawNow(), 200);
  }

  #drawNow() {
    if (!this.#sent?.thresholds || this.#width === 0) return;
    this.boxes.draw(this.#size, this.shown, this.#sent.model.colors, this.#width);
  }

  #fail(message) {
    this.#problem = message;
    this.summary.remove();
    if (!this.#image) this.stage.hidden = true;
    this.facts.append(element("p", { class: "notice bad", role: "alert" }, message));
  }
}
