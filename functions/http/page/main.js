// The page: photos come in by any way a browser knows, become cards, and are sent two at a time.
import { byId, counted, download, element, say } from "./elements.js";
import { askForModel, samplePhoto } from "./function.js";
import { tally } from "./choice.js";
import { Card } from "./card.js";
import { Controls } from "./controls.js";
import { Gallery } from "./gallery.js";
import { closeViewer } from "./viewer.js";
import { zip } from "./zip.js";

const AT_ONCE = 2;

/** Narrowest column of photos, in CSS pixels. */
const COLUMN = 400;

/** So many photos are a gallery unless cards are chosen. */
const SEVERAL = 6;

const cards = [];
const queue = [];
let running = 0;
/** "cards" or "gallery" where it was chosen. */
let chosenView = null;
const gallery = new Gallery();
const controls = new Controls(() => showChoice(), () => detectAgain());

const modelAnswer = askForModel().then((model) => {
  const size = model.input_size ? [`${model.input_size.join(" × ")} input`] : [];
  // Of a model of one's own, how it is read is worth a look.
  const card = model.card_origin && model.card_origin !== "built-in" ? [`card: ${model.card_origin}`] : [];
  const facts = [model.name, ...size, counted(model.labels.length, "class", "classes"), ...card];
  byId("model").textContent = model.problem ? "" : facts.join(" · ");
  byId("model").title = model.sha256 ? `sha256 ${model.sha256}` : "";
  const notice = model.problem ?? model.note;
  byId("note").hidden = !notice;
  byId("note").classList.toggle("bad", Boolean(model.problem));
  byId("note").textContent = notice ?? "";
  controls.use(model);
  return model;
});

function add(files) {
  for (const file of files) {
    const card = new Card(file, remove, (changed) => gallery.refresh(changed));
    cards.push(card);
    queue.push(card);
  }
  arrange();
  next();
}

async function next() {
  if (running >= AT_ONCE || queue.length === 0) return;
  running += 1;
  const card = queue.shift();
  next();
  await card.run(await modelAnswer, controls.slice, controls.thresholds);
  running -= 1;
  showChoice();
  next();
}

/** Asks for all photos anew. */
function detectAgain() {
  for (const card of cards) {
    if (!queue.includes(card)) queue.push(card);
  }
  for (let i = 0; i < AT_ONCE; i += 1) next();
}

function remove(card) {
  closeViewer();
  for (const list of [cards, queue]) {
    if (list.includes(card)) list.splice(list.indexOf(card), 1);
  }
  card.forget();
  arrange();
  showChoice();
  byId("files").focus();
}

function isGallery() {
  return cards.length > 1 && (chosenView ?? (cards.length >= SEVERAL ? "gallery" : "cards")) === "gallery";
}

/** A gallery, or cards in columns of their own, so that a tall photo leaves no gap beside it; left to right as they came. */
function arrange() {
  const photos = byId("photos");
  document.body.classList.toggle("has-photos", cards.length > 0);
  byId("controls").hidden = cards.length === 0;
  byId("view").closest("label").hidden = cards.length < 2;
  byId("view").value = isGallery() ? "gallery" : "cards";
  for (const id of ["overview", "grid"]) byId(id).hidden = !isGallery();
  photos.hidden = isGallery();
  if (isGallery()) {
    photos.replaceChildren();
    gallery.show(cards);
    return;
  }
  const wanted = Math.max(1, Math.min(cards.length, Math.floor(photos.clientWidth / COLUMN)));
  while (photos.children.length < wanted) photos.append(element("div", { class: "column" }));
  while (photos.children.length > wanted) photos.lastChild.remove();
  for (const [i, card] of cards.entries()) {
    const column = photos.children[i % wanted];
    const before = column.children[Math.floor(i / wanted)];
    if (before !== card.element) column.insertBefore(card.element, before ?? null);
  }
}

let planned = false;

/** Draws everything again, once per frame however fast a slider moves. */
function showChoice() {
  if (planned) return;
  planned = true;
  requestAnimationFrame(() => {
    planned = false;
    const { thresholds, hidden } = controls;
    for (const card of cards) {
      card.choose(thresholds, hidden);
      card.redact(controls.redact);
    }
    // Hidden classes are counted too, or a chip would vanish under the finger that pressed it.
    controls.list(tally(cards.flatMap((card) => card.passing)));
    if (isGallery()) gallery.show(cards);
    const shown = cards.reduce((sum, card) => sum + card.shown.length, 0);
    if (queue.length === 0 && running === 0) say(`${counted(cards.length, "photo")}, ${counted(shown, "object")}`);
  });
}

byId("files").addEventListener("change", ({ target }) => {
  add([...target.files]);
  target.value = "";
});
byId("sample").addEventListener("click", async ({ target }) => {
  target.disabled = true;
  try {
    add([await samplePhoto()]);
  } catch (error) {
    byId("note").textContent = error.message;
    byId("note").classList.add("bad");
    byId("note").hidden = false;
  }
  target.disabled = false;
});
addEventListener("resize", arrange);

/** What was found in all photos: the shape of the function's answer to several, each with its file's name. */
function allAnswers() {
  const results = cards.map((card) => ({ photo: card.file.name, ...card.answer }));
  return new Blob([JSON.stringify({ results }, null, 2)], { type: "application/json" });
}

byId("all-json").addEventListener("click", () => download(allAnswers(), "boxes.json"));
byId("all-zip").addEventListener("click", async ({ target }) => {
  const label = target.textContent;
  target.disabled = true;
  try {
    const files = [{ name: "boxes.json", blob: allAnswers() }];
    for (const [i, card] of [...cards].entries()) {
      target.textContent = `${i + 1} of ${cards.length} …`;
      const photo = await card.drawn();
      if (photo) files.push(photo);
    }
    download(await zip(files), "spotter.zip");
  } catch (error) {
    say(error.message);
  }
  target.textContent = label;
  target.disabled = false;
});
byId("view").addEventListener("change", ({ target }) => {
  chosenView = target.value;
  arrange();
  showChoice();
});
byId("reset").addEventListener("click", () => gallery.reset());
byId("clear").addEventListener("click", () => [...cards].forEach(remove));

document.addEventListener("paste", (event) => {
  const files = [...event.clipboardData?.files ?? []];
  if (files.length > 0) add(files);
});
document.addEventListener("dragover", (event) => {
  if (![...event.dataTransfer.types].includes("Files")) return;
  event.preventDefault();
  document.body.classList.add("dragging");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dragging");
});
document.addEventListener("drop", (event) => {
  if (event.dataTransfer.files.length === 0) return;
  event.preventDefault();
  document.body.classList.remove("dragging");
  add([...event.dataTransfer.files]);
});
