// The composer follows the chosen backend and model, and says what the settings will cost.

import { fetchPage } from "./markup.js";
import { byId, language, say } from "./page.js";

const PARTS = ["composer-settings", "composer-note", "composer-send", "composer-when"];

let edits = 0;

export async function redraw(form, fields = new FormData(form)) {
  const before = edits;
  const address = byId("composer-redraw")?.formAction;
  const pick = address && (await fetchPage(address, fields).catch(() => null));
  if (before !== edits) return redraw(form); // what was chosen since would be lost
  const parts = PARTS.map((id) => pick?.(id));
  if (!parts.every(Boolean)) return; // not the studio: signed out, or away
  replace(form, parts);
  followLimit(form.elements.prompt, pick("prompt"));
  tellPrice(form);
}

function replace(form, parts) {
  const focused = document.activeElement?.name;
  for (const part of parts) byId(part.id).replaceWith(part);
  if (document.activeElement === document.body) form.elements[focused]?.focus?.();
}

function followLimit(prompt, drawn) {
  prompt.dataset.max = drawn.dataset.max;
  prompt.dataset.unit = drawn.dataset.unit;
  prompt.dispatchEvent(new Event("input"));
}

function tellPrice(form) {
  const note = byId("composer-price");
  if (!note) return;
  const price = JSON.parse(note.dataset.price);
  const { resolution, duration, count } = Object.fromEntries(new FormData(form));
  const second = price.at[resolution] ?? price.second;
  const amount = (price.clip + second * Number(duration ?? 0)) * Number(count ?? 1);
  const money = new Intl.NumberFormat(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const isKnown = !second || duration;
  note.textContent = isKnown ? ` · ${say("price", { ...price, amount: money.format(amount) })}` : "";
}

// A backend went or came back: only what is said of that changes, nothing that is filled in.
export async function tellHealth() {
  const form = byId("composer");
  const address = byId("composer-redraw")?.formAction;
  const pick = await fetchPage(address, address && new FormData(form)).catch(() => null);
  for (const id of ["outages", "composer-note", "composer-send"]) {
    const fresh = pick?.(id);
    if (fresh) byId(id).replaceChildren(...fresh.childNodes);
  }
  if (form) tellPrice(form);
}

export function wireRedraw(form) {
  const button = byId("composer-redraw");
  if (button) button.hidden = true; // with scripts the choice itself redraws
  tellPrice(form);
  form.addEventListener("input", (event) => {
    if (event.target.name !== "prompt") edits += 1; // the prompt is never replaced
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches("[data-redraws]")) redraw(form);
    else tellPrice(form);
  });
}
