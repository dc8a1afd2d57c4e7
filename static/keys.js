// Single keys, for whoever wants them: never while something is typed, and only until switched off.

import { byId, studio } from "./page.js";

const OFF = "rushes:keys-off";
const TYPING = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";

const titles = () => [...document.querySelectorAll(".card__title a")];

const step = (by) => () => {
  const links = titles();
  const at = links.findIndex((link) => link.closest(".card").contains(document.activeElement));
  links[Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
};

const KEYS = {
  "/": () => {
    const field = byId("prompt") ?? byId("q");
    if (field) field.focus(); else location.assign(`${studio}#prompt`);
  },
  "?": () => {
    for (const row of document.querySelectorAll("[data-of-lists]")) row.hidden = !titles().length;
    byId("keys").showModal();
  },
  j: step(1),
  k: step(-1),
};

export function wireKeys() {
  const on = byId("keys-on");
  on.checked = localStorage.getItem(OFF) === null;
  on.addEventListener("change", () => {
    if (on.checked) localStorage.removeItem(OFF); else localStorage.setItem(OFF, "1");
  });
  byId("show-keys").hidden = false;
  byId("show-keys").addEventListener("click", KEYS["?"]);
  document.addEventListener("keydown", (event) => {
    const isOurs = on.checked && !event.ctrlKey && !event.metaKey && !event.altKey && !byId("keys").open;
    if (!isOurs || event.target.closest(TYPING) || !Object.hasOwn(KEYS, event.key)) return;
    event.preventDefault();
    KEYS[event.key]();
  });
}
