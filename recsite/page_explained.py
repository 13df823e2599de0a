"""What staff and the command line say of one page: why each item stands there, and what its items are called."""

from __future__ import annotations

from collections.abc import Sequence

from catalog.models import Author, Item, Topic
from ranking.explanation import Explanation, explain
from ranking.reason_text import Names
from ranking.reasons import Reason
from recsite.personal_page import Page


def explained(page: Page) -> list[Explanation]:
    """Of the page's items, in its order, but for those that nothing judged: from outside, or placed by hand."""
    return explain(
        [item_id for item_id in page.drawn.item_ids if item_id in page.row_of],
        request=page.request,
        features=page.features,
        order=page.funnel.ranker.order,
        candidates=page.candidates,
        slate=page.drawn,
        rules=page.rules,
        config=page.config,
    )


def names_of(item_ids: Sequence[int], why: Sequence[Reason] = ()) -> Names:
    """Titles of these items, and the names that these reasons need."""
    items = [*item_ids, *(reason.item_id for reason in why if reason.item_id is not None)]
    topics = [reason.topic for reason in why if reason.topic is not None]
    authors = [reason.author for reason in why if reason.author is not None]
    return Names(
        items=dict(Item.objects.filter(pk__in=items).values_list("pk", "title")),
        topics=dict(Topic.objects.filter(pk__in=topics).values_list("pk", "name")),
        authors=dict(Author.objects.filter(pk__in=authors).values_list("pk", "name")),
    )
