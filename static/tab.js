// The tab tells how it goes: its title counts, and its icon has a sign of its own for each state.

import { byId } from "./page.js";

const title = document.title;
const icon = byId("icon").href;
let unseen = "";

function state(cards) {
  if (unseen) return unseen;
  if (!cards.length) return "";
  return cards.some((card) => card.dataset.status !== "queued") ? "running" : "queued";
}

export function entitle() {
  const open = [...document.querySelectorAll('.card[data-final="0"], .panel[data-final="0"]')];
  const cards = open.filter((card) => card.dataset.status !== "unknown");
  const progress = cards.map((card) => card.dataset.progress).find((text) => text !== "");
  const many = cards.length && byId("jobs") ? `(${cards.length}) ` : "";
  const share = progress === undefined ? "" : `${progress} % - `;
  document.title = `${many}${share}${title}`;
  const shown = state(cards);
  byId("icon").href = shown ? icon.replace(/\.svg$/, `-${shown}.svg`) : icon;
}

// What ended while nobody looked is kept in sight until somebody does.
export function noteEnd(status) {
  if (!document.hidden || !["completed", "failed"].includes(status)) return;
  if (unseen !== "failed") unseen = status === "failed" ? "failed" : "new";
}

export function wireTab() {
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    unseen = "";
    entitle();
  });
}
