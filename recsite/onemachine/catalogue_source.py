"""What fills an empty demo: the synthetic world, or a catalogue of the person's own, with its history if it has one."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from recsite.onemachine.errors import CannotStart

_TABLES = ("csv", "jsonl", "parquet")


@dataclass(frozen=True)
class CatalogueSource:
    """name: tells one catalogue from another.

    commands: run in this order, they fill the catalogue; running them again changes nothing.
    """

    name: str
    commands: list[list[str]]


def given(data: Path) -> CatalogueSource:
    """The catalogue at `data`: a MovieLens or Goodbooks folder, a folder with items.csv, .jsonl
    or .parquet, or such a file."""
    if not data.exists():
        raise CannotStart(f"DATA={data} does not exist. Name a folder such as ml-100k, or a file items.jsonl.")
    form, path = _recognise(data)
    command = _import(form, path)
    if form == "movielens":
        command += ["--with-history", "--shift-to-now"]
    return CatalogueSource(str(data.resolve()), [command])


def synthetic(folder: Path, *, items: int | None) -> CatalogueSource:
    """The made-up world of `simulation`, written to `folder` first. items: None for its own default."""
    size = [] if items is None else ["--items", str(items)]
    generate = [sys.executable, "-m", "simulation", "catalogue", "--out", str(folder), "--seed", "1", *size]
    return CatalogueSource("synthetic", [generate, _import("jsonl", folder / "items.jsonl")])


def _recognise(data: Path) -> tuple[str, Path]:
    if data.is_file() and data.suffix.removeprefix(".") in _TABLES:
        return data.suffix.removeprefix("."), data
    if (data / "u.item").exists():
        return "movielens", data
    if (data / "books.csv").exists():
        return "goodbooks", data
    for form in _TABLES:
        if (data / f"items.{form}").exists():
            return form, data / f"items.{form}"
    raise CannotStart(
        f"DATA={data} is no catalogue that can be read: it has no u.item (MovieLens), no books.csv (Goodbooks) "
        "and no items.csv, items.jsonl or items.parquet."
    )


def _import(form: str, path: Path) -> list[str]:
    return [sys.executable, "manage.py", "import_catalog", "--format", form, str(path)]
