"""What the importers' tests share: writing small files, importing them, reading the rejects."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from catalog.importers.catalog_import import ImportSummary, import_catalog
from catalog.importers.formats import FORMATS
from tests.factories import NOW

REAL_DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def real_data(name: str) -> Path:
    """A folder of real data, or a skip that says what is missing."""
    folder = REAL_DATA / name
    if not folder.is_dir():
        pytest.skip(f"the real data set {name} is not beside the project (../shared/data/{name})")
    return folder


@dataclass(frozen=True)
class Imported:
    summary: ImportSummary
    rejects: list[dict[str, Any]]

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Created, updated, unchanged, rejected."""
        return self.summary.created, self.summary.updated, self.summary.unchanged, self.summary.rejected


def run_import(path: Path, format: str = "jsonl", **options: Any) -> Imported:
    chosen = FORMATS[format]
    rejects_path = options.pop("rejects_path", path.parent / f"{path.name}.rejects.jsonl")
    known: dict[str, Any] = {"path": path, "format": chosen, "source": chosen.source, "now": NOW}
    summary = import_catalog(rejects_path=rejects_path, **known | options)
    return Imported(summary, read_rejects(rejects_path))


def read_rejects(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def row(external_id: object = "1", title: object = "A walk by the river", **fields: Any) -> dict[str, Any]:
    return {"external_id": external_id, "title": title} | fields


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any] | str | bytes]) -> Path:
    """A line for each: an object as JSON, texts and bytes as they are."""
    path.write_bytes(b"".join(_line(one) + b"\n" for one in rows))
    return path


def _line(one: Mapping[str, Any] | str | bytes) -> bytes:
    if isinstance(one, bytes):
        return one
    return one.encode() if isinstance(one, str) else json.dumps(one).encode()


def row_versions() -> dict[str, list[tuple[Any, ...]]]:
    """The inner version of every row that an import writes: one written again, even with equal values, changes."""
    tables = ("catalog_item", "catalog_itemtopic", "catalog_topic", "catalog_author")
    with connection.cursor() as cursor:
        versions = {}
        for table in tables:
            cursor.execute(f"SELECT id, xmin::text, ctid::text FROM {table} ORDER BY id")
            versions[table] = cursor.fetchall()
    return versions


JsonlWriter = Callable[..., Path]
