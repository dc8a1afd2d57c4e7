// A clip's picture is drawn by the first page that shows its first frame, and kept by the server.

const WIDTH = 960;
const QUALITY = 0.8;
const MOST = 512 * 1024;
const TRIES = 8;
const PAUSE = 400;

// A clip is a video, or a moving picture in an image.
const sidesOf = (clip) => [clip.videoWidth ?? clip.naturalWidth, clip.videoHeight ?? clip.naturalHeight];

// The frame that a clip shows, or null while its first one is known but not yet painted.
function draw(clip) {
  const canvas = document.createElement("canvas");
  const [width, height] = sidesOf(clip);
  canvas.width = Math.min(WIDTH, width);
  canvas.height = Math.round((canvas.width * height) / width);
  const pen = canvas.getContext("2d");
  pen.drawImage(clip, 0, 0, canvas.width, canvas.height);
  const [, , , alpha] = pen.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data;
  return alpha ? canvas : null;
}

const written = (canvas, type) => new Promise((drawn) => { canvas.toBlob(drawn, type, QUALITY); });

async function keep(clip, tries = TRIES) {
  const address = clip.dataset?.poster;
  if (!address || !sidesOf(clip)[0]) return;
  const canvas = draw(clip);
  if (!canvas) {
    if (tries) setTimeout(() => keep(clip, tries - 1), PAUSE);
    return;
  }
  delete clip.dataset.poster;
  let picture = await written(canvas, "image/webp");
  // Where a browser cannot write WebP, as Safari, it gives PNG, which is too large to keep.
  if (picture?.type !== "image/webp") picture = await written(canvas, "image/jpeg");
  if (picture?.type === "image/png" || !(picture?.size <= MOST)) return;
  await fetch(address, { method: "PUT", body: picture }).catch(() => {});
}

export function wirePosters() {
  document.addEventListener("loadeddata", (event) => keep(event.target), true);
  document.addEventListener("load", (event) => keep(event.target), true);
  for (const clip of document.querySelectorAll("video, img[data-poster]")) {
    if (clip.complete || clip.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) keep(clip);
  }
}
