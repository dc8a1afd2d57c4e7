// The composer: sends without leaving the page, keeps every word, and says how much room is left.

import { catchUp } from "./live.js";
import { announce, byId, newToken, say } from "./page.js";
import { post } from "./post.js";
import { redraw, wireRedraw } from "./redraw.js";
import { askToSignIn } from "./signed-out.js";

// What stands in the form, kept as long as its tab; without files, and what belongs to one sending.
const DRAFT = "rushes:draft";
const OWN = ["submit_token", "origin", "picture", "no_picture", "first_frame"];
const DRAWN = ["backend", "model", "drawn_for", "drawn_model"];

function keepDraft(form) {
  const kept = [...new FormData(form)].filter(([name]) => !OWN.includes(name));
  sessionStorage.setItem(DRAFT, JSON.stringify(kept));
}

function fill(field, values) {
  const isAmong = values.includes(field.value);
  if (field.type === "radio") field.checked ||= isAmong;
  else if (field.type === "checkbox") field.checked = isAmong;
  else if (field.type !== "hidden") [field.value] = values;
  if (values[0] && field.type !== "radio" && field.closest("details")) field.closest("details").open = true;
}

// Puts the draft back; one for another backend or model has that one's form drawn first.
function takeDraft(form) {
  const body = new FormData();
  try {
    for (const [name, value] of JSON.parse(sessionStorage.getItem(DRAFT))) body.append(name, value);
  } catch { return; }
  const now = new FormData(form);
  if (DRAWN.some((name) => body.get(name) !== now.get(name))) {
    form.elements.prompt.value = body.get("prompt");
    return redraw(form, body);
  }
  for (const field of form.elements) {
    if (body.has(field.name)) fill(field, body.getAll(field.name));
  }
}

// Whoever signs out or erases everything leaves no draft to who comes after.
document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-forgets]")) sessionStorage.removeItem(DRAFT);
});

function countLeft(prompt) {
  const units = prompt.dataset.unit === "utf16" ? prompt.value : [...prompt.value];
  const left = Number(prompt.dataset.max) - units.length;
  const note = byId("prompt-left");
  const text = say(left === -1 ? "overByOne" : left < 0 ? "over" : "left", { count: Math.abs(left) });
  note.hidden = left > Number(prompt.dataset.max) / 5;
  note.textContent = text;
  prompt.setCustomValidity(left < 0 ? text : "");
}

function write(prompt, text) {
  prompt.value = text;
  prompt.dispatchEvent(new Event("input", { bubbles: true }));
  prompt.focus();
  prompt.setSelectionRange(text.length, text.length);
}

// What was wrong with a field stops being said once it is changed.
function excuse(field) {
  const marked = field.closest("[aria-invalid]");
  byId(marked?.getAttribute("aria-describedby"))?.remove();
  marked?.removeAttribute("aria-invalid");
  if (field.pattern) field.setCustomValidity(field.validity.patternMismatch ? field.title : "");
}

async function send(form, button) {
  const body = new FormData(form);
  const label = button.textContent;
  const before = cards();
  button.ariaDisabled = "true"; // not disabled: that would lose the focus
  byId("composer-problem").hidden = true;
  byId("composer-when").replaceChildren();
  button.textContent = say("sending");
  announce(say("sending"));
  const answer = await post(form.action, body);
  button.ariaDisabled = null;
  button.textContent = label;
  if (!answer) unsent(form);
  else if (answer === "done") await sent(form, body.get("prompt"), before);
  else if (answer === "signed out") askToSignIn(form, () => send(form, button));
  else form.submit();
}

// The token stays: should the first post have arrived after all, the next one is the same.
function unsent(form) {
  const problem = byId("composer-problem");
  problem.hidden = false;
  form.classList.add("composer--open");
  problem.scrollIntoView({ block: "nearest" });
  announce(problem.textContent, true);
}

// From here on the recipe is one's own.
function forgetOrigin(form) {
  byId("composer-origin")?.remove();
  for (const field of form.querySelectorAll(".field--filled")) field.classList.remove("field--filled");
  if (/[?&](from|prompt)=/.test(location.search)) history.replaceState(null, "", location.pathname);
}

const cards = () => [...document.querySelectorAll("#jobs .card")].map((card) => card.id);

// The line under the button leads to what was sent, and says how that stands.
function follow(id) {
  const link = document.createElement("a");
  const tell = (_, watch) => {
    const card = byId(id);
    if (!card || (watch && !link.isConnected)) return watch?.disconnect();
    link.href = card.querySelector("a").href;
    link.textContent = say("sentAs", { state: card.dataset.said.trim() });
  };
  tell();
  byId("composer-when").replaceChildren(link);
  new MutationObserver(tell).observe(byId("jobs"), { childList: true, subtree: true });
}

async function sent(form, text, before) {
  form.elements.submit_token.value = newToken();
  form.elements.prompt.dataset.previous = text;
  form.classList.remove("composer--open");
  forgetOrigin(form);
  keepDraft(form);
  await catchUp();
  announce(say("sent"));
  byId("composer-when").textContent = say("sent");
  const made = cards().find((id) => !before.includes(id));
  if (made) follow(made);
  if (!matchMedia("(pointer: coarse)").matches) return;
  document.activeElement?.blur();
  document.querySelector("#jobs .card")?.scrollIntoView({ block: "center" });
}

export function wireComposer() {
  const form = byId("composer");
  if (!form) return;
  const prompt = form.elements.prompt;
  const button = () => byId("composer-send");
  wireRedraw(form);
  if (!("filled" in form.dataset)) takeDraft(form);
  countLeft(prompt);
  prompt.addEventListener("input", () => countLeft(prompt));
  form.addEventListener("input", (event) => {
    keepDraft(form);
    excuse(event.target);
  });
  prompt.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing) prompt.blur();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    if (event.key === "ArrowUp" && !prompt.value && prompt.dataset.previous) {
      event.preventDefault();
      write(prompt, prompt.dataset.previous);
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!button().ariaDisabled) send(form, button());
  });
  document.addEventListener("click", (event) => {
    const example = event.target.closest("[data-example]");
    if (!example) return;
    event.preventDefault();
    write(prompt, example.dataset.example);
  });
}
