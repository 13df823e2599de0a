"""manage.py retrain: learn from the log, and let the result go live if it passes the gate."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from recsite import clock

if TYPE_CHECKING:
    from retrieval.train import StepDone

NOT_PROMOTED = 1
WRONG_USAGE = 2
BUSY = 3

EXAMPLES = """
examples:
  manage.py retrain
  manage.py retrain reranker
  manage.py retrain retriever --dry-run
  manage.py retrain --now 2026-03-01T12:00:00+00:00
  manage.py retrain --less-data "We removed a partner's readers."

what it does:
  Reads what readers chose, trains a retriever and a ranker (or a ranker alone), measures the pair against the live
  release and against popularity on a later window, and lets it go live if it passes the gate. A dry run stops before
  anything is stored. Progress goes to stderr, on a terminal with a bar for each epoch, the outcome to stdout.

exit codes:
  0  a release went live (in a dry run: would have), or there was nothing new to learn from
  1  trained or looked, but nothing may go live: it says why
  2  wrong usage
  3  such a training is under way already
"""


class Command(BaseCommand):
    help = "Retrain the models on everything that is known, and promote the result if it passes the gate."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", nargs="?", default="all", choices=["retriever", "reranker", "all"])
        parser.add_argument(
            "--now", type=_moment, help="learn what was known then (ISO 8601 with offset; default: now)"
        )
        parser.add_argument("--dry-run", action="store_true", help="train and measure, but store and promote nothing")
        parser.add_argument("--less-data", default="", metavar="REASON", help="why there is less to learn from by now")
        parser.add_argument(
            "--size", choices=["small", "full"], default=settings.TRAINING_SIZE, help="default: %(default)s"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        from recsite.training.rounds import retrain  # noqa: PLC0415 - only this command loads what trains
        from recsite.training.runs import AlreadyTraining  # noqa: PLC0415

        try:
            with _told_to_stop(), closing(_Progress()) as progress:
                outcome = retrain(
                    options["kind"],
                    now=options["now"] or clock.now(),
                    by="manage.py retrain",
                    dry_run=options["dry_run"],
                    size=options["size"],
                    why_less_data=options["less_data"],
                    echo=progress.say,
                    on_step=progress.step,
                )
        except AlreadyTraining as busy:
            raise CommandError(str(busy), returncode=BUSY) from busy
        if not outcome.succeeded:
            raise CommandError(outcome.text, returncode=NOT_PROMOTED)
        self.stdout.write(outcome.text)


class _Progress:
    """Lines on stderr; on a terminal also a bar for the epoch under way, until the line that says what came of it."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def say(self, text: str) -> None:
        self.close()
        print(text, file=sys.stderr, flush=True)

    def step(self, done: StepDone) -> None:
        if self._bar is None:
            self._bar = tqdm(
                unit=" rows",
                unit_scale=True,
                leave=False,
                disable=not sys.stderr.isatty(),
                desc=f"epoch {done.epoch} of {done.epochs}",
                total=done.expected_rows,
            )
        self._bar.update(done.rows - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


@contextmanager
def _told_to_stop() -> Iterator[None]:
    """SIGTERM ends the command as an exception does, so that its row says so."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no ISO 8601 time, such as 2026-03-01T12:00:00+00:00") from error
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no offset from UTC; write {text}+00:00")
    return moment.astimezone(UTC)
