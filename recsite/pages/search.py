"""Search and its type-ahead."""

from __future__ import annotations

from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from catalog.models import Item, Topic
from catalog.search import clean_query, search_items
from catalog.search import suggest as suggestions_for
from recsite.cards import item_cards, load_items
from recsite.pages.navigation import next_page_url, page_number, render_paged
from recsite.requests import SiteRequest

PAGE_SIZE = 24
OFFERED_TOPICS = 8


@require_GET
def search(request: SiteRequest) -> HttpResponse:
    query = clean_query(request.GET.get("q", ""))
    first = (page_number(request) - 1) * PAGE_SIZE
    preferred = request.reader.languages(Item.objects.languages())
    page = search_items(query, preferred=preferred, offset=first, limit=PAGE_SIZE)
    items = load_items(hit.item_id for hit in page.hits)
    cards = item_cards(
        [items[hit.item_id] for hit in page.hits if hit.item_id in items],
        reader=request.reader.row,
        first_position=first,
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


@require_GET
def suggest(request: SiteRequest) -> HttpResponse:
    return render(request, "partials/_suggestions.html", {"suggestions": suggestions_for(request.GET.get("q", ""))})
