"""CSV with a header, as RFC 4180 has it: commas, double quotes, line breaks allowed inside quotes."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from catalog.importers.records import BadRecord, CatalogFileError, ReadingMeter, Reason, Record, Records, RowError
from catalog.importers.rows import REQUIRED_FIELDS
from catalog.importers.text_files import MAX_LINE_BYTES, Line, read_lines

MAX_RECORD_CHARS = 1_000_000
"""Where we give up waiting for a closing quote. Not higher, because all lines but the first are then read again."""


def read_csv(path: Path, meter: ReadingMeter) -> Records:
    """Records of texts. Raises CatalogFileError if the file or its header is of no use."""
    return read_csv_columns(path, meter, REQUIRED_FIELDS)


def read_csv_columns(path: Path, meter: ReadingMeter, required: Sequence[str]) -> Records:
    """The same for a file that must have the columns `required`."""
    csv.field_size_limit(MAX_LINE_BYTES)  # for the whole process, and only ever raised: the default is 131,072
    lines = _Lines(read_lines(path, meter))
    header = _header(path, lines, required)
    while (record := _next_record(lines)) is not None:
        if isinstance(record, BadRecord):
            yield record
            continue
        line, values, source = record
        if not values:
            continue  # a blank line
        if len(values) == len(header):
            yield Record(line, dict(zip(header, values, strict=True)), source)
        else:
            detail = f"{len(values)} instead of the header's {len(header)}"
            yield BadRecord(line, RowError(Reason.WRONG_COLUMN_COUNT, detail), source)


class _Lines:
    """Lines that can be handed back, and that stop where a bad one stands or a record grows too long."""

    def __init__(self, lines: Iterator[Line | BadRecord]) -> None:
        self._lines = lines
        self._handed_back: deque[Line | BadRecord] = deque()
        self.taken: list[Line] = []
        self._taken_chars = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """For csv.reader: the next line of the same record."""
        if self._taken_chars > MAX_RECORD_CHARS:
            raise StopIteration
        line = self._next()
        if isinstance(line, BadRecord):
            self._handed_back.appendleft(line)
            raise StopIteration
        self.taken.append(line)
        self._taken_chars += len(line.text)
        return line.text

    def begin_record(self) -> BadRecord | None:
        """Forget what was taken. Returns the bad line, if that is what comes next."""
        self.taken, self._taken_chars = [], 0
        line = next(self._handed_back_or_read(), None)
        if line is None or isinstance(line, BadRecord):
            return line
        self._handed_back.appendleft(line)
        return None

    def hand_back_all_but_first(self) -> None:
        self._handed_back.extendleft(reversed(self.taken[1:]))

    def _next(self) -> Line | BadRecord:
        return next(self._handed_back_or_read())

    def _handed_back_or_read(self) -> Iterator[Line | BadRecord]:
        return iter((self._handed_back.popleft(),)) if self._handed_back else self._lines


def _next_record(lines: _Lines) -> tuple[int, list[str], str] | BadRecord | None:
    """A record's first line, its values and its text; None at the end of the file.

    A quote that is never closed swallows the lines behind it. They are good rows as often as not, so only the line with
    the quote is rejected and the others are read again.
    """
    bad = lines.begin_record()
    if bad is not None:
        return bad
    try:
        values = next(csv.reader(lines, strict=True), None)
    except csv.Error as problem:
        first = lines.taken[0]
        lines.hand_back_all_but_first()
        return BadRecord(first.number, RowError(Reason.BAD_QUOTES, str(problem)), first.text)
    if values is None:
        return None
    return lines.taken[0].number, values, "".join(line.text for line in lines.taken)


def _header(path: Path, lines: _Lines, required: Sequence[str]) -> list[str]:
    record = _next_record(lines)
    while isinstance(record, tuple) and not record[1]:
        record = _next_record(lines)
    if record is None:
        raise CatalogFileError(f"{path}: holds nothing but blank lines.")
    if isinstance(record, BadRecord):
        raise CatalogFileError(f"{path}: the header, line {record.line}, cannot be read: {record.error}.")
    names = [name.strip() for name in record[1]]
    missing = [name for name in required if name not in names]
    if missing:
        separators = [separator for separator in (";", "\t", "|") if len(names) == 1 and separator in names[0]]
        advice = (
            f"It seems to be separated by {separators[0]!r}; save it with commas."
            if separators
            else "Name the columns in line 1."
        )
        raise CatalogFileError(f"{path}: no column {', '.join(missing)}; the header has {', '.join(names)}. {advice}")
    doubled = sorted({name for name in names if names.count(name) > 1 and name})
    if doubled:
        raise CatalogFileError(
            f"{path}: the header has {', '.join(doubled)} more than once. Rename or remove one of each."
        )
    return names
