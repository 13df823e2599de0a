"""Covers drawn from an item's address alone: colours from the topic, pattern from the item, the same for ever.

Everything random comes from a hash of the two names, so a cover needs no database and may be cached anywhere.
Colours are chosen in OKLCH (Björn Ottosson, 2020), where equal steps of lightness look equal whatever the hue.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

WIDTH, HEIGHT = 600, 400
HUE_STEPS = 24
PATTERNS_A_TOPIC = 7

SALT = "raft canal"
"""Part of every hash. These words happen to give the demo's topics hues that lie well apart."""

T = TypeVar("T")
Point = tuple[float, float]


def cover_svg(topic_slug: str, key: str) -> str:
    """A picture of 600 x 400 as SVG text, under 8 KB, without words or scripts. Any two strings are good."""
    topic_dice = Dice(topic_slug)
    item_dice = Dice(f"{topic_slug}\0{key}")
    palette = _palette(topic_dice, item_dice)
    family = topic_dice.sample(PATTERNS, PATTERNS_A_TOPIC)
    shapes = item_dice.pick(family)(item_dice, palette)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
        '<defs><linearGradient id="g" x2="0" y2="1">'
        f'<stop stop-color="{palette.ground_top}"/><stop offset="1" stop-color="{palette.ground}"/>'
        "</linearGradient></defs>"
        f'<path fill="url(#g)" d="M0 0h{WIDTH}v{HEIGHT}H0z"/>{shapes}</svg>'
    )


