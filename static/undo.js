// Deleting asks nothing: it is done at once and can be taken back for a while.

import { catchUp } from "./live.js";
import { announce, byId, complain, say, studio } from "./page.js";
import { post } from "./post.js";
import { askToSignIn } from "./signed-out.js";

const WHILE = 10_000;
let timer = 0;

function hide() {
  byId("toast").hidden = true;
}

function hideLater() {
  clearTimeout(timer);
  const isInUse = () => byId("toast").matches(":hover, :focus-within");
  timer = setTimeout(() => (isInUse() ? hideLater() : hide()), WHILE);
}

function offer(address) {
  byId("toast").action = address;
  byId("toast").hidden = false;
  hideLater();
}

async function remove(link) {
  const answer = await post(link.href);
  if (answer === "refused") location.assign(link.href);
  else if (answer === "signed out") askToSignIn(link, () => remove(link));
  else if (!answer) complain();
  else if (!link.closest(".card")) location.assign(`${studio}?deleted=${link.dataset.id}`);
  else {
    offer(link.dataset.undo);
    await catchUp();
  }
}

async function restore(toast) {
  const answer = await post(toast.action);
  if (answer === "refused") return toast.submit();
  if (answer === "signed out") return askToSignIn(toast, () => restore(toast));
  if (!answer) return complain();
  hide();
  announce(say("restored"));
  await catchUp();
}

export function wireUndo() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[data-move="delete"]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    remove(link);
  });
  byId("toast").addEventListener("submit", (event) => {
    event.preventDefault();
    restore(event.target);
  });
  if (byId("toast").hidden) return;
  announce(say("deleted"));
  history.replaceState(null, "", studio);
  hideLater();
}
