from __future__ import annotations

import pytest

from catalog.importers.jsonl import read_jsonl
from catalog.importers.records import BadRecord, ReadingMeter, Reason, Record
from tests.catalog.importers.running import JsonlWriter


def test_each_line_is_a_record_with_its_number(jsonl: JsonlWriter) -> None:
    path = jsonl({"external_id": "a"}, "", {"external_id": "c"})
    records = list(read_jsonl(path, ReadingMeter()))
    assert [(record.line, record.fields) for record in records if isinstance(record, Record)] == [
        (1, {"external_id": "a"}),
        (3, {"external_id": "c"}),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"external_id": ', Reason.NOT_JSON),
        ("external_id,title", Reason.NOT_JSON),
        ('{"n": ' + "9" * 5_000 + "}", Reason.NOT_JSON),
        ('{"n": ' + "[" * 100_000, Reason.NOT_JSON),
        ('["external_id", "1"]', Reason.NOT_AN_OBJECT),
        ("null", Reason.NOT_AN_OBJECT),
    ],
    ids=["cut off", "not JSON", "endless number", "endless nesting", "list", "null"],
)
def test_a_line_without_an_object_is_bad(jsonl: JsonlWriter, line: str, reason: Reason) -> None:
    (record,) = read_jsonl(jsonl(line), ReadingMeter())
    assert isinstance(record, BadRecord)
    assert record.error.reason is reason
