"""Topics, authors, and following them."""

from __future__ import annotations

from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from catalog.models import Author, Item, ItemQuerySet, Topic
from feedback.interactions import record_state, take_back
from feedback.kinds import Kind
from feedback.surfaces import Surface
from recsite.cards import generated_cover_url, item_cards
from recsite.identity import UnprovenReader
from recsite.pages.navigation import answer_form, needs_cookie, next_page_url, page_number, render_paged
from recsite.reader_state import read_refusals
from recsite.requests import SiteRequest
from recsite.slate_log import log_slate
from recsite.slates import Policy, listed
from recsite.viewers import viewer_of

PAGE_SIZE = 24


@require_GET
def topics(request: SiteRequest) -> HttpResponse:
    counted = Topic.objects.annotate(count=Count("items", filter=Q(items__hidden=False))).filter(count__gt=0)
    followed = request.reader.followed_topic_ids
    context = {
        "topics": [
            {
                "topic": topic,
                "count": topic.count,
                "cover_url": generated_cover_url(topic, key="topic"),
                "followed": topic.pk in followed,
            }
            for topic in counted
        ]
    }
    return render(request, "pages/topics.html", context)


@require_GET
def topic(request: SiteRequest, slug: str) -> HttpResponse:
    topic = get_object_or_404(Topic, slug=slug)
    items = Item.objects.published(request.now).filter(topics=topic)
    policy = Policy("newest of topic", "1", {"topic": topic.slug})
    context = {
        "topic": topic,
        "following": topic.pk in request.reader.followed_topic_ids,
        **_page(request, items, policy, topic),
    }
    return render_paged(request, "pages/topic.html", context)


@require_GET
def author(request: SiteRequest, slug: str) -> HttpResponse:
    author = get_object_or_404(Author, slug=slug)
    items = Item.objects.published(request.now).filter(author=author)
    policy = Policy("newest of author", "1", {"author": author.slug})
    context = {
        "author": author,
        "following": author.pk in request.reader.followed_author_ids,
        **_page(request, items, policy),
    }
    return render_paged(request, "pages/author.html", context)


@require_POST
def follow_topic(request: SiteRequest, slug: str) -> HttpResponse:
    return _follow(request, get_object_or_404(Topic, slug=slug), reverse("follow_topic", args=[slug]))


@require_POST
def follow_author(request: SiteRequest, slug: str) -> HttpResponse:
    return _follow(request, get_object_or_404(Author, slug=slug), reverse("follow_author", args=[slug]))


def _follow(request: SiteRequest, target: Topic | Author, follow_url: str) -> HttpResponse:
    try:
        reader = request.reader.prove(now=request.now)
    except UnprovenReader:
        return needs_cookie(request)
    following = request.POST.get("undo") != "1"
    (record_state if following else take_back)(reader=reader, kind=Kind.FOLLOW, about=target, now=request.now)
    context: dict[str, object] = {"following": following, "follow_url": follow_url, "follow_name": target.name}
    return answer_form(request, "partials/_follow_button.html", context, default=target.get_absolute_url())


def _page(request: SiteRequest, items: ItemQuerySet, policy: Policy, topic: Topic | None = None) -> dict[str, object]:
    """One page of `items`, newest first, without those that the reader does not want recommended."""
    viewer = viewer_of(request, languages=frozenset())
    first = (page_number(request) - 1) * PAGE_SIZE
    wanted = items.exclude(pk__in=read_refusals(reader=viewer.reader, now=request.now).rejected)
    found = list(wanted.newest_first().for_cards()[first : first + PAGE_SIZE + 1])
    cards, more = found[:PAGE_SIZE], len(found) > PAGE_SIZE
    slate = listed(
        [item.pk for item in cards], surface=Surface.TOPIC, policy=policy, first_position=first, is_end=not more
    )
    slate = log_slate(slate, viewer=viewer, now=request.now)
    return {
        "cards": item_cards(cards, reader=request.reader.row, slate=slate, topic=topic),
        "next_url": next_page_url(request, more=more),
    }
