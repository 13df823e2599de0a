"""Items that staff put at a position of everybody's home feed: what of them stands on one reader's page.

Pages ask for no row: a process holds the few that there are, and reads them anew with every look for releases
(`recsite.releases.live`), which a change of them brings about at once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db import DatabaseError

from ranking.slate_config import Pin
from recsite.filters import unwanted_by_catalogue
from recsite.funnel.catalogue import Catalogue
from recsite.models import PinnedItem
from recsite.reader_state import ReaderState

logger = logging.getLogger(__name__)

PINNED = "pinned"
"""Stands for a source where none named the item."""


@dataclass(frozen=True)
class Pinned:
    """One item at one position, from 0, of a scroll. until: None for until it is taken down."""

    position: int
    item_id: int
    since: datetime
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        return self.since <= now and (self.until is None or now < self.until)


class PinBoard:
    """One a process: `board()`. Requests read one attribute."""

    def __init__(self) -> None:
        self._pinned: tuple[Pinned, ...] = ()

    def at(self, now: datetime) -> tuple[Pinned, ...]:
        """Those that hold, by position."""
        return tuple(pinned for pinned in self._pinned if pinned.holds(now))

    def refresh(self) -> None:
        """Read what was not taken down, also what is for later. A database that does not answer leaves it as it was."""
        rows = PinnedItem.objects.filter(taken_down_at=None).order_by("position")
        try:
            found = [Pinned(*row) for row in rows.values_list("position", "item_id", "since", "until")]
        except DatabaseError as error:
            logger.warning("pins are not read; those known stay", extra={"reason": str(error)})
            return
        self._pinned = tuple(found)

    def forget(self) -> None:
        """Begin anew, for tests."""
        self._pinned = ()


_board = PinBoard()


def board() -> PinBoard:
    """This process's."""
    return _board


def pins_for(pinned: Sequence[Pinned], *, state: ReaderState, catalogue: Catalogue, now: datetime) -> tuple[Pin, ...]:
    """Those that this reader may be shown, as this process knows the catalogue: what stands on a page in the end is
    asked of the database, with everything else on it.

    An item that the reader knows is left to `SlateRules.hidden`, which passes over its pin too.
    """
    if not pinned:
        return ()
    item_ids = np.array([each.item_id for each in pinned], np.int64)
    may_stand = catalogue.is_out(item_ids, now.timestamp())
    removed = unwanted_by_catalogue(catalogue, item_ids, state=state)
    cap_keys = catalogue.cap_keys(item_ids).tolist()
    return tuple(
        Pin(each.position, each.item_id, (topic, author))
        for each, is_out, (topic, author) in zip(pinned, may_stand.tolist(), cap_keys, strict=True)
        if is_out and each.item_id not in removed
    )
