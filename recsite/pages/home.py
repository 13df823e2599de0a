"""The home feed, and the choice that a first visit offers."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from catalog.languages import language_name
from catalog.models import Item, Topic
from feedback.interactions import record_state, take_back
from feedback.kinds import Kind
from recsite.cards import generated_cover_url, slate_cards
from recsite.cursors import CursorError
from recsite.feed import next_page
from recsite.identity import UnprovenReader
from recsite.pages.navigation import needs_cookie, next_address, render_paged
from recsite.requests import SiteRequest
from recsite.viewers import viewer_of

PAGE_SIZE = 24
TOPIC_CHOICES_MAX = 48
UNSEEN_TOPICS = 6


@require_GET
def home(request: SiteRequest) -> HttpResponse:
    previewed = _previewed_topics(request)
    try:
        page = next_page(
            viewer=viewer_of(request, languages=_languages(request)),
            cursor=request.GET.get("cursor", ""),
            now=request.now,
            limit=PAGE_SIZE,
            previewed_topics=previewed,
        )
    except CursorError:
        return redirect("home")
    first_page = "cursor" not in request.GET
    context: dict[str, Any] = {
        "cards": slate_cards(
            page.slate,
            reader=request.reader.row,
            followed_topic_ids=previewed or request.reader.followed_topic_ids,
        ),
        "next_url": _next_url(request, page.next_cursor) if page.next_cursor else None,
        "is_end": page.next_cursor is None,
        "topics_unseen": [] if page.next_cursor else _topics_unseen(page.shown),
    }
    if first_page and not request.htmx and not _was_welcomed(request):
        context |= {"show_welcome": True, **_choices(request)}
    return render_paged(request, "pages/home.html", context)


@require_http_methods(["GET", "POST"])
def welcome(request: SiteRequest) -> HttpResponse:
    """First-visit choice of topics and languages; skipping is a choice as well."""
    if request.method == "GET":
        return render(request, "pages/welcome.html", _choices(request))
    try:
        reader = request.reader.prove(now=request.now)
    except UnprovenReader:
        return needs_cookie(request)
    with transaction.atomic():
        if "skip" not in request.POST:
            _keep_choices(request)
        reader.welcomed_at = request.now
        reader.save(update_fields=["welcomed_at"])
    return redirect(next_address(request, default=reverse("home")))


def _keep_choices(request: SiteRequest) -> None:
    reader = request.reader.prove(now=request.now)
    chosen = list(Topic.objects.filter(slug__in=request.POST.getlist("topics")))
    for topic in chosen:
        record_state(reader=reader, kind=Kind.FOLLOW, about=topic, now=request.now)
    for topic in reader.followed_topics.exclude(pk__in=[topic.pk for topic in chosen]):
        take_back(reader=reader, kind=Kind.FOLLOW, about=topic, now=request.now)
    offered = Item.objects.languages()
    reader.languages = [code for code in request.POST.getlist("languages") if code in offered]
    reader.save(update_fields=["languages"])


def _languages(request: SiteRequest) -> frozenset[str]:
    """The reader's, or those of somebody who is still choosing: the feed below the choice already follows it."""
    offered = Item.objects.languages()
    return frozenset(request.GET.getlist("languages")).intersection(offered) or request.reader.languages(offered)


def _previewed_topics(request: SiteRequest) -> frozenset[int]:
    slugs = request.GET.getlist("topics")
    return frozenset(Topic.objects.filter(slug__in=slugs).values_list("pk", flat=True)) if slugs else frozenset()


def _next_url(request: SiteRequest, cursor: str) -> str:
    query = request.GET.copy()
    query["cursor"] = cursor
    return f"{reverse('home')}?{query.urlencode()}"


def _was_welcomed(request: SiteRequest) -> bool:
    row = request.reader.row
    return row is not None and (row.welcomed_at is not None or bool(request.reader.followed_topic_ids))


def _choices(request: SiteRequest) -> dict[str, Any]:
    topics = Topic.objects.annotate(count=Count("items", filter=Q(items__hidden=False))).order_by("-count", "name")
    offered = Item.objects.languages()
    chosen_languages = request.reader.languages(offered)
    return {
        "topic_choices": [
            {
                "topic": topic,
                "cover_url": generated_cover_url(topic, key="topic"),
                "chosen": topic.pk in request.reader.followed_topic_ids,
            }
            for topic in topics[:TOPIC_CHOICES_MAX]
        ],
        "language_choices": [
            {"code": code, "name": language_name(code), "chosen": code in chosen_languages} for code in offered
        ],
    }


def _topics_unseen(shown: tuple[int, ...]) -> list[Topic]:
    """Topics of which this scroll showed nothing, the largest first."""
    seen = Topic.objects.filter(items__in=shown)
    unseen = Topic.objects.exclude(pk__in=seen.values("pk")).annotate(count=Count("items"))
    return list(unseen.filter(count__gt=0).order_by("-count", "name")[:UNSEEN_TOPICS])
