"""The command line of the made-up world: `python -m simulation catalogue --out DIR --seed 1`."""

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

from simulation.catalogue import OutOfTitles, generate_catalogue
from simulation.phrases import PhraseError

DEFAULT_ITEMS = 3_600
PROGRESS_EVERY = 200
EARLIEST_YEAR = 1900

EXAMPLES = """\
examples:
  python -m simulation catalogue --out var/world --seed 1
  python -m simulation catalogue --out var/world --seed 1 --items 20000 --until 2026-01-31

items.jsonl is for the site to import. truth.jsonl is what is really true about each item; the site never reads it.
The same seed, number of items and end date give the same bytes.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0, or 1 after a one-line cause on stderr; bad arguments exit with 2."""
    arguments = _parser().parse_args(argv)
    try:
        num_written = write_catalogue(
            arguments.out, seed=arguments.seed, num_items=arguments.items, until=arguments.until or _today()
        )
    except (OutOfTitles, PhraseError) as error:
        print(f"simulation: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"simulation: cannot write to {arguments.out}: {error.strerror or error}", file=sys.stderr)
        return 1
    print(
        f"Wrote {num_written:,} items to {arguments.out / 'items.jsonl'}, their hidden truth to truth.jsonl beside it."
    )
    return 0


def write_catalogue(out: Path, *, seed: int, num_items: int, until: datetime) -> int:
    """Write items.jsonl and truth.jsonl into `out`, which is made if needed. Neither appears before both are whole.

    Returns the number of items. Raises `OutOfTitles` or `OSError` and then leaves an earlier catalogue as it was.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".catalogue-", dir=out) as unfinished:
        items_path, truth_path = Path(unfinished, "items.jsonl"), Path(unfinished, "truth.jsonl")
        with items_path.open("w", encoding="utf-8") as items, truth_path.open("w", encoding="utf-8") as truths:
            for number, item in enumerate(generate_catalogue(seed=seed, num_items=num_items, until=until), start=1):
                _write_line(items, item.public)
                _write_line(truths, item.hidden)
                _show_progress(number, num_items)
        os.replace(truth_path, out / "truth.jsonl")
        os.replace(items_path, out / "items.jsonl")
    return num_items


def _write_line(file: IO[str], record: dict[str, object]) -> None:
    file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _show_progress(number: int, num_items: int) -> None:
    if sys.stderr.isatty() and (number % PROGRESS_EVERY == 0 or number == num_items):
        end = "\n" if number == num_items else ""
        print(f"\r{number:,} of {num_items:,} items", end=end, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulation", description="A made-up world with known tastes, to fill and test the site with."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    catalogue = commands.add_parser(
        "catalogue",
        help="write a catalogue and its hidden truth",
        description="Write a catalogue of made-up magazine pieces, and apart from it what is really true about them.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    catalogue.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder to write into; made if needed"
    )
    catalogue.add_argument("--seed", type=int, required=True, metavar="N", help="any whole number")
    catalogue.add_argument(
        "--items", type=_count, default=DEFAULT_ITEMS, metavar="N", help=f"how many (default {DEFAULT_ITEMS})"
    )
    catalogue.add_argument(
        "--until",
        type=_moment,
        metavar="DATE",
        help="end of the two years of publishing, as 2026-01-31 or with a time and zone (default: start of today, UTC)",
    )
    return parser


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


if __name__ == "__main__":
    sys.exit(main())
