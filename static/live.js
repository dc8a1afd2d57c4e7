// News of jobs: one stream per browser, read by one tab and passed on to the others; where no
// stream gets through, the same news by asking. Every batch is `{after, revision, gap, items}`
// and mostly `health`, a mark that changes as backends go and come.

import { byId, changes, events, language, announce, health as loadedHealth, revision as loaded, say } from "./page.js";
import { isSignedOut } from "./post.js";
import { askToSignIn, signedIn } from "./signed-out.js";

const SILENCE = 35_000; // the server gives a sign of life each 15 s
const PAUSE = { first: 1_000, most: 15_000, visible: 3_000, hidden: 10_000 };
const ROUNDS = 10; // polls before the stream is tried again
const NAME = `rushes:${events}:${document.documentElement.lang}`;

let known = loaded;
let health = loadedHealth;
let deliver = () => {};
let tellHealth = () => {};
let wake = () => {};
let lastHeard = Date.now();
let shown = "online";
let isLeading = false;
const channel = "BroadcastChannel" in window ? new BroadcastChannel(NAME) : null;

const jitter = (time) => time * (0.5 + Math.random());
const sleep = (time) => new Promise((resolve) => { wake = resolve; setTimeout(resolve, time); });

function receive(batch) {
  if (batch.gap) location.reload();
  else if (batch.after > known) catchUp(); // this tab was asleep and missed something between
  else take(batch);
}

function take(batch) {
  known = Math.max(known, batch.revision);
  if (batch.items.length) deliver(batch.items);
  if (health === (batch.health ?? health)) return;
  health = batch.health;
  tellHealth();
}

function receiveAndPassOn(batch) {
  const whole = { after: known, ...batch };
  receive(whole);
  channel?.postMessage(whole);
}

// Asks for what changed. Returns how that went: "news", "signed out", or null.
export async function catchUp() {
  const response = await fetch(`${changes}?after=${known}`, { cache: "no-store", redirect: "manual" }).catch(() => null);
  if (response && isSignedOut(response)) {
    askToSignIn("news", catchUp);
    return "signed out";
  }
  if (response?.ok) signedIn();
  const batch = await response?.json().catch(() => null);
  if (!response?.ok || !batch?.items) return null;
  receiveAndPassOn(batch);
  return "news";
}

function show(state) {
  if (state === shown) return;
  const time = new Intl.DateTimeFormat(language, { timeStyle: "short" }).format(lastHeard);
  shown = state;
  byId("connection").hidden = ["online", "signed out"].includes(state);
  if (state === "signed out") return; // the notice that says so needs no bar beside it
  byId("connection").textContent = say(state, { time });
  announce(byId("connection").textContent);
}

function read(block) {
  const fields = { event: "message", data: "" };
  for (const line of block.split("\n")) {
    const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (name) fields[name] = value;
  }
  if (!fields.data || fields.event === "bye") return;
  const told = JSON.parse(fields.data);
  const isOne = fields.event === "message";
  receiveAndPassOn(isOne ? { revision: told.revision, gap: false, items: [told] } : told);
}

// Reads the stream until it ends. Returns whether it was alive, silence included.
// A plain fetch and not an EventSource: that one hides heartbeats, statuses and its own giving up.
async function listen(signal) {
  const silence = new AbortController();
  let timer;
  let isAlive = false;
  const heard = () => {
    lastHeard = Date.now();
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE);
  };
  heard();
  try {
    const response = await fetch(`${events}?after=${known}`, {
      headers: { Accept: "text/event-stream" },
      cache: "no-store",
      signal: AbortSignal.any([signal, silence.signal]),
    });
    const type = response.headers.get("Content-Type") ?? "";
    if (!response.ok || !type.startsWith("text/event-stream")) return false;
    const stream = response.body.pipeThrough(new TextDecoderStream());
    let rest = "";
    for await (const text of chunks(stream)) {
      heard();
      isAlive = true;
      show("online");
      channel?.postMessage("alive");
      const blocks = (rest + text).split("\n\n");
      rest = blocks.pop();
      blocks.forEach(read);
    }
    return true;
  } catch {
    return isAlive && !silence.signal.aborted; // cut in the middle: the next one may well live
  } finally {
    clearTimeout(timer);
  }
}

async function* chunks(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function poll(signal) {
  for (let round = 0; round < ROUNDS && !signal.aborted; round += 1) {
    if ((await catchUp()) !== "news") return;
    lastHeard = Date.now();
    channel?.postMessage("alive");
    show("polling");
    await sleep(document.hidden ? PAUSE.hidden : PAUSE.visible);
  }
}

async function run(signal) {
  for (let failures = 0; !signal.aborted;) {
    failures = (await listen(signal)) ? 0 : failures + 1;
    if (signal.aborted) return;
    const told = failures > 0 && (await catchUp());
    if (told === null) show("offline");
    else if (told === "signed out") show(told);
    else if (failures > 1) await poll(signal);
    await sleep(Math.min(PAUSE.most, jitter(PAUSE.first * 2 ** Math.min(failures, 4))));
  }
}

// With Web Locks one tab leads and the others listen to it; one that has gone silent is replaced.
function lead(steal = false) {
  const stopped = new AbortController();
  const work = () => { isLeading = true; return run(stopped.signal); };
  const replaced = () => { isLeading = false; stopped.abort(); lead(); };
  navigator.locks.request(NAME, { steal }, work).catch(replaced);
}

function watchTheLeader() {
  channel.onmessage = ({ data }) => {
    lastHeard = Date.now();
    if (data !== "alive") receive(data);
    show("online");
  };
  setInterval(() => {
    if (isLeading || document.hidden || Date.now() - lastHeard < 2 * SILENCE) return;
    lastHeard = Date.now();
    lead(true);
  }, PAUSE.hidden);
}

// Without them (plain http on a network) each visible tab has its own stream.
function followAlone() {
  let stopped = new AbortController();
  const follow = () => {
    stopped.abort();
    stopped = new AbortController();
    if (!document.hidden) run(stopped.signal);
  };
  document.addEventListener("visibilitychange", follow);
  follow();
}

export function followJobs(onItems, onHealth) {
  deliver = onItems;
  tellHealth = onHealth;
  const refresh = () => { if (!document.hidden) catchUp().then(() => wake()); };
  addEventListener("pageshow", (event) => { if (event.persisted) refresh(); });
  addEventListener("online", refresh);
  document.addEventListener("visibilitychange", refresh);
  if (!navigator.locks || !channel) return followAlone();
  watchTheLeader();
  lead();
  catchUp();
}
