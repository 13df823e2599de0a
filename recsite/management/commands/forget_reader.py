"""manage.py forget_reader: remove everything about one person."""

from __future__ import annotations

import argparse
import sys
import uuid
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from redis.exceptions import RedisError

from feedback.forgetting import Forgotten, forget_reader
from recsite import clock
from recsite.management.reader_names import public_id_named
from recsite.visits import forget_visit

NOT_DONE = 1
WRONG_USAGE = 2

EXAMPLES = """
examples:
  manage.py forget_reader 6e9a0a3e-3d0c-4c83-9c8f-0f3c7c0b8a11
  manage.py forget_reader movielens:42 --yes
  manage.py forget_reader shop-customer-17 --yes --keep-account

what is removed:
  Everything the reader did, every slate they were served under any of their ids, which cards they saw, whom and what
  they follow, their profile, their login and its sessions. Counts by item stay; they name nobody.
  The next training run finds none of it. Models trained before hold no reader's id. Exported files are yours to delete.

exit codes:
  0  removed; the table says how many rows
  1  nothing is known of this reader, or the database refused; nothing was removed
  2  wrong usage
"""


class Command(BaseCommand):
    help = "Remove every row of one reader, and say what was removed."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("reader", metavar="READER", help="the reader's public id or external id")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--keep-account", action="store_true", help="leave the login, which then starts anew")

    def handle(self, *_args: Any, **options: Any) -> None:
        name: str = options["reader"]
        public_id = public_id_named(name)
        if not options["yes"]:
            self._ask(name)
        try:
            forgotten = forget_reader(public_id=public_id, now=clock.now(), keep_account=options["keep_account"])
        except DatabaseError as error:
            raise CommandError(f"The database refused: {error}\nNothing was removed.", returncode=NOT_DONE) from error
        if not forgotten.total:
            raise CommandError(f"Nothing is known of a reader {name}.", returncode=NOT_DONE)
        self._forget_visit(public_id)
        self.stdout.write(_table(forgotten))

    def _ask(self, name: str) -> None:
        if not sys.stdin.isatty():
            raise CommandError("Nobody is there to be asked: say --yes.", returncode=WRONG_USAGE)
        answer = input(f"Remove everything about reader {name}? This cannot be undone. Type yes: ")
        if answer.strip().lower() != "yes":
            raise CommandError("Nothing was removed.", returncode=NOT_DONE)

    def _forget_visit(self, public_id: uuid.UUID) -> None:
        try:
            forget_visit(public_id)
        except RedisError as error:
            self.stderr.write(f"Redis does not answer ({error}); what it holds of this visit ends within half an hour.")


def _table(forgotten: Forgotten) -> str:
    rows = [(name.replace("_", " "), f"{count:,}") for name, count in asdict(forgotten).items()]
    width = max(len(name) for name, _ in rows)
    digits = max(len(count) for _, count in rows)
    return "\n".join(["removed", *(f"  {name.ljust(width)}  {count.rjust(digits)}" for name, count in rows)])
