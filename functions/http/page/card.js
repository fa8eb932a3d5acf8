// One photo on the page: from the chosen file to its boxes, or to a sentence that says why there are none.
import { copy, counted, download, element, megabytes } from "./elements.js";
import { asJpeg, curl, detect, redacted } from "./function.js";
import { choose, tally } from "./choice.js";
import { isWhole, prepare, show, thumbnail } from "./photo.js";
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
  /** A small picture of the photo as it is shown, without boxes. */
  thumbnail = null;
  #width = 0;
  #inSight = false;
  #rest = 0;
  /** What was sent: the file, or a smaller copy. */
  #blob = null;
  #parts = [];
  /** The options of the redacted photo that is shown or on its way, and that photo. */
  #redaction = "";
  #redacting = 0;
  #redacted = null;
  #problem = null;

  /** `changed`: it looks different now. */
  constructor(file, remove, changed) {
    this.file = file;
    this.changed = changed;
    this.picture = element("div", { class: "picture waiting" });
    this.summary = element("p", { class: "summary" }, "Waiting …");
    this.details = element("p", { class: "quiet" }, megabytes(file.size));
    this.facts = element("div", { class: "facts" },
      element("header", {},
        element("div", {}, element("h2", {}, file.name), this.details),
        element("button", { type: "button", "aria-label": `Remove ${file.name}`, title: "Remove", onclick: () => remove(this) }, "×")),
      this.summary);
    this.zoom = element("button", { type: "button", class: "zoom", hidden: true, "aria-label": `Enlarge ${file.name}`, title: "Enlarge", onclick: () => this.enlarge() }, "⤢");
    this.stage = element("div", { class: "stage" }, element("div", { class: "frame" }, this.picture, this.zoom));
    this.boxes = new Boxes(this.picture);
    this.picture.addEventListener("click", ({ pointerType }) => pointerType !== "touch" && this.enlarge());
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

  /** Shows, sends, and takes in the answer. `model` is what the function said of itself; `slice` is the side of slices. */
  async run(model, slice, { confidence, iou }) {
    this.summary.textContent = "Detecting …";
    this.#problem = null;
    this.changed(this);
    this.picture.classList.add("waiting");
    for (const part of this.#parts.splice(0)) part.remove();
    try {
      if (!this.#blob) await this.#prepare(model);
      const doubtful = !this.#image || !await isWhole(this.#blob);
      const slices = slice > 0 ? { slice, confidence, iou } : {};
      const { answer, milliseconds } = await detect(this.#blob, doubtful, model.thresholds.confidence, slices);
      if (!this.#image) await this.#borrow(this.#blob);
      this.#takeIn(answer, milliseconds, model, slices);
    } catch (error) {
      this.#fail(error.message);
    }
    this.picture.classList.remove("waiting");
    this.changed(this);
  }

  async #prepare(model) {
    this.#image = await show(this.file);
    if (this.#image) this.#showImage();
    const { blob, note } = await prepare(this.file, this.#image, model.limits);
    if (note) this.facts.append(element("p", { class: "notice" }, note));
    this.#blob = blob;
  }

  /** Shows what passes. Of slices the function has suppressed what overlaps. */
  choose(thresholds, hidden) {
    if (!this.#sent) return;
    const { model, slices } = this.#sent;
    const needsNms = model.needs_nms && !slices.slice;
    this.passing = choose(this.found, thresholds, needsNms);
    this.shown = hidden.size > 0 ? choose(this.found, thresholds, needsNms, hidden) : this.passing;
    this.#sent.options = {
      confidence: thresholds.confidence,
      iou: thresholds.iou,
      ...(slices.slice && { slice: slices.slice }),
      ...(hidden.size > 0 && this.shown.length > 0 && { classes: tally(this.shown).map(([label]) => label).sort().join(",") }),
    };
    this.#sent.thresholds = thresholds;
    const classes = tally(this.shown).map(([label, number]) => `${number} ${label}`).join(", ");
    this.summary.textContent = this.shown.length > 0 ? `${counted(this.shown.length, "object")}: ${classes}` : "No objects at these settings.";
    this.command.textContent = curl(this.file, this.#sent.options);
    this.#draw();
  }

  /** Shows the photo with the objects that are shown made unrecognisable; as it is where no `style` is given. */
  redact(style) {
    if (!this.#sent?.options || !this.#image) return;
    const options = { ...this.#sent.options, ...(this.shown.length === 0 && { max_detections: 0 }), redact: style };
    const wanted = style && JSON.stringify(options);
    if (wanted === this.#redaction) return;
    this.#redaction = wanted;
    clearTimeout(this.#redacting);
    this.picture.classList.toggle("redacted", Boolean(style));
    if (!style) {
      this.#redacted = null;
      this.#put(this.#image);
      return;
    }
    this.picture.classList.add("waiting");
    // A slider that moves asks for many.
    this.#redacting = setTimeout(async () => {
      try {
        const jpeg = await redacted(this.#blob, options);
        const image = await show(jpeg);
        if (this.#redaction !== wanted) return;
        this.#redacted = jpeg;
        image.alt = `${this.file.name}, objects hidden`;
        this.#put(image);
      } catch (error) {
        if (this.#redaction === wanted) this.#fail(error.message);
      }
      this.picture.classList.remove("waiting");
    }, 300);
  }

  /** The picture that is shown; the overlay stays upon it. */
  #put(image) {
    this.picture.querySelector("img")?.replaceWith(image);
    this.thumbnail = thumbnail(image);
    this.changed(this);
    this.saveButton.textContent = this.#redaction ? "Save photo, objects hidden" : "Save photo with boxes";
  }

  forget() {
    clearTimeout(this.#redacting);
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
    this.thumbnail = thumbnail(this.#image);
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

  /** Shows the photo as large as the window; `more` as the viewer takes it. */
  enlarge(more = {}) {
    const source = this.picture.querySelector("img")?.src;
    enlarge(this.file.name, source, this.#size, this.isRedacted ? [] : this.shown, this.#sent?.model.colors ?? [], more);
  }

  get isRedacted() {
    return Boolean(this.#redaction);
  }

  /** The card as one photo of a gallery. */
  get entry() {
    return {
      card: this,
      name: this.file.name,
      detections: this.shown,
      error: this.#problem && { message: this.#problem },
      ms: this.#sent?.answer.timings_ms.total,
      size: this.#size,
      colors: this.#sent?.model.colors ?? [],
    };
  }

  #takeIn(answer, milliseconds, model, slices) {
    this.#size ??= answer.image;
    this.#fit();
    const [across, down] = [this.#size.width / answer.image.width, this.#size.height / answer.image.height];
    this.found = answer.detections.map((detection) => {
      const [x1, y1, x2, y2] = detection.box;
      return { ...detection, box: [x1 * across, y1 * down, x2 * across, y2 * down] };
    });
    this.#sent = { answer, model, slices };
    this.command = element("code");
    this.saveButton = this.#image && element("button", { type: "button", onclick: () => this.#save() }, "Save photo with boxes");
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
    this.#parts.push(
      timings(answer, milliseconds),
      element("div", { class: "actions" },
        element("button", { type: "button", onclick: ({ target }) => copy(JSON.stringify(this.answer, null, 2), target) }, "Copy JSON"), ...(this.saveButton ? [this.saveButton] : []), curlButton),
      line);
    if (!this.#image) this.#parts.push(element("p", { class: "notice" }, "The browser cannot show this photo; these are its boxes."));
    this.facts.append(...this.#parts);
    this.#redaction = "";
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

  /** The photo with its boxes, or with its objects hidden, as a file of an archive; null where there is none. */
  async drawn() {
    if (!this.#image || !this.#sent) return null;
    if (this.#redaction) return this.#redacted && { name: savedName(this.file, "redacted"), blob: this.#redacted };
    return { name: savedName(this.file), blob: await drawnPhoto(this.#image, this.shown, this.#sent.model.colors) };
  }

  async #save() {
    try {
      if (this.#redaction) {
        if (this.#redacted) download(this.#redacted, savedName(this.file, "redacted"));
        return;
      }
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
    this.summary.textContent = "";
    if (!this.#image) this.stage.hidden = true;
    const notice = element("p", { class: "notice bad", role: "alert" }, message);
    this.#parts.push(notice);
    this.facts.append(notice);
  }
}
