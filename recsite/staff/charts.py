"""Charts of the staff pages, as data: the browser draws them, the table beside them says the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from recsite.staff.tables import Cell, Column, Table, in_zone, number, share, whole, words

Unit = Literal["count", "share", "number", "ms"]
Kind = Literal["line", "bars"]

_CELLS = {"count": lambda v: whole(None if v is None else round(v)), "share": share, "number": number, "ms": number}


@dataclass(frozen=True)
class Series:
    """values run along the chart's `x`, None for not known; lower and upper, of an interval, are drawn as a band."""

    name: str
    values: Sequence[float | None]
    lower: Sequence[float | None] = ()
    upper: Sequence[float | None] = ()


@dataclass(frozen=True)
class Chart:
    """x: moments, or the names of bars.  empty: what would fill it.

    Raises ValueError for a series of another length than `x`.
    """

    key: str
    title: str
    unit: Unit
    x: Sequence[datetime] | Sequence[str]
    series: Sequence[Series]
    as_of: datetime
    kind: Kind = "line"
    empty: str = "Nothing to draw yet."

    def __post_init__(self) -> None:
        for series in self.series:
            for values in (series.values, series.lower or series.values, series.upper or series.values):
                if len(values) != len(self.x):
                    raise ValueError(f"{self.key}: {series.name} has {len(values)} values for {len(self.x)} places.")

    @property
    def is_empty(self) -> bool:
        return not self.x or not any(value is not None for series in self.series for value in series.values)

    @property
    def as_of_text(self) -> str:
        return in_zone(self.as_of)

    def as_json(self) -> dict[str, Any]:
        """Moments as seconds since 1970."""
        in_time = bool(self.x) and isinstance(self.x[0], datetime)
        return {
            "key": self.key,
            "title": self.title,
            "unit": self.unit,
            "kind": self.kind,
            "inTime": in_time,
            "x": [at.timestamp() if isinstance(at, datetime) else at for at in self.x],
            "series": [asdict(series) for series in self.series],
            "asOf": self.as_of.astimezone(UTC).isoformat(),
        }

    def table(self) -> Table:
        """The same numbers."""
        cell = _CELLS[self.unit]
        columns, rows = [Column("When" if self.as_json()["inTime"] else "")], [[_place(at)] for at in self.x]
        for series in self.series:
            for name, values in (
                (series.name, series.values),
                (f"{series.name}, from", series.lower),
                (f"{series.name}, to", series.upper),
            ):
                if values:
                    columns.append(Column(name, numeric=True))
                    for row, value in zip(rows, values, strict=True):
                        row.append(cell(value))
        return Table(self.key, self.title, columns, rows, self.empty)


def _place(at: datetime | str) -> Cell:
    return Cell(in_zone(at), at) if isinstance(at, datetime) else words(at)


# --- tiles ---


@dataclass(frozen=True)
class Tile:
    """One number at the top of a page. url: what it is made of.  spark: a path of `spark_path`."""

    label: str
    value: str
    detail: str = ""
    url: str = ""
    spark: str = ""
    alarm: bool = False


def spark_path(values: Sequence[float | None]) -> str:
    """An SVG path in a box of 100 x 24, from 0 at the bottom; gaps where nothing is known, "" without two values."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ""
    top, step = max(known) or 1.0, 100 / (len(values) - 1)
    parts, pen = [], "M"
    for place, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        parts.append(f"{pen}{place * step:.1f} {23 - 22 * max(value, 0) / top:.1f}")
        pen = "L"
    return "".join(parts)
