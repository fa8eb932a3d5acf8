// Several photos as a gallery: small pictures with filters; a click shows one large, with all that its card tells.
import { byId, counted, element } from "./elements.js";
import { Filters, inWords } from "./filters.js";
import { Grid } from "./grid.js";

export class Gallery {
  #entries = [];
  #shown = [];
  #filters = new Filters(byId("filters"), () => this.#update());
  #grid = new Grid(byId("grid"), (entry) => this.#look(entry), (place) => this.#open(place));

  constructor() {
    // The controls stay above the grid while it scrolls.
    const [grid, controls] = [byId("grid"), byId("controls")];
    new ResizeObserver(() => {
      const isSticky = getComputedStyle(controls).position === "sticky";
      grid.style.scrollMarginTop = isSticky ? `${controls.offsetHeight}px` : "0";
    }).observe(controls);
  }

  /** Shows these cards, as they are now. */
  show(cards) {
    this.#entries = cards.map(({ entry }) => entry);
    this.#update();
  }

  /** One of them looks different now. */
  refresh(card) {
    this.#grid.refresh((entry) => entry.card === card);
  }

  reset() {
    this.#filters.reset();
  }

  #update() {
    const before = this.#shown;
    this.#shown = this.#filters.apply(this.#entries);
    const isSame = before.length === this.#shown.length && before.every(({ card }, at) => card === this.#shown[at].card);
    // Cells that stay keep their place and the keyboard's.
    if (isSame) this.#grid.replace(this.#shown);
    else this.#grid.show(this.#shown);
    this.#filters.chartScores(byId("scores"), this.#entries);
    byId("shown").textContent = this.#shown.length === this.#entries.length ? "" : `${this.#shown.length} of ${counted(this.#entries.length, "photo")}`;
  }

  #look(entry) {
    const { card, error, colors } = entry;
    const found = card.isRedacted ? [] : this.#filters.found(entry);
    return {
      name: entry.name,
      words: error?.message ?? (entry.ms === undefined ? card.summary.textContent : inWords(this.#filters.found(entry))),
      bad: Boolean(error),
      picture: card.thumbnail ?? (error?.message || "…"),
      size: entry.size,
      boxes: found.map(({ box, class_id }) => ({ box, stroke: colors[class_id]?.fill })),
    };
  }

  #open(place) {
    const { card } = this.#shown[place];
    this.#grid.focus(place);
    card.enlarge({
      below: element("div", { class: "data" }, card.facts),
      step: (by) => {
        if (!this.#shown[place + by]) return;
        card.element.append(card.facts);
        this.#open(place + by);
      },
      closed: () => {
        card.element.append(card.facts);
        this.#grid.takeFocus();
      },
    });
  }
}
