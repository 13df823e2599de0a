"""manage.py import_catalog: fill the site with a catalogue."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from tqdm import tqdm

from catalog.importers.catalog_import import DEFAULT_BATCH_ROWS, DEFAULT_MAX_REJECTS, ImportSummary, import_catalog
from catalog.importers.formats import FORMATS, CatalogFormat, format_of_path, items_file
from catalog.importers.history_format import HistoryFormat, published_before_chosen
from catalog.importers.records import CatalogFileError, ReadingMeter
from feedback.history import HistorySummary, import_history
from recsite import clock
from recsite.publishing import tell_workers_of_items

SOURCE_MAX_CHARS = 40
NEWEST_ACT_AGE = timedelta(hours=1)

STOPPED = 1
WRONG_USAGE = 2
INTERRUPTED = 130

EXAMPLES = """
examples:
  manage.py import_catalog --format jsonl items.jsonl
  manage.py import_catalog --format csv shop.csv.gz --source shop --max-rejects 0
  manage.py import_catalog --format parquet items.parquet --rejects /tmp/bad.jsonl
  manage.py import_catalog --format movielens path/to/ml-100k
  manage.py import_catalog --format movielens path/to/ml-100k --with-history
  manage.py import_catalog --format goodbooks path/to/goodbooks
  manage.py import_catalog path/to/folder --with-history

fields (JSON lines, or columns of the same names in CSV and Parquet; only the first two are required):
  external_id  title  summary  body  topics  author  language  published_at  image  link  attributes  hidden
  In CSV, topics are parted by "|" and attributes are a JSON object. Other fields are ignored.

what an import does:
  An item is known by its source and external_id. A new one is made, a known one gets what the file says now, and one
  that has not changed is left alone, so running an import twice changes nothing and an import that was stopped
  is finished by running it again. A missing published_at or hidden leaves the item as it is; for a new item it means
  "now" and "shown". Of rows with the same external_id the first counts. Items that the file no longer has stay.

what --with-history does:
  What people did becomes what readers did here, at the times told. MovieLens has ratings and an age band, gender and
  occupation of each person. Beside items of your own lie interactions.parquet or interactions.csv, and perhaps
  readers.jsonl, readers.csv or readers.parquet:
    interactions: reader  item  time  and kind or rating
      kind is click, like, save, dismiss or already_seen. Of ratings, 4 and more is a like, 3 and more a click, less
      a dismissal. time is ISO 8601, or seconds since 1970.
    readers: external_id  languages  country  attributes
      In CSV, languages are parted by "|" and attributes are a JSON object. Only external_id is required.
  It is all or nothing, and a second time changes nothing. Bad rows go to history-FILE beside the rejects of the
  catalogue.

exit codes:
  0  imported (a few rows may have been rejected)
  1  stopped: the file is of no use, more rows are bad than --max-rejects, or the database refused
  2  wrong usage
  130  interrupted; whole batches are kept
