// Where a photo's time went, as one stacked bar with its figures.
import { element } from "./elements.js";

const STAGES = ["network", "queue", "decode", "preprocess", "inference", "postprocess"];

/** The bar for an answer that took `milliseconds` in the browser: what neither the function nor its queue took is the network's. */
export function timings(answer, milliseconds) {
  const spent = { ...answer.timings_ms, network: Math.max(0, milliseconds - answer.timings_ms.total) };
  const figure = (value) => (value < 10 ? value.toFixed(1) : String(Math.round(value)));
  const shown = (value) => `${figure(value)} ms`;
  const bar = element("div", { class: "bar", "aria-hidden": "true" });
  const legend = element("dl", { class: "legend", title: "in milliseconds; network is the round trip without the function and the queue before it" });
  // A queue is seen only where it was one.
  for (const stage of STAGES.filter((stage) => stage !== "queue" || spent.queue >= 0.05)) {
    const segment = element("span", { class: stage, title: `${stage} ${shown(spent[stage])}` });
    segment.style.flexGrow = spent[stage];
    bar.append(segment);
    legend.append(element("div", {}, element("i", { class: stage, "aria-hidden": "true" }), element("dt", {}, stage), element("dd", {}, figure(spent[stage]))));
  }
  const whole = `Answered after ${shown(milliseconds)}`;
  const cold = answer.cold_start ? `, the first answer of a function that took ${shown(answer.init_ms)} to start` : "";
  return element("div", { class: "timings" }, element("p", { class: "quiet" }, `${whole}${cold}`), bar, legend);
}
