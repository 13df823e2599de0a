"""The endless feed and the row of similar items, as pages and the API show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from catalog.models import Item
from recsite.cursors import SHOWN_MAX, read_cursor, write_cursor
from recsite.metrics import SERVING_SECONDS
from recsite.reader_state import ReaderState, read_refusals, read_state, with_topics
from recsite.serving import serve_home
from recsite.similar import serve_similar
from recsite.slate_log import log_slate
from recsite.slates import Slate
from recsite.viewers import Viewer
from recsite.visits import open_visit, pin_release


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
    visit = open_visit(viewer.public_id, now=now)
    slate = serve_home(
        state=_state(viewer, now, previewed_topics),
        shown=shown,
        now=now,
        limit=limit,
        columns=viewer.columns,
        pinned=visit.release,
    )
    slate = log_slate(slate, viewer=viewer, now=now, visit_id=visit.id)
    pin_release(viewer.public_id, visit, slate.release)
    shown += tuple(entry.item_id for entry in slate.entries)
    is_end = slate.is_end or len(shown) >= SHOWN_MAX
    return FeedPage(slate, shown, next_cursor=None if is_end else write_cursor(shown))


def similar_items(*, item: Item, viewer: Viewer, now: datetime, limit: int) -> Slate:
    """Items like `item`, recorded."""
    state = read_refusals(reader=viewer.reader, now=now)
    slate = serve_similar(item=item, state=state, now=now, limit=limit)
    return log_slate(slate, viewer=viewer, now=now)


def _state(viewer: Viewer, now: datetime, previewed_topics: frozenset[int]) -> ReaderState:
    with SERVING_SECONDS.labels("state").time():
        state = read_state(
            reader=viewer.reader,
            languages=viewer.languages,
            now=now,
            personalised=viewer.personalised,
            public_id=viewer.public_id,
        )
    return with_topics(state, previewed_topics) if previewed_topics else state
