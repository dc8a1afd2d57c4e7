// What the server told this page, and the two ways to say something to whoever cannot see it.

const told = JSON.parse(document.body.dataset.page);

// The page's language, in the reader's own variety of it where they have one: en-GB for en.
const page = document.documentElement.lang;
export const language = navigator.languages.find((tag) => tag.split("-")[0] === page) ?? page;
export const events = told.events;
export const changes = told.changes;
export const revision = told.revision;
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

const TOKEN = { alphabet: "abcdefghijklmnopqrstuvwxyz234567", length: 26 };

// Marks one press of a button: the same one twice is the same wish.
export function newToken() {
  const bytes = crypto.getRandomValues(new Uint8Array(TOKEN.length));
  return Array.from(bytes, (byte) => TOKEN.alphabet[byte % 32]).join("");
}
