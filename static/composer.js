// The composer: sends without leaving the page, keeps every word, and says how much room is left.

import { catchUp } from "./live.js";
import { announce, byId, newToken, say } from "./page.js";
import { post } from "./post.js";
import { wireRedraw } from "./redraw.js";
import { askToSignIn } from "./signed-out.js";

const DRAFT = "rushes:draft";

function countLeft(prompt) {
  const units = prompt.dataset.unit === "utf16" ? prompt.value : [...prompt.value];
  const left = Number(prompt.dataset.max) - units.length;
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
  const body = new FormData(form);
  const label = button.textContent;
  button.disabled = true;
  button.textContent = say("sending");
  announce(say("sending"));
  const answer = await post(form.action, body);
  button.disabled = false;
  button.textContent = label;
  if (!answer) unsent();
  else if (answer === "done") await sent(form, body.get("prompt"));
  else if (answer === "signed out") askToSignIn(form, () => send(form, button));
  else form.submit();
}

// The token stays: should the first post have arrived after all, the next one is the same.
function unsent() {
  byId("prompt-left").hidden = false;
  byId("prompt-left").textContent = say("notSent");
  announce(say("notSent"), true);
}

// From here on the recipe is one's own.
function forgetOrigin(form) {
  byId("composer-origin")?.remove();
  for (const field of form.querySelectorAll(".field--filled")) field.classList.remove("field--filled");
  if (/[?&](from|prompt)=/.test(location.search)) history.replaceState(null, "", location.pathname);
}

async function sent(form, text) {
  form.elements.submit_token.value = newToken();
  form.elements.prompt.dataset.previous = text;
  form.classList.remove("composer--open");
  forgetOrigin(form);
  await catchUp();
  announce(say("sent"));
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
    if (!button().disabled) send(form, button());
  });
  document.addEventListener("click", (event) => {
    const example = event.target.closest("[data-example]");
    if (!example) return;
    event.preventDefault();
    write(prompt, example.dataset.example);
  });
}
