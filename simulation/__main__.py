"""The command line of the made-up world: `python -m simulation catalogue --out DIR --seed 1`, then `history`, or `run`
against a site."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, time
from pathlib import Path
from typing import IO

from simulation.catalogue import OutOfTitles, generate_catalogue, num_generated
from simulation.history_files import NoWorld, write_history
from simulation.on_site import ON_SITE_ERRORS, add_commands
from simulation.phrases import PhraseError
from simulation.worlds import ItemRules, WorldError, load_world

DEFAULT_ITEMS = 3_600
DEFAULT_READERS = 400
DEFAULT_DAYS = 14
PROGRESS_EVERY = 200
EARLIEST_YEAR = 1900

ERRORS: tuple[type[Exception], ...] = (OutOfTitles, PhraseError, NoWorld, WorldError, *ON_SITE_ERRORS)

CATALOGUE_EXAMPLES = """\
examples:
  python -m simulation catalogue --out var/world --seed 1
  python -m simulation catalogue --out var/world --seed 1 --items 20000 --until 2026-01-31
  python -m simulation catalogue --out var/world --seed 1 --world default --days 20

items.jsonl is for the site to import. truth.jsonl is what is really true about each item; the site never reads it.
The same seed, number of items and end date give the same bytes. With --world some items are not what they seem, which
items.jsonl does not tell, and new ones come out on each of the --days after the end date.
"""


HISTORY_EXAMPLES = """\
examples:
  python -m simulation history --out var/world --seed 1
  python -m simulation history --out var/world --seed 1 --readers 1000 --days 30 --until 2026-01-31

DIR holds a world that `catalogue` wrote. interactions.parquet and readers.jsonl are for the site to import;
readers-truth.jsonl is what the readers really like, and the site never reads it.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0, or 1 after a one-line cause on stderr; bad arguments exit with 2."""
    arguments = _parser().parse_args(argv)
    try:
        print(arguments.run(arguments))
    except ERRORS as error:
        print(f"simulation: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"simulation: cannot write to {arguments.out}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


def _catalogue(arguments: argparse.Namespace) -> str:
    num_written = write_catalogue(
        arguments.out,
        seed=arguments.seed,
        num_items=arguments.items,
        until=arguments.until or _today(),
        rules=load_world(arguments.world).items if arguments.world else None,
        num_days=arguments.days,
    )
    return (
        f"Wrote {num_written:,} items to {arguments.out / 'items.jsonl'}, their hidden truth to truth.jsonl beside it."
    )


def _history(arguments: argparse.Namespace) -> str:
    written = write_history(
        arguments.out,
        seed=arguments.seed,
        num_readers=arguments.readers,
        num_days=arguments.days,
        until=arguments.until or _today(),
        on_day=lambda day: _show_progress(day, arguments.days, "days", every=1),
    )
    return (
        f"Wrote {written.num_interactions:,} interactions of {arguments.readers:,} readers in {written.num_visits:,} "
        f"visits ({written.num_views:,} cards seen) to {arguments.out / 'interactions.parquet'}."
    )


def write_catalogue(
    out: Path, *, seed: int, num_items: int, until: datetime, rules: ItemRules | None = None, num_days: int = 0
) -> int:
    """Write items.jsonl and truth.jsonl into `out`, which is made if needed. Neither appears before both are whole.

    rules, num_days: as `generate_catalogue`. Returns the number of items.
    Raises `OutOfTitles` or `OSError` and then leaves an earlier catalogue as it was.
    """
    out.mkdir(parents=True, exist_ok=True)
    total = num_generated(num_items, rules, num_days)
    made = generate_catalogue(seed=seed, num_items=num_items, until=until, rules=rules, num_days=num_days)
    with tempfile.TemporaryDirectory(prefix=".catalogue-", dir=out) as unfinished:
        items_path, truth_path = Path(unfinished, "items.jsonl"), Path(unfinished, "truth.jsonl")
        with items_path.open("w", encoding="utf-8") as items, truth_path.open("w", encoding="utf-8") as truths:
            for number, item in enumerate(made, start=1):
                _write_line(items, item.public)
                _write_line(truths, item.hidden)
                _show_progress(number, total, "items", every=PROGRESS_EVERY)
        os.replace(truth_path, out / "truth.jsonl")
        os.replace(items_path, out / "items.jsonl")
    return total


def _write_line(file: IO[str], record: dict[str, object]) -> None:
    file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _show_progress(number: int, total: int, what: str, *, every: int) -> None:
    if sys.stderr.isatty() and (number % every == 0 or number == total):
        end = "\n" if number == total else ""
        print(f"\r{number:,} of {total:,} {what}", end=end, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulation", description="A made-up world with known tastes, to fill and test the site with."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    catalogue = commands.add_parser(
        "catalogue",
        help="write a catalogue and its hidden truth",
        description="Write a catalogue of made-up magazine pieces, and apart from it what is really true about them.",
        epilog=CATALOGUE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_common(catalogue, until="end of the two years of publishing")
    catalogue.add_argument(
        "--items", type=_count, default=DEFAULT_ITEMS, metavar="N", help=f"how many (default {DEFAULT_ITEMS})"
    )
    catalogue.add_argument("--world", metavar="NAME", help="which of them are not what they seem (default: none)")
    catalogue.add_argument(
        "--days", type=_count, default=0, metavar="N", help="of new items after the end date; with --world (default 0)"
    )
    catalogue.set_defaults(run=_catalogue)
    history = commands.add_parser(
        "history",
        help="let made-up readers browse that catalogue before the site exists",
        description="Write what made-up readers did with a catalogue in the days before a site opens.",
        epilog=HISTORY_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_common(history, until="end of the days")
    history.add_argument(
        "--readers", type=_count, default=DEFAULT_READERS, metavar="N", help=f"how many (default {DEFAULT_READERS})"
    )
    history.add_argument(
        "--days", type=_count, default=DEFAULT_DAYS, metavar="N", help=f"how long (default {DEFAULT_DAYS})"
    )
    history.set_defaults(run=_history)
    add_commands(commands, count=_count, moment=_moment, today=_today, now=_now)
    return parser


def _add_common(parser: argparse.ArgumentParser, *, until: str) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write into; made if needed")
    parser.add_argument("--seed", type=int, required=True, metavar="N", help="any whole number")
    parser.add_argument(
        "--until",
        type=_moment,
        metavar="DATE",
        help=f"{until}, as 2026-01-31 or with a time and zone (default: start of today, UTC)",
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 up, not {text!r}")
    return int(text)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be an ISO date such as 2026-01-31, not {text!r}") from None
    if moment.year < EARLIEST_YEAR:
        raise argparse.ArgumentTypeError(f"must be later than {EARLIEST_YEAR}, not {text!r}")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _today() -> datetime:
    """The start of today: a client may look at the clock, and two runs on one day still write the same bytes."""
    return datetime.combine(datetime.now(UTC).date(), time.min, UTC)


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    sys.exit(main())