"""


class Command(BaseCommand):
    help = "Import a catalogue file. Bad rows go to a rejects file with line number and reason."
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "path",
            type=Path,
            help="the file, or a folder with items.jsonl, items.csv or items.parquet, or of movielens or goodbooks",
        )
        parser.add_argument("--format", choices=sorted(FORMATS), help="guessed from the file's name if not given")
        parser.add_argument(
            "--source", type=_source, help="which catalogue this is; keeps equal ids of two catalogues apart"
        )
        parser.add_argument(
            "--max-rejects",
            type=_whole_number_from(0),
            default=DEFAULT_MAX_REJECTS,
            metavar="N",
            help="stop when more rows than this are bad (default %(default)s)",
        )
        parser.add_argument(
            "--rejects",
            type=Path,
            metavar="FILE",
            help="where bad rows go (default: NAME.rejects.jsonl in the current folder)",
        )
        parser.add_argument(
            "--batch-size",
            type=_whole_number_from(1),
            default=DEFAULT_BATCH_ROWS,
            metavar="N",
            help="rows of the file a transaction (default %(default)s)",
        )
        parser.add_argument(
            "--now", type=_moment, metavar="TIME", help="pretend that it is this time, such as 2024-05-31T12:00:00Z"
        )

        parser.add_argument(
            "--with-history", action="store_true", help="also what people did, as clicks, likes, dismissals"
        )
        parser.add_argument(
            "--shift-to-now", action="store_true", help="move the history on, so that the newest of it is an hour old"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path = items_file(options["path"])
        format = _format(path, options["format"])
        history = _history(format, with_history=options["with_history"], shift=options["shift_to_now"])
        now: datetime = options["now"] or clock.now()
        rejects_path: Path = options["rejects"] or Path(f"{_stem(path)}.rejects.jsonl")
        if rejects_path.exists() and path.exists() and rejects_path.samefile(path):
            raise CommandError(
                f"{path}: the rejects would overwrite the catalogue. Name another --rejects.", returncode=WRONG_USAGE
            )
        with tqdm(unit="", unit_scale=True, disable=not sys.stderr.isatty(), desc=path.name) as bar:
            summary = self._import(
                path=path,
                format=format,
                history=history,
                source=options["source"] or format.source,
                now=now,
                rejects_path=rejects_path,
                max_rejects=options["max_rejects"],
                batch_rows=options["batch_size"],
                bar=bar,
            )
        self.stdout.write(_report(summary))
        if summary.created or summary.updated:
            tell_workers_of_items()
        if history:
            with tqdm(unit="", unit_scale=True, disable=not sys.stderr.isatty(), desc=history.acts_file) as bar:
                imported = _import_history(
                    path=path,
                    history=history,
                    source=options["source"] or format.source,
                    now=now,
                    newest_at=now - NEWEST_ACT_AGE if options["shift_to_now"] else None,
                    rejects_path=rejects_path.with_name(f"history-{rejects_path.name}"),
                    max_rejects=options["max_rejects"],
                    bar=bar,
                )
            self.stdout.write(_history_report(imported))

    def _import(
        self,
        *,
        path: Path,
        format: CatalogFormat,
        history: HistoryFormat | None,
        now: datetime,
        bar: Any,
        **others: Any,
    ) -> ImportSummary:
        kept = ImportSummary()

        def show(summary: ImportSummary, meter: ReadingMeter) -> None:
            nonlocal kept
            kept = summary
            bar.total = meter.total
            bar.set_postfix(rows=f"{summary.rows_read:,}", rejected=summary.rejected, refresh=False)
            bar.update(meter.done - bar.n)

        try:
            if history:
                format = replace(format, fields=published_before_chosen(history, path, format.fields, now=now))
            return import_catalog(path=path, format=format, now=now, on_batch=show, **others)
        except CatalogFileError as error:
            raise CommandError(f"{error}\n{_kept(kept)}", returncode=STOPPED) from error
        except DatabaseError as error:
            raise CommandError(f"The database refused: {error}\n{_kept(kept)}", returncode=STOPPED) from error
        except KeyboardInterrupt as interrupt:
            raise CommandError(f"Interrupted. {_kept(kept)}", returncode=INTERRUPTED) from interrupt


def _format(path: Path, name: str | None) -> CatalogFormat:
    format = FORMATS[name] if name else format_of_path(path)
    if format is None:
        raise CommandError(
            f"{path}: the name does not tell what format this is. Say --format {', '.join(sorted(FORMATS))}.",
            returncode=WRONG_USAGE,
        )
    return format


def _history(format: CatalogFormat, *, with_history: bool, shift: bool) -> HistoryFormat | None:
    if shift and not with_history:
        raise CommandError("--shift-to-now moves the history: say --with-history too.", returncode=WRONG_USAGE)
    if not with_history:
        return None
    if format.history is None:
        able = ", ".join(name for name, known in sorted(FORMATS.items()) if known.history)
        raise CommandError(
            f"{format.name} does not say who did what and when, so there is no history to import. "
            f"Leave out --with-history; it works for: {able}.",
            returncode=WRONG_USAGE,
        )
    return format.history


def _import_history(*, bar: Any, **arguments: Any) -> HistorySummary:
    def show(meter: ReadingMeter) -> None:
        bar.total = meter.total
        bar.update(meter.done - bar.n)

    nothing = "The catalogue is imported; nothing of the history is."
    try:
        return import_history(on_lines=show, **arguments)
    except CatalogFileError as error:
        raise CommandError(f"{error}\n{nothing}", returncode=STOPPED) from error
    except DatabaseError as error:
        raise CommandError(f"The database refused: {error}\n{nothing}", returncode=STOPPED) from error
    except KeyboardInterrupt as interrupt:
        raise CommandError(f"Interrupted. {nothing}", returncode=INTERRUPTED) from interrupt


def _history_report(summary: HistorySummary) -> str:
    moved = f", moved on by {_in_words(summary.moved_by)}" if summary.moved_by else ""
    counts = (
        f"{summary.told:,} interactions: {summary.interactions:,} new, "
        f"{summary.already_there:,} already there, {summary.readers_made:,} readers made, "
        f"{summary.readers_updated:,} updated, {summary.rejected:,} rejected"
    )
    where = f" (see {summary.rejects_path})" if summary.rejects_path else ""
    return f"{counts}{where}{moved}."


def _in_words(time: timedelta) -> str:
    return f"{time.days:,} days" if time.days > 1 else f"{time / timedelta(hours=1):.1f} hours"


def _stem(path: Path) -> str:
    """`items.jsonl.gz` -> `items`; a folder's own name."""
    return path.resolve().name.split(".")[0] or "catalogue"


def _report(summary: ImportSummary) -> str:
    counts = (
        f"{summary.rows_read:,} rows read: {summary.created:,} created, {summary.updated:,} updated, "
        f"{summary.unchanged:,} unchanged, {summary.rejected:,} rejected"
    )
    return f"{counts} (see {summary.rejects_path})." if summary.rejects_path else f"{counts}."


def _kept(summary: ImportSummary) -> str:
    if not summary.batches:
        return "Nothing was imported."
    return (
        f"{summary.batches:,} whole batches are kept ({summary.created:,} created, {summary.updated:,} updated); "
        "run it again to go on."
    )


def _source(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > SOURCE_MAX_CHARS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a name of 1 to {SOURCE_MAX_CHARS} printable characters")
    return text.strip()


def _whole_number_from(low: int) -> Any:
    def whole_number(text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) < low:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} on")
        return int(text)

    return whole_number


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2024-05-31T12:00:00Z") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
