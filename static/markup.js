// The only door for markup: the one Trusted Types policy, for what our own server rendered.

const policy = window.trustedTypes?.createPolicy("rushes", { createHTML: (html) => html })
  ?? { createHTML: (html) => html };

const NEVER_OURS = "script, iframe, object, embed, base, link, meta, style";

function checked(element, id) {
  if (!element || element.id !== id || element.querySelector(NEVER_OURS)) {
    throw new TypeError(`not our markup: ${id}`);
  }
  return document.adoptNode(element);
}

// A card from one item of the event stream, or of its polling twin.
export function cardOf(item) {
  const template = document.createElement("template");
  template.innerHTML = policy.createHTML(item.html);
  return checked(template.content.firstElementChild, `job-${item.id}`);
}

// This very page as the server sees it now, or what it answers to a form's fields; `pick(id)`
// returns one element of it, or null.
export async function fetchPage(address = location.href, body = undefined) {
  const method = body ? "POST" : "GET";
  const headers = { Accept: "text/html" };
  const response = await fetch(address, { method, body, headers, cache: "no-store" });
  if (!response.ok) return null;
  const page = new DOMParser().parseFromString(policy.createHTML(await response.text()), "text/html");
  return (id) => (page.getElementById(id) ? checked(page.getElementById(id), id) : null);
}
