"""What benchmarks on ratings are asked alike: which data, and where finished results are kept."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.report import ROOT
from benchmarks.retrieval_data import load
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_world import made_up_world

_SMALL_READERS = 100
_WORLD_SEED = 3


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        help="an ml-100k folder, or a CSV or Parquet file with columns reader, item, time (default: a made-up world)",
    )


def add_store(parser: argparse.ArgumentParser, benchmark: str, *, note: str = "") -> None:
    """note: what else there is to say of the folder."""
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="FOLDER",
        default=ROOT / "var" / "benchmarks" / benchmark,
        help=f"where finished results are kept and looked for (default var/benchmarks/{benchmark}){note}",
    )
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs have left in that folder")


def dataset_of(path: Path | None, *, small: bool, num_readers: int = 500, num_items: int = 400) -> Ratings:
    """What `--data` names, or else a made-up world of that size; of small runs a hundred readers.

    Raises DataError for data that cannot be measured on.
    """
    dataset = load(path) if path else made_up_world(num_readers, num_items, seed=_WORLD_SEED)
    return dataset.of_some_readers(_SMALL_READERS, seed=_WORLD_SEED) if small else dataset
