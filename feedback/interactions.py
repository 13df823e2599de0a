"""Recording what a reader did, and taking it back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from catalog.models import Author, Item, Reader, Topic
from feedback.models import Interaction

SAME_CLICK = timedelta(minutes=30)
"""Opening an item again within a visit (reload, back and forward) is the same click."""


def record_click(*, reader: Reader, item: Item, now: datetime) -> None:
    """Remember that `reader` opened `item`. Safe to repeat."""
    recent = Interaction.objects.standing().filter(
        reader=reader, kind=Interaction.Kind.CLICK, item=item, happened_at__gt=now - SAME_CLICK
    )
    if not recent.exists():
        Interaction.objects.create(reader=reader, kind=Interaction.Kind.CLICK, item=item, happened_at=now)


def save_item(*, reader: Reader, item: Item, now: datetime) -> None:
    """Put `item` on the reader's list. Safe to repeat: the database holds one standing save an item."""
    _insert_once(Interaction(reader=reader, kind=Interaction.Kind.SAVE, item=item, happened_at=now))


def unsave_item(*, reader: Reader, item: Item, now: datetime) -> None:
    _take_back(Interaction.objects.filter(reader=reader, kind=Interaction.Kind.SAVE, item=item), now)


def follow(*, reader: Reader, target: Topic | Author, now: datetime) -> None:
    """Follow a topic or an author: the reader's profile changes, and the act is remembered. Safe to repeat."""
    with transaction.atomic():
        if isinstance(target, Topic):
            reader.followed_topics.add(target)
            act = Interaction(reader=reader, kind=Interaction.Kind.FOLLOW, topic=target, happened_at=now)
        else:
            reader.followed_authors.add(target)
            act = Interaction(reader=reader, kind=Interaction.Kind.FOLLOW, author=target, happened_at=now)
        _insert_once(act)


def unfollow(*, reader: Reader, target: Topic | Author, now: datetime) -> None:
    acts = Interaction.objects.filter(reader=reader, kind=Interaction.Kind.FOLLOW)
    with transaction.atomic():
        if isinstance(target, Topic):
            reader.followed_topics.remove(target)
            _take_back(acts.filter(topic=target), now)
        else:
            reader.followed_authors.remove(target)
            _take_back(acts.filter(author=target), now)


def undo_click(*, reader: Reader, interaction_id: int, now: datetime) -> bool:
    """Take an item out of the reader's history: every click on it. False if there is no such click of this reader."""
    click = Interaction.objects.filter(reader=reader, kind=Interaction.Kind.CLICK, pk=interaction_id).first()
    if click is None:
        return False
    _take_back(Interaction.objects.filter(reader=reader, kind=Interaction.Kind.CLICK, item=click.item_id), now)
    return True


def redo_click(*, reader: Reader, interaction_id: int) -> bool:
    """Put back what `undo_click` took out, and only that. False if there is no such click of this reader."""
    click = Interaction.objects.filter(reader=reader, kind=Interaction.Kind.CLICK, pk=interaction_id).first()
    if click is None:
        return False
    if click.undone_at is not None:
        Interaction.objects.filter(
            reader=reader, kind=Interaction.Kind.CLICK, item=click.item_id, undone_at=click.undone_at
        ).update(undone_at=None)
    return True


def saved_item_ids(*, reader: Reader, among: Iterable[int]) -> set[int]:
    """Which of the items `among` are on the reader's list."""
    saves = Interaction.objects.standing().filter(reader=reader, kind=Interaction.Kind.SAVE, item__in=list(among))
    return set(saves.values_list("item_id", flat=True))


def clicked_item_ids(*, reader: Reader) -> set[int]:
    clicks = Interaction.objects.standing().filter(reader=reader, kind=Interaction.Kind.CLICK)
    return set(clicks.values_list("item_id", flat=True))


def latest_clicks(*, reader: Reader) -> QuerySet[Interaction]:
    """The newest standing click on each item, newest first."""
    newest_of_each = (
        Interaction.objects.standing()
        .filter(reader=reader, kind=Interaction.Kind.CLICK)
        .order_by("item_id", "-happened_at", "-pk")
        .distinct("item_id")
        .values("pk")
    )
    return Interaction.objects.filter(pk__in=newest_of_each).order_by("-happened_at", "-pk")


def _insert_once(interaction: Interaction) -> None:
    """Insert unless a unique constraint says that it stands already; two tabs may race here."""
    Interaction.objects.bulk_create([interaction], ignore_conflicts=True)


def _take_back(interactions: QuerySet[Interaction], now: datetime) -> None:
    interactions.filter(undone_at=None).update(undone_at=now)
