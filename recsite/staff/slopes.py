"""Two pages beside each other, with a line from where an item stands now to where it would stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recsite.staff.what_if import Comparison, Moved

WIDTH, HEAD, ROW = 1000, 44, 22
LEFT_X, RIGHT_X = 420, 580
TITLE_CHARS = 44
BASELINE = 4.5


@dataclass(frozen=True)
class Slope:
    """One item. left_y, right_y: None where it is not on that page.  kind: a class of the style sheet."""

    moved: Moved
    title: str
    url: str
    kind: str
    left_y: float | None
    right_y: float | None

    @property
    def short_title(self) -> str:
        return self.title if len(self.title) <= TITLE_CHARS else f"{self.title[: TITLE_CHARS - 1].rstrip()}…"

    @property
    def d(self) -> str:
        """The line; a stub where it has but one end."""
        if self.left_y is None:
            return f"M{RIGHT_X - 30} {self.right_y}H{RIGHT_X - 6}"
        if self.right_y is None:
            return f"M{LEFT_X + 6} {self.left_y}H{LEFT_X + 30}"
        middle = (LEFT_X + RIGHT_X) // 2
        return (
            f"M{LEFT_X + 6} {self.left_y}C{middle} {self.left_y} {middle} {self.right_y} {RIGHT_X - 6} {self.right_y}"
        )

    @property
    def left_text_y(self) -> float | None:
        return None if self.left_y is None else self.left_y + BASELINE

    @property
    def right_text_y(self) -> float | None:
        return None if self.right_y is None else self.right_y + BASELINE


@dataclass(frozen=True)
class Slopes:
    items: tuple[Slope, ...]
    height: int
    width: int = WIDTH
    left_x: int = LEFT_X
    right_x: int = RIGHT_X


def slopes_of(comparison: Comparison, *, titles: Mapping[int, str], urls: Mapping[int, str]) -> Slopes:
    longest = max((max(_rows(each)) for each in comparison.moved), default=0)
    items = tuple(
        Slope(each, titles[each.item_id], urls[each.item_id], _kind(each), _y(each.before), _y(each.after))
        for each in comparison.moved
    )
    return Slopes(items, HEAD + ROW * longest)


def _rows(moved: Moved) -> tuple[int, int]:
    return (0 if moved.before is None else moved.before + 1, 0 if moved.after is None else moved.after + 1)


def _y(place: int | None) -> float | None:
    return None if place is None else HEAD + (place + 0.5) * ROW


def _kind(moved: Moved) -> str:
    return {"entered": "is-new", "left": "is-gone", "same place": "is-same"}.get(moved.in_words, "is-moved")
