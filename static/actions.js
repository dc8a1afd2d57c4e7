// Buttons and keys that do not leave the page, copying, previews, a menu that closes.

import { catchUp } from "./live.js";
import { announce, byId, complain, newToken, say, studio } from "./page.js";
import { askToSignIn, post } from "./post.js";

// Elsewhere than in the studio a retry leads to the new clip's own page.
const STAY = {
  jobs: ["cancel", "star", "check_again", "give_up", "retry"],
  other: ["cancel", "star", "check_again", "give_up"],
};

// A disabled button would lose the focus, and with it the place of whoever works by keyboard.
async function act(form, button) {
  if (button.ariaDisabled) return;
  button.ariaDisabled = "true";
  const answer = await post(form.action, new URLSearchParams(new FormData(form)));
  button.ariaDisabled = null;
  if (answer === "refused") return form.submit();
  if (answer === "signed out") return askToSignIn(form, () => act(form, button));
  if (!answer) return complain();
  if (form.elements.token) form.elements.token.value = newToken();
  await catchUp();
}

function wireMoves() {
  document.addEventListener("submit", (event) => {
    const button = event.target.querySelector("[data-move]");
    const place = event.target.closest("#jobs") ? "jobs" : "other";
    if (!button || !STAY[place].includes(button.dataset.move)) return;
    event.preventDefault();
    act(event.target, button);
  });
}

// Deleting asks nothing: it is done at once and can be taken back for a while.
const WHILE = 10_000;
let timer = 0;

function hide() {
  byId("toast").hidden = true;
}

function hideLater() {
  clearTimeout(timer);
  const isInUse = () => byId("toast").matches(":hover, :focus-within");
  timer = setTimeout(() => (isInUse() ? hideLater() : hide()), WHILE);
}

function offer(address) {
  byId("toast").action = address;
  byId("toast").hidden = false;
  hideLater();
}

async function remove(link) {
  const answer = await post(link.href);
  if (answer === "refused") location.assign(link.href);
  else if (answer === "signed out") askToSignIn(link, () => remove(link));
  else if (!answer) complain();
  else if (!link.closest(".card")) location.assign(`${studio}?deleted=${link.dataset.id}`);
  else {
      offer(link.dataset.undo);
    await catchUp();
  }
}

async function restore(toast) {
  const answer = await post(toast.action);
  if (answer === "refused") return toast.submit();
  if (answer === "signed out") return askToSignIn(toast, () => restore(toast));
  if (!answer) return complain();
  hide();
  announce(say("restored"));
  await catchUp();
}

function wireUndo() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[data-move="delete"]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    remove(link);
  });
  byId("toast").addEventListener("submit", (event) => {
    event.preventDefault();
    restore(event.target);
  });
  if (byId("toast").hidden) return;
  announce(say("deleted"));
  history.replaceState(null, "", studio);
  hideLater();
}

function wireCopying() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(byId(button.dataset.copy).textContent);
    const label = button.lastChild;
    button.dataset.says ??= label.textContent;
    label.textContent = say("copied");
    announce(say("copied"));
    setTimeout(() => { label.textContent = button.dataset.says; }, 1500);
  });
}

function wirePreviews() {
  const wanted = matchMedia("(hover: hover) and (prefers-reduced-motion: no-preference)");
  const clipUnder = (event) => (wanted.matches ? event.target.closest?.(".card")?.querySelector("video") : null);
  document.addEventListener("mouseover", (event) => { clipUnder(event)?.play().catch(() => {}); });
  document.addEventListener("mouseout", (event) => {
    const clip = clipUnder(event);
    if (clip && !clip.closest(".card").contains(event.relatedTarget)) clip.pause();
  });
}

function wireMenus() {
  for (const menu of document.querySelectorAll(".menu")) wireOneMenu(menu);
}

function wireOneMenu(menu) {
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

// Single keys, for whoever wants them: never while something is typed, and only until switched off.
const OFF = "rushes:keys-off";
const TYPING = "input, textarea, select, [contenteditable]";

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

function wireKeys() {
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

export function wireActions() {
  wireMoves();
  wireUndo();
  wireCopying();
  wirePreviews();
  wireMenus();
  wireKeys();
}
