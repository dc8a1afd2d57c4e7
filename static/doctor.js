// The administrator's doctor: the same probes as `rushes doctor`, made from this very browser.

const table = document.getElementById("doctor");
const { root, key, forged, verdict } = JSON.parse(table.dataset.doctor);
const BODY = 4_000_000;
const FORGED = { name: "doctor-forged", address: "203.0.113.9" };

const probe = (path, options = {}) => fetch(`${root}doctor/${path}`, {
  cache: "no-store", ...options, headers: { "x-rushes-doctor": key, ...options.headers },
});

async function document_(answer) {
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
  return answer.json();
}

const attempt = (work, otherwise) => work().catch(() => otherwise);

const lies = Object.fromEntries(forged.map((name) => [name, FORGED.name]));

// As a program with a token comes: where there is a portal, it lets these past.
async function forgedInApi() {
  const answer = await probe("../api/v1/doctor/seen", {
    headers: { ...lies, authorization: "Bearer rushes_doctor" },
  });
  return (await document_(answer)).forged;
}

async function seen() {
  const answer = await probe("seen", { headers: { ...lies, "x-forwarded-for": FORGED.address } });
  return { seen: await document_(answer), server: answer.headers.get("server") ?? "" };
}

async function cookie() {
  await probe("cookie");
  return (await document_(await probe("cookie"))).came_back;
}

// A script cannot read a redirect's address: it follows, and looks where it has arrived.
async function location_() {
  const answer = await probe("redirect");
  const { pathname, origin } = new URL(answer.url);
  return origin === location.origin ? pathname : answer.url;
}

async function events() {
  const answer = await probe("events", { headers: { accept: "text/event-stream" } });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  const times = [];
  for (let began; ;) {
    const { value, done } = await reader.read();
    if (done) return { times, encoding: answer.headers.get("content-encoding") ?? "" };
    began ??= performance.now();
    const passed = Math.round(performance.now() - began);
    times.push(...Array(value.split("data:").length - 1).fill(passed));
  }
}

async function ranged() {
  const answer = await probe("bytes", { headers: { range: "bytes=0-1" } });
  const length = (await answer.arrayBuffer()).byteLength;
  return { status: answer.status, length, encoding: answer.headers.get("content-encoding") ?? "" };
}

async function body() {
  const form = new FormData();
  form.set("picture", new Blob([new Uint8Array(BODY)]), "doctor.bin");
  return (await document_(await probe("body", { method: "POST", body: form }))).bytes;
}

function show(finding) {
  const row = table.tBodies[0].insertRow();
  row.className = `doctor__${finding.severity}`;
  const name = document.createElement("th");
  name.scope = "row";
  name.textContent = finding.subject;
  row.append(name);
  const found = row.insertCell();
  found.textContent = finding.severity === "ok" ? finding.message : `${finding.message}. `;
  if (finding.remedy) {
    const remedy = document.createElement("code");
    remedy.textContent = finding.remedy;
    found.append(remedy);
  }
}

async function examine() {
  const first = await attempt(seen, { seen: null, server: "" });
  const told = await attempt(events, { times: null, encoding: "" });
  const observed = {
    ...first,
    forged_in_api: await attempt(forgedInApi, null),
    location: await attempt(location_, null),
    cookie: await attempt(cookie, false),
    static: (await attempt(() => fetch(`${root}static/app.css`), { status: 0 })).status,
    events_ms: told.times,
    events_encoding: told.encoding,
    ranged: await attempt(ranged, null),
    body: await attempt(body, null),
  };
  const page = encodeURIComponent(new URL(root, location.href).href);
  const answer = await fetch(`${verdict}?page=${page}`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(observed),
  });
  (await document_(answer)).forEach(show);
}

examine().catch((error) => {
  show({ severity: "error", subject: "reachable", message: error.message, remedy: "" });
});