class Dice:
    """An endless row of numbers that only the seed decides, on every machine and every version of Python."""

    def __init__(self, seed: str) -> None:
        self._seed = f"{SALT}\0{seed}".encode(errors="surrogatepass")
        self._numbers = self._stream()

    def _stream(self) -> Iterator[float]:
        counter = 0
        while True:
            block = hashlib.blake2b(self._seed, salt=counter.to_bytes(8, "big")).digest()
            for start in range(0, len(block), 4):
                yield int.from_bytes(block[start : start + 4], "big") / 2**32
            counter += 1

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * next(self._numbers)

    def count(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + int(next(self._numbers) * (high - low + 1))

    def chance(self, probability: float) -> bool:
        return next(self._numbers) < probability

    def pick(self, things: Sequence[T]) -> T:
        return things[int(next(self._numbers) * len(things))]

    def sample(self, things: Sequence[T], size: int) -> list[T]:
        """`size` different ones."""
        rest = list(things)
        return [rest.pop(int(next(self._numbers) * len(rest))) for _ in range(size)]


# --- colours ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Palette:
    """Hex colours. `tones` step away from the ground, `depths` step into the dark: near things in a landscape."""

    ground_top: str
    ground: str
    tones: tuple[str, ...]
    depths: tuple[str, ...]
    accent: str
    second: str
    light: str


@dataclass(frozen=True)
class Mood:
    """Lightness (0 to 1) and chroma of everything, for one time of day."""

    ground_top: float
    ground: float
    ground_chroma: float
    tones: tuple[float, ...]
    depths: tuple[float, ...]
    chroma: float
    accent: float
    light: float


DAY = Mood(0.93, 0.87, 0.030, (0.80, 0.71, 0.61, 0.50, 0.40), (0.79, 0.69, 0.58, 0.47, 0.37), 0.075, 0.68, 0.965)
DUSK = Mood(0.80, 0.70, 0.070, (0.63, 0.55, 0.47, 0.39, 0.31), (0.62, 0.54, 0.45, 0.37, 0.29), 0.080, 0.83, 0.93)
NIGHT = Mood(0.27, 0.43, 0.060, (0.48, 0.55, 0.63, 0.72, 0.80), (0.52, 0.45, 0.38, 0.31, 0.24), 0.075, 0.80, 0.92)


@dataclass(frozen=True)
class AccentColour:
    hue: float
    chroma: float


WARM_ACCENTS = (AccentColour(38, 0.135), AccentColour(58, 0.125), AccentColour(82, 0.120), AccentColour(18, 0.110))
COOL_ACCENTS = (AccentColour(205, 0.075), AccentColour(245, 0.085), AccentColour(172, 0.070), AccentColour(85, 0.120))
"""Cool topics get a warm accent, warm ones a cool accent or straw: a sun is never lilac."""

DRIFTS = (-34.0, 34.0, 18.0, -18.0)
"""How many degrees the tones wander from the first to the last."""


def _palette(topic: Dice, item: Dice) -> Palette:
    hue = 360 / HUE_STEPS * topic.count(0, HUE_STEPS - 1)
    is_warm = 5 <= hue < 130
    is_yellow = 55 <= hue < 130
    accent = topic.pick(COOL_ACCENTS if is_warm else WARM_ACCENTS)
    # Dark yellow is mud: such topics stay in daylight, and their dark tones wander towards red.
    drift = -42.0 if is_yellow else topic.pick(DRIFTS)
    moods = (DAY, DAY, DUSK) if is_yellow else (DAY, DUSK, NIGHT)
    chroma_share = topic.between(0.85, 1.2)
    mood = item.pick(moods)
    hue += item.between(-8, 8)

    def steps(lightnesses: tuple[float, ...]) -> tuple[str, ...]:
        last = len(lightnesses) - 1
        return tuple(
            oklch(lightness, mood.chroma * chroma_share, hue + drift * index / last)
            for index, lightness in enumerate(lightnesses)
        )

    return Palette(
        ground_top=oklch(mood.ground_top, mood.ground_chroma, hue + drift * 0.4),
        ground=oklch(mood.ground, mood.ground_chroma, hue),
        tones=steps(mood.tones),
        depths=steps(mood.depths),
        accent=oklch(mood.accent, accent.chroma, accent.hue),
        second=oklch(mood.accent - 0.12, accent.chroma * 0.9, accent.hue - 14),
        light=oklch(mood.light, 0.02, accent.hue),
    )


def oklch(lightness: float, chroma: float, hue: float) -> str:
    """`#rrggbb`; the chroma is lowered until the colour exists in sRGB."""
    while chroma > 0:
        channels = _linear_srgb(lightness, chroma, hue)
        if all(-0.0005 <= channel <= 1.0005 for channel in channels):
            break
        chroma -= 0.005
    else:
        channels = _linear_srgb(lightness, 0, hue)
    return "#" + "".join(f"{round(255 * _gamma(min(1.0, max(0.0, channel)))):02x}" for channel in channels)


def _linear_srgb(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    a = chroma * math.cos(math.radians(hue))
    b = chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _gamma(channel: float) -> float:
    return 12.92 * channel if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055


# --- shapes ----------------------------------------------------------------------------------------------------------


def _n(number: float) -> str:
    """A coordinate, short."""
    return f"{number:.1f}".removesuffix(".0")


def _circle(x: float, y: float, radius: float, fill: str, more: str = "") -> str:
    return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" fill="{fill}"{more}/>'


def _path(d: str, fill: str, more: str = "") -> str:
    return f'<path d="{d}" fill="{fill}"{more}/>'


def _smooth(points: Sequence[Point]) -> str:
    """A soft line from the first point to the last, bending towards those between."""
    line = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for (x, y), (next_x, next_y) in pairwise(points[1:]):
        line.append(f"Q{_n(x)} {_n(y)} {_n((x + next_x) / 2)} {_n((y + next_y) / 2)}")
    line.append(f"L{_n(points[-1][0])} {_n(points[-1][1])}")
    return "".join(line)


def _blob(points: Sequence[Point]) -> str:
    """A soft closed line around the points."""
    ring = [*points, points[0]]
    middles = [((ax + bx) / 2, (ay + by) / 2) for (ax, ay), (bx, by) in pairwise(ring)]
    line = [f"M{_n(middles[-1][0])} {_n(middles[-1][1])}"]
    for (x, y), (middle_x, middle_y) in zip(points, middles, strict=True):
        line.append(f"Q{_n(x)} {_n(y)} {_n(middle_x)} {_n(middle_y)}")
    return "".join(line) + "z"


def _ridge(dice: Dice, base: float, swing: float) -> str:
    """Land up to a skyline of two added waves."""
    long, short = dice.between(0.006, 0.011), dice.between(0.016, 0.026)
    phase, other_phase = dice.between(0, math.tau), dice.between(0, math.tau)
    skyline = [
        (x, base - swing * math.sin(x * long + phase) - swing * 0.35 * math.sin(x * short + other_phase))
        for x in range(-40, WIDTH + 81, 40)
    ]
    return f"{_smooth(skyline)}V{HEIGHT}H-40z"


def _sun(dice: Dice, palette: Palette, y: float) -> str:
    x, radius = dice.between(110, 490), dice.between(34, 62)
    halo = _circle(x, y, radius * 1.7, palette.accent, ' opacity=".18"')
    return halo + _circle(x, y, radius, palette.accent)


# --- patterns --------------------------------------------------------------------------------------------------------


def hills(dice: Dice, palette: Palette) -> str:
    parts = [_sun(dice, palette, dice.between(80, 170))]
    ridges = dice.count(3, 5)
    first, swing = dice.between(150, 220), dice.between(14, 46)
    for index, depth in enumerate(palette.depths[dice.count(0, 5 - ridges) :][:ridges]):
        base = first + (HEIGHT - first) * index / ridges + swing * 0.5
        parts.append(_path(_ridge(dice, base, swing * dice.between(0.7, 1.2)), depth))
    return "".join(parts)


def peaks(dice: Dice, palette: Palette) -> str:
    """Mountains, each with a bright and a shaded side."""
    parts = [_sun(dice, palette, dice.between(70, 130))]
    for index, (lit, shaded) in enumerate(zip(palette.tones[:2], palette.depths[2:4], strict=True)):
        base = 310 + index * 65
        x = dice.between(-60, 60)
        while x < WIDTH + 80:
            half, height = dice.between(70, 150), dice.between(90, 200) * (1 - 0.2 * index)
            top = f"M{_n(x)} {_n(base - height)}"
            folds = ((0.12, 0.4), (-0.2, 0.25), (0.14, 0.35))
            fold = "l" + " ".join(f"{_n(half * across)} {_n(height * down)}" for across, down in folds)
            parts.append(_path(f"{top}L{_n(x + half)} {base}V{HEIGHT}H{_n(x - half)}V{base}z", shaded))
            parts.append(_path(f"{top}{fold}H{_n(x - half)}z", lit))
            x += half * dice.between(1.1, 1.9)
        parts.append(_path(f"M0 {base - 1}h{WIDTH}V{HEIGHT}H0z", shaded))
    parts.append(_path(_ridge(dice, 385, 10), palette.depths[4]))
    return "".join(parts)


def arches(dice: Dice, palette: Palette) -> str:
    """Rainbows of broad stripes standing on the lower edge, the front one off to a side."""
    parts = []
    spots = [dice.between(60, 170), dice.between(430, 540), dice.between(230, 370)]
    radii = [dice.between(150, 200), dice.between(170, 230), dice.between(110, 150)]
    for order, (x, radius) in enumerate(zip(spots, radii, strict=True)):
        colours = [*palette.tones[order:], palette.light, palette.accent, palette.second]
        colours = colours if dice.chance(0.5) else colours[::-1]
        stripe = radius / len(colours)
        top = HEIGHT - radius * dice.between(0.3, 0.55)
        for index, colour in enumerate(colours):
            reach = radius - index * stripe
            d = f"M{_n(x - reach)} {HEIGHT}V{_n(top)}a{_n(reach)} {_n(reach)} 0 0 1 {_n(2 * reach)} 0V{HEIGHT}z"
            parts.append(_path(d, colour))
    return "".join(parts)


def ripples(dice: Dice, palette: Palette) -> str:
    """Rings around two points, the second set drawn over the first."""
    parts = []
    corners = dice.sample([(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)], 2)
    for order, (corner_x, corner_y) in enumerate(corners):
        x = corner_x + (1 if corner_x == 0 else -1) * dice.between(40, 170)
        y = corner_y + (1 if corner_y == 0 else -1) * dice.between(20, 120)
        rings = 7 if order == 0 else 5
        width = dice.between(44, 56) if order == 0 else dice.between(26, 34)
        colours = palette.tones if order == 0 else (*palette.tones[::-1][:3], palette.light, palette.accent)
        for index in range(rings, 0, -1):
            parts.append(_circle(x, y, index * width, colours[index % len(colours)]))
        parts.append(_circle(x, y, width * 0.5, palette.accent if order == 0 else palette.light))
    return "".join(parts)


def horizon(dice: Dice, palette: Palette) -> str:
    """A low sun over water."""
    level = dice.between(215, 260)
    x, radius = dice.between(180, 420), dice.between(74, 112)
    parts = [
        _path(
            f"M0 {_n(level - offset)}h{WIDTH}V{HEIGHT}H0z",
            palette.tones[index],
            f' opacity="{0.35 + 0.15 * index:.2f}"',
        )
        for index, offset in enumerate((110, 64, 28))
    ]
    parts.append(_circle(x, level - radius * dice.between(0.05, 0.5), radius, palette.accent))
    parts.append(_path(f"M0 {_n(level)}h{WIDTH}V{HEIGHT}H0z", palette.depths[3]))
    y, half = level + 14, radius * 1.05
    while y < HEIGHT:
        shift = dice.between(-18, 18)
        parts.append(
            f'<path d="M{_n(x - half + shift)} {_n(y)}h{_n(2 * half)}" stroke="{palette.accent}" stroke-width="7"'
            f' stroke-linecap="round" opacity="{max(0.25, 0.9 - (y - level) / 230):.2f}"/>'
        )
        far = x + dice.pick((-1, 1)) * dice.between(radius * 1.5, 300)
        parts.append(
            f'<path d="M{_n(far - 40)} {_n(y + 9)}h{_n(dice.between(40, 110))}" stroke="{palette.depths[2]}"'
            ' stroke-width="5" stroke-linecap="round"/>'
        )
        y += 20
        half *= dice.between(0.78, 1.02)
    return "".join(parts)


def weave(dice: Dice, palette: Palette) -> str:
    """Bands over and under each other, on the slant."""
    pitch = dice.pick((84, 100, 120))
    band = pitch * dice.between(0.62, 0.74)
    reach = 420
    across = [dice.pick((palette.tones[1], palette.tones[2], palette.light)) for _ in range(12)]
    along = [dice.pick((palette.tones[3], palette.tones[4], palette.accent, palette.second)) for _ in range(12)]
    places = range(-reach, reach, pitch)
    parts = [f'<g transform="translate(300 200) rotate({dice.pick((-45, -30, 30, 45))})">']
    for row, y in enumerate(places):
        parts.append(f'<path d="M{-reach} {y}h{2 * reach}" stroke="{across[row]}" stroke-width="{_n(band)}"/>')
    for column, x in enumerate(places):
        over = "".join(f"M{x} {_n(y - pitch / 2)}v{pitch}" for row, y in enumerate(places) if (row + column) % 2 == 0)
        gaps = "".join(
            f"M{x} {_n(y + band / 2 - 0.5)}v{_n(pitch - band + 1)}"
            for row, y in enumerate(places)
            if (row + column) % 2
        )
        parts.append(f'<path d="{over}{gaps}" stroke="{along[column]}" stroke-width="{_n(band)}"/>')
    return "".join(parts) + "</g>"


def terrazzo(dice: Dice, palette: Palette) -> str:
    """Chips of stone that do not touch."""
    chips: list[tuple[float, float, float]] = []
    parts = []
    colours = (*palette.tones[1:], palette.accent, palette.accent, palette.light, palette.second)
    for attempt in range(420):
        radius = (58 if attempt < 40 else 34 if attempt < 160 else 16) * dice.between(0.7, 1.1)
        x, y = dice.between(-10, WIDTH + 10), dice.between(-10, HEIGHT + 10)
        if any(math.hypot(x - ox, y - oy) < radius + other + 7 for ox, oy, other in chips):
            continue
        chips.append((x, y, radius))
        corners = dice.count(5, 7)
        turn = dice.between(0, math.tau)
        outline = [
            (x + radius * share * math.cos(angle), y + radius * share * math.sin(angle))
            for share, angle in (
                (dice.between(0.72, 1.05), turn + math.tau * (corner + dice.between(-0.2, 0.2)) / corners)
                for corner in range(corners)
            )
        ]
        d = "M" + "L".join(f"{px:.0f} {py:.0f}" for px, py in outline) + "z"
        parts.append(_path(d, dice.pick(colours)))
        if len(parts) == 70:
            break
    return "".join(parts)


LEAF = (
    '<defs><g id="l"><path d="M0 0Q45-32 100 0Q45 32 0 0z"/>'
    '<path d="M0 0Q45-32 100 0z" fill="currentColor" opacity=".4"/></g></defs>'
)
"""One leaf, 100 long, growing to the right; half of it in the shade."""


def leaves(dice: Dice, palette: Palette) -> str:
    """Stems with pairs of leaves, before a pale sun."""
    parts = [LEAF, _circle(dice.between(140, 460), dice.between(120, 200), dice.between(80, 120), palette.accent)]
    colours = palette.depths[1:]
    stems = dice.count(4, 5)
    for stem in range(stems):
        colour, shade = colours[stem % len(colours)], colours[(stem + 2) % len(colours)]
        x = WIDTH * (stem + 0.5) / stems + dice.between(-40, 40)
        parts.append(f'<g fill="{colour}" color="{shade}">{_stem(dice, x, colour)}</g>')
    return "".join(parts)


def _stem(dice: Dice, x: float, colour: str) -> str:
    height, lean = dice.between(220, 360), dice.between(-70, 70)
    curve = f"M{_n(x)} 410Q{_n(x)} {_n(400 - height / 2)} {_n(x + lean)} {_n(400 - height)}"
    parts = [_path(curve, "none", f' stroke="{colour}" stroke-width="5" stroke-linecap="round"')]
    pairs = dice.count(4, 6)
    for pair in range(pairs + 1):
        share = 0.2 + 0.8 * pair / pairs
        # A point of the quadratic curve above, and the direction of growth there.
        leaf_x, leaf_y = x + lean * share**2, 410 - (height + 10) * share
        upward = -90 + math.degrees(math.atan2(2 * lean * share, height))
        size = (1.1 - 0.55 * share) * dice.between(0.78, 1.0)
        for side in (0,) if pair == pairs else (-1, 1):
            turn = upward + side * dice.between(42, 58)
            parts.append(
                f'<use href="#l" transform="translate({leaf_x:.0f} {leaf_y:.0f})rotate({turn:.0f})scale({size:.2f})"/>'
            )
    return "".join(parts)


def tiles(dice: Dice, palette: Palette) -> str:
    """A grid of quarters, halves and rounds."""
    side = dice.pick((100, 100, 200 / 1.5))
    fills = (*palette.tones[1:], palette.accent, palette.light, palette.second)
    grounds = (*palette.tones[:3], palette.tones[4])
    parts = []
    for row in range(math.ceil(HEIGHT / side)):
        for column in range(math.ceil(WIDTH / side)):
            ground, shape = dice.pick(grounds), dice.pick(fills)
            if ground == shape:
                shape = palette.light
            x, y = column * side, row * side
            parts.append(_path(f"M{_n(x)} {_n(y)}h{_n(side + 0.5)}v{_n(side + 0.5)}h{_n(-side - 0.5)}z", ground))
            middle = f"{_n(x + side / 2)} {_n(y + side / 2)}"
            turn = f' transform="rotate({dice.pick((0, 90, 180, 270))} {middle})"'
            s, h = _n(side), _n(side / 2)
            kind = dice.pick(("quarter", "quarter", "leaf", "half", "round", "empty", "bars"))
            corner = f"M{_n(x)} {_n(y)}"
            if kind == "quarter":
                parts.append(_path(f"{corner}h{s}a{s} {s} 0 0 1-{s} {s}z", shape, turn))
            elif kind == "leaf":
                parts.append(_path(f"{corner}a{s} {s} 0 0 1 {s} {s}a{s} {s} 0 0 1-{s}-{s}z", shape, turn))
            elif kind == "half":
                parts.append(_path(f"{corner}h{s}a{h} {h} 0 0 1-{s} 0z", shape, turn))
            elif kind == "round":
                parts.append(_circle(x + side / 2, y + side / 2, side * dice.pick((0.22, 0.34, 0.5)), shape))
            elif kind == "bars":
                bars = "".join(f"M{_n(x)} {_n(y + side * share)}h{s}" for share in (0.15, 0.5, 0.85))
                stroke = f' stroke="{shape}" stroke-width="{_n(side * 0.14)}"'
                parts.append(_path(bars, "none", stroke + turn))
    return "".join(parts)


def scales(dice: Dice, palette: Palette) -> str:
    """Overlapping waves of rings, as on old Japanese cloth."""
    radius = dice.pick((60, 75, 100, 120))
    kinds = (
        (palette.tones[4], palette.tones[2], palette.tones[3], palette.tones[1]),
        (palette.tones[3], palette.tones[1], palette.tones[2], palette.tones[0]),
        (palette.second, palette.light, palette.accent, palette.light),
    )
    parts = ["<defs>"]
    for index, colours in enumerate(kinds):
        rings = "".join(
            _circle(0, 0, radius * share, colour) for share, colour in zip((1, 0.8, 0.6, 0.34), colours, strict=True)
        )
        parts.append(f'<g id="s{index}">{rings}</g>')
    parts.append("</defs>")
    rows = math.ceil((HEIGHT + radius) / (radius / 2)) + 1
    accent_share = dice.between(0.08, 0.2)
    for row in range(rows):
        for column in range(-1, math.ceil(WIDTH / (2 * radius)) + 1):
            x = column * 2 * radius + (radius if row % 2 else 0)
            kind = 2 if dice.chance(accent_share) else (row // 2) % 2
            parts.append(f'<use href="#s{kind}" x="{x}" y="{_n(row * radius / 2)}"/>')
    return "".join(parts)


def night_sky(dice: Dice, palette: Palette) -> str:
    """A figure of stars over dark land, and a moon."""
    parts = [_path(f"M0 0h{WIDTH}v{HEIGHT}H0z", palette.depths[4])]
    glow_x, glow_y = dice.between(150, 450), dice.between(280, 400)
    for index, reach in enumerate((420, 320, 220, 130)):
        parts.append(_circle(glow_x, glow_y, reach, palette.depths[3 - index], ' opacity=".55"'))
    for _ in range(46):
        size = dice.between(0.8, 2.4)
        parts.append(_circle(dice.between(0, WIDTH), dice.between(0, 300), size, palette.light, ' opacity=".8"'))
    moon_x, moon_y, moon = dice.between(90, 510), dice.between(70, 120), dice.between(26, 44)
    parts.append(
        _path(
            f"M{_n(moon_x)} {_n(moon_y - moon)}a{_n(moon)} {_n(moon)} 0 1 0 {_n(moon)} {_n(moon)}"
            f" {_n(moon * 0.8)} {_n(moon * 0.8)} 0 0 1 {_n(-moon)} {_n(-moon)}z",
            palette.accent,
        )
    )
    stars = [(60 + 80 * step + dice.between(-24, 24), dice.between(70, 250)) for step in range(dice.count(6, 7))]
    line = "L".join(f"{_n(x)} {_n(y)}" for x, y in stars)
    parts.append(f'<path d="M{line}" fill="none" stroke="{palette.light}" stroke-width="1.5" opacity=".55"/>')
    parts += [_circle(x, y, dice.between(4, 7), palette.light) for x, y in stars]
    parts.append(_path(_ridge(dice, 335, 24), palette.depths[3]))
    parts.append(_path(_ridge(dice, 368, 16), palette.depths[4]))
    return "".join(parts)


def contours(dice: Dice, palette: Palette) -> str:
    """Heights as on a map, around two summits."""
    parts = []
    summits = [
        (dice.between(110, 260), dice.between(110, 290), 7, 330.0),
        (dice.between(380, 520), dice.between(90, 310), 5, 190.0),
    ]
    for x, y, levels, reach in summits:
        bends = [(dice.between(0.06, 0.2), count, dice.between(0, math.tau)) for count in (2, 3, 5)]
        colours = (*palette.tones, palette.light, palette.accent)[-levels:]
        for level, colour in enumerate(colours):
            radius = reach * (1 - level / (levels + 0.35))
            outline = []
            for corner in range(14):
                angle = math.tau * corner / 14
                bend = 1 + sum(size * math.sin(count * angle + phase) for size, count, phase in bends)
                outline.append((x + radius * bend * math.cos(angle), y + radius * bend * 0.8 * math.sin(angle)))
            parts.append(_path(_blob(outline), colour))
    return "".join(parts)


def discs(dice: Dice, palette: Palette) -> str:
    """A few large rounds, cut by a line and lying over each other like tinted paper."""
    parts = []
    colours = (palette.tones[1], palette.tones[3], palette.accent, palette.tones[2], palette.second)
    for index, colour in enumerate(colours):
        x = WIDTH * (index + 0.5) / len(colours) + dice.between(-70, 70)
        y, radius = dice.between(90, 310), dice.between(70, 150)
        turn = dice.pick((0, 45, 90, 135, 180, 225, 270, 315))
        parts.append(_circle(x, y, radius, colour, ' opacity=".82"'))
        if dice.chance(0.6):
            half = f"M{_n(x - radius)} {_n(y)}a{_n(radius)} {_n(radius)} 0 0 1 {_n(2 * radius)} 0z"
            tint = dice.pick((palette.light, palette.tones[4], palette.tones[0]))
            parts.append(_path(half, tint, f' transform="rotate({turn} {_n(x)} {_n(y)})" opacity=".82"'))
    return "".join(parts)


def dunes(dice: Dice, palette: Palette) -> str:
    """Broad slanting swells, each with a lit edge."""
    parts = [_sun(dice, palette, dice.between(70, 120))]
    for index, depth in enumerate(palette.depths):
        left = 150 + index * 52 + dice.between(-30, 30)
        right = 150 + index * 52 + dice.between(-30, 30)
        bulge = dice.between(60, 120) * (1 if (index + dice.count(0, 1)) % 2 else -1)
        d = f"M0 {_n(left)}C200 {_n(left - bulge)} 380 {_n(right + bulge)} {WIDTH} {_n(right)}V{HEIGHT}H0z"
        parts.append(_path(d, depth, f' stroke="{palette.light}" stroke-opacity=".25" stroke-width="3"'))
    return "".join(parts)


Pattern = Callable[[Dice, Palette], str]
PATTERNS: tuple[Pattern, ...] = (
    hills,
    peaks,
    arches,
    ripples,
    horizon,
    weave,
    terrazzo,
    leaves,
    tiles,
    scales,
    night_sky,
    contours,
    discs,
    dunes,
)
