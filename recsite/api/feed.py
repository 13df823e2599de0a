"""GET /feed and GET /items/{id}/similar: the slates that pages show, as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from catalog.models import Item
from recsite.api.authentication import Caller
from recsite.api.problems import ApiProblem
from recsite.cards import load_items
from recsite.cursors import CursorError
from recsite.feed import next_page, similar_items
from recsite.slates import Slate, SlateEntry


def feed_page(*, caller: Caller, cursor: str, limit: int, now: datetime) -> dict[str, Any]:
    """The page of the home feed after `cursor`. Raises ApiProblem 422."""
    viewer = caller.viewer(offered_languages=Item.objects.languages())
    try:
        page = next_page(viewer=viewer, cursor=cursor, now=now, limit=limit)
    except CursorError as error:
        raise ApiProblem(
            422, "bad_cursor", "cursor= is no `next` of a page that this site sent. Begin again without it."
        ) from error
    return {**_slate_as_json(page.slate), "next": page.next_cursor}


def similar_to(*, caller: Caller, item_id: int, limit: int, now: datetime) -> dict[str, Any]:
    """Items like the one with this id. Raises ApiProblem 404."""
    item = Item.objects.published(now).prefetch_related("topics").filter(pk=item_id).first()
    if item is None:
        raise ApiProblem(404, "unknown_item", "There is no such item, or it is not to be shown.")
    viewer = caller.viewer(offered_languages=Item.objects.languages())
    return _slate_as_json(similar_items(item=item, viewer=viewer, now=now, limit=limit))


def _slate_as_json(slate: Slate) -> dict[str, Any]:
    items = load_items(entry.item_id for entry in slate.entries)
    return {
        "slate": slate.id,
        "release": slate.release,
        "fallback": slate.policy.fallback,
        "items": [_item_as_json(entry, items[entry.item_id]) for entry in slate.entries if entry.item_id in items],
    }


def _item_as_json(entry: SlateEntry, item: Item) -> dict[str, Any]:
    path = item.get_absolute_url()
    return {
        "id": item.pk,
        "external_id": item.external_id,
        "title": item.title,
        "summary": item.summary,
        "topics": [topic.slug for topic in item.topics.all()],
        "url": f"{path}?s={entry.token}" if entry.token else path,
        "position": entry.position,
        "token": entry.token or None,
    }
