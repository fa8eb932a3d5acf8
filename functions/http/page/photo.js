// A photo on its way to the function: upright in the browser, and small enough to send.
import { megabytes } from "./elements.js";

/** What the function reads as it is; whatever else a browser can show is sent as JPEG. */
const READ = ["avif", "bmp", "gif", "heic", "heif", "jpeg", "png", "tiff", "webp"].map((kind) => `image/${kind}`);

/** Long side of a photo that had to be shrunk: several times what any model looks at. */
const SHRUNK_SIDE = 2048;

/** Long side of a small picture: sharp where a cell of the gallery has two pixels per CSS pixel. */
const THUMBNAIL_SIDE = 400;

/** An <img> with the file, its width and height upright; null where the browser cannot show it. */
export async function show(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await image.decode();
    return image.naturalWidth > 0 ? image : null;
  } catch {
    return null;
  }
}

/** A small picture of an image, as a canvas. */
export function thumbnail(image) {
  const canvas = document.createElement("canvas");
  draw(image, canvas, Math.min(1, THUMBNAIL_SIDE / Math.max(image.naturalWidth, image.naturalHeight)));
  return canvas;
}

/** False where a file surely or possibly ends too early, which browsers show all the same, half grey. */
export async function isWhole(blob) {
  const start = new Uint8Array(await blob.slice(0, 4).arrayBuffer());
  const end = new Uint8Array(await blob.slice(-16).arrayBuffer());
  const has = (...bytes) => end.some((_, at) => bytes.every((byte, i) => end[at + i] === byte));
  if (start[0] === 0x89) return has(0x49, 0x45, 0x4e, 0x44);
  return start[0] !== 0xff || has(0xff, 0xd9);
}

/** What to send for a file, `{ blob, note }`: itself, or a smaller or converted copy and a note that says so. */
export async function prepare(file, image, limits) {
  const { naturalWidth: width, naturalHeight: height } = image ?? {};
  const reason = tooMuch(file, width * height, limits);
  if (!reason && (!image || READ.includes(file.type))) return { blob: file, note: null };
  if (!image) {
    throw new Error(`This file ${reason}, and the browser cannot read it as a photo to shrink it. Is it one?`);
  }
  const largest = reason ? Math.min(SHRUNK_SIDE, Math.sqrt(limits.pixels / (width * height)) * Math.max(width, height)) : Infinity;
  let scale = Math.min(1, largest / Math.max(width, height));
  let blob = await jpeg(image, scale);
  while (blob.size > limits.bytes && scale > 0.01) {
    scale *= 0.7;
    blob = await jpeg(image, scale);
  }
  const size = scaled(image, scale);
  const note = reason
    ? `This photo ${reason}. It was shrunk to ${size.join(" × ")} pixels (${megabytes(blob.size)}) before sending; the boxes are in the original's pixels.`
    : `The function does not read ${file.type || "this kind of file"}; the photo was sent as JPEG.`;
  return { blob, note };
}

function tooMuch(file, pixels, limits) {
  if (file.size > limits.bytes) return `has ${megabytes(file.size)}, more than the ${megabytes(limits.bytes)} that a request may carry`;
  if (pixels > limits.pixels) return `has ${Math.round(pixels / 1e6)} million pixels, more than the ${Math.round(limits.pixels / 1e6)} million that the function takes`;
  return null;
}

function scaled(image, scale) {
  return [image.naturalWidth, image.naturalHeight].map((side) => Math.max(1, Math.floor(side * scale)));
}

async function jpeg(image, scale) {
  const canvas = document.createElement("canvas");
  draw(image, canvas, scale);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
  if (!blob) throw new Error("The browser has too little memory to shrink this photo.");
  return blob;
}

function draw(image, canvas, scale) {
  [canvas.width, canvas.height] = scaled(image, scale);
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
}
