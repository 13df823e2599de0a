"""What serving knows of a reader, as tables; and lists of readers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from django.urls import reverse

from catalog.models import Author, Reader, Topic
from recsite.reader_state import ReaderState
from recsite.staff.inspection_tables import Titles
from recsite.staff.tables import Column, Table, moment, whole, words

LATEST_HISTORY = 100
MOST_VIEWED = 50
MOST_REFUSED = 100


def items_of_state(state: ReaderState) -> set[int]:
    """Whose titles the tables need."""
    return {*_latest(state), *_most_viewed(state), *_refused(state)}


def state_tables(
    state: ReaderState, titles: Titles, *, topics: dict[int, Topic], authors: dict[int, Author]
) -> list[Table]:
    return [
        _history(state, titles),
        _viewed(state, titles),
        _refusals(state, titles, topics, authors),
    ]


def readers_table(readers: Sequence[Reader], *, caption: str, empty: str) -> Table:
    rows = [
        [
            words(reader.public_id, url=reverse("staff:reader", args=[reader.public_id])),
            words(reader.external_id or "–"),
            words(reader.user.email or reader.user.get_username() if reader.user else "–"),
            words(", ".join(reader.languages) or "–"),
            words(reader.country or "–"),
            words("on" if reader.personalised else "off"),
            moment(reader.created_at),
        ]
        for reader in readers
    ]
    columns = [
        Column("Reader"),
        Column("External id"),
        Column("Account"),
        Column("Languages", hint="As they chose; a dash: their browser says"),
        Column("Country"),
        Column("Personalisation"),
        Column("Since"),
    ]
    return Table("readers", caption, columns, rows, empty)


def _history(state: ReaderState, titles: Titles) -> Table:
    history = state.history
    latest = slice(None, -LATEST_HISTORY - 1, -1)
    rows = [
        [moment(datetime.fromtimestamp(at_s, UTC)), words(kind.replace("_", " ")), titles.cell(item_id)]
        for item_id, kind, at_s in zip(
            history.item_ids[latest].tolist(), history.kinds[latest], history.happened_s[latest].tolist(), strict=True
        )
    ]
    total = len(history.item_ids)
    caption = "History that the sources are asked with"
    if total > LATEST_HISTORY:
        caption += f": the last {LATEST_HISTORY} of {total}"
    columns = [Column("When"), Column("What they did"), Column("Item")]
    empty = "Nothing yet. Until they open, like or save something, topics and what is popular decide."
    return Table("history", caption, columns, rows, empty)


def _viewed(state: ReaderState, titles: Titles) -> Table:
    rows = [[titles.cell(item_id), whole(state.viewed[item_id])] for item_id in _most_viewed(state)]
    caption = "Seen without being chosen"
    if len(state.viewed) > MOST_VIEWED:
        caption += f": the {MOST_VIEWED} most often of {len(state.viewed):,}"
    columns = [Column("Item"), Column("Times seen", numeric=True)]
    empty = "Nothing: they chose all that they saw lately, or saw nothing."
    return Table("viewed", caption, columns, rows, empty)


def _refusals(state: ReaderState, titles: Titles, topics: dict[int, Topic], authors: dict[int, Author]) -> Table:
    rows = [
        [words("topic hidden"), words(topics[key].name, url=topics[key].get_absolute_url())]
        for key in sorted(state.hidden_topic_ids)
        if key in topics
    ]
    rows += [
        [words("author hidden"), words(authors[key].name, url=authors[key].get_absolute_url())]
        for key in sorted(state.hidden_author_ids)
        if key in authors
    ]
    rows += [
        [words("not interested" if item_id in state.dismissed else "already seen"), titles.cell(item_id)]
        for item_id in _refused(state)
    ]
    columns = [Column("How"), Column("What")]
    return Table("refusals", "What they do not want to see", columns, rows, "They refused nothing.")


def _latest(state: ReaderState) -> list[int]:
    return state.history.item_ids[-LATEST_HISTORY:].tolist()


def _most_viewed(state: ReaderState) -> list[int]:
    return sorted(state.viewed, key=lambda item_id: (-state.viewed[item_id], item_id))[:MOST_VIEWED]


def _refused(state: ReaderState) -> list[int]:
    return sorted(state.rejected)[:MOST_REFUSED]
