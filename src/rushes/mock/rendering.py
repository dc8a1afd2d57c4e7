"""From a spec to an MP4 file: H.264 and AAC, `moov` first, `mdat` last."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING, cast

import av
from av.filter import Graph

from rushes.mock.lettering import Clock, Label, caption, mark
from rushes.mock.scene import Scene
from rushes.mock.signature import sign

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.filter.context import FilterContext
    from av.video.stream import VideoStream
    from PIL.Image import Image

    from rushes.mock.spec import ClipSpec

LAYOUT = {"movflags": "+faststart", "max_interleave_delta": "0"}
SAMPLE_RATE = 48_000
AUDIO_BITS = 64_000


def render(spec: ClipSpec, path: Path) -> None:
    """Write the clip to `path`; whole when this returns.

    It can be played while it arrives: nothing follows `mdat`, and the sound, which is light, is
    encoded first, so that it can lie beside its pictures.
    """
    with av.open(str(path), "w", format="mp4", options=LAYOUT) as container:
        video = _video_stream(container, spec)
        audio = _audio_stream(container) if spec.sound else None
        if audio is not None:
            for sound in _chord(spec):
                container.mux(audio.encode(sound))
            container.mux(audio.encode(None))
        for picture in _pictures(spec):
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
    sign(path, spec)


def _video_stream(container: OutputContainer, spec: ClipSpec) -> VideoStream:
    # Two threads whatever the machine has: the same spec then gives the same bytes everywhere.
    options = {"preset": "ultrafast", "crf": "25", "g": str(spec.fps), "threads": "2"}
    if spec.weight:
        options |= _filled(spec)
    stream = container.add_stream("libx264", rate=spec.fps, options=options)
    stream.width, stream.height = spec.width, spec.height
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = Fraction(1, spec.fps)
    return stream


def _filled(spec: ClipSpec) -> dict[str, str]:
    """Ask x264 for filler units up to a constant rate: real bytes, spread evenly over time."""
    bits = str(round(spec.weight * 8 / spec.duration_s) - AUDIO_BITS)
    rates = {"b": bits, "minrate": bits, "maxrate": bits, "bufsize": bits}
    return rates | {"x264-params": "nal-hrd=cbr:filler=1"}


def _audio_stream(container: OutputContainer) -> AudioStream:
    stream = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
    stream.bit_rate = AUDIO_BITS
    return stream


def _pictures(spec: ClipSpec) -> Iterator[av.VideoFrame]:
    """Draw, scale to size, lay the words over; one frame in, one frame out."""
    scene = Scene(spec.width, spec.height, duration_s=spec.duration_s, seed=spec.seed)
    clock = Clock(spec.width, spec.height, spec.fps)
    graph = Graph()
    source, ticking, sink = _compose(graph, scene, spec, clock)
    for number in range(spec.frames):
        source.push(_moment(_frame(scene.frame(number / spec.fps)), number, spec.fps))
        ticking.push(_moment(_frame(clock.at(number).picture), number, spec.fps))
        yield cast("av.VideoFrame", sink.pull())


def _compose(
    graph: Graph, scene: Scene, spec: ClipSpec, clock: Clock
) -> tuple[FilterContext, FilterContext, FilterContext]:
    """Build the graph; return where pictures and timecodes go in and where frames come out."""
    beat = Fraction(1, spec.fps)
    prompt, corner = (
        caption(spec.prompt, spec.width, spec.height),
        mark(spec.width, spec.height),
    )
    source = graph.add_buffer(
        width=scene.width, height=scene.height, format=av.VideoFormat("rgba"), time_base=beat
    )
    size = f"{spec.width}:{spec.height}:flags=bicubic:out_color_matrix=bt709:out_range=tv"
    scaled = graph.add("scale", size)
    planar = graph.add("format", "yuv420p")
    source.link_to(scaled)
    scaled.link_to(planar)
    written, prompt_in = _overlay(graph, planar, prompt, beat)
    marked, mark_in = _overlay(graph, written, corner, beat)
    timed, ticking = _overlay(graph, marked, clock.at(0), beat)
    sink = graph.add("buffersink")
    timed.link_to(sink)
    graph.configure()
    for label, entry in ((prompt, prompt_in), (corner, mark_in)):
        entry.push(_moment(_frame(label.picture), 0, spec.fps))
        entry.push(None)
    return source, ticking, sink


def _overlay(
    graph: Graph, under: FilterContext, label: Label, beat: Fraction
) -> tuple[FilterContext, FilterContext]:
    picture = label.picture
    words = graph.add_buffer(
        width=picture.width,
        height=picture.height,
        format=av.VideoFormat("rgba"),
        time_base=beat,
    )
    over = graph.add("overlay", f"x={label.x}:y={label.y}:format=yuv420:eof_action=repeat")
    under.link_to(over, 0, 0)
    words.link_to(over, 0, 1)
    return over, words


def _frame(picture: Image) -> av.VideoFrame:
    pixels = picture.tobytes("raw", "RGBA" if picture.mode == "RGBA" else "RGBX")
    return av.VideoFrame.from_bytes(pixels, picture.width, picture.height, "rgba")


def _moment(frame: av.VideoFrame, number: int, fps: int) -> av.VideoFrame:
    frame.pts = number
    frame.time_base = Fraction(1, fps)
    return frame


def _chord(spec: ClipSpec) -> Iterator[av.AudioFrame]:
    """Sing three quiet notes that swell and fade, chosen by the seed."""
    dice = Random(spec.seed)  # noqa: S311 - music, not secrets
    root = 110 * 2 ** (dice.choice((0, 2, 4, 7, 9)) / 12)
    length = spec.duration_s
    fade = f"min(1,min(t,{length}-t)/{min(0.6, length / 4)})"
    notes = "+".join(
        f"{loud}*sin(2*PI*{root * ratio:.3f}*t)*(0.7+0.3*sin(2*PI*{dice.uniform(0.05, 0.2):.3f}*t))"
        for ratio, loud in ((1, 0.09), (dice.choice((1.2, 1.25)), 0.05), (1.5, 0.06), (2, 0.03))
    )
    graph = Graph()
    tone = f"{fade}*({notes})"
    tone = tone.replace(",", "\\,")
    source = graph.add("aevalsrc", f"exprs={tone}:s={SAMPLE_RATE}:d={length}:c=mono")
    fitted = graph.add(
        "aformat", f"sample_fmts=fltp:channel_layouts=mono:sample_rates={SAMPLE_RATE}"
    )
    sink = graph.add("abuffersink")
    source.link_to(fitted)
    fitted.link_to(sink)
    graph.configure()
    while True:
        try:
            yield cast("av.AudioFrame", sink.pull())
        except (av.EOFError, av.BlockingIOError):
            return
