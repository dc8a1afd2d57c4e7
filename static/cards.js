// News on the page: cards and panels are swapped by id; focus and a clip that plays stay untouched.

import { cardOf, fetchPage } from "./markup.js";
import { announce, byId, say } from "./page.js";
import { paintTimes } from "./times.js";

const MARKS = [25, 50, 75];
const title = document.title;
let pending = 0;

const isSameClip = (old, fresh) =>
  old.dataset.clip !== "" && old.dataset.clip === fresh.dataset.clip && old.dataset.status === fresh.dataset.status;

// Replaces `old`; where the clip is the same only the words around it change.
function swap(old, fresh) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const move = focused?.dataset.move;
  paintTimes(fresh);
  if (isSameClip(old, fresh)) {
    old.lastElementChild.replaceWith(fresh.lastElementChild);
    Object.assign(old.dataset, fresh.dataset);
  } else {
    old.replaceWith(fresh);
  }
  if (focused && !focused.isConnected) refocus(byId(fresh.id) ?? old, move);
}

function refocus(root, move) {
  const same = move && root.querySelector(`[data-move="${move}"]`);
  (same || root.querySelector("video[controls], a, button"))?.focus({ preventScroll: true });
}

function speak(old, fresh) {
  const { status, progress, said, urgent } = fresh;
  const passed = MARKS.some((mark) => Number(old?.progress || 0) < mark && Number(progress) >= mark);
  if (!old || old.status !== status || (status === "in_progress" && passed)) announce(said, urgent === "1");
}

// Newest first; a clip that belongs to an older page stays there.
function place(list, fresh) {
  const created = Number(fresh.dataset.created);
  const older = [...list.children].find((card) => Number(card.dataset.created) < created);
  if (!older && list.dataset.more === "1") return;
  paintTimes(fresh);
  list.insertBefore(fresh, older ?? null);
  byId("main").classList.add("studio--full");
}

function remove(card) {
  const next = card.nextElementSibling ?? card.previousElementSibling;
  if (card.contains(document.activeElement)) next?.querySelector("a")?.focus();
  card.remove();
  byId("empty").hidden = byId("jobs").childElementCount > 0;
  announce(say("deleted"));
}

function applyToList(item) {
  const list = byId("jobs");
  const old = byId(`job-${item.id}`);
  if (item.deleted) return old && remove(old);
  if (old && Number(old.dataset.revision) >= item.revision) return;
  const fresh = cardOf(item);
  const before = old && { ...old.dataset };
  const now = { ...fresh.dataset };
  if (old) swap(old, fresh); else if (!location.search.includes("after=")) place(list, fresh);
  speak(before, now);
}

async function refreshPanel(id) {
  const pick = await fetchPage();
  const old = byId(id);
  const fresh = pick?.(id);
  if (!fresh || Number(fresh.dataset.revision) <= Number(old.dataset.revision)) return;
  const before = { ...old.dataset };
  const now = { ...fresh.dataset };
  swap(old, fresh);
  for (const part of ["recipe", "history"]) {
    const news = pick(part);
    if (news) swapPart(byId(part), news);
  }
  speak(before, now);
  entitle();
}

function swapPart(old, fresh) {
  paintTimes(fresh);
  for (const button of fresh.querySelectorAll("[data-copy]")) button.hidden = false;
  if (old.textContent !== fresh.textContent) old.replaceWith(fresh);
}

// Places in line move without news of their own: the whole list knows them.
async function refreshPlaces() {
  const pick = await fetchPage();
  for (const old of document.querySelectorAll('.card[data-status="queued"]')) {
    const fresh = pick?.(old.id);
    if (fresh && fresh.dataset.said !== old.dataset.said) swap(old, fresh);
  }
}

function entitle() {
  const running = [...document.querySelectorAll('.card[data-final="0"], .panel[data-final="0"]')];
  const progress = running.map((card) => card.dataset.progress).find((text) => text !== "");
  const many = running.length && byId("jobs") ? `(${running.length}) ` : "";
  const share = progress === undefined ? "" : `${progress} % - `;
  const rest = byId("jobs") && running.length ? "Rushes" : title;
  document.title = `${many}${share}${rest}`;
}

export function applyItems(items) {
  const list = byId("jobs");
  if (list) items.forEach(applyToList);
  for (const item of items) {
    if (byId(`panel-${item.id}`)) refreshPanel(`panel-${item.id}`);
  }
  if (list?.querySelector('[data-status="queued"]')) {
    clearTimeout(pending);
    pending = setTimeout(refreshPlaces, 1500);
  }
  entitle();
}

export { entitle };
