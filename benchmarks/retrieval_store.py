"""Where finished results are kept, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from math import isnan
from pathlib import Path
from typing import IO

import numpy as np

from benchmarks.report import ROOT
from benchmarks.retrieval_results import Outcome, Result

_LIBRARIES = ("numpy", "scipy", "implicit", "torch", "faiss-cpu")
_UNDER_EVERY_RESULT = (
    "retrieval/ids.py",
    "retrieval/interactions.py",
    "retrieval/metrics.py",
    "benchmarks/retrieval_data.py",
    "benchmarks/retrieval_ease.py",
    "benchmarks/retrieval_matrix.py",
    "benchmarks/retrieval_peers.py",
    "benchmarks/retrieval_protocols.py",
    "benchmarks/retrieval_ratings.py",
    "benchmarks/retrieval_results.py",
    "benchmarks/retrieval_runs.py",
    "benchmarks/retrieval_world.py",
)
_UNDER_OURS = ("retrieval/**/*.py", "benchmarks/retrieval_ours*.py", "benchmarks/retrieval_states.py")


@dataclass(frozen=True)
class Chosen:
    """The best of a grid, and the seconds that it took to find."""

    settings: Mapping[str, float]
    tuning_s: float


@dataclass(frozen=True)
class Store:
    """A small file for each piece of finished work, named after what it is and a digest of what it depends on: the data
    (`data`, a fingerprint), our code and the libraries. So nothing is read that other code or data made.

    A file is there whole or not at all.
    """

    folder: Path
    data: str

    def result(self, protocol: str, model: str, seed: int, *, ours: bool) -> Result | None:
        """What `keep` was given, or None. ours: whether the code of `retrieval/` had a part in it."""
        path = self._path(f"{protocol}-{model}-{seed}", "npz", ours)
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            outcomes = tuple(
                Outcome(
                    one["split"],
                    file[f"{number} readers"],
                    {name: file[f"{number} {name}"] for name in one["metrics"]},
                    {name: float("nan") if value is None else value for name, value in one["lists"].items()},
                )
                for number, one in enumerate(about["outcomes"])
            )
        took = (about["fit_s"], about["ask_s"])
        return Result(protocol, model, seed, about["settings"], *took, outcomes, about["fit_cpu_s"])

    def keep(self, result: Result, *, ours: bool) -> None:
        about = {
            "settings": dict(result.settings),
            "fit_s": result.fit_s,
            "fit_cpu_s": result.fit_cpu_s,
            "ask_s": result.ask_s,
            "outcomes": [
                {"split": one.split, "metrics": list(one.by_reader), "lists": json_numbers(one.lists)}
                for one in result.outcomes
            ],
        }
        arrays = {"about": np.array(json.dumps(about, allow_nan=False))}
        for number, one in enumerate(result.outcomes):
            arrays[f"{number} readers"] = one.reader_ids
            arrays |= {f"{number} {name}": values for name, values in one.by_reader.items()}
        with _whole(self._path(f"{result.protocol}-{result.model}-{result.seed}", "npz", ours)) as file:
            np.savez(file, allow_pickle=False, **arrays)

    def chosen(self, protocol: str, model: str) -> Chosen | None:
        """What `keep_chosen` was given, or None."""
        path = self._path(f"{protocol}-{model}-settings", "json", False)
        return Chosen(**json.loads(path.read_bytes())) if path.exists() else None

    def keep_chosen(self, protocol: str, model: str, chosen: Chosen) -> None:
        with _whole(self._path(f"{protocol}-{model}-settings", "json", False)) as file:
            file.write(json.dumps({"settings": dict(chosen.settings), "tuning_s": chosen.tuning_s}).encode())

    def forget(self) -> None:
        """Remove everything in the folder that a store wrote."""
        for pattern in ("*.npz", "*.json"):
            for path in self.folder.glob(pattern):
                path.unlink()

    def _path(self, name: str, kind: str, ours: bool) -> Path:
        digest = hashlib.sha256(f"{self.data} {_code(ours)}".encode()).hexdigest()[:12]
        return self.folder / f"{name}-{digest}.{kind}"


def json_numbers(values: Mapping[str, float]) -> dict[str, float | None]:
    """NaN, which JSON does not know, becomes null."""
    return {name: None if isnan(value) else value for name, value in values.items()}


@cache
def _code(ours: bool) -> str:
    """A digest of the files that results come from. The commit would not do: work in progress has none."""
    paths = {ROOT / name for name in _UNDER_EVERY_RESULT}
    if ours:
        paths |= {path for pattern in _UNDER_OURS for path in ROOT.glob(pattern)}
    digest = hashlib.sha256(repr([_version(library) for library in _LIBRARIES]).encode())
    for path in sorted(paths):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "absent"


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name when it is finished."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix="unfinished-", delete=False) as file:
        try:
            yield file
        except BaseException:
            os.unlink(file.name)
            raise
    os.replace(file.name, path)
