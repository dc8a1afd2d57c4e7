// Moments in the reader's own words: `ago`, `at`, to the second (`exact`), and what counts up (`clock`, `elapsed`).

import { language } from "./page.js";

const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const hour = new Intl.DateTimeFormat(language, { timeStyle: "short" });
const day = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const second = new Intl.DateTimeFormat(language, { timeStyle: "medium" });
const dayToTheSecond = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];

function ago(then, now) {
  const seconds = (then - now) / 1000;
  const [unit, length] = UNITS.find(([, length]) => -seconds >= length) ?? ["second", Infinity];
  return relative.format(Math.round(seconds / length) || 0, unit);
}

function at(then, now) {
  return new Date(now).toDateString() === then.toDateString() ? hour.format(then) : day.format(then);
}

function exact(then, now) {
  const isToday = new Date(now).toDateString() === then.toDateString();
  return (isToday ? second : dayToTheSecond).format(then);
}

function clock(then, now) {
  const seconds = Math.max(0, Math.floor((now - then) / 1000));
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (!parts[0]) parts.shift();
  return parts.map((part, place) => (place ? String(part).padStart(2, "0") : part)).join(":");
}

const SAY = { ago, at, exact, clock, elapsed: clock };

export function paintTimes(root = document) {
  for (const time of root.querySelectorAll("time[data-time]")) {
    const then = new Date(time.dateTime);
    const text = SAY[time.dataset.time](then, Date.now());
    if (time.textContent !== text) time.textContent = text;
    time.title ||= day.format(then);
  }
}

export function keepTime() {
  paintTimes();
  setInterval(() => { if (!document.hidden) paintTimes(); }, 1000);
}
