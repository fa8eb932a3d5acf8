// Photos with their boxes as files: original size, upright, JPEG.
import { overlay, photoScale } from "./overlay.js";
import { download, element } from "./elements.js";

/** What a photo is called that something was done to: its boxes drawn, or else. */
export function savedName(file, done = "boxes") {
  return `${file.name.replace(/\.[^.]*$/, "")}-${done}.jpg`;
}

/** The photo with its boxes, as a blob. */
export async function drawnPhoto(image, detections, colors) {
  const size = { width: image.naturalWidth, height: image.naturalHeight };
  const canvas = element("canvas", size);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  context.drawImage(await picture(overlay(size, detections, colors, photoScale(size), false), size), 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
  if (!blob) throw new Error("The browser has too little memory to draw this photo.");
  return blob;
}

/** Draws and downloads it. */
export async function save(file, image, detections, colors) {
  download(await drawnPhoto(image, detections, colors), savedName(file));
}

/** An SVG as an image that a canvas takes. */
async function picture(svg, { width, height }) {
  svg.setAttribute("width", width);
  svg.setAttribute("height", height);
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" }));
  await image.decode();
  URL.revokeObjectURL(image.src);
  return image;
}
