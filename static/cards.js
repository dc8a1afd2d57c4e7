// News on the page: cards and panels are swapped by id; focus and a clip that plays stay untouched.

import { cardOf, fetchPage } from "./markup.js";
import { announce, byId, say } from "./page.js";
import { entitle, noteEnd } from "./tab.js";
import { paintTimes } from "./times.js";

const MARKS = [25, 50, 75];
const FOCUSABLE = "video[controls], a, button, summary";
let pending = 0;

// A clip is left alone while it is watched, from its first byte to long after its last.
function staysUntouched(old, fresh) {
  const video = old.querySelector("video");
  if (!video || old.dataset.clip !== fresh.dataset.clip) return false; // player.js mends a broken one
  return old.dataset.status === fresh.dataset.status || !video.paused || video.currentTime > 0.2;
}

// The group that a card of the studio belongs to: what is under way stands above what has ended.
const groupOf = ({ dataset }) => byId(dataset.final === "1" || dataset.status === "unknown" ? "earlier" : "now");

// Replaces a card and puts it where it belongs now.
function change(old, fresh) {
  swap(old, fresh);
  const card = byId(fresh.id);
  const group = groupOf(card);
  if (!card.closest("#jobs") || isOlderPage() || card.parentElement === group) return;
  const focused = card.contains(document.activeElement) ? document.activeElement : null;
  insert(group, card);
  focused?.focus({ preventScroll: true });
}

// Replaces `old`; where the clip stays, only what is around it changes.
function swap(old, fresh) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const move = focused?.dataset.move;
  paintTimes(fresh);
  if (staysUntouched(old, fresh)) {
    const isAround = (piece) => piece.tagName !== "VIDEO";
    const [before, after] = [old, fresh].map((card) => [...card.firstElementChild.children].filter(isAround));
    before.forEach((piece) => piece.remove());
    old.firstElementChild.append(...after);
    old.lastElementChild.replaceWith(fresh.lastElementChild);
    old.className = fresh.className;
    Object.assign(old.dataset, fresh.dataset);
  } else {
    old.replaceWith(fresh);
  }
  if (focused && !focused.isConnected) refocus(byId(fresh.id) ?? old, move);
}

function refocus(root, move) {
  const same = move && root.querySelector(`[data-move="${move}"]`);
  (same || root.querySelector(FOCUSABLE))?.focus({ preventScroll: true });
}

function speak(old, fresh) {
  const { status, progress, said, urgent } = fresh;
  if (old && old.status !== status) noteEnd(status);
  const passed = MARKS.some((mark) => Number(old?.progress || 0) < mark && Number(progress) >= mark);
  const isNews = !old || old.status !== status || status === "unknown";
  if (isNews || (status === "in_progress" && passed)) announce(said, urgent === "1");
}

const isOlderPage = () => location.search.includes("after=");
const olderIn = (group, { dataset }) =>
  [...group.children].find((card) => Number(card.dataset.created) < Number(dataset.created));

// Newest first.
function insert(group, card) {
  group.insertBefore(card, olderIn(group, card) ?? null);
  tidy();
}

// Takes a new card in; one that belongs to an older page stays there.
function place(fresh) {
  const group = groupOf(fresh);
  if (group.dataset.more === "1" && !olderIn(group, fresh)) return;
  paintTimes(fresh);
  insert(group, fresh);
}

// A heading stands only over something, and where there is nothing at all, that is said.
function tidy() {
  for (const group of document.querySelectorAll("#now, #earlier")) group.parentElement.hidden = !group.children.length;
  const isEmpty = !document.querySelector("#main .card");
  if (byId("empty")) byId("empty").hidden = !isEmpty;
  if (byId("jobs")) byId("main").classList.toggle("studio--full", !isEmpty);
}

function remove(card) {
  const next = card.nextElementSibling ?? card.previousElementSibling;
  if (card.contains(document.activeElement)) (next?.querySelector("a") ?? byId("prompt") ?? byId("main")).focus();
  card.remove();
  tidy();
  announce(say("deleted"));
}

// The studio takes new cards in; any other list changes only those it has.
function applyToCard(item) {
  const old = byId(`job-${item.id}`);
  if (item.deleted) return old && remove(old);
  if (old && Number(old.dataset.revision) >= item.revision) return;
  if (!old && (isOlderPage() || !byId("jobs"))) return;
  const fresh = cardOf(item);
  const before = old && { ...old.dataset };
  const now = { ...fresh.dataset };
  if (old) change(old, fresh); else place(fresh);
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
  for (const part of ["head", "side"]) swapPart(byId(part), pick(part));
  speak(before, now);
  entitle();
}

function swapPart(old, fresh) {
  paintTimes(fresh);
  for (const button of fresh.querySelectorAll("[data-copy]")) button.hidden = false;
  if (old.textContent === fresh.textContent || old.querySelector("details[open]")) return;
  const focused = old.contains(document.activeElement) ? document.activeElement.textContent : null;
  old.replaceWith(fresh);
  const same = [...fresh.querySelectorAll(FOCUSABLE)].find((element) => element.textContent === focused);
  same?.focus({ preventScroll: true });
}

// Places in line move without news of their own: the whole list knows them.
async function refreshPlaces() {
  const pick = await fetchPage();
  for (const old of document.querySelectorAll('.card[data-status="queued"]')) {
    const fresh = pick?.(old.id);
    if (fresh && fresh.dataset.said !== old.dataset.said) change(old, fresh);
  }
  const unseen = pick?.("unseen");
  if (unseen) byId("unseen").replaceWith(unseen);
}

export function applyItems(items) {
  items.forEach(applyToCard);
  for (const item of items) {
    if (!item.deleted && byId(`panel-${item.id}`)) refreshPanel(`panel-${item.id}`);
  }
  if (document.querySelector('.card[data-status="queued"]')) {
    clearTimeout(pending);
    pending = setTimeout(refreshPlaces, 1500);
  }
  entitle();
}
