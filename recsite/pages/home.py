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
from feedback.interactions import follow, unfollow
from recsite import serving
from recsite.cards import generated_cover_url, slate_cards
from recsite.cursors import SHOWN_MAX, CursorError, read_cursor, write_cursor
from recsite.identity import UnprovenReader
from recsite.pages.navigation import needs_cookie, next_address, render_paged
from recsite.requests import SiteRequest

PAGE_SIZE = 24
TOPIC_CHOICES_MAX = 48
UNSEEN_TOPICS = 6


@require_GET
def home(request: SiteRequest) -> HttpResponse:
    try:
        shown = read_cursor(request.GET.get("cursor", ""))
    except CursorError:
        return redirect("home")
    slate = serving.serve_slate(state=_state(request), shown=shown, now=request.now, limit=PAGE_SIZE)
    shown += tuple(entry.item_id for entry in slate.entries)
    is_end = slate.is_end or len(shown) >= SHOWN_MAX
    first_page = "cursor" not in request.GET
    context: dict[str, Any] = {
        "cards": slate_cards(
            slate,
            reader=request.reader.row,
            followed_topic_ids=_previewed_topics(request) or request.reader.followed_topic_ids,
        ),
        "next_url": None if is_end else _next_url(request, shown),
        "is_end": is_end,
        "topics_unseen": _topics_unseen(shown) if is_end else [],
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
        follow(reader=reader, target=topic, now=request.now)
    for topic in reader.followed_topics.exclude(pk__in=[topic.pk for topic in chosen]):
        unfollow(reader=reader, target=topic, now=request.now)
    offered = Item.objects.languages()
    reader.languages = [code for code in request.POST.getlist("languages") if code in offered]
    reader.save(update_fields=["languages"])


def _state(request: SiteRequest) -> serving.ReaderState:
    """The reader's state, or that of somebody who is still choosing: the feed below the choice already follows it."""
    offered = Item.objects.languages()
    languages = frozenset(request.GET.getlist("languages")).intersection(offered) or request.reader.languages(offered)
    state = serving.read_state(reader=request.reader.row, languages=languages)
    previewed = _previewed_topics(request)
    return serving.with_topics(state, previewed) if previewed else state


def _previewed_topics(request: SiteRequest) -> frozenset[int]:
    slugs = request.GET.getlist("topics")
    return frozenset(Topic.objects.filter(slug__in=slugs).values_list("pk", flat=True)) if slugs else frozenset()


def _next_url(request: SiteRequest, shown: tuple[int, ...]) -> str:
    query = request.GET.copy()
    query["cursor"] = write_cursor(shown)
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
