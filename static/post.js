// Posts a form's fields without leaving the page. What the server then answers decides: `done` as
// after a form, `refused` with a page that explains, or null where it could not be reached.

export async function post(address, fields = new URLSearchParams()) {
  const headers = { Accept: "text/html" };
  const response = await fetch(address, { method: "POST", body: fields, redirect: "manual", headers }).catch(() => null);
  return response && (response.type === "opaqueredirect" ? "done" : "refused");
}
