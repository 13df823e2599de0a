"""Tables of the staff pages: one shape for the page and for CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse
from django.utils import timezone

Value = str | int | float | bool | datetime | None

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would run."""


@dataclass(frozen=True)
class Cell:
    """text: as people read it.  value: as CSV and sorting have it.  url: where it is made of.  hint: on hover."""

    text: str
    value: Value = None
    url: str = ""
    hint: str = ""

    @property
    def is_moment(self) -> bool:
        return isinstance(self.value, datetime)

    @property
    def sort_key(self) -> str:
        value = self.text if self.value is None else self.value
        return value.isoformat() if isinstance(value, datetime) else str(value)


@dataclass(frozen=True)
class Column:
    """numeric: stands to the right, and sorts as a number."""

    head: str
    numeric: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Table:
    """key: unique on its page; the address of its CSV.  empty: what to do where there are no rows yet.

    Raises ValueError for a row of another length than `columns`.
    """

    key: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    empty: str = "Nothing yet."

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"A row of {self.key} has {len(row)} cells for {len(self.columns)} columns: {row}")


# --- cells ---


def words(value: object, *, url: str = "", hint: str = "") -> Cell:
    return Cell(str(value), str(value), url, hint)


def whole(value: int | None, *, url: str = "", hint: str = "") -> Cell:
    return Cell("–" if value is None else f"{value:,}", value, url, hint)


def number(value: float | None, digits: int = 3, *, url: str = "", hint: str = "") -> Cell:
    return Cell("–" if value is None else f"{value:,.{digits}f}", value, url, hint)


def share(value: float | None, digits: int = 1, *, url: str = "", hint: str = "") -> Cell:
    """0.123 is 12.3%."""
    return Cell("–" if value is None else f"{value:.{digits}%}", value, url, hint)


def moment(value: datetime | None, *, url: str = "") -> Cell:
    """With its zone."""
    return Cell("–" if value is None else in_zone(value), value, url)


def in_zone(value: datetime) -> str:
    """`2026-03-01 12:00:05 UTC`, in the zone that Django has switched on."""
    return timezone.localtime(value).strftime("%Y-%m-%d %H:%M:%S %Z")


# --- as a file ---


def csv_response(table: Table) -> HttpResponse:
    """The table's values, with a head; what a spreadsheet would take for a formula is quoted."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{table.key}.csv"'
    writer = csv.writer(response)
    writer.writerow([_harmless(column.head) for column in table.columns])
    writer.writerows([_plain(cell) for cell in row] for row in table.rows)
    return response


def _plain(cell: Cell) -> object:
    value = cell.value
    if isinstance(value, datetime):
        return value.isoformat()
    return _harmless(value) if isinstance(value, str) else value


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
