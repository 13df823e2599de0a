"""Everything kept about one reader, in words that they can read themselves.

`feedback.forgetting` removes the same things.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from catalog.models import Item, Reader
from feedback.models import Interaction, Slate, SlateDetail, View
from feedback.readers import all_public_ids

ACTS_AT_ONCE = 2_000
SLATES_AT_ONCE = 200


def personal_data_json(*, reader: Reader | None, public_id: uuid.UUID) -> Iterator[str]:
    """One JSON object in pieces: profile, interactions, slates. Memory does not grow with a long history.

    reader: None before the first proof of a person; then only slates may carry the `public_id`.
    """
    public_ids = list(all_public_ids(public_id, reader))
    yield '{\n"reader": ' + _json(None if reader is None else profile_of(reader))
    yield ',\n"interactions": '
    yield from _json_list(() if reader is None else _interactions(reader))
    yield ',\n"slates": '
    yield from _json_list(_slates(public_ids))
    yield "\n}\n"


def profile_of(reader: Reader) -> dict[str, Any]:
    """The reader's own row, their address if they have an account, and what they follow."""
    return {
        "id": reader.public_id,
        "earlier_ids": list(all_public_ids(reader.public_id, reader))[1:],
        "external_id": reader.external_id,
        "email": reader.user.email if reader.user else None,
        "languages": reader.languages,
        "country": reader.country,
        "personalised": reader.personalised,
        "attributes": reader.attributes,
        "created_at": reader.created_at,
        "followed_topics": list(reader.followed_topics.values_list("slug", flat=True)),
        "followed_authors": list(reader.followed_authors.values_list("slug", flat=True)),
    }


def _interactions(reader: Reader) -> Iterator[dict[str, Any]]:
    acts = Interaction.objects.filter(reader=reader).select_related("topic", "author").order_by("happened_at", "pk")
    for few in _some(acts.iterator(chunk_size=ACTS_AT_ONCE), ACTS_AT_ONCE):
        items = _items({act.item_id for act in few if act.item_id is not None})
        for act in few:
            yield {
                "kind": act.kind,
                **_named(items, act.item_id),
                "topic": act.topic.slug if act.topic else None,
                "author": act.author.slug if act.author else None,
                "search": act.query,
                "reading_ms": act.dwell_ms,
                "happened_at": act.happened_at,
                "received_at": act.received_at,
                "imported_at": act.imported_at,
                "undone_at": act.undone_at,
                "surface": act.surface,
                "slate": act.slate_id,
                "position": act.position,
                "not_learned_from_because": act.excluded,
            }


def _slates(public_ids: list[uuid.UUID]) -> Iterator[dict[str, Any]]:
    """What was sent, oldest first, with what the browser reported as seen and what ranking computed."""
    slates = Slate.objects.filter(reader_public_id__in=public_ids).order_by("id")
    for few in _some(slates.iterator(chunk_size=SLATES_AT_ONCE), SLATES_AT_ONCE):
        ids = [slate.pk for slate in few]
        items = _items({item_id for slate in few for item_id in slate.items})
        views = {(view.slate_id, view.position): view for view in View.objects.filter(slate_id__in=ids)}
        features = set(SlateDetail.objects.filter(slate_id__in=ids).values_list("slate_id", flat=True))
        for slate in few:
            yield {
                "id": slate.pk,
                "visit": slate.visit_id,
                "served_at": slate.served_at,
                "surface": slate.surface,
                "not_learned_from_because": slate.excluded,
                "feature_values_kept": slate.pk in features,
                "items": [
                    {
                        "position": position,
                        **_named(items, item_id),
                        "viewed_at": view.viewed_at if (view := views.get((slate.pk, position))) else None,
                    }
                    for position, item_id in enumerate(slate.items, start=slate.first_position)
                ],
            }


def _items(item_ids: set[int]) -> dict[int, tuple[str, str]]:
    """Slug and title by id."""
    found = Item.objects.filter(pk__in=item_ids).values_list("pk", "slug", "title")
    return {item_id: (slug, title) for item_id, slug, title in found}


def _named(items: dict[int, tuple[str, str]], item_id: int | None) -> dict[str, Any]:
    """An item that was deleted since has only its number left."""
    slug, title = (None, None) if item_id is None else items.get(item_id, (None, None))
    return {"item_id": item_id, "item": slug, "title": title}


def _some(rows: Iterator[Any], count: int) -> Iterator[list[Any]]:
    while few := list(islice(rows, count)):
        yield few


def _json_list(values: Iterable[Any]) -> Iterator[str]:
    begin = "["
    for value in values:
        yield f"{begin}\n{_json(value)}"
        begin = ","
    yield "[]" if begin == "[" else "\n]"


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder)
