"""python -m benchmarks.loop_pictures FILE FOLDER: a results file of the loop as SVG pictures, in that folder."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from benchmarks.loop_curves import Group, compared, groups, title_of
from benchmarks.loop_results import LoopResults, LoopResultsError
from benchmarks.loop_statistics import Estimate, curve, late, noise_of, normalised, over_seeds
from benchmarks.loop_svg import (
    Point,
    Scale,
    apart,
    colour,
    dot,
    line,
    path,
    picture,
    square,
    stroke,
    text,
    ticks,
)

WIDTH = 760
LEFT, RIGHT, TOP, PLOT = 56, 84, 74, 300
ROW, LIFT_ROW = 22, 30

LIFTS = (
    ("Look-alikes", "look_alike_lift", "look_alike_candidates_lift"),
    ("Bait", "bait_lift", "bait_candidates_lift"),
)
"""Title of a panel, the measure of slots, the measure of candidates."""


@dataclass(frozen=True)
class Curve:
    """points: (round, estimate), of the rounds of which something is known."""

    key: str
    points: list[tuple[int, Estimate]]

    @property
    def summary(self) -> str:
        first, last = self.points[0], self.points[-1]
        return f"{self.key} from {first[1].mean:.2f} in round {first[0]} to {last[1].mean:.2f} in round {last[0]}"


def curves_picture(results: LoopResults, group: Group) -> str:
    """One curve an arm of the group, each with its 95% interval over worlds as a band.

    Bands may be far wider than all curves together, with two worlds above all: they are cut at the edge."""
    curves = [one for key in group.of(results) if (one := _curve(results, key)).points]
    levels = ticks(*_range(curves))
    x = Scale(1, max(results.rounds, 2), LEFT, WIDTH - RIGHT)
    y = Scale(levels[0], levels[-1], TOP + PLOT, TOP)
    marks = [
        text((LEFT, 26), group.title, "head"),
        text((LEFT, 48), "Utility from random (0) to perfect (1), mean over worlds; band: 95% interval", "quiet"),
        *_grid(levels, y),
        *(text((x.at(number), TOP + PLOT + 20), str(number), "quiet middle") for number in _numbers(results.rounds)),
        text(((LEFT + WIDTH - RIGHT) / 2, TOP + PLOT + 42), "round", "quiet middle"),
        f'<clipPath id="plot"><rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{PLOT}"/></clipPath>',
        '<g clip-path="url(#plot)">',
        *(band for place, one in enumerate(curves) for band in _bands(one, place, x, y)),
        "</g>",
        *(path(_middle(one, x, y), "curve", stroke(place)) for place, one in enumerate(curves)),
        *_end_labels(curves, x, y),
        *_legend([one.key for one in curves], TOP + PLOT + 76),
    ]
    height = TOP + PLOT + 76 + ROW * len(curves) + ROW * (noise_of(results) is not None)
    marks += _noise(results, height - ROW)
    return picture(WIDTH, height, title=group.title, description=_described(results, curves), marks=marks)


def lifts_picture(results: LoopResults) -> str:
    """Look-alikes and bait of each arm over their share of the catalogue, late, with 95% intervals over worlds."""
    keys = compared(results)
    found = {
        (key, name): estimate
        for key in keys
        for _title, *names in LIFTS
        for name in names
        if (estimate := over_seeds(late(results.measured(key, name)))) is not None
    }
    keys = [key for key in keys if any(of == key for of, _name in found)]
    middle, bottom = (WIDTH - LEFT - 24) / 2, TOP + 24 + LIFT_ROW * len(keys)
    marks = [
        text((20, 26), "How much of what nobody wants is shown, and proposed", "head"),
        text((20, 48), "Share over the share of the catalogue, late; 1: as much as there is", "quiet"),
        *(text((20, TOP + 42 + LIFT_ROW * row), key) for row, key in enumerate(keys)),
    ]
    for place, (title, *names) in enumerate(LIFTS):
        left = LEFT + 32 + place * middle
        of_panel = {(key, name): one for (key, name), one in found.items() if name in names}
        levels = ticks(0, max([1.0, *(one.mean for one in of_panel.values())]), about=4)
        x = Scale(levels[0], levels[-1], left, left + middle - 48)
        marks.append(text((left, TOP + 8), title))
        marks += [line((x.at(level), TOP + 18), (x.at(level), bottom), "grid") for level in levels]
        marks += [text((x.at(level), bottom + 20), f"{level:g}", "quiet middle") for level in levels]
        marks.append(line((x.at(1), TOP + 18), (x.at(1), bottom), "one"))
        for row, key in enumerate(keys):
            for side, name in enumerate(names):
                if (key, name) in of_panel:
                    y = TOP + 33 + LIFT_ROW * row + 10 * side
                    marks += _lift(of_panel[key, name], x, y, side)
    marks += _lift_legend(bottom + 50)
    legend = _legend(keys, bottom + 80, swatches=False)
    description = (
        "; ".join(
            f"{title.lower()} of {key}: {_number(found.get((key, slots)))} in slots,"
            f" {_number(found.get((key, candidates)))} among candidates"
            for title, slots, candidates in LIFTS
            for key in keys
        )
        + "."
    )
    title = "Lift of look-alikes and bait by arm, in slots and among candidates"
    height = bottom + 80 + ROW * len(keys)
    return picture(WIDTH, height, title=title, description=description, marks=[*marks, *legend])


def write_pictures(results: LoopResults, folder: Path) -> list[Path]:
    """`curves-GROUP-WORLD.svg` for each group of which two arms are known, and `lifts-WORLD.svg`."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {f"curves-{one.key}-{results.world}.svg": curves_picture(results, one) for one in groups(results)}
    pictures[f"lifts-{results.world}.svg"] = lifts_picture(results)
    for name, svg in pictures.items():
        (folder / name).write_text(svg)
    return [folder / name for name in pictures]


