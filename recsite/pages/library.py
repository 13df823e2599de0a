"""What a reader keeps or keeps away: saved items, history, what they follow, what they dismissed and hid."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from catalog.models import Item
from feedback.interactions import record_state, redo_click, take_back
from feedback.kinds import Kind
from feedback.models import Interaction
from recsite.cards import Card, generated_cover_url, item_cards, make_card
from recsite.pages.navigation import answer_form, next_page_url, page_number, render_paged
from recsite.requests import SiteRequest

PAGE_SIZE = 24
HISTORY = (Kind.CLICK, Kind.ALREADY_SEEN)


@require_GET
def saved(request: SiteRequest) -> HttpResponse:
    saves = Interaction.objects.standing().filter(reader=request.reader.row, kind=Kind.SAVE)
    page, next_url = _page(request, saves.order_by("-happened_at", "-pk"))
    cards = item_cards([item for _, item in page], reader=request.reader.row)
    return render_paged(request, "pages/saved.html", {"cards": cards, "next_url": next_url})


@require_GET
def dismissed(request: SiteRequest) -> HttpResponse:
    """What was "not interested" and whom and what the reader hid, newest first."""
    row = request.reader.row
    standing = Interaction.objects.standing().filter(reader=row)
    page, next_url = _page(request, standing.filter(kind=Kind.DISMISS).order_by("-happened_at", "-pk"))
    cards = item_cards([item for _, item in page], reader=row)
    hidden = standing.filter(kind__in=[Kind.HIDE_TOPIC, Kind.HIDE_AUTHOR]).select_related("topic", "author")
    hidden = hidden.order_by("-happened_at", "-pk") if page_number(request) == 1 else hidden.none()
    context = {
        "entries": [_entry(act, card) for (act, _), card in zip(page, cards, strict=True)],
        "next_url": next_url,
        "topics": [act.topic for act in hidden if act.topic],
        "authors": [act.author for act in hidden if act.author],
    }
    return render(request, "pages/dismissed.html", context)


@require_GET
def history(request: SiteRequest) -> HttpResponse:
    """What the reader opened, and what they said they had seen before; each item once, by the newest of these."""
    row = request.reader.row
    newest_of_each = (
        Interaction.objects.standing()
        .filter(reader=row, kind__in=HISTORY)
        .order_by("item_id", "-happened_at", "-pk")
        .distinct("item_id")
    )
    acts = Interaction.objects.filter(pk__in=newest_of_each.values("pk")).order_by("-happened_at", "-pk")
    page, next_url = _page(request, acts)
    cards = item_cards([item for _, item in page], reader=row)
    entries = [_entry(act, card) for (act, _), card in zip(page, cards, strict=True)]
    return render(request, "pages/history.html", {"entries": entries, "next_url": next_url})


@require_POST
def history_undo(request: SiteRequest, interaction_id: int) -> HttpResponse:
    """Take an item out of the history, or with `undo=0` put it back."""
    acts = Interaction.objects.filter(reader=request.reader.row, kind__in=HISTORY)
    act = get_object_or_404(acts.select_related("reader", "item"), pk=interaction_id)
    undone = request.POST.get("undo") != "0"
    (_take_out if undone else _put_back)(act, request.now)
    item = Item.objects.for_cards().get(pk=_item_of(act).pk)
    context: dict[str, object] = {"entry": _entry(act, make_card(item)) | {"undone": undone}}
    return answer_form(request, "partials/_history_entry.html", context, default=reverse("history"))


@require_GET
def following(request: SiteRequest) -> HttpResponse:
    row = request.reader.row
    topics = row.followed_topics.all() if row else []
    context = {
        "topics": [
            {"topic": topic, "cover_url": generated_cover_url(topic, key="topic"), "followed": True} for topic in topics
        ],
        "authors": [{"author": author} for author in (row.followed_authors.all() if row else [])],
    }
    return render(request, "pages/following.html", context)


def _take_out(act: Interaction, now: datetime) -> None:
    """The item leaves the history altogether: opened or already seen, nothing of it counts."""
    with transaction.atomic():
        for kind in HISTORY:
            take_back(reader=act.reader, kind=kind, about=_item_of(act), now=now)


def _put_back(act: Interaction, now: datetime) -> None:
    """What `_take_out` took away at one time comes back, and only that."""
    taken_out = Interaction.objects.filter(
        reader=act.reader, item=act.item_id, undo_received_at=act.undo_received_at, undone_at__isnull=False
    )
    with transaction.atomic():
        click = taken_out.filter(kind=Kind.CLICK).first()
        was_seen = taken_out.filter(kind=Kind.ALREADY_SEEN).exists()
        if click is not None:
            redo_click(reader=act.reader, interaction_id=click.pk)
        if was_seen:
            record_state(reader=act.reader, kind=Kind.ALREADY_SEEN, about=_item_of(act), now=now)


def _item_of(act: Interaction) -> Item:
    if act.item is None:
        raise ValueError(f"Interaction {act.pk} ({act.kind}) is about no item.")
    return act.item


def _page(
    request: SiteRequest, interactions: QuerySet[Interaction, Interaction]
) -> tuple[list[tuple[Interaction, Item]], str | None]:
    """One page of interactions with their items, hidden ones left out, and the address of the next page."""
    first = (page_number(request) - 1) * PAGE_SIZE
    found = list(interactions.filter(item__hidden=False)[first : first + PAGE_SIZE + 1])
    items = Item.objects.for_cards().in_bulk([interaction.item_id for interaction in found[:PAGE_SIZE]])
    pairs = [(interaction, items[interaction.item_id]) for interaction in found[:PAGE_SIZE]]
    return pairs, next_page_url(request, more=len(found) > PAGE_SIZE)


def _entry(act: Interaction, card: Card) -> dict[str, Any]:
    return {
        "interaction_id": act.pk,
        "kind": act.kind,
        "card": card,
        "happened_at": act.happened_at,
        "undone": act.undone_at is not None,
    }
