"""Whether feeding back what was seen and not chosen makes the feed better, in a world where truth is known.

Arms (`benchmarks.loop_arms`) differ in what they learn from and in nothing else. Each is the real site with a database
of its own, used by the same made-up readers with the same luck (docs/loop.md). Pieces, an arm in a world with a seed,
run two at a time; what was finished is kept, by arm, seed and round.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

from benchmarks.loop_arms import ARMS, COMMITTED, COMPLETE, SMALL
from benchmarks.loop_known import known_of, take_over, to_play, with_known
from benchmarks.loop_pieces import HTTP, IN_PROCESS, WARM_UP, Piece
from benchmarks.loop_programs import why_not_over_http
from benchmarks.report import ROOT, Report, progress
from recsite.onemachine.account import server_account
from recsite.onemachine.services import LocalServices, local_services

GRIDS = {"small": SMALL, "committed": COMMITTED, "complete": COMPLETE}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--grid", choices=[*GRIDS], help="which arms (default committed; with --small: small)")
    parser.add_argument("--arms", nargs="+", choices=[*ARMS], metavar="ARM", help=f"of {', '.join(ARMS)}")
    parser.add_argument("--world", default="default", help="by name, or a file (default: default)")
    parser.add_argument("--seeds", type=int, nargs="+", help="of worlds (default 1 2 3 4; small: 1 2)")
    parser.add_argument("--rounds", type=int, help="days after the warm-up (default 8; small: 4)")
    parser.add_argument("--readers", type=int, help="on the first day (default 300; small: 60)")
    parser.add_argument("--items", type=int, help="on the first day (default 5000; small: 1500)")
    parser.add_argument("--workers", type=int, default=2, help="pieces at a time (default 2)")
    parser.add_argument(
        "--resume", type=Path, default=ROOT / "var" / "benchmarks" / "loop", metavar="DIR",
        help="where finished rounds are kept (default var/benchmarks/loop)",
    )  # fmt: skip
    parser.add_argument(
        "--over", choices=[IN_PROCESS, HTTP], default=IN_PROCESS,
        help="all of an arm in one process; or its site behind real HTTP, and a Celery worker that counts and trains "
        "(default process)",
    )  # fmt: skip
    parser.add_argument(
        "--write", type=Path, metavar="DIR",
        help="where the results' file and its pictures go, too; what that file has already is not played again",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> Report:
    small = arguments.small
    grid = arguments.grid or ("small" if small else "committed")
    arms = tuple(arguments.arms or GRIDS[grid])
    if arguments.over == HTTP:
        _require_over_http(arms, arguments.write)
    plan = [
        Piece(
            arm=arm,
            seed=seed,
            world=arguments.world,
            readers=arguments.readers or (60 if small else 300),
            items=arguments.items or (1_500 if small else 5_000),
            rounds=arguments.rounds or (4 if small else 8),
            folder=Path(),
            database_url="",
            redis_url="",
            over=IN_PROCESS if arm == WARM_UP else arguments.over,
        )
        for arm in (WARM_UP, *arms)
        for seed in arguments.seeds or ([1, 2] if small else [1, 2, 3, 4])
    ]
    known = None if arguments.write is None else known_of(plan[0], arguments.write)
    plan = [replace(piece, folder=_folder(arguments.resume.resolve(), piece)) for piece in with_known(plan, known)]
    take_over(plan, known)
    left = to_play(plan)
    progress(f"{len(plan)} pieces, {len(left)} of them to be played; kept in {arguments.resume}")
    if left:
        with _servers(arguments.resume.resolve(), arguments.workers) as servers:
            _play_all([piece for piece in left if piece.arm == WARM_UP], servers)
            _play_all([piece for piece in left if piece.arm != WARM_UP], servers)
    _compare_ways([piece for piece in plan if piece.over == HTTP])
    from benchmarks.loop_report import report  # noqa: PLC0415 - what is drawn is not needed to play

    return report(plan, small=small, folder=arguments.write)


def _require_over_http(arms: Sequence[str], write: Path | None) -> None:
    """Ends with status 2 and the reason where that cannot be."""
    reason = why_not_over_http([ARMS[arm] for arm in arms])
    if write is not None:
        reason = "What is written is what arms come to in one process: leave out --write, or --over http."
    if reason:
        print(reason, file=sys.stderr)
        raise SystemExit(2)


def _compare_ways(pieces: Sequence[Piece]) -> None:
    """Say of pieces over HTTP whether they came to what they come to in one process, where that was played."""
    for piece in pieces:
        twin = replace(piece, over=IN_PROCESS)
        if twin.is_finished():
            said = "the same as" if piece.measured() == twin.measured() else "NOT the same as"
            progress(f"{piece.arm}, seed {piece.seed}: over HTTP all rounds are {said} in one process")


def _folder(folder: Path, piece: Piece) -> Path:
    """Of one world, size and seed."""
    size = f"{Path(piece.world).stem}-{piece.readers}x{piece.items}x{piece.rounds}"
    return folder / size / f"seed-{piece.seed}"


def _play_all(pieces: Sequence[Piece], servers: Sequence[LocalServices]) -> None:
    """A process each, as many at a time as there are servers. Raises RuntimeError where one fails, after the others."""
    free: SimpleQueue[LocalServices] = SimpleQueue()
    for server in servers:
        free.put(server)

    def play(piece: Piece) -> str:
        server = free.get()
        try:
            return _play(replace(piece, database_url=servers[0].database_url, redis_url=server.redis_url))
        finally:
            free.put(server)

    with ThreadPoolExecutor(len(servers)) as executor:
        failures = [said for said in executor.map(play, pieces) if said]
    if failures:
        raise RuntimeError("\n\n".join(failures))


def _play(piece: Piece) -> str:
    """What went wrong, or ""."""
    piece.own.mkdir(parents=True, exist_ok=True)
    log = piece.folder / f"{piece.key}.log"
    with log.open("ab") as file:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.loop_piece", piece.arguments()],
            cwd=ROOT,
            stdout=file,
            stderr=file,
            check=False,
        )
    if done.returncode:
        return f"{piece.arm}, seed {piece.seed}, ended with {done.returncode}:\n{log.read_text()[-2_000:]}"
    progress(f"{piece.arm}, seed {piece.seed}: {len(piece.told())} rounds")
    return ""


@contextmanager
def _servers(folder: Path, count: int) -> Iterator[list[LocalServices]]:
    """PostgreSQL is that of the first; each process has a Redis of its own. They stay where they are for the next run,
    under a short path: that of a socket has at most 107 bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    short = Path("/tmp") / f"recsite-loop-{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}"  # noqa: S108
    with ExitStack() as stack:
        servers = []
        for number in range(count):
            place = short / str(number)
            place.mkdir(parents=True, exist_ok=True)
            if not server_account(place / "postgres" / "data").is_ours:
                for part in (short, place):
                    part.chmod(0o711)
            servers.append(stack.enter_context(local_services(place)))
        yield servers
