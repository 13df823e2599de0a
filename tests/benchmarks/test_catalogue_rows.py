from __future__ import annotations

import itertools
import json
import statistics
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.catalogue_rows import COPY_COLUMNS, made_up_rows, write_rows
from catalog.importers.rows import parse_row

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_the_same_seed_gives_the_same_rows_whatever_their_number() -> None:
    assert list(made_up_rows(1, 10)) == list(itertools.islice(made_up_rows(1, 3_000), 10))
    assert next(made_up_rows(1, 1)) != next(made_up_rows(2, 1))


def test_rows_have_about_fifty_words_and_are_accepted() -> None:
    rows = [parse_row(row, now=NOW) for row in made_up_rows(1, 200)]
    assert statistics.mean(len(f"{row.title} {row.summary}".split()) for row in rows) == 50
    assert len({row.external_id for row in rows}) == 200


def test_both_files_hold_the_same_rows(tmp_path: Path) -> None:
    write_rows(1, 20, tmp_path / "rows.jsonl", tmp_path / "rows.copy")
    as_json = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    bare = [
        dict(zip(COPY_COLUMNS, line.split("\t"), strict=True))
        for line in (tmp_path / "rows.copy").read_text().splitlines()
    ]
    for name in ("external_id", "title", "summary", "language", "published_at", "link"):
        assert [row[name] for row in as_json] == [row[name] for row in bare]
    assert [row["attributes"] for row in as_json] == [json.loads(row["attributes"]) for row in bare]
