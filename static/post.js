// Posts a form's fields without leaving the page. What is then answered decides: `done` as after a
// form, `refused` with a page that explains, `signed out`, or null where nobody could be reached.
//
// A redirect cannot be looked into, and a portal's looks like ours; so our server tells scripts of
// success without one. Whatever does not bear our mark came from something in between.

import { complain } from "./page.js";

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
