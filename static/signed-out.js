// A session that ended while a page was open: people sign in in another tab, and what they did here
// is then done after all, with the same token. Nothing that was typed is lost.

import { announce, byId, events, say } from "./page.js";

const waiting = new Map();
const channel = "BroadcastChannel" in window ? new BroadcastChannel(`rushes:here:${events}`) : null;

// Asks to sign in; `again` is done afterwards, once for each `key`.
export function askToSignIn(key, again) {
  const notice = byId("signed-out");
  if (!notice) return;
  if (notice.hidden) announce(say("signedOut"), true);
  notice.hidden = false;
  waiting.set(key, again);
}

// Somebody is signed in: what waited for that is done.
export function signedIn() {
  if (!waiting.size) return;
  const all = [...waiting.values()];
  waiting.clear();
  byId("signed-out").hidden = true;
  for (const again of all) again();
}

export function wireSignedOut() {
  if (channel) {
    channel.onmessage = signedIn;
    channel.postMessage("here"); // this very page has just been loaded by somebody signed in
  }
  addEventListener("focus", signedIn);
}
