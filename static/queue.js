// The queue page: drawn anew when something of one's own moves, and now and then for all others.

import { fetchPage } from "./markup.js";
import { byId } from "./page.js";
import { paintTimes } from "./times.js";

const PAUSE = { news: 500, others: 15_000 };
let pending = 0;
let last = null; // where the focus was: a button that is being pressed loses it

async function redraw() {
  const pick = await fetchPage().catch(() => null);
  const fresh = pick?.("queue");
  if (!fresh) return;
  const old = byId("queue");
  const isAway = ![last, document.body].includes(document.activeElement);
  const focused = !isAway && old.contains(last) ? last.textContent : null;
  paintTimes(fresh);
  old.replaceWith(fresh);
  if (focused !== null) refocus(fresh, focused);
}

function refocus(fresh, text) {
  const same = [...fresh.querySelectorAll("a, button")].find((each) => each.textContent === text);
  (same ?? fresh.querySelector("a") ?? byId("main")).focus({ preventScroll: true });
}

document.addEventListener("focusin", (event) => { last = event.target; });

export function refreshQueue(pause = PAUSE.news) {
  if (!byId("queue")) return;
  clearTimeout(pending);
  pending = setTimeout(async () => {
    if (!document.hidden) await redraw();
    refreshQueue(PAUSE.others);
  }, pause);
}
