// Posts a form's fields without leaving the page. What is then answered decides: `done` as after a
// form, `refused` with a page that explains, `signed out`, or null where nobody could be reached.
//
// A redirect cannot be looked into, and a portal's looks like ours; so our server tells scripts of
// success without one. Whatever does not bear our mark came from something in between.

import { announce, byId, complain, events, say } from "./page.js";

export async function post(address, fields = new URLSearchParams()) {
  const headers = { Accept: "text/html", "Rushes-Script": "1" };
  const response = await fetch(address, { method: "POST", body: fields, redirect: "manual", headers }).catch(() => null);
  if (!response) return null;
  if (isSignedOut(response)) return "signed out";
  complain("");
  if (response.status === 204) return "done";
  return isOurs(response) || response.status < 500 ? "refused" : null;
}

// Whether an answer means that whoever asked has to sign in again, here or at a portal in front.
export function isSignedOut(response) {
  if (isOurs(response)) return response.status === 401;
  return response.type === "opaqueredirect" || response.ok || [401, 403].includes(response.status);
}

const isOurs = (response) => response.headers.has("X-Request-ID");

// A session that ended while a page was open: people sign in in another tab, and what they did here
// is then done after all, with the same token. Nothing that was typed is lost.
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
