"""Search and its type-ahead."""

from __future__ import annotations

from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from catalog.models import Item, Topic
from catalog.search import clean_query, search_items
from catalog.search import suggest as suggestions_for
from feedback.interactions import Origin, record_search
from feedback.surfaces import Excluded, Surface
from recsite.cards import item_cards, load_items
from recsite.pages.navigation import next_page_url, page_number, render_paged
from recsite.requests import SiteRequest
from recsite.slate_log import log_slate
from recsite.slates import Policy, Slate, listed
from recsite.viewers import viewer_of

PAGE_SIZE = 24
OFFERED_TOPICS = 8


@require_GET
def search(request: SiteRequest) -> HttpResponse:
    query = clean_query(request.GET.get("q", ""))
    first = (page_number(request) - 1) * PAGE_SIZE
    preferred = request.reader.languages(Item.objects.languages())
    page = search_items(query, preferred=preferred, now=request.now, offset=first, limit=PAGE_SIZE)
    items = load_items(hit.item_id for hit in page.hits)
    found = [items[hit.item_id] for hit in page.hits if hit.item_id in items]
    slate = _log(request, query, [item.pk for item in found], first)
    cards = item_cards(
        found,
        reader=request.reader.row,
        slate=slate,
        snippets={hit.item_id: hit.snippet for hit in page.hits},
    )
    context = {
        "query": query,
        "cards": cards,
        "total": page.total,
        "next_url": next_page_url(request, more=first + PAGE_SIZE < page.total),
        "topics": []
        if cards
        else Topic.objects.annotate(count=Count("items")).order_by("-count", "name")[:OFFERED_TOPICS],
    }
    return render_paged(request, "pages/search.html", context, partial="partials/_search_results.html")


def _log(request: SiteRequest, query: str, item_ids: list[int], first: int) -> Slate:
    """Record what was found, and once a visit that it was searched for."""
    viewer = viewer_of(request, languages=frozenset())
    policy = Policy("search", "1", {"query": query})
    slate = listed(item_ids, surface=Surface.SEARCH, policy=policy, first_position=first)
    slate = log_slate(slate, viewer=viewer, now=request.now)
    if query and first == 0 and request.reader.brought_proof and viewer.excluded != Excluded.PREVIEW:
        origin = Origin(surface=Surface.SEARCH, slate_id=slate.id, visit_id=slate.visit_id, excluded=viewer.excluded)
        record_search(reader=request.reader.prove(now=request.now), query=query, now=request.now, origin=origin)
    return slate


@require_GET
def suggest(request: SiteRequest) -> HttpResponse:
    suggestions = suggestions_for(request.GET.get("q", ""), now=request.now)
    return render(request, "partials/_suggestions.html", {"suggestions": suggestions})