# --- curves ---


def _curve(results: LoopResults, key: str) -> Curve:
    estimates = enumerate(curve(normalised(results, key)), 1)
    return Curve(key, [(number, one) for number, one in estimates if one is not None])


def _range(curves: Sequence[Curve]) -> tuple[float, float]:
    """All curves, and of their bands as much as lies no further off than the curves are high."""
    means = [one.mean for each in curves for _number, one in each.points] or [0.0, 1.0]
    low, high = min(means), max(means)
    room = max(high - low, 0.1) / 2
    bounds = [
        bound for each in curves for _number, one in each.points for bound in (one.low, one.high) if bound is not None
    ]
    return max(low - room, min([low, *bounds])), min(high + room, max([high, *bounds]))


def _middle(one: Curve, x: Scale, y: Scale) -> list[Point]:
    return [(x.at(number), y.at(estimate.mean)) for number, estimate in one.points]


def _bands(one: Curve, place: int, x: Scale, y: Scale) -> list[str]:
    """One for each stretch of rounds that have an interval."""
    bands = []
    for known, stretch in groupby(one.points, key=lambda point: point[1].low is not None):
        points = [(x.at(number), estimate.low, estimate.high) for number, estimate in stretch]
        if known and len(points) > 1:
            upper = [(at, y.at(high)) for at, _low, high in points if high is not None]
            lower = [(at, y.at(low)) for at, low, _high in points if low is not None]
            bands.append(path([*upper, *lower[::-1]], "band", f"fill:{colour(place)}", closed=True))
    return bands


def _grid(levels: Sequence[float], y: Scale) -> list[str]:
    marks = []
    for level in levels:
        marks.append(line((LEFT, y.at(level)), (WIDTH - RIGHT, y.at(level)), "grid"))
        marks.append(text((LEFT - 8, y.at(level) + 4), f"{level:g}", "quiet end"))
    return marks


def _numbers(rounds: int) -> list[int]:
    step = -(-rounds // 16)
    return list(range(1, rounds + 1, step))


def _end_labels(curves: Sequence[Curve], x: Scale, y: Scale) -> list[str]:
    """Each arm's key at the end of its curve; a thin line leads there from where there was no room for it."""
    ends = [_middle(one, x, y)[-1] for one in curves]
    places = apart([at for _x, at in ends], gap=15, bottom=TOP + PLOT)
    marks = []
    for one, (end_x, end_y), place in zip(curves, ends, places, strict=True):
        marks.append(line((end_x + 3, end_y), (end_x + 14, place), "lead"))
        marks.append(text((end_x + 18, place + 4), one.key))
    return marks


def _legend(keys: Sequence[str], top: float, *, swatches: bool = True) -> list[str]:
    marks = []
    for place, key in enumerate(keys):
        at = top + ROW * place
        if swatches:
            marks.append(line((LEFT, at - 4), (LEFT + 28, at - 4), "curve", stroke(place)))
        marks.append(text((LEFT + 36 if swatches else 20, at), f"{key}: {title_of(key)}"))
    return marks


def _noise(results: LoopResults, at: float) -> list[str]:
    noise = noise_of(results)
    words = "" if noise is None else f"Of one world and round, {noise:.3f} (one standard deviation) is mere luck."
    return [text((LEFT, at), words, "quiet")] if words else []


def _described(results: LoopResults, curves: Sequence[Curve]) -> str:
    world = f"World {results.world}, {len(results.seeds)} seeds, {results.rounds} rounds. Normalised utility: "
    return world + "; ".join(one.summary for one in curves) + "."


# --- lifts ---


def _lift(one: Estimate, x: Scale, y: float, side: int) -> list[str]:
    """side: 0 for slots, a dot; 1 for candidates, a square with nothing in it."""
    marks = []
    if one.low is not None and one.high is not None:
        low, high = max(one.low, x.low), min(one.high, x.high)
        marks.append(line((x.at(low), y), (x.at(high), y), "whisker", f"stroke:{colour(side)}"))
    return [*marks, _mark((x.at(one.mean), y), side)]


def _mark(at: Point, side: int) -> str:
    if side:
        return square(at, f"fill:var(--paper);stroke:{colour(side)};stroke-width:2")
    return dot(at, f"fill:{colour(side)}")


def _lift_legend(at: float) -> list[str]:
    return [
        _mark((LEFT, at - 4), 0),
        text((LEFT + 12, at), "slots of first pages, without those left to chance"),
        _mark((WIDTH / 2 + 40, at - 4), 1),
        text((WIDTH / 2 + 52, at), "candidates; lines: 95% over worlds"),
    ]


def _number(one: Estimate | None) -> str:
    return "not known" if one is None else f"{one.mean:.2f}"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loop_pictures", description=__doc__)
    parser.add_argument("file", metavar="FILE", type=Path, help="a results file that `benchmarks loop` has written")
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    parsed = parser.parse_args(arguments)
    try:
        results = LoopResults.read(parsed.file)
    except LoopResultsError as error:
        print(error, file=sys.stderr)
        return 1
    for path_written in write_pictures(results, parsed.folder):
        print(path_written)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
