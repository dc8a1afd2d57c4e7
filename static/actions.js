// Small comforts: buttons that do not leave the page, copying, previews, a menu that closes.

import { catchUp } from "./live.js";
import { announce, byId, complain, newToken, say } from "./page.js";
import { post } from "./post.js";
import { askToSignIn } from "./signed-out.js";

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

export function wireActions() {
  wireMoves();
  wireCopying();
  wirePreviews();
  wireMenus();
}
