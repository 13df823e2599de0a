"""JSON lines: one object a line, UTF-8."""

from __future__ import annotations

import json
from pathlib import Path

from catalog.importers.records import BadRecord, ReadingMeter, Reason, Record, Records, RowError
from catalog.importers.text_files import Line, read_lines


def read_jsonl(path: Path, meter: ReadingMeter) -> Records:
    """One record a line that is not blank. Raises CatalogFileError if the file as a whole is of no use."""
    for line in read_lines(path, meter):
        if isinstance(line, BadRecord):
            yield line
        elif not line.text.isspace():
            yield _record(line)


def _record(line: Line) -> Record | BadRecord:
    try:
        fields = json.loads(line.text)
    except (ValueError, RecursionError) as problem:
        return BadRecord(line.number, RowError(Reason.NOT_JSON, str(problem)), line.text)
    if not isinstance(fields, dict):
        return BadRecord(line.number, RowError(Reason.NOT_AN_OBJECT, type(fields).__name__), line.text)
    return Record(line.number, fields, line.text)
