// Which of many photos are shown, and in what order: by name, by what was found, and by the charts of classes and scores.
import { counted, element } from "./elements.js";
import { tally } from "./choice.js";

const BINS = 20;
const KINDS = {
  all: ["all photos", () => true],
  found: ["with objects", ({ detections }) => detections.length > 0],
  empty: ["without objects", ({ detections, error }) => detections.length === 0 && !error],
  failed: ["failed", ({ error }) => Boolean(error)],
};
const ORDERS = {
  given: "order of the run", name: "name", best: "best score", worst: "lowest best score", most: "number of objects", slow: "time in the function",
};

export class Filters {
  #labels = new Set();
  #bin = null;
  #fields;

  /** Puts its fields into `row`; calls `changed` after every change. */
  constructor(row, changed) {
    this.changed = changed;
    const options = (words) => Object.entries(words).map(([value, text]) => element("option", { value }, text));
    const field = (label, input) => element("label", { class: "choice" }, element("span", {}, label), input);
    this.#fields = {
      search: element("input", { id: "search", type: "search", placeholder: "Name contains …", "aria-label": "Name contains" }),
      kind: element("select", { id: "kind" }, ...options(Object.fromEntries(Object.entries(KINDS).map(([kind, [text]]) => [kind, text])))),
      least: element("input", { id: "least", type: "number", min: 0, step: 1, value: 0 }),
      order: element("select", { id: "order" }, ...options(ORDERS)),
    };
    const { search, kind, least, order } = this.#fields;
    row.prepend(search, field("Show", kind), field("Objects, at least", least), field("Sort by", order));
    for (const input of Object.values(this.#fields)) input.addEventListener("input", changed);
  }

  reset() {
    for (const [name, value] of [["search", ""], ["kind", "all"], ["least", "0"], ["order", "given"]]) this.#fields[name].value = value;
    this.#labels.clear();
    this.#bin = null;
  }

  /** The detections of a photo that count with what is chosen of the charts. */
  found({ detections }) {
    return detections.filter(({ label, score }) =>
      (this.#labels.size === 0 || this.#labels.has(label)) && (this.#bin === null || bin(score) === this.#bin));
  }

  /** Those of `photos` that pass, in the order that is wanted. A photo has a `name`, `detections`, an `error` or none, and `ms`. */
  apply(photos) {
    const { search, kind, least, order } = this.#fields;
    const [text, number] = [search.value.trim().toLowerCase(), Number(least.value) || 0];
    const isNarrowed = this.#labels.size > 0 || this.#bin !== null;
    const shown = photos.filter((photo) => {
      if (!KINDS[kind.value][1](photo) || (text && !photo.name.toLowerCase().includes(text))) return false;
      return (!isNarrowed && number === 0) || this.found(photo).length >= Math.max(number, isNarrowed ? 1 : 0);
    });
    const best = (photo) => this.found(photo).reduce((most, { score }) => Math.max(most, score), -1);
    const compare = {
      name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }),
      best: (a, b) => best(b) - best(a),
      worst: (a, b) => best(a) - best(b),
      most: (a, b) => this.found(b).length - this.found(a).length,
      slow: (a, b) => (b.ms ?? -1) - (a.ms ?? -1),
    }[order.value];
    return compare ? shown.sort(compare) : shown;
  }

  /** How many objects have which score, as columns in `host`; a click filters, another takes it back. */
  chartScores(host, photos) {
    const bins = new Array(BINS).fill(0);
    for (const { detections } of photos) {
      for (const { label, score } of detections) if (this.#labels.size === 0 || this.#labels.has(label)) bins[bin(score)] += 1;
    }
    const most = Math.max(1, ...bins);
    const focused = host.contains(document.activeElement) ? document.activeElement.dataset.bin : null;
    host.replaceChildren(...bins.map((number, at) => {
      const bar = element("i", { "aria-hidden": "true" });
      bar.style.height = `${(number / most) * 100}%`;
      const range = `${(at / BINS).toFixed(2)} to ${((at + 1) / BINS).toFixed(2)}`;
      const objects = counted(number, "object");
      return element("button", {
        type: "button", "data-bin": at, "aria-pressed": String(this.#bin === at),
        "aria-label": `${objects} with a score of ${range}`, title: `${range}: ${objects}`,
        onclick: () => {
          this.#bin = this.#bin === at ? null : at;
          this.changed();
        },
      }, bar);
    }));
    host.querySelector(`[data-bin="${focused}"]`)?.focus();
  }

  /** How many objects each class has, as buttons in `host`, likewise. `colorOf(detection)` is a class's colour. */
  chartClasses(host, photos, colorOf) {
    const labels = new Map();
    for (const { detections } of photos) {
      for (const detection of detections) {
        const known = labels.get(detection.label) ?? { number: 0, detection };
        known.number += 1;
        labels.set(detection.label, known);
      }
    }
    const list = [...labels].sort((a, b) => b[1].number - a[1].number);
    const focused = host.contains(document.activeElement) ? document.activeElement.dataset.label : null;
    host.replaceChildren(...list.map(([label, { number, detection }]) => {
      const dot = element("span", { class: "dot", "aria-hidden": "true" });
      dot.style.background = colorOf(detection);
      return element("button", {
        type: "button", "data-label": label, "aria-pressed": String(this.#labels.has(label)),
        onclick: () => {
          if (!this.#labels.delete(label)) this.#labels.add(label);
          this.changed();
        },
      }, dot, `${label} `, element("span", { class: "count" }, number));
    }));
    if (focused) host.querySelector(`[data-label="${CSS.escape(focused)}"]`)?.focus();
  }
}

function bin(score) {
  return Math.min(BINS - 1, Math.floor(score * BINS));
}

/** What was found, in words: "2 person, dog". */
export function inWords(detections) {
  return tally(detections).map(([label, number]) => (number > 1 ? `${number} ${label}` : label)).join(", ") || "nothing found";
}
