"""SVG as text: the frame of a picture, colours that hold in light and dark, scales and marks on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import ceil, floor, log10

Point = tuple[float, float]

COLOURS = 5
STYLE = """
svg { --paper: #fbfaf7; --ink: #1c1b1a; --quiet: #625e57; --line: #e6e2da;
  --s1: #0072b2; --s2: #d55e00; --s3: #009e73; --s4: #cc79a7; --s5: #000000; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #141413; --ink: #ece9e2; --quiet: #a8a399; --line: #2f2d2a;
    --s1: #56b4e9; --s2: #e69f00; --s3: #009e73; --s4: #cc79a7; --s5: #f0e442; }
}
text { font: 13px system-ui, sans-serif; fill: var(--ink); }
.head { font-size: 16px; font-weight: 600; }
.quiet { fill: var(--quiet); }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.paper { fill: var(--paper); }
.grid { stroke: var(--line); }
.one { stroke: var(--quiet); stroke-dasharray: 4 4; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
.band { stroke: none; opacity: 0.16; }
.lead { stroke: var(--quiet); stroke-width: 1; }
.whisker { stroke-width: 2; }
"""
"""The colours are those of the site's charts: Okabe and Ito, the lighter ones where it is dark. Names stand in ink, so
nothing is told by colour alone; dashes tell curves apart as well."""

DASHES = ("", "8 4", "2 4", "10 3 2 3", "5 3")


@dataclass(frozen=True)
class Scale:
    """From values to places on the picture; from_at may lie beyond to_at."""

    low: float
    high: float
    low_at: float
    high_at: float

    def at(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.low_at + share * (self.high_at - self.low_at), 2)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round values with at least `low` to `high` between the first and the last of them."""
    span = high - low or 1.0
    rough = span / about
    unit = 10.0 ** floor(log10(rough))
    step = next(factor * unit for factor in (1, 2, 5, 10) if factor * unit >= rough * (1 - 1e-9))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]


def apart(places: Sequence[float], *, gap: float, bottom: float) -> list[float]:
    """The same places, moved as little as needed until each is `gap` below the one above, and none below `bottom`
    unless all together have no room."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = list(places)
    for above, index in pairwise(order):
        moved[index] = max(moved[index], moved[above] + gap)
    limit = bottom
    for index in reversed(order):
        moved[index] = min(moved[index], limit)
        limit = moved[index] - gap
    return moved


# --- marks ---


def text(at: Point, words: str, kind: str = "") -> str:
    return f'<text x="{at[0]:g}" y="{at[1]:g}"{_kind(kind)}>{escape(words)}</text>'


def line(start: Point, end: Point, kind: str, style: str = "") -> str:
    look = f' style="{style}"' if style else ""
    return f'<line x1="{start[0]:g}" y1="{start[1]:g}" x2="{end[0]:g}" y2="{end[1]:g}"{_kind(kind)}{look}/>'


def path(points: Sequence[Point], kind: str, style: str, *, closed: bool = False) -> str:
    places = "L".join(f"{x:g} {y:g}" for x, y in points)
    return f'<path d="M{places}{"Z" if closed else ""}"{_kind(kind)} style="{style}"/>'


def dot(at: Point, style: str) -> str:
    return f'<circle cx="{at[0]:g}" cy="{at[1]:g}" r="4" style="{style}"/>'


def square(at: Point, style: str) -> str:
    return f'<rect x="{at[0] - 4:g}" y="{at[1] - 4:g}" width="8" height="8" style="{style}"/>'


def colour(place: int) -> str:
    """Of the series at this place."""
    return f"var(--s{place % COLOURS + 1})"


def stroke(place: int) -> str:
    dash = DASHES[place % len(DASHES)]
    return f"stroke:{colour(place)}" + (f";stroke-dasharray:{dash}" if dash else "")


def picture(width: float, height: float, *, title: str, description: str, marks: Sequence[str]) -> str:
    """A whole file. title, description: for who does not see it."""
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title description">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="description">{escape(description)}</desc>',
            f"<style>{STYLE}</style>",
            f'<rect class="paper" width="{width:g}" height="{height:g}"/>',
            *marks,
            "</svg>\n",
        ]
    )


def _kind(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
