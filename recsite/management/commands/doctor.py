"""manage.py doctor: is everything here, and is there something to learn from?"""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from recsite import clock
from recsite.examination import examine

WRONG = 1

EXAMPLES = """
examples:
  manage.py doctor
  manage.py doctor && echo all is well

a line a part:
  ok     as it should be
  look   it works, but somebody may want to know
  wrong  it does not work; the line says what to do

exit codes:
  0  nothing is wrong
  1  something is
"""


class Command(BaseCommand):
    help = "Look at database, schema, broker, workers, scheduler, disk, live release and what there is to learn from."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs
        )

    def handle(self, *_args: Any, **_options: Any) -> None:
        wrong = 0
        for finding in examine(now=clock.now()):
            wrong += finding.level == "wrong"
            self.stdout.write(f"{finding.level:<5}  {finding.part:<18}  {finding.text}")
        if wrong:
            raise CommandError(f"{wrong} {'part needs' if wrong == 1 else 'parts need'} somebody.", returncode=WRONG)
