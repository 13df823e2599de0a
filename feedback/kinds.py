"""What people do, and how much each says: one enum value a kind, two weights.

A new kind is a member here, a migration for the column's choices, and its weights.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models

READ_MS = 10_000
"""A click followed by less visible reading is a bounce: neither positive nor negative."""


class Kind(models.TextChoices):
    CLICK = "click"
    LIKE = "like"
    SAVE = "save"
    DWELL = "dwell"
    DISMISS = "dismiss", "not interested"
    ALREADY_SEEN = "already_seen", "already seen"
    HIDE_TOPIC = "hide_topic", "hide topic"
    HIDE_AUTHOR = "hide_author", "hide author"
    OUTBOUND = "outbound", "outbound link"
    SEARCH = "search"
    FOLLOW = "follow"


@dataclass(frozen=True)
class Weights:
    """retriever: weight of a positive pair in the retriever's loss, 0 for no positive.
    ranker_gain: gain of the item in a visit (lambdarank), 0 for no positive."""

    retriever: float = 0.0
    ranker_gain: int = 0


WEIGHTS = {
    Kind.CLICK: Weights(retriever=1.0, ranker_gain=1),
    Kind.OUTBOUND: Weights(ranker_gain=2),
    Kind.LIKE: Weights(retriever=3.0, ranker_gain=3),
    Kind.SAVE: Weights(retriever=3.0, ranker_gain=3),
    Kind.DWELL: Weights(),
    Kind.DISMISS: Weights(),
    Kind.ALREADY_SEEN: Weights(),
    Kind.HIDE_TOPIC: Weights(),
    Kind.HIDE_AUTHOR: Weights(),
    Kind.SEARCH: Weights(),
    Kind.FOLLOW: Weights(),
}

OF_ITEM = frozenset({Kind.CLICK, Kind.LIKE, Kind.SAVE, Kind.DWELL, Kind.DISMISS, Kind.ALREADY_SEEN, Kind.OUTBOUND})
"""Done to one item."""

HISTORY_KINDS = (Kind.CLICK, Kind.OUTBOUND, Kind.LIKE, Kind.SAVE, Kind.DISMISS, Kind.ALREADY_SEEN)
"""What a reader's state remembers of items, in training and in serving."""

STANDING = frozenset(
    {Kind.LIKE, Kind.SAVE, Kind.DISMISS, Kind.ALREADY_SEEN, Kind.HIDE_TOPIC, Kind.HIDE_AUTHOR, Kind.FOLLOW}
)
"""A state that lasts until it is taken back: at most one of a reader and what it is about stands at a time."""

UNDOABLE = STANDING | {Kind.CLICK}
