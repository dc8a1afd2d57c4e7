// A clip that broke off, because the server or the way to it was gone, is taken up where it was.
// Browsers try again by themselves for some seconds only, and then say `error` for good.

const PAUSE = 1_500;
const PATIENCE = 10 * 60_000;
const MOST = 5; // a clip that cannot be decoded would fail for ever
const CANNOT = [MediaError.MEDIA_ERR_DECODE, MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED];
const failures = new WeakMap();

const sleep = (time) => new Promise((resolve) => { setTimeout(resolve, time); });

// Returns whether the clip can be had again; waits while it cannot.
async function isBack(video) {
  for (const until = Date.now() + PATIENCE; Date.now() < until && video.isConnected;) {
    const answer = await fetch(video.src, { method: "HEAD", cache: "no-store" }).catch(() => null);
    if (answer?.ok) return true;
    if (answer && answer.status < 500 && !answer.headers.has("Retry-After")) return false;
    await sleep(PAUSE);
  }
  return false;
}

async function takeUp(video) {
  const count = (failures.get(video) ?? 0) + 1;
  failures.set(video, count);
  const { currentTime: place, paused } = video;
  if (!(await isBack(video)) || !video.isConnected) return;
  if (count > MOST) {
    // The clip is there, so that it is the browser that fails: the style then shows the words.
    video.toggleAttribute("data-unplayable", CANNOT.includes(video.error?.code));
    return;
  }
  video.load();
  if (place) video.currentTime = place; // before anything is loaded this says where to begin
  if (!paused) video.play().catch(() => {});
}

export function wirePlayer() {
  document.addEventListener("error", (event) => {
    if (event.target.matches?.("video[src]")) takeUp(event.target);
  }, true);
  for (const video of document.querySelectorAll("video[src]")) {
    if (video.error) takeUp(video); // it failed before this script was here
  }
}
