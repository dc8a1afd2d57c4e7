// Small comforts: buttons that do not leave the page, copying, previews, a menu that closes.

import { catchUp } from "./live.js";
import { announce, byId, say } from "./page.js";

const STAY = { card: "cancel star check_again give_up retry", panel: "cancel star check_again give_up" };

async function act(form, button) {
  button.disabled = true;
  try {
    const body = new URLSearchParams(new FormData(form));
    const response = await fetch(form.action, { method: "POST", body, redirect: "manual" });
    if (response.type === "opaqueredirect") await catchUp();
    else form.submit();
  } catch {
    announce(say("notDone"), true);
  } finally {
    button.disabled = false;
  }
}

function wireMoves() {
  document.addEventListener("submit", (event) => {
    const button = event.target.querySelector("[data-move]");
    const place = event.target.closest(".card") ? "card" : "panel";
    if (!button || !STAY[place].split(" ").includes(button.dataset.move)) return;
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
    const text = label.textContent;
    label.textContent = say("copied");
    announce(say("copied"));
    setTimeout(() => { label.textContent = text; }, 1500);
  });
}

function wirePreviews() {
  const wanted = matchMedia("(hover: hover) and (prefers-reduced-motion: no-preference)");
  const clipUnder = (event) => wanted.matches && event.target.closest?.(".card")?.querySelector("video");
  document.addEventListener("mouseover", (event) => { clipUnder(event)?.play().catch(() => {}); });
  document.addEventListener("mouseout", (event) => {
    const clip = clipUnder(event);
    if (clip && !clip.closest(".card").contains(event.relatedTarget)) clip.pause();
  });
}

function wireMenu() {
  const menu = document.querySelector(".menu");
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
  wireMenu();
}
