"""The page of one item, and saving it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_POST

from catalog.models import Item
from feedback.interactions import record_click, save_item, unsave_item
from recsite import serving
from recsite.cards import Card, item_cards, load_items, make_card
from recsite.identity import UnprovenReader
from recsite.pages.navigation import answer_form, needs_cookie
from recsite.requests import SiteRequest

SIMILAR = 8


@require_GET
def item(request: SiteRequest, slug: str) -> HttpResponse:
    item = get_object_or_404(
        Item.objects.published(request.now).select_related("author").prefetch_related("topics"), slug=slug
    )
    _record_click(request, item)
    similar_ids = serving.similar_items(item=item, now=request.now, limit=SIMILAR)
    similar = load_items(similar_ids)
    (card,) = item_cards([item], reader=request.reader.row)
    context = {
        "item": item,
        "card": card,
        "topics": list(item.topics.all()),
        "paragraphs": [paragraph.strip() for paragraph in item.body.split("\n\n") if paragraph.strip()],
        "similar": item_cards([similar[i] for i in similar_ids if i in similar], reader=request.reader.row),
        "following_author": item.author_id in request.reader.followed_author_ids,
        "canonical_url": request.build_absolute_uri(item.get_absolute_url()),
        "og": _open_graph(request, item, card),
    }
    return render(request, "pages/item.html", context)


@require_POST
def save(request: SiteRequest, slug: str) -> HttpResponse:
    item = get_object_or_404(Item.objects.published(request.now).for_cards(), slug=slug)
    try:
        reader = request.reader.prove(now=request.now)
    except UnprovenReader:
        return needs_cookie(request)
    saved = request.POST.get("undo") != "1"
    (save_item if saved else unsave_item)(reader=reader, item=item, now=request.now)
    return answer_form(
        request, "partials/_save_button.html", {"card": make_card(item, saved=saved)}, default=item.get_absolute_url()
    )


def _record_click(request: SiteRequest, item: Item) -> None:
    """A person opened the item: their browser brought our cookie back, and did not merely fetch ahead."""
    purpose = request.headers.get("Sec-Purpose", request.headers.get("Purpose", ""))
    if request.method == "GET" and request.reader.brought_proof and "prefetch" not in purpose:
        record_click(reader=request.reader.prove(now=request.now), item=item, now=request.now)


def _open_graph(request: SiteRequest, item: Item, card: Card) -> dict[str, str]:
    return {
        "title": item.title,
        "description": item.summary,
        "url": request.build_absolute_uri(item.get_absolute_url()),
        "image": request.build_absolute_uri(card.cover_url),
        "type": "article",
        "published": item.published_at.isoformat(),
    }
