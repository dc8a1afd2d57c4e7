"""The words in the picture: the prompt, the timecode and the corner mark."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw, ImageFilter, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
# Tried in turn when Pillow's own font lacks a character; found by name in the system's folders.
SYSTEM_FONTS = (
    "DejaVuSans.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSans-Regular.ttf",
    "Arial Unicode.ttf",
)
MARK = "rehearsal"
MAX_LINES = 3
NO_SUCH_CHARACTER = "\uffff"


@dataclass(frozen=True, slots=True)
class Label:
    """A transparent picture with words, and where its upper left corner goes; all even."""

    picture: Image.Image
    x: int
    y: int


def caption(prompt: str, width: int, height: int) -> Label:
    """Set the prompt at the lower left, wrapped, cut with an ellipsis after three lines."""
    margin, size = _margin(width, height), _text_size(width, height)
    font = font_for(prompt, size)
    lines = wrap(prompt, font, width - 2 * margin)
    label = _letters("\n".join(lines), font, width - 2 * margin)
    return _placed(label, margin, height - margin - label.height)


def mark(width: int, height: int) -> Label:
    """Set the corner mark at the upper right."""
    margin, size = _margin(width, height), _text_size(width, height)
    label = _letters(MARK, font_for(MARK, max(8, round(size * 0.62))), width - margin, strength=200)
    return _placed(label, width - margin - label.width, margin)


class Clock:
    """The timecode `minutes:seconds:frames` at the upper left, drawn anew for each frame."""

    def __init__(self, width: int, height: int, fps: int) -> None:
        self._fps = fps
        self._margin = _margin(width, height)
        self._font = font_for("0", max(8, round(_text_size(width, height) * 0.62)))
        self._size = _letters("00:00:00", self._font, width - self._margin).size

    def at(self, frame: int) -> Label:
        """Return the timecode of a frame; every one has the same size."""
        seconds, rest = divmod(frame, self._fps)
        text = f"{seconds // 60:02}:{seconds % 60:02}:{rest:02}"
        exact = Image.new("RGBA", self._size)
        exact.paste(_letters(text, self._font, self._size[0], strength=200), (0, 0))
        return _placed(exact, self._margin, self._margin)


def wrap(text: str, font: Font, room: float) -> list[str]:
    """Break a text into at most three lines that are no wider than `room` pixels."""
    average = max(1.0, font.getlength("nearly any words") / 16)
    columns = max(4, int(room / average))
    lines = textwrap.wrap(text, columns, max_lines=MAX_LINES, placeholder=" …") or [""]
    return [_fitted(line, font, room) for line in lines]


def _fitted(line: str, font: Font, room: float) -> str:
    if font.getlength(line) <= room:
        return line
    while line and font.getlength(line + "…") > room:
        line = line[:-1]
    return line.rstrip() + "…"


def font_for(text: str, size: int) -> Font:
    """Return the font that lacks the fewest of the text's characters; Pillow's own at a draw."""
    letters = frozenset(text) - frozenset(" \n\t")
    own = ImageFont.load_default(size)
    if not _missing(own, letters):
        return own
    return min((own, *_system_fonts(size)), key=lambda font: _missing(font, letters))


@cache
def _system_fonts(size: int) -> tuple[Font, ...]:
    found = []
    for name in SYSTEM_FONTS:
        try:
            found.append(ImageFont.truetype(name, size))
        except OSError:
            continue
    return tuple(found)


def _missing(font: Font, letters: frozenset[str]) -> int:
    blank = bytes(font.getmask(NO_SUCH_CHARACTER))
    return sum(bytes(font.getmask(letter)) == blank for letter in letters)


def _margin(width: int, height: int) -> int:
    return max(4, round(min(width, height) * 0.05))


def _text_size(width: int, height: int) -> int:
    return max(9, round(min(width, height * 1.2) * 0.045))


def _letters(text: str, font: Font, room: int, *, strength: int = 255) -> Image.Image:
    """Draw white words with a soft shadow, so that they read on any sky."""
    left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox(
        (0, 0), text, font=font, spacing=4
    )
    pad = 6
    width, height = min(room, int(right - left)) + 2 * pad, int(bottom - top) + 2 * pad
    words = Image.new("L", (_even(width), _even(height)))
    ImageDraw.Draw(words).multiline_text(
        (pad - left, pad - top), text, fill=255, font=font, spacing=4
    )
    shadow = words.filter(ImageFilter.GaussianBlur(2.5)).point(lambda v: min(150, v * 2))
    label = Image.new("RGBA", words.size, (0, 0, 0, 0))
    label.putalpha(shadow)
    label.paste((255, 255, 255, 255), (0, 0), words)
    if strength < 255:
        label.putalpha(label.getchannel("A").point(lambda v: v * strength // 255))
    return label


def _even(length: int) -> int:
    return length + length % 2


def _placed(picture: Image.Image, x: int, y: int) -> Label:
    return Label(picture, max(0, x - x % 2), max(0, y - y % 2))
