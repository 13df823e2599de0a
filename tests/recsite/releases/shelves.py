"""What tests of `recsite.releases.live` do to releases and ask of a shelf."""

from __future__ import annotations

from datetime import datetime

from ranking.artefact import RankerArtefact
from recsite.models import Release
from recsite.releases.live import Shelf
from recsite.releases.registry import promote
from recsite.releases.store import ArtefactStore
from tests.recsite.funnel.world import boosted_ranker, reader_query
from tests.recsite.releases.stored import AT, stored_release

NOTHING_HEARD: frozenset[str] = frozenset()


def go_live(files: ArtefactStore, ranker: RankerArtefact | None = None, *, now: datetime = AT) -> Release:
    release = stored_release(files, ranker or boosted_ranker())
    return promote(release, by="test", reason="good", now=now)


def live_id(held: Shelf) -> int | None:
    serving = held.current()
    return None if serving is None else serving.release_id


def first_items(held: Shelf, parity: int = 0) -> list[int]:
    serving = held.current()
    assert serving is not None
    return serving.funnel.ranked(reader_query(parity, at=AT)).item_ids()[:6].tolist()
