"""manage.py recommend: what a reader would be shown now, and why, without showing it to anybody."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.models import Reader
from ranking.explanation import Explanation, source_words
from ranking.propensity import Branch
from ranking.reason_text import reason_text
from recsite import clock
from recsite.filters import kept_out
from recsite.funnel.funnel import Funnel
from recsite.identity import find_reader
from recsite.management.reader_names import public_id_named
from recsite.models import Release
from recsite.page_explained import explained, names_of
from recsite.personal_page import NoCandidates, Page
from recsite.personal_slate import reasons
from recsite.reader_state import ReaderState, read_state
from recsite.releases.catalogue_reading import read_catalogue
from recsite.releases.live import Serving, shelf
from recsite.releases.loading import ReleaseBroken, load_release
from recsite.serving import recommend
from retrieval.union import NOT_NAMED

NOTHING = 1
WRONG_USAGE = 2
TITLE_CHARS = 40
JUDGED = 4

EXAMPLES = """
examples:
  manage.py recommend 6e9a0a3e-3d0c-4c83-9c8f-0f3c7c0b8a11
  manage.py recommend movielens:42 --explain
  manage.py recommend movielens:42 --release 3 --limit 50
  manage.py recommend movielens:42 --now 2026-03-01T12:00:00Z

Nothing is left to chance and nothing is recorded: the same question has the same answer until somebody does something.
With --now the reader is as the site knew them then; items are those of today.

exit codes:
  0  the page was printed
  1  there is no release, no such reader, or nothing that could be shown
  2  wrong usage
"""


class Command(BaseCommand):
    help = "Print the page that a release would show to a reader, and with --explain how the funnel came to it."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("reader", metavar="READER", help="the reader's public id or external id")
        parser.add_argument("--explain", action="store_true", help="say which features made each item stand there")
        parser.add_argument("--release", type=int, metavar="ID", help="of this release, not of the live one")
        parser.add_argument("--limit", type=int, default=24, help="so many items (default: 24)")
        parser.add_argument("--now", metavar="ISO", help="as of this moment, such as 2026-03-01T12:00:00Z")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["limit"] < 1:
            raise CommandError("--limit must be 1 or more.", returncode=WRONG_USAGE)
        now = _moment(options["now"])
        reader = find_reader(public_id_named(options["reader"]))
        if reader is None:
            raise CommandError(f"Nothing is known of a reader {options['reader']}.", returncode=NOTHING)
        state = read_state(reader=reader, languages=frozenset(reader.languages), now=now)
        serving = _live() if options["release"] is None else _of_release(options["release"])
        try:
            page = recommend(state=state, serving=serving, now=now, limit=options["limit"])
        except NoCandidates as error:
            raise CommandError(str(error), returncode=NOTHING) from error
        self.stdout.write("\n".join(_report(page, reader, state, serving.release_id, explains=options["explain"])))


def _live() -> Serving:
    shelf().refresh(now=clock.now())
    serving = shelf().current()
    if serving is None:
        trouble = shelf().trouble or "there is none yet: run `manage.py retrain all`"
        raise CommandError(f"No live release can be asked: {trouble}.", returncode=NOTHING)
    return serving


def _of_release(release_id: int) -> Serving:
    release = Release.objects.filter(pk=release_id).first()
    if release is None:
        raise CommandError(f"There is no release {release_id}. See `manage.py releases`.", returncode=NOTHING)
    try:
        loaded = load_release(release)
    except ReleaseBroken as error:
        raise CommandError(str(error), returncode=NOTHING) from error
    return Serving(release_id, Funnel.of(loaded.stage, loaded.ranker, read_catalogue(now=clock.now())))


def _moment(text: str | None) -> datetime:
    if text is None:
        return clock.now()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(
            f"--now {text}: give a time such as 2026-03-01T12:00:00Z.", returncode=WRONG_USAGE
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _report(page: Page, reader: Reader, state: ReaderState, release_id: int, *, explains: bool) -> Iterator[str]:
    yield f"reader {reader}, release {release_id}, as of {page.asked.now:%Y-%m-%d %H:%M:%S %Z}"
    yield (
        f"knows {len(state.history.item_ids)} reactions to items, {len(state.searches)} searches, "
        f"{len(state.followed_topic_ids)} topics and {len(state.followed_author_ids)} authors followed"
    )
    yield ""
    yield from _table(("source", "named"), _named(page))
    yield ""
    yield from _table(("kept out", "items"), [(reason, len(set(ids))) for reason, ids in kept_out(state, ())])
    yield from _table(("removed", "items"), sorted(Counter(page.removed.values()).items()))
    yield ""
    yield from _table(("", "score", "item", "title", "sources", "reason"), _slots(page))
    if explains:
        for explanation in explained(page):
            yield from ("", *_judgement(explanation))


def _named(page: Page) -> list[tuple[str, int]]:
    counts = (page.named.ranks != NOT_NAMED).sum(axis=0).tolist()
    return [*zip(page.named.sources, counts, strict=True), ("together", len(page.named))]


def _slots(page: Page) -> list[tuple[object, ...]]:
    item_ids = list(page.drawn.item_ids)
    branches: list[Branch | None] = [slot.branch for slot in page.drawn.slots]
    why = reasons(page, item_ids, branches)
    names = names_of(item_ids, why)
    rows: list[tuple[object, ...]] = []
    for position, (slot, reason) in enumerate(zip(page.drawn.slots, why, strict=True)):
        words = source_words(page.request.candidates, page.row_of[slot.item_id])
        said = " ".join(f"{word.source}:{word.rank}" for word in words)
        title = names.items.get(slot.item_id, "")[:TITLE_CHARS]
        score = "" if slot.score is None else f"{slot.score:.4f}"
        rows.append((position, score, slot.item_id, title, said, reason_text(reason, names)))
    return rows


def _judgement(explanation: Explanation) -> Iterator[str]:
    moved = ", ".join(f"{move.by} moved it from {move.before} to {move.after}" for move in explanation.moves)
    yield (
        f"item {explanation.item_id}: score {explanation.score:.4f}, "
        f"{explanation.rank_before} by fusion, {explanation.rank_after} by score{', ' if moved else ''}{moved}"
    )
    for judged in explanation.judged[:JUDGED]:
        value = "not known" if judged.value is None else f"{judged.value:.4g}"
        yield f"  {judged.contribution:+.4f}  {judged.feature} = {value}"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Columns as wide as they need; numbers to the right."""
    cells = [tuple(map(str, row)) for row in rows]
    if not cells:
        return
    widths = [max(len(row[column]) for row in (tuple(head), *cells)) for column in range(len(head))]
    numeric = [all(isinstance(row[column], int | float | np.number) for row in rows) for column in range(len(head))]
    for row in (tuple(head), *cells):
        padded = [
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(row, widths, numeric, strict=True)
        ]
        yield "  ".join(padded).rstrip()
