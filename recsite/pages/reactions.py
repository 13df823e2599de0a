"""What a reader says about an item with one click: like, save, not interested, already seen, hide its topic or author.

Each is a form, so that it works without a script and holds with the next request. The events that browsers report in
their own time (views, reading) go another way: `recsite.api`.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from catalog.models import Author, Item, Reader, Topic
from feedback.interactions import About, Origin, record_state, take_back
from feedback.kinds import Kind
from feedback.models import Interaction
from recsite.audience import excluded_reason
from recsite.cards import make_card
from recsite.identity import UnprovenReader
from recsite.origins import origin_of, own_token
from recsite.pages.navigation import answer_form, needs_cookie
from recsite.requests import SiteRequest

REACTIONS = frozenset({Kind.LIKE, Kind.SAVE, Kind.DISMISS, Kind.ALREADY_SEEN, Kind.HIDE_TOPIC, Kind.HIDE_AUTHOR})

PARTS = {
    "toggle": "partials/_reaction.html",
    "card": "partials/_card_gone.html",
    "entry": "partials/_dismissed_entry.html",
}
"""What a form of the page wants back: its own button, words over the card, or the row of a list."""


@require_POST
def react(request: SiteRequest, slug: str) -> HttpResponse:
    """Begin what `kind` says about the item, or with `undo=1` take it back."""
    item = get_object_or_404(Item.objects.published(request.now).for_cards(), slug=slug)
    if request.POST.get("kind") not in REACTIONS:
        return HttpResponseBadRequest("Unknown kind.\n", content_type="text/plain")
    kind = Kind(request.POST["kind"])
    about = _about(kind, item, topic_slug=request.POST.get("topic", ""))
    return _answer(request, kind, about, {"item": item, "card": make_card(item)}, default=item.get_absolute_url())


@require_POST
def hide_topic(request: SiteRequest, slug: str) -> HttpResponse:
    """Hide a topic, or with `undo=1` show it again, where no item stands for it."""
    topic = get_object_or_404(Topic, slug=slug)
    return _answer(request, Kind.HIDE_TOPIC, topic, {}, default=reverse("dismissed"))


@require_POST
def hide_author(request: SiteRequest, slug: str) -> HttpResponse:
    author = get_object_or_404(Author, slug=slug)
    return _answer(request, Kind.HIDE_AUTHOR, author, {}, default=reverse("dismissed"))


def standing_reactions(*, reader: Reader | None, item: Item) -> dict[str, Any]:
    """What stands between a reader and one item, for the item's page: a key a kind, and every topic with whether it is
    hidden."""
    acts = Interaction.objects.standing().filter(
        Q(item=item) | Q(topic__in=item.topics.all()) | Q(author__isnull=False, author=item.author_id),
        reader=reader,
        kind__in=REACTIONS,
    )
    found = set(acts.values_list("kind", "topic_id"))
    hidden = {topic_id for kind, topic_id in found if kind == Kind.HIDE_TOPIC}
    return {
        **{kind: True for kind, _ in found},
        "topics": [{"topic": topic, "hidden": topic.pk in hidden} for topic in item.topics.all()],
    }


def _about(kind: Kind, item: Item, *, topic_slug: str) -> About:
    if kind == Kind.HIDE_TOPIC:
        return get_object_or_404(Topic, slug=topic_slug)
    if kind == Kind.HIDE_AUTHOR:
        if item.author is None:
            raise Http404
        return item.author
    return item


def _answer(
    request: SiteRequest, kind: Kind, about: About, context: dict[str, object], *, default: str
) -> HttpResponse:
    try:
        reader = request.reader.prove(now=request.now)
    except UnprovenReader:
        return needs_cookie(request)
    begins = request.POST.get("undo") != "1"
    if begins:
        record_state(reader=reader, kind=kind, about=about, now=request.now, origin=_origin(request, about))
    else:
        take_back(reader=reader, kind=kind, about=about, now=request.now)
    if begins and not request.htmx:
        _say_how_to_undo(request, kind)
    part = PARTS.get(request.POST.get("part", ""), PARTS["toggle"])
    context |= {"kind": str(kind), "on": begins, "about": about, "token": request.POST.get("token", "")}
    return answer_form(request, part, context, default=default)


def _origin(request: SiteRequest, about: About) -> Origin:
    return origin_of(
        request,
        own_token(request, request.POST.get("token", "")),
        item=about if isinstance(about, Item) else None,
        excluded=excluded_reason(request),
    )


def _say_how_to_undo(request: SiteRequest, kind: Kind) -> None:
    """Without a script the card is simply gone from the next page: say where it can be had back."""
    if kind == Kind.ALREADY_SEEN:
        messages.success(
            request, format_html('Marked as seen. It is in <a href="{}">your history</a>.', reverse("history"))
        )
    elif kind in {Kind.DISMISS, Kind.HIDE_TOPIC, Kind.HIDE_AUTHOR}:
        words = 'Hidden. You can take it back under <a href="{}">Dismissed and hidden</a>.'
        messages.success(request, format_html(words, reverse("dismissed")))
