// The token of a server that keeps others out: asked for once, kept for the tab.
import { byId } from "./elements.js";

const PLACE = "spotter-token";

let known = stored();
let given = null;

/** The token, or nothing. */
export function token() {
  return known;
}

/** Asks for the token, `again` where the last one was wrong; however many ask, there is one question. */
export function askForToken(again) {
  byId("token-question").textContent = again ? "That is not the token. The right one?" : "This server wants a token (its API_TOKEN).";
  given ??= new Promise((resolve) => {
    const [form, field] = [byId("token"), byId("token-field")];
    form.hidden = false;
    field.focus();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      known = field.value.trim();
      keep(known);
      field.value = "";
      form.hidden = true;
      given = null;
      resolve();
    }, { once: true });
  });
  return given;
}

/** The header that brings a token: its bytes, one a character, as headers have them. */
export function authorization(secret) {
  return secret ? { Authorization: `Bearer ${String.fromCharCode(...new TextEncoder().encode(secret))}` } : {};
}

// Browsers that are told to keep nothing throw.
function stored() {
  try {
    return sessionStorage.getItem(PLACE);
  } catch {
    return null;
  }
}

function keep(secret) {
  try {
    sessionStorage.setItem(PLACE, secret);
  } catch {
    // Then it is asked for again when the page is.
  }
}
