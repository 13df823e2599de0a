"""The endless feed and the row of similar items, as pages and the API show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from catalog.models import Item
from recsite import serving
from recsite.cursors import SHOWN_MAX, read_cursor, write_cursor
from recsite.serving import Slate
from recsite.slate_log import log_slate
from recsite.viewers import Viewer


@dataclass(frozen=True)
class FeedPage:
    """shown: item ids of this scroll, this page included. next_cursor: None at the end of the scroll."""

    slate: Slate
    shown: tuple[int, ...]
    next_cursor: str | None


def next_page(
    *, viewer: Viewer, cursor: str, now: datetime, limit: int, previewed_topics: frozenset[int] = frozenset()
) -> FeedPage:
    """The page of the home feed after `cursor` (empty: the first), recorded. Raises CursorError.

    previewed_topics: what somebody who is still choosing would follow.
    """
    shown = read_cursor(cursor)
    state = serving.read_state(reader=viewer.reader, languages=viewer.languages, personalised=viewer.personalised)
    if previewed_topics:
        state = serving.with_topics(state, previewed_topics)
    slate = log_slate(serving.serve_home(state=state, shown=shown, now=now, limit=limit), viewer=viewer, now=now)
    shown += tuple(entry.item_id for entry in slate.entries)
    is_end = slate.is_end or len(shown) >= SHOWN_MAX
    return FeedPage(slate, shown, next_cursor=None if is_end else write_cursor(shown))


def similar_items(*, item: Item, viewer: Viewer, now: datetime, limit: int) -> Slate:
    """Items like `item`, recorded."""
    state = serving.read_refusals(reader=viewer.reader)
    slate = serving.serve_similar(item=item, state=state, now=now, limit=limit)
    return log_slate(slate, viewer=viewer, now=now)
