"""What staff do to one item: hide it, show it again, pin it, take a pin down. Each leaves a line in the trail."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q

from catalog.models import Item
from recsite.models import PinnedItem, StaffAction
from recsite.publishing import tell_workers_of_items
from recsite.releases.changes import ITEMS, PINS, notify

HIDDEN, SHOWN_AGAIN, PINNED, UNPINNED = "hidden", "shown again", "pinned", "taken down"
"""As the trail calls them."""


class NotDone(Exception):
    """This cannot be done. Its text is a sentence for whoever tried."""


def about_item(item_id: int) -> str:
    """As the trail names it."""
    return f"item {item_id}"


def hide_item(item: Item, *, by: str, reason: str, now: datetime) -> None:
    """Processes drop it at once. Raises NotDone where it is hidden already."""
    _set_hidden(item, hidden=True, by=by, reason=reason, now=now)


def show_item(item: Item, *, by: str, reason: str, now: datetime) -> None:
    """Show it again. A release that was trained meanwhile has no vector of it: workers are told to make one.

    Raises NotDone where it is not hidden.
    """
    _set_hidden(item, hidden=False, by=by, reason=reason, now=now)
    tell_workers_of_items()


def pin_item(item: Item, *, position: int, lasts: timedelta | None, by: str, reason: str, now: datetime) -> PinnedItem:
    """Let it stand at `position`, from 0, of everybody's home feed. lasts: None for until it is taken down.

    Raises NotDone for a hidden item, one that is pinned already, and a position that is taken.
    """
    if not 0 <= position < PinnedItem.MOST:
        raise NotDone(f"There are positions 1 to {PinnedItem.MOST} to pin to.")
    if item.hidden:
        raise NotDone("A hidden item is shown to nobody. Show it again first, then pin it.")
    try:
        with transaction.atomic():
            _clear_what_is_over(item, position, now)
            pin = PinnedItem.objects.create(
                item=item,
                position=position,
                since=now,
                until=None if lasts is None else now + lasts,
                by=by,
                reason=reason,
            )
            _note(PINNED, f"at position {position + 1}. {reason}", item_id=item.pk, by=by, now=now)
            notify(PINS)
    except IntegrityError as error:
        raise NotDone(_what_stands_there(item, position)) from error
    return pin


def take_down(pin: PinnedItem, *, by: str, reason: str, now: datetime) -> None:
    """Raises NotDone where somebody did already."""
    with transaction.atomic():
        standing = PinnedItem.objects.filter(pk=pin.pk, taken_down_at=None)
        if not standing.update(taken_down_at=now, taken_down_by=by):
            raise NotDone("This pin was taken down already.")
        _note(UNPINNED, f"from position {pin.position + 1}. {reason}", item_id=pin.item_id, by=by, now=now)
        notify(PINS)


def _set_hidden(item: Item, *, hidden: bool, by: str, reason: str, now: datetime) -> None:
    with transaction.atomic():
        if not Item.objects.filter(pk=item.pk, hidden=not hidden).update(hidden=hidden, updated_at=now):
            raise NotDone(f"“{item}” is {'hidden already' if hidden else 'not hidden'}.")
        _note(HIDDEN if hidden else SHOWN_AGAIN, reason, item_id=item.pk, by=by, now=now)
        notify(ITEMS)


def _clear_what_is_over(item: Item, position: int, now: datetime) -> None:
    """Pins that ended by themselves are in nobody's way."""
    over = PinnedItem.objects.filter(Q(item=item) | Q(position=position), taken_down_at=None, until__lte=now)
    over.update(taken_down_at=F("until"))


def _what_stands_there(item: Item, position: int) -> str:
    standing = PinnedItem.objects.filter(taken_down_at=None).select_related("item")
    own = standing.filter(item=item).first()
    if own is not None:
        return f"It is pinned at position {own.position + 1} already. Take that pin down first."
    other = standing.filter(position=position).first()
    what = "another item" if other is None else f"“{other.item}”"
    return f"Position {position + 1} belongs to {what}. Choose another position, or take that pin down first."


def _note(action: str, reason: str, *, item_id: int, by: str, now: datetime) -> None:
    StaffAction.objects.create(at=now, by=by, action=action, about=about_item(item_id), reason=reason)
