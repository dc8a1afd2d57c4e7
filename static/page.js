// What the server told this page, and the ways in which a page says something.

const told = JSON.parse(document.body.dataset.page);

// The page's language, in the reader's own variety of it where they have one: en-GB for en.
const page = document.documentElement.lang;
export const language = navigator.languages.find((tag) => tag.split("-")[0] === page) ?? page;
export const events = told.events;
export const changes = told.changes;
export const { revision, health } = told;
export const studio = told.studio;

export const byId = (id) => document.getElementById(id);

export function say(name, values = {}) {
  return told.words[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

export function announce(text, urgent = false) {
  const region = byId(urgent ? "assertive" : "polite");
  region.textContent = "";
  requestAnimationFrame(() => { region.textContent = text; });
}

let complaint = 0;

// Says what went wrong to eyes and ears; without a text that is over.
export function complain(text = say("notDone")) {
  clearTimeout(complaint);
  complaint = text && setTimeout(complain, 10_000, "");
  byId("trouble").hidden = !text;
  byId("trouble").textContent = text;
}

const TOKEN = { alphabet: "abcdefghijklmnopqrstuvwxyz234567", length: 26 };

// Marks one press of a button: the same one twice is the same wish.
export function newToken() {
  const bytes = crypto.getRandomValues(new Uint8Array(TOKEN.length));
  return Array.from(bytes, (byte) => TOKEN.alphabet[byte % 32]).join("");
}
