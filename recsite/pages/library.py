"""What a reader keeps: saved items, history, and what they follow."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from catalog.models import Item
from feedback.interactions import latest_clicks, redo_click, undo_click
from feedback.models import Interaction
from recsite.cards import Card, generated_cover_url, item_cards, make_card
from recsite.pages.navigation import answer_form, next_page_url, page_number, render_paged
from recsite.requests import SiteRequest

PAGE_SIZE = 24


@require_GET
def saved(request: SiteRequest) -> HttpResponse:
    saves = Interaction.objects.standing().filter(reader=request.reader.row, kind=Interaction.Kind.SAVE)
    page, next_url = _page(request, saves.order_by("-happened_at", "-pk"))
    cards = item_cards(
        [item for _, item in page], reader=request.reader.row, first_position=(page_number(request) - 1) * PAGE_SIZE
    )
    return render_paged(request, "pages/saved.html", {"cards": cards, "next_url": next_url})


@require_GET
def history(request: SiteRequest) -> HttpResponse:
    row = request.reader.row
    clicks = latest_clicks(reader=row) if row else Interaction.objects.none()
    page, next_url = _page(request, clicks)
    cards = item_cards([item for _, item in page], reader=row)
    entries = [_entry(click, card) for (click, _), card in zip(page, cards, strict=True)]
    return render(request, "pages/history.html", {"entries": entries, "next_url": next_url})


@require_POST
def history_undo(request: SiteRequest, interaction_id: int) -> HttpResponse:
    """Take an item out of the history, or with `undo=0` put it back."""
    row = request.reader.row
    taken_out = request.POST.get("undo") != "0"
    if row is None:
        raise Http404
    if taken_out:
        found = undo_click(reader=row, interaction_id=interaction_id, now=request.now)
    else:
        found = redo_click(reader=row, interaction_id=interaction_id)
    if not found:
        raise Http404
    click = Interaction.objects.get(pk=interaction_id)
    item = Item.objects.for_cards().get(interaction=click)
    context: dict[str, object] = {"entry": _entry(click, make_card(item))}
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


def _page(
    request: SiteRequest, interactions: QuerySet[Interaction, Interaction]
) -> tuple[list[tuple[Interaction, Item]], str | None]:
    """One page of interactions with their items, hidden ones left out, and the address of the next page."""
    first = (page_number(request) - 1) * PAGE_SIZE
    found = list(interactions.filter(item__hidden=False)[first : first + PAGE_SIZE + 1])
    items = Item.objects.for_cards().in_bulk([interaction.item_id for interaction in found[:PAGE_SIZE]])
    pairs = [(interaction, items[interaction.item_id]) for interaction in found[:PAGE_SIZE]]
    return pairs, next_page_url(request, more=len(found) > PAGE_SIZE)


def _entry(click: Interaction, card: Card) -> dict[str, Any]:
    return {
        "interaction_id": click.pk,
        "card": card,
        "happened_at": click.happened_at,
        "undone": click.undone_at is not None,
    }
