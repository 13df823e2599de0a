"""manage.py export_events: the log as Parquet files."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import Any

from adbc_driver_manager import Error as DriverError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from feedback.export import ExportError, ExportSummary, export_days, export_reader
from recsite import clock
from recsite.identity import find_reader
from recsite.management.reader_names import public_id_named

STOPPED = 1
WRONG_USAGE = 2
INTERRUPTED = 130

EXAMPLES = """
examples:
  manage.py export_events --out export
  manage.py export_events --out export --since 2026-03-01 --until 2026-03-31
  manage.py export_events --out one-reader --reader movielens:42

what is written:
  DIR/slates, DIR/views and DIR/interactions with a Parquet file a day of UTC, and DIR/manifest.json. Days that can no
  longer change and are there already are left alone, so an export that was stopped goes on where it was, and one every
  night writes the last days only. --rewrite writes every day again: do so after a reader was forgotten or history was
  imported. With --reader: a file a table and reader.json.

exit codes:
  0  done
  1  stopped: the reader is unknown, the folder holds another export or cannot be written, or the database refused
  2  wrong usage
  130  interrupted; files that are there are whole
"""


class Command(BaseCommand):
    help = "Export slates, views and interactions as Parquet files, by day or of one reader."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the files")
        parser.add_argument("--since", type=_day, metavar="DAY", help="first day, such as 2026-03-01 (default: all)")
        parser.add_argument("--until", type=_day, metavar="DAY", help="last day, included (default: today)")
        parser.add_argument("--details", action="store_true", help="also feature values and unions: many times larger")
        parser.add_argument("--rewrite", action="store_true", help="write days again that are there already")
        parser.add_argument("--reader", help="only one reader, by public id or external id: everything there is")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["reader"] and (options["since"] or options["until"]):
            raise CommandError(
                "--reader exports everything of one person: leave out --since and --until.", returncode=WRONG_USAGE
            )
        try:
            summary = self._export(options)
        except ExportError as error:
            raise CommandError(str(error), returncode=STOPPED) from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.", returncode=STOPPED) from error
        except DriverError as error:
            raise CommandError(f"The database refused: {error}", returncode=STOPPED) from error
        except KeyboardInterrupt as interrupt:
            raise CommandError(
                "Interrupted. Files that are there are whole; run it again to go on.", returncode=INTERRUPTED
            ) from interrupt
        self.stdout.write(_report(summary, options["out"]))

    def _export(self, options: dict[str, Any]) -> ExportSummary:
        now = clock.now()
        if options["reader"]:
            public_id = public_id_named(options["reader"])
            return export_reader(folder=options["out"], now=now, reader=find_reader(public_id), public_id=public_id)
        with tqdm(unit=" files", disable=not sys.stderr.isatty()) as bar:

            def show(name: str, rows: int) -> None:
                bar.set_postfix_str(f"{name}: {rows:,} rows", refresh=False)
                bar.update()

            return export_days(
                folder=options["out"],
                now=now,
                since=options["since"],
                until=options["until"],
                rewrite=options["rewrite"],
                with_details=options["details"],
                on_file=show,
            )


def _report(summary: ExportSummary, folder: Path) -> str:
    rows = ", ".join(f"{count:,} {table.replace('_', ' ')}" for table, count in summary.rows.items()) or "no rows"
    return f"{folder}: {rows}. {summary.written:,} files written, {summary.kept:,} were there already."


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2026-03-01") from error
