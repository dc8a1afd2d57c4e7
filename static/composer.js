// The composer: sends without leaving the page, keeps every word, and says how much room is left.

import { catchUp } from "./live.js";
import { announce, byId, say } from "./page.js";

const DRAFT = "rushes:draft";
const TOKEN = { alphabet: "abcdefghijklmnopqrstuvwxyz234567", length: 26 };

function newToken() {
  const bytes = crypto.getRandomValues(new Uint8Array(TOKEN.length));
  return Array.from(bytes, (byte) => TOKEN.alphabet[byte % 32]).join("");
}

function countLeft(prompt) {
  const left = Number(prompt.dataset.max) - [...prompt.value].length;
  const note = byId("prompt-left");
  const text = say(left < 0 ? "over" : "left", { count: Math.abs(left) });
  note.hidden = left > Number(prompt.dataset.max) / 5;
  note.textContent = text;
  prompt.setCustomValidity(left < 0 ? text : "");
}

function write(prompt, text) {
  prompt.value = text;
  prompt.dispatchEvent(new Event("input"));
  prompt.focus();
  prompt.setSelectionRange(text.length, text.length);
}

async function send(form, button) {
  const body = new URLSearchParams(new FormData(form));
  const label = button.textContent;
  button.disabled = true;
  button.textContent = say("sending");
  announce(say("sending"));
  const headers = { Accept: "text/html" };
  const response = await fetch(form.action, { method: "POST", body, redirect: "manual", headers }).catch(() => null);
  button.disabled = false;
  button.textContent = label;
  // Anything but the way to the new job is a page that explains: the plain form shows it.
  if (!response) unsent();
  else if (response.type === "opaqueredirect") await sent(form, body.get("prompt"));
  else form.submit();
}

// The token stays: should the first post have arrived after all, the next one is the same.
function unsent() {
  byId("prompt-left").hidden = false;
  byId("prompt-left").textContent = say("notSent");
  announce(say("notSent"), true);
}

async function sent(form, text) {
  form.elements.submit_token.value = newToken();
  form.elements.prompt.dataset.previous = text;
  form.classList.remove("composer--open");
  await catchUp();
  announce(say("sent"));
  if (!matchMedia("(pointer: coarse)").matches) return;
  document.activeElement?.blur();
  byId("jobs")?.firstElementChild?.scrollIntoView({ block: "center" });
}

export function wireComposer() {
  const form = byId("composer");
  if (!form) return;
  const prompt = form.elements.prompt;
  const button = form.querySelector(".composer__send");
  if (!prompt.value) prompt.value = sessionStorage.getItem(DRAFT) ?? "";
  countLeft(prompt);
  prompt.addEventListener("input", () => {
    sessionStorage.setItem(DRAFT, prompt.value);
    countLeft(prompt);
  });
  prompt.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    if (event.key === "ArrowUp" && !prompt.value && prompt.dataset.previous) {
      event.preventDefault();
      write(prompt, prompt.dataset.previous);
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!button.disabled) send(form, button);
  });
  document.addEventListener("click", (event) => {
    const example = event.target.closest("[data-example]");
    if (!example) return;
    event.preventDefault();
    write(prompt, example.textContent);
  });
}
