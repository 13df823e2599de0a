"""The page of one item."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from catalog.models import Item
from feedback.interactions import record_click
from feedback.surfaces import Excluded
from feedback.tokens import Token
from recsite.audience import excluded_reason
from recsite.cards import Card, item_cards, slate_cards
from recsite.feed import similar_items
from recsite.origins import origin_of, own_token
from recsite.pages.reactions import standing_reactions
from recsite.requests import SiteRequest
from recsite.viewers import viewer_of

SIMILAR = 8


@require_GET
def item(request: SiteRequest, slug: str) -> HttpResponse:
    item = get_object_or_404(
        Item.objects.published(request.now).select_related("author").prefetch_related("topics"), slug=slug
    )
    token = own_token(request, request.GET.get("s", ""))
    _record_click(request, item, token)
    viewer = viewer_of(request, languages=frozenset())
    similar = similar_items(item=item, viewer=viewer, now=request.now, limit=SIMILAR)
    (card,) = item_cards([item], reader=request.reader.row)
    context = {
        "item": item,
        "card": card,
        "topics": list(item.topics.all()),
        "paragraphs": [paragraph.strip() for paragraph in item.body.split("\n\n") if paragraph.strip()],
        "similar": slate_cards(similar, reader=request.reader.row, followed_topic_ids=frozenset()),
        "token": request.GET["s"] if token and token.item_id == item.pk else "",
        "reactions": standing_reactions(reader=request.reader.row, item=item),
        "following_author": item.author_id in request.reader.followed_author_ids,
        "canonical_url": request.build_absolute_uri(item.get_absolute_url()),
        "og": _open_graph(request, item, card),
    }
    return render(request, "pages/item.html", context)


def _record_click(request: SiteRequest, item: Item, token: Token | None) -> None:
    """A person opened the item: their browser brought our cookie back, and did not merely fetch ahead."""
    excluded = excluded_reason(request)
    if request.reader.brought_proof and excluded != Excluded.PREVIEW:
        reader = request.reader.prove(now=request.now)
        record_click(
            reader=reader, item=item, now=request.now, origin=origin_of(request, token, item=item, excluded=excluded)
        )


def _open_graph(request: SiteRequest, item: Item, card: Card) -> dict[str, str]:
    return {
        "title": item.title,
        "description": item.summary,
        "url": request.build_absolute_uri(item.get_absolute_url()),
        "image": request.build_absolute_uri(card.cover_url),
        "type": "article",
        "published": item.published_at.isoformat(),
    }
