// Sliders and the class filter: what they are set to, and a call whenever that changes.
import { byId, element } from "./elements.js";
import { UNKNOWN } from "./function.js";

export class Controls {
  /** Labels that are not shown. */
  hidden = new Set();
  #model = UNKNOWN;
  #colors = new Map();
  #chips = new Map();
  #touched = false;
  #timer = 0;

  /** `changed`: what is shown; `again`: the function has to be asked again. */
  constructor(changed, again) {
    this.changed = changed;
    for (const id of ["confidence", "iou"]) {
      byId(id).addEventListener("input", () => {
        this.#touched = true;
        this.#show();
        // What slices find becomes one list in the function, by its thresholds.
        if (this.slice > 0) this.#later(again);
        changed();
      });
    }
    byId("slice").addEventListener("change", again);
    byId("redact").addEventListener("change", changed);
    byId("classes").addEventListener("click", ({ target }) => this.#press(target.closest("button")));
    byId("reset").addEventListener("click", () => {
      this.hidden.clear();
      this.#set(this.#model.thresholds);
      byId("redact").value = "";
      const sliced = this.slice > 0;
      byId("slice").value = "0";
      if (sliced) again();
      changed();
    });
  }

  /** Side of the slices in pixels, 0 for none. */
  get slice() {
    return Number(byId("slice").value);
  }

  /** How objects are hidden; empty for not at all. */
  get redact() {
    return byId("redact").value;
  }

  /** The function's own settings are where the sliders start. */
  use(model) {
    this.#model = model;
    this.#colors = new Map(model.labels.map((label, id) => [label, model.colors[id]?.fill]));
    const { confidence } = model.thresholds;
    byId("confidence").min = Math.min(0.05, confidence);
    byId("iou").disabled = !model.needs_nms;
    if (!model.needs_nms) byId("iou").closest("label").title = "This model sends no overlapping boxes of one object; there is nothing to choose";
    if (!this.#touched) this.#set(model.thresholds);
  }

  get thresholds() {
    return {
      confidence: Number(byId("confidence").value),
      iou: Number(byId("iou").value),
      max_detections: this.#model.thresholds.max_detections,
    };
  }

  /** One chip per class: [[label, number], …]. Chips that stay are kept, so that the keyboard's place is. */
  list(classes) {
    const before = this.#chips;
    this.#chips = new Map(classes.map(([label, number]) => {
      const chip = before.get(label) ?? this.#chip(label);
      chip.querySelector(".count").textContent = number;
      return [label, chip];
    }));
    const chips = [...this.#chips.values()];
    for (const [label, chip] of this.#chips) {
      const [toggle, only] = chip.children;
      toggle.setAttribute("aria-pressed", String(!this.hidden.has(label)));
      only.setAttribute("aria-pressed", String(this.#isOnly(label)));
      only.textContent = this.#isOnly(label) ? "all" : "only";
      only.setAttribute("aria-label", this.#isOnly(label) ? "Show all classes" : `Show only ${label}`);
      only.hidden = this.#chips.size < 2;
    }
    const there = [...byId("classes").children];
    if (chips.length === there.length && chips.every((chip, i) => chip === there[i])) return;
    const focused = document.activeElement;
    byId("classes").replaceChildren(...chips);
    if (byId("classes").contains(focused)) focused.focus();
  }

  /** Once nothing moves. */
  #later(action) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(action, 400);
  }

  #chip(label) {
    const dot = element("span", { class: "dot", "aria-hidden": "true" });
    dot.style.background = this.#colors.get(label) ?? "currentColor";
    return element("span", { class: "chip" },
      element("button", { type: "button", "data-label": label, title: "Show or hide this class" }, dot, label, element("span", { class: "count" })),
      element("button", { type: "button", class: "only", "data-only": label }));
  }

  /** A class is shown or hidden, or shown alone; what is alone brings all back. */
  #press(button) {
    const { label, only } = button?.dataset ?? {};
    if (label !== undefined) {
      if (!this.hidden.delete(label)) this.hidden.add(label);
    } else if (only !== undefined) {
      const others = this.#isOnly(only) ? [] : [...this.#chips.keys()].filter((other) => other !== only);
      this.hidden.clear();
      for (const other of others) this.hidden.add(other);
    } else {
      return;
    }
    this.changed();
  }

  #isOnly(label) {
    return this.#chips.size > 1 && [...this.#chips.keys()].every((other) => this.hidden.has(other) === (other !== label));
  }

  #set({ confidence, iou }) {
    byId("confidence").value = confidence;
    byId("iou").value = iou;
    this.#touched = false;
    this.#show();
  }

  #show() {
    for (const id of ["confidence", "iou"]) {
      document.querySelector(`output[for="${id}"]`).textContent = Number(byId(id).value).toFixed(2);
    }
  }
}
