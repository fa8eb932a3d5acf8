// The gallery: what is shown of `gallery.photos`, and one photo large.
import { byId, counted, element } from "./elements.js";
import { Filters, inWords } from "./filters.js";
import { Grid } from "./grid.js";
import { enlarge } from "./viewer.js";

const { photos, packs } = gallery;

/** Thumbnails in a file, as the exporter packs them. */
const PACK = 64;
const UNKNOWN_COLOR = "#00785b";

const asked = new Set();
const filters = new Filters(byId("filters"), update);
const grid = new Grid(byId("grid"), look, open);
let shown = [];

function colorOf({ class_id }) {
  return gallery.colors[class_id]?.fill ?? UNKNOWN_COLOR;
}

/** The photos that pass all filters, and the charts of all. */
function update() {
  shown = filters.apply(photos);
  byId("status").textContent = shown.length === photos.length ? "" : `${shown.length} of ${counted(photos.length, "photo")}`;
  grid.show(shown);
  filters.chartClasses(byId("classes"), photos, colorOf);
  filters.chartScores(byId("scores"), photos);
}

/** A photo as the grid shows it, once its pack has come. */
function look(photo) {
  const { name, error, width, height } = photo;
  const found = filters.found(photo);
  return {
    name,
    words: error ? error.code : inWords(found),
    bad: Boolean(error),
    picture: picture(photo),
    size: width ? { width, height } : null,
    boxes: found.map((detection) => ({ box: detection.box, stroke: colorOf(detection) })),
  };
}

function picture({ index, name, thumb, error }) {
  const number = Math.floor(index / PACK);
  if (!thumb) return error ? error.message : "no picture here";
  if (!packs[number]) {
    ask(number);
    return element("span", { "data-pack": number });
  }
  const jpeg = packs[number][index % PACK];
  return jpeg ? element("img", { src: `data:image/jpeg;base64,${jpeg}`, alt: name, decoding: "async" }) : "no picture";
}

/** Fetches a pack; a page from a disk may load scripts, and nothing else. */
function ask(number) {
  if (asked.has(number)) return;
  asked.add(number);
  document.head.append(element("script", { src: `gallery/thumbs-${String(number).padStart(5, "0")}.js`, async: true }));
}

gallery.arrived = (number) => grid.refresh(({ index }) => Math.floor(index / PACK) === number);

/** One photo, large, with what is known of it. */
function open(place) {
  const photo = shown[place];
  grid.focus(place);
  const found = filters.found(photo);
  const thumb = packs[Math.floor(photo.index / PACK)]?.[photo.index % PACK];
  const stand = thumb ? `data:image/jpeg;base64,${thumb}` : "data:,";
  const rows = found.map(({ label, score, box }) => element("tr", {}, ...[label, score.toFixed(2), box.map(Math.round).join(" ")].map((text) => element("td", {}, text))));
  const data = element("div", { class: "data" },
    element("p", {}, [photo.name, photo.width && `${photo.width} × ${photo.height}`, photo.model, photo.ms != null && `${photo.ms} ms in the function`].filter(Boolean).join(" · ")),
    photo.error ? element("p", {}, `${photo.error.code}: ${photo.error.message}`) : element("table", {}, ...rows));
  const size = photo.width ? { width: photo.width, height: photo.height } : null;
  enlarge(photo.name, size && (photo.src ?? stand), size, found, gallery.colors, {
    below: data,
    instead: stand,
    step: (by) => {
      const next = place + by;
      if (next >= 0 && next < shown.length) open(next);
    },
    closed: () => grid.takeFocus(),
  });
}

byId("reset").addEventListener("click", () => {
  filters.reset();
  update();
});

const objects = photos.reduce((sum, { detections }) => sum + detections.length, 0);
const failed = photos.filter(({ error }) => error).length;
byId("facts").textContent = [
  counted(photos.length, "photo"), counted(objects, "object"), failed > 0 && `${failed} failed`, [...new Set(photos.map(({ model }) => model).filter(Boolean))].join(", "),
].filter(Boolean).join(" · ");
update();
