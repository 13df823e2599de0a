"""python -m benchmarks.loop_piece: one arm in one world with one seed, round by round; or the warm-up before all arms.

Started by `python -m benchmarks loop`, which hands over the servers. What is finished stays when it is stopped: it
goes on after the last whole round.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import shutil
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import django

from benchmarks.loop_arms import ARMS
from benchmarks.loop_databases import Databases
from benchmarks.loop_pieces import HTTP, TOLD, WARM_UP, Piece
from benchmarks.report import revision


def main(arguments: list[str]) -> int:
    piece = Piece.of_arguments(arguments[0])
    databases = Databases(piece.database_url)
    work = f"{piece.name}-work"
    _set_up(piece, databases.url_of(work))
    _Play(piece, databases, work).go_on()
    return 0


class _Play:
    """What is kept of a round is written in this order: files, a copy of the database, and last what it was."""

    def __init__(self, piece: Piece, databases: Databases, work: str) -> None:
        self._piece, self._databases, self._work = piece, databases, work
        self._told = piece.told()
        self._began_s = time.perf_counter()

    def go_on(self) -> None:
        if self._piece.arm == WARM_UP:
            self._warm_up()
            return
        self._restore()
        arm = ARMS[self._piece.arm]
        from benchmarks.loop_programs import Programs  # noqa: PLC0415 - imports what Django must be set up for
        from benchmarks.loop_rounds import rounds  # noqa: PLC0415

        programs = Programs(arm) if self._piece.over == HTTP else None
        left = rounds(arm, self._piece, len(self._told), programs)
        while len(self._told) < self._piece.rounds:
            # Between rounds nobody is connected to the database, so that it can be copied.
            with nullcontext() if programs is None else programs.running():
                result = next(left)
            self._keep({**result, "seconds": self._seconds(), "peak_rss_mib": _peak_mib(), "revision": revision()})
        self._databases.drop(self._kept(len(self._told)))
        self._databases.drop(self._work)
        for name in ("artefacts", "cache", "run", "unshown.npz"):
            _remove(self._piece.own / name)

    def _warm_up(self) -> None:
        shutil.rmtree(self._piece.own, ignore_errors=True)
        self._databases.create(self._work)
        from benchmarks.loop_rounds import warm_up  # noqa: PLC0415

        result = warm_up(self._piece)
        self._keep({**result, "seconds": self._seconds(), "peak_rss_mib": _peak_mib()})

    def _restore(self) -> None:
        """After the last whole round; before the first, from the warm-up."""
        own, warm = self._piece.own, self._piece.folder / WARM_UP
        if not self._told:
            shutil.rmtree(own, ignore_errors=True)
            own.mkdir(parents=True)
            for name in ("run", "artefacts"):
                shutil.copytree(warm / name, own / name)
            shutil.copytree(own / "run", own / "run-0")
            shutil.copytree(own / "artefacts", own / "artefacts-0")
            self._databases.create(self._kept(0), like=_kept_name(self._piece, WARM_UP, 1))
        for name in ("run", "artefacts"):
            _remove(own / name)
            shutil.copytree(own / f"{name}-{len(self._told)}", own / name)
        self._databases.create(self._work, like=self._kept(len(self._told)))

    def _keep(self, result: dict[str, Any]) -> None:
        from benchmarks.loop_site import close_connections  # noqa: PLC0415

        number, own = len(self._told) + 1, self._piece.own
        for name in ("run", "artefacts"):
            _remove(own / f"{name}-{number}")
            shutil.copytree(own / name, own / f"{name}-{number}")
        close_connections()
        self._databases.create(self._kept(number), like=self._work)
        self._told.append(result)
        unfinished = own / f".{TOLD}"
        unfinished.write_text(json.dumps(self._told))
        os.replace(unfinished, own / TOLD)
        if number > 1 or self._piece.arm != WARM_UP:
            self._databases.drop(self._kept(number - 1))
            for name in ("run", "artefacts"):
                _remove(own / f"{name}-{number - 1}")
        print(f"{self._piece.name}: {_in_words(result)}", file=sys.stderr, flush=True)

    def _kept(self, number: int) -> str:
        return _kept_name(self._piece, self._piece.key, number)

    def _seconds(self) -> float:
        """Since the last time."""
        began_s, self._began_s = self._began_s, time.perf_counter()
        return round(self._began_s - began_s, 2)


def _kept_name(piece: Piece, key: str, number: int) -> str:
    return f"{piece.folder.parent.name}-{piece.folder.name}-{key}-{number}"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _peak_mib() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def _in_words(result: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in result.items() if isinstance(value, int | float))


def _set_up(piece: Piece, database_url: str) -> None:
    arm = ARMS.get(piece.arm)
    share = 0.5 if arm is None else arm.exploration
    os.environ.update(
        {
            "DJANGO_SETTINGS_MODULE": "recsite.settings",
            "DATABASE_URL": database_url,
            "REDIS_URL": piece.redis_url,
            "SECRET_KEY": f"a world of its own: {piece.world} {piece.seed}, which nobody else can reach",
            "ALLOWED_HOSTS": "127.0.0.1",
            "HTTPS": "0",
            "SIMULATION": "1",
            "LOG_LEVEL": "WARNING",
            "VAR_DIR": str(piece.folder / "var"),
            "ARTEFACT_URL": f"file://{piece.own}/artefacts",
            "ARTEFACT_CACHE": str(piece.own / "cache"),
            "RELEASE_POLL_S": "0",
            "EXPLORATION_SHARE": str(share),
            # The warm-up: half popular, half drawn from all that there is.
            "EXPLORATION_OUTSIDE_SHARE": "1" if arm is None else "0.2",
        }
    )
    for library in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[library] = "1"
    (piece.folder / "var").mkdir(parents=True, exist_ok=True)
    django.setup()
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
