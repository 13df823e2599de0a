"""The files of a warm-up: interactions.parquet and readers.jsonl for the site, readers-truth.jsonl for nobody."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from simulation.behaviour import Habits
from simulation.history import PastAct, WarmUp
from simulation.offer import WorldItem
from simulation.readers import SimulatedReader, draw_readers
from simulation.truth import INTERESTS, Truth

SCHEMA = pa.schema(
    [
        ("reader", pa.string()),
        ("item", pa.string()),
        ("kind", pa.string()),
        ("time", pa.timestamp("ms", tz="UTC")),
    ]
)


class NoWorld(ValueError):
    """The folder holds no world to browse."""


@dataclass(frozen=True)
class Written:
    num_interactions: int
    num_visits: int
    num_views: int


def read_world(folder: Path) -> list[WorldItem]:
    """The items that `python -m simulation catalogue` wrote there. Raises `NoWorld`."""
    try:
        truths = {line["external_id"]: _truth(line) for line in _lines(folder / "truth.jsonl")}
        return [_item(line, truths[line["external_id"]]) for line in _lines(folder / "items.jsonl")]
    except FileNotFoundError as error:
        raise NoWorld(
            f"{error.filename} does not exist. Write a world first: python -m simulation catalogue --out {folder}"
        ) from error
    except (KeyError, ValueError) as error:
        raise NoWorld(
            f"items.jsonl and truth.jsonl in {folder} are not of one world ({type(error).__name__}: {error}). "
            f"Write them again: python -m simulation catalogue --out {folder}"
        ) from error


def write_history(
    out: Path,
    *,
    seed: int,
    num_readers: int,
    num_days: int,
    until: datetime,
    on_day: Callable[[int], None] = lambda day: None,
) -> Written:
    """Let `num_readers` browse the world in `out` for `num_days` before `until`, and write what they did beside it.

    The interactions appear last, when all is whole. Raises `NoWorld` or `OSError`.
    """
    readers = list(draw_readers(seed=seed, num_readers=num_readers))
    warm_up = WarmUp(seed=seed, readers=readers, items=read_world(out), habits=Habits())
    with tempfile.TemporaryDirectory(prefix=".history-", dir=out) as unfinished:
        _write_readers(Path(unfinished), readers)
        interactions = visits = views = 0
        with pq.ParquetWriter(Path(unfinished, "interactions.parquet"), SCHEMA) as file:
            for number, day in enumerate(warm_up.days(num_days=num_days, until=until), start=1):
                file.write_table(_table(day.acts))
                interactions += len(day.acts)
                visits, views = visits + day.num_visits, views + day.num_views
                on_day(number)
        for name in ("readers-truth.jsonl", "readers.jsonl", "interactions.parquet"):
            os.replace(Path(unfinished, name), out / name)
    return Written(interactions, visits, views)


def _write_readers(folder: Path, readers: Sequence[SimulatedReader]) -> None:
    with (
        Path(folder, "readers.jsonl").open("w", encoding="utf-8") as public,
        Path(folder, "readers-truth.jsonl").open("w", encoding="utf-8") as hidden,
    ):
        for reader in readers:
            public.write(json.dumps(reader.public) + "\n")
            hidden.write(json.dumps(reader.hidden) + "\n")


def _table(acts: Sequence[PastAct]) -> pa.Table:
    return pa.table(
        {
            "reader": [act.reader for act in acts],
            "item": [act.item for act in acts],
            "kind": [act.kind for act in acts],
            # Cut, not rounded: nothing is to come before what it followed, nor at the end of the day.
            "time": [act.happened_at.replace(microsecond=act.happened_at.microsecond // 1000 * 1000) for act in acts],
        },
        schema=SCHEMA,
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _item(line: dict[str, Any], truth: Truth) -> WorldItem:
    published_at = datetime.fromisoformat(line["published_at"])
    return WorldItem(line["external_id"], line["language"], tuple(line["topics"]), published_at, truth, line["title"])


def _truth(line: dict[str, Any]) -> Truth:
    return Truth(tuple(line["interests"][name] for name in INTERESTS), line["quality"], line.get("kind", "plain"))
