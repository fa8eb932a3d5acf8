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

  constructor(changed) {
    this.changed = changed;
    for (const id of ["confidence", "iou"]) {
      byId(id).addEventListener("input", () => {
        this.#touched = true;
        this.#show();
        changed();
      });
    }
    byId("reset").addEventListener("click", () => {
      this.hidden.clear();
      this.#set(this.#model.thresholds);
      changed();
    });
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
      chip.setAttribute("aria-pressed", String(!this.hidden.has(label)));
      chip.querySelector(".count").textContent = number;
      return [label, chip];
    }));
    const chips = [...this.#chips.values()];
    const there = [...byId("classes").children];
    if (chips.length === there.length && chips.every((chip, i) => chip === there[i])) return;
    const focused = document.activeElement;
    byId("classes").replaceChildren(...chips);
    if (chips.includes(focused)) focused.focus();
  }

  #chip(label) {
    const dot = element("span", { class: "dot", "aria-hidden": "true" });
    dot.style.background = this.#colors.get(label) ?? "currentColor";
    return element("button", {
      type: "button", "data-label": label,
      onclick: () => {
        if (!this.hidden.delete(label)) this.hidden.add(label);
        this.changed();
      },
    }, dot, label, element("span", { class: "count" }));
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
