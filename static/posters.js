// A clip's picture is drawn by the first page that shows its first frame, and kept by the server.

const WIDTH = 960;
const QUALITY = 0.8;
const MOST = 512 * 1024;
const TRIES = 8;
const PAUSE = 400;

// The frame that a clip shows, or null while its first one is known but not yet painted.
function draw(video) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.min(WIDTH, video.videoWidth);
  canvas.height = Math.round((canvas.width * video.videoHeight) / video.videoWidth);
  const pen = canvas.getContext("2d");
  pen.drawImage(video, 0, 0, canvas.width, canvas.height);
  const [, , , alpha] = pen.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data;
  return alpha ? canvas : null;
}

async function keep(video, tries = TRIES) {
  const address = video.dataset.poster;
  if (!address || !video.videoWidth) return;
  const canvas = draw(video);
  if (!canvas) {
    if (tries) setTimeout(() => keep(video, tries - 1), PAUSE);
    return;
  }
  delete video.dataset.poster;
  const picture = await new Promise((drawn) => canvas.toBlob(drawn, "image/webp", QUALITY));
  // Where a browser cannot write WebP it gives PNG, which is too large to keep.
  if (picture?.type !== "image/webp" || picture.size > MOST) return;
  await fetch(address, { method: "PUT", body: picture }).catch(() => {});
}

export function wirePosters() {
  document.addEventListener("loadeddata", (event) => keep(event.target), true);
  for (const video of document.querySelectorAll("video")) {
    if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) keep(video);
  }
}
