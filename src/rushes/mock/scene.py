"""The moving picture: hills in mist under a slow sun, coloured and shaped by the seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
# Drawn smaller than shown and scaled up by the encoder's filter: soft shapes do not show it, and
# from 1280 pixels on a frame costs the same whatever the clip's size.
DRAWN_SHARE = 0.75
LONGEST_DRAWN_SIDE = 960
RIDGES = 5


@dataclass(frozen=True, slots=True)
class Palette:
    """Six colours that go together."""

    zenith: Colour
    sky: Colour
    horizon: Colour
    sun: Colour
    far: Colour
    near: Colour


def _palette(words: str) -> Palette:
    return Palette(*((c[0], c[1], c[2]) for c in map(bytes.fromhex, words.split())))


PALETTES = tuple(
    map(
        _palette,
        (
            "2b3a67 8a6f9e f6c9a8 fff1d6 b58fa8 1f2340",  # dawn
            "1d2b53 a0527a f7a072 ffe3b3 9c5a77 1b1a33",  # dusk
            "0f3d5e 4f9da6 f2e3c6 fff8e7 6fa8a6 0b2636",  # sea
            "3f6ea8 a9c3d9 f3d9b1 fffaf0 d9a679 6b2f1a",  # desert
            "5c7f8a a9c4bd eef0e0 fffdf0 9db8a8 16302b",  # forest
            "0b1026 27315f 7c74b4 f3f0ff 4a4f86 0a0d1f",  # night
        ),
    )
)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Return the colour that lies `share` (0 to 1) of the way from `one` to `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _fall(stops: tuple[Colour, ...], width: int, height: int) -> Image.Image:
    """Paint a vertical gradient through the colours, top to bottom."""
    column = Image.new("RGB", (1, height))
    parts = len(stops) - 1
    for y in range(height):
        at = y / max(1, height - 1) * parts
        part = min(int(at), parts - 1)
        column.putpixel((0, y), mix(stops[part], stops[part + 1], at - part))
    return column.resize((width, height))


def _slide(mask: Image.Image, x: float, width: int) -> Image.Image:
    """Cut a window out of a wide mask at a fraction of a pixel, so that slow drifts are smooth."""
    box = (x, 0, x + width, mask.height)
    return mask.resize((width, mask.height), Image.Resampling.BILINEAR, box=box)


@dataclass(frozen=True, slots=True)
class Layer:
    """A wide mask that drifts sideways, `speed` in pixels a second, and what shows through it."""

    paint: Image.Image
    mask: Image.Image
    top: int
    speed: float

    def draw(self, picture: Image.Image, at_s: float) -> None:
        """Lay this layer over the picture as it stands at a moment."""
        seen = _slide(self.mask, self.speed * at_s, picture.width)
        picture.paste(self.paint, (0, self.top), seen)


@dataclass(frozen=True, slots=True)
class Sun:
    """A disc with a wide glow that climbs `climb` pixels a second."""

    colour: Colour
    mask: Image.Image
    centre: tuple[float, float]
    climb: float

    def draw(self, picture: Image.Image, at_s: float) -> None:
        """Lay the sun over the picture as it stands at a moment."""
        side = self.mask.width - 1
        x = round(self.centre[0] - side / 2)
        top = self.centre[1] - self.climb * at_s - side / 2
        y = math.floor(top)
        lag = 1 - (top - y)
        box = (0, lag, side, lag + side)
        seen = self.mask.resize((side, side), Image.Resampling.BILINEAR, box=box)
        picture.paste(self.colour, (x, y, x + side, y + side), seen)


class Scene:
    """One landscape of a size in pixels, for a length in seconds; `frame` draws any moment."""

    def __init__(self, width: int, height: int, *, duration_s: float, seed: int) -> None:
        shrink = min(DRAWN_SHARE, LONGEST_DRAWN_SIDE / max(width, height))
        self.width, self.height = round(width * shrink), round(height * shrink)
        self._duration_s = duration_s
        self._dice = Random(seed)  # noqa: S311 - colours, not secrets
        self._palette = PALETTES[seed % len(PALETTES)]
        shades = self._palette
        self._sky = self._paint_sky()
        self._sun = self._make_sun()
        self._layers = [self._make_clouds(shades.sun), *self._make_ridges()]

    def frame(self, at_s: float) -> Image.Image:
        """Draw the moment `at_s` seconds into the clip."""
        picture = self._sky.copy()
        self._sun.draw(picture, at_s)
        for layer in self._layers:
            layer.draw(picture, at_s)
        return picture

    def _paint_sky(self) -> Image.Image:
        shades = self._palette
        upper = round(self.height * 0.62)
        sky = Image.new("RGB", (self.width, self.height), shades.horizon)
        stops = (shades.zenith, shades.sky, shades.horizon)
        sky.paste(_fall(stops, self.width, upper), (0, 0))
        return sky

    def _make_sun(self) -> Sun:
        unit = min(self.width, self.height)
        centre = self.width * self._dice.uniform(0.25, 0.75), self.height * 0.5
        climb = self.height * 0.12 / max(self._duration_s, 8)
        return Sun(self._palette.sun, _sun_mask(round(unit * 1.1), unit * 0.075), centre, climb)

    def _make_clouds(self, colour: Colour) -> Layer:
        height = round(self.height * 0.4)
        speed = self.width * 0.006
        width = math.ceil(self.width + speed * self._duration_s) + 1
        mask = Image.new("L", (width, height))
        pen = ImageDraw.Draw(mask)
        for _ in range(7 * width // self.width):
            x, y = self._dice.uniform(-0.1, 1) * width, self._dice.uniform(0.1, 0.8) * height
            length = self._dice.uniform(0.15, 0.5) * self.width
            depth = max(1.0, self._dice.uniform(0.01, 0.035) * height)
            pen.ellipse((x, y, x + length, y + depth), fill=self._dice.randint(25, 70))
        soft = mask.filter(ImageFilter.GaussianBlur(max(1.0, height * 0.018)))
        return Layer(Image.new("RGB", (self.width, height), colour), soft, 0, speed)

    def _make_ridges(self) -> list[Layer]:
        crests = [self.height * (0.5 + 0.4 * (i / RIDGES) ** 1.15) for i in range(RIDGES)]
        floors = [*(crest + self.height * 0.12 for crest in crests[1:]), float(self.height)]
        return [
            self._make_ridge(i / (RIDGES - 1), crest, floor)
            for i, (crest, floor) in enumerate(zip(crests, floors, strict=True))
        ]

    def _make_ridge(self, nearness: float, crest: float, floor: float) -> Layer:
        swing = self.height * (0.045 + 0.045 * nearness)
        speed = self.width * (0.003 + 0.022 * nearness**1.5)
        width = math.ceil(self.width + speed * self._duration_s) + 1
        top = max(0, math.floor(crest - swing))
        height = min(self.height, math.ceil(floor)) - top
        line = _ridge_line(self._dice, width, (self.width + self.height) / 2)
        points = [(x, crest - top + swing * y) for x, y in line]
        body = mix(self._palette.far, self._palette.near, nearness**0.9)
        mist = mix(body, self._palette.horizon, 0.5 * (1 - nearness) + 0.08)
        paint = _fall((body, mist), self.width, height)
        return Layer(paint, _below(points, width, height), top, speed)


def _sun_mask(side: int, radius: float) -> Image.Image:
    """Draw disc and glow, one row higher than wide so that it can move by parts of a pixel."""
    falling = [round(150 * (1 - d / 255) ** 2.6) for d in range(256)]
    glow = Image.radial_gradient("L").point(falling).resize((side, side))
    disc = Image.new("L", (side * 2, side * 2))
    reach = (side - 2 * radius, side + 2 * radius)
    ImageDraw.Draw(disc).ellipse((reach[0], reach[0], reach[1], reach[1]), fill=245)
    mask = Image.new("L", (side + 1, side + 1))
    soft = disc.reduce(2).filter(ImageFilter.GaussianBlur(1))
    mask.paste(ImageChops.lighter(glow, soft), (0, 1))
    return mask


def _ridge_line(dice: Random, width: int, scale: float) -> list[tuple[float, float]]:
    """Return points of a rolling line whose heights lie within -1 and 1."""
    waves = [
        (share, math.tau / (scale * length * dice.uniform(0.8, 1.25)), dice.uniform(0, math.tau))
        for share, length in ((0.5, 1.1), (0.28, 0.43), (0.14, 0.19), (0.08, 0.083))
    ]
    step = max(2.0, scale / 240)
    places = [step * i for i in range(math.ceil(width / step) + 2)]
    return [(x, sum(a * math.sin(k * x + p) for a, k, p in waves)) for x in places]


def _below(line: list[tuple[float, float]], width: int, height: int) -> Image.Image:
    """Fill what lies below a line, its edge smoothed."""
    fine = 4
    mask = Image.new("L", (width, height * fine))
    pen = ImageDraw.Draw(mask)
    for (x1, y1), (x2, y2) in pairwise(line):
        corners = [(x1, y1 * fine), (x2, y2 * fine), (x2, height * fine), (x1, height * fine)]
        pen.polygon(corners, fill=255)
    return mask.reduce((1, fine))
