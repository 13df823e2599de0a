from __future__ import annotations

import pytest

from recsite.reader_state import ReaderState
from recsite.similar import serve_similar
from tests.factories import NOW, make_item

pytestmark = pytest.mark.django_db


def test_more_like_this_prefers_shared_topics_then_the_same_author() -> None:
    item = make_item(topics=["Jazz", "Cities"], author="Ida Blom")
    two_topics = make_item(topics=["Jazz", "Cities"], age_days=90)
    same_author = make_item(topics=["Jazz"], author="Ida Blom", age_days=80)
    one_topic = make_item(topics=["Jazz"], age_days=2)
    make_item(topics=["Birds"])
    make_item(topics=["Jazz"], language="de")
    slate = serve_similar(item=item, state=ReaderState(), now=NOW, limit=5)
    assert [entry.item_id for entry in slate.entries] == [two_topics.pk, same_author.pk, one_topic.pk]
