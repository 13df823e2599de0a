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
    has_history: whether they also tell who chose what before, so that there is something to learn from at once.
    """

    name: str
    commands: list[list[str]]
    has_history: bool


def given(data: Path) -> CatalogueSource:
    """The catalogue at `data`: a MovieLens or Goodbooks folder, a folder with items.csv, .jsonl
    or .parquet, or such a file; with interactions beside the items, those too."""
    if not data.exists():
        raise CannotStart(f"DATA={data} does not exist. Name a folder such as ml-100k, or a file items.jsonl.")
    form, path = _recognise(data)
    has_history = form == "movielens" or (form in _TABLES and _has_interactions(path.parent))
    return CatalogueSource(str(data.resolve()), [_import(form, path, with_history=has_history)], has_history)


def synthetic(folder: Path, *, items: int | None, readers: int | None) -> CatalogueSource:
    """The made-up world of `simulation`, written to `folder` first, and what its readers did in the two weeks before.

    None: as many as it has by default; no readers: no history.
    """
    has_history = readers != 0
    commands = [_simulate("catalogue", folder, items=items)]
    if has_history:
        commands.append(_simulate("history", folder, readers=readers))
    commands.append(_import("jsonl", folder / "items.jsonl", with_history=has_history))
    return CatalogueSource("synthetic", commands, has_history)


def _simulate(command: str, folder: Path, **sizes: int | None) -> list[str]:
    given_sizes = [word for name, size in sizes.items() if size is not None for word in (f"--{name}", str(size))]
    return [sys.executable, "-m", "simulation", command, "--out", str(folder), "--seed", "1", *given_sizes]


def _has_interactions(folder: Path) -> bool:
    return any((folder / f"interactions.{ending}").exists() for ending in ("parquet", "csv", "csv.gz"))


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


def _import(form: str, path: Path, *, with_history: bool) -> list[str]:
    history = ["--with-history", "--shift-to-now"] if with_history else []
    return [sys.executable, "manage.py", "import_catalog", "--format", form, str(path), *history]
