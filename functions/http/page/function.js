// The function behind the page: its model, and photos in, boxes out.
import { askForToken, authorization, token } from "./token.js";

/** Asked for once, generously, so that the sliders choose among what came instead of asking again. */
export const ASKED = { confidence: 0.05, iou: 1, max_detections: 1000 };

/** Milliseconds until a request counts as lost: the largest photo over half a megabit a second fits. */
const PATIENCE = 90_000;

/** What counts until `GET /model` has answered, and where it does not. */
export const UNKNOWN = {
  name: "unknown model",
  thresholds: { confidence: 0.25, iou: 0.45, max_detections: 100 },
  needs_nms: true,
  limits: { bytes: 4_500_000, pixels: 50_000_000 },
  labels: [],
  colors: [],
};

/** An absolute address of the function, which may live under a path of its own. */
export function address(path, options = {}) {
  const url = new URL(location.pathname.replace(/\/?$/, "/") + path, location.origin);
  url.search = new URLSearchParams(options);
  return url.href;
}

/** The model; on failure a stand-in with the `problem` in it. */
export async function askForModel() {
  try {
    const { response } = await ask("model");
    if (!response.ok) return { ...UNKNOWN, problem: await sentence(response) };
    return { ...UNKNOWN, ...await response.json() };
  } catch (error) {
    return { ...UNKNOWN, problem: error.message };
  }
}

/** A request, `{ response, started }`, with the token where one is wanted. */
async function ask(path, options, request = {}) {
  for (;;) {
    const secret = token();
    const answer = await askTwice(path, options, { ...request, headers: { ...request.headers, ...authorization(secret) } });
    if (answer.response.status !== 401) return answer;
    // Another request may have been told the token meanwhile.
    if (token() === secret) await askForToken(Boolean(secret));
  }
}

/** A request; a function that is too busy, broke or says nothing is asked once more. */
async function askTwice(path, options, request) {
  const once = async () => {
    const started = performance.now();
    const response = await fetch(address(path, options), { ...request, signal: AbortSignal.timeout(PATIENCE) });
    return { response, started };
  };
  try {
    const first = await once().catch((error) => error);
    if (first.response && first.response.status !== 429 && first.response.status < 500) return first;
    const seconds = Math.min(Number(first.response?.headers.get("Retry-After") ?? 0.2), 5);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000 + Math.random() * 400));
    return await once();
  } catch {
    throw new Error("The function does not answer. Is it still running, and are you online?");
  }
}

/**
 * The answer for a photo, `{ answer, milliseconds }`, or an Error whose message is a sentence. `doubtful` photos go as
 * a list of one: there a refusal is part of a 200, and no browser reports it as a failed request of the page. `slices` are
 * options beside.
 */
export async function detect(photo, doubtful, confidence, slices = {}) {
  const options = { ...ASKED, confidence: Math.min(ASKED.confidence, confidence), ...slices };
  const [type, body] = doubtful
    ? ["application/json", JSON.stringify({ images: [await base64(photo)] })]
    : [photo.type || "application/octet-stream", photo];
  const { response, started } = await ask("detect", options, { method: "POST", headers: { "Content-Type": type }, body });
  if (!response.ok) throw new Error(await sentence(response));
  const json = await response.json();
  const milliseconds = performance.now() - started;
  const answer = json.results?.[0] ?? json;
  if (answer.error) throw new Error(answer.error.message);
  return { answer, milliseconds };
}

/** The photo as a JPEG without boxes, for a browser that cannot show what it is; null where it cannot be had. */
export async function asJpeg(photo) {
  const options = { annotate: true, confidence: 1 };
  const headers = { "Content-Type": photo.type || "application/octet-stream" };
  const { response } = await ask("detect", options, { method: "POST", headers, body: photo });
  return response.ok ? response.blob() : null;
}

/** The photo with its objects made unrecognisable, as a JPEG. */
export async function redacted(photo, options) {
  const headers = { "Content-Type": photo.type || "application/octet-stream" };
  const { response } = await ask("detect", options, { method: "POST", headers, body: photo });
  if (!response.ok) throw new Error(await sentence(response));
  return response.blob();
}

/** The function's own sample photo, as a file. */
export async function samplePhoto() {
  const { response } = await ask("sample.jpg");
  if (!response.ok) throw new Error(await sentence(response));
  return new File([await response.blob()], "coffee.jpg", { type: "image/jpeg" });
}

/** What a refusal says: a problem document's detail, or its status where something else answered. */
async function sentence(response) {
  const problem = await response.json().catch(() => ({}));
  if (problem.detail) return problem.detail;
  return `The answer was ${response.status} ${response.statusText}, without a reason.`.replace(" ,", ",");
}

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(new Error("The browser cannot read this file."));
    reader.readAsDataURL(blob);
  });
}

/** The line that asks for the same from a terminal. */
export function curl(file, options) {
  const quoted = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;
  const type = file.type || "application/octet-stream";
  const secret = token() ? ' -H "Authorization: Bearer $API_TOKEN"' : "";
  return `curl -H ${quoted(`Content-Type: ${type}`)}${secret} --data-binary ${quoted(`@${file.name}`)} ${quoted(address("detect", options))}`;
}
