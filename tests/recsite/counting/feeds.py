"""A feed of which the log knows more or less, and what readers open after it by other ways."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from catalog.models import Item, Reader
from feedback.models import Interaction, Slate, SlateDetail
from tests.factories import make_interaction, make_slate


def make_feed(
    reader: Reader,
    items: list[Item],
    *,
    union: list[Item] | None = None,
    removed_items: list[Item] | None = None,
    **fields: Any,
) -> Slate:
    """A home slate; union: of its details, which it has none of without."""
    slate = make_slate(items, reader=reader, **fields)
    if union is not None:
        ids, out = [item.pk for item in union], [item.pk for item in removed_items or []]
        SlateDetail.objects.create(slate_id=slate.id, union_items=ids, removed_items=out)
    return slate


def opens(reader: Reader, item: Item, slate: Slate, *, way: str = "search", **fields: Any) -> Interaction:
    """Not by the slate's own cards: in its visit, three minutes after."""
    values = {"happened_at": slate.served_at + timedelta(minutes=3), "surface": way, "visit_id": slate.visit_id}
    return make_interaction(reader, "click", item, **values | fields)
