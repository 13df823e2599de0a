from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.db import connection

from feedback.counts import take_snapshot
from feedback.kinds import Kind
from feedback.models import CountSnapshot
from recsite.models import SourceSnapshot
from recsite.releases.catalogue_reading import catalogue_version, read_catalogue, read_facts, read_items
from retrieval.content import ITEM_CONTENT
from tests.factories import NOW, make_interaction, make_item, make_reader, make_slate, make_topic, make_view

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


def test_everything_about_visible_items_is_read() -> None:
    make_topic("rivers"), make_topic("birds")
    first = make_item("One", topics=["birds", "rivers"], author="Ada", language="nl", summary="About it")
    make_item("Two", hidden=True, topics=["rivers"])
    ahead = make_item("Three", age_days=-1)
    topic_ids = [make_topic(name).pk for name in ("birds", "rivers")]

    items = read_items()

    assert items.schema == ITEM_CONTENT
    assert items.to_pylist() == [
        {
            "item_id": first.pk,
            "title": "One",
            "summary": "About it",
            "topics": topic_ids,
            "author": first.author_id,
            "language": "nl",
            "published_at": first.published_at,
        },
        {
            "item_id": ahead.pk,
            "title": "Three",
            "summary": "",
            "topics": [],
            "author": None,
            "language": "en",
            "published_at": ahead.published_at,
        },
    ]
    assert read_items([first.pk, first.pk + 1, 10**9])["item_id"].to_pylist() == [first.pk]
    assert read_items(texts=False)["title"].to_pylist() == [None, None]


def test_first_topic_is_the_one_that_was_given_first() -> None:
    birds, rivers = make_topic("birds"), make_topic("rivers")
    one = make_item(topics=["birds", "rivers"])
    other = make_item(topics=["rivers", "birds"])

    keys = read_catalogue(now=NOW).cap_keys(np.array([one.pk, other.pk]))

    assert keys[:, 0].tolist() == [birds.pk, rivers.pk]


def test_empty_site_has_an_empty_catalogue() -> None:
    catalogue = read_catalogue(now=NOW)

    assert len(catalogue) == 0
    assert catalogue.counts_as_of is None


def test_counts_are_those_of_the_newest_snapshot_that_there_was() -> None:
    reader, item, other = make_reader(), make_item(), make_item()
    slate = make_slate([other], served_at=NOW - 3 * HOUR)
    make_view(slate, 0)
    make_interaction(reader, Kind.CLICK, item, happened_at=NOW - HOUR / 2)
    make_interaction(reader, Kind.DISMISS, other, happened_at=NOW - 2 * HOUR)
    take_snapshot(now=NOW)
    make_interaction(reader, Kind.CLICK, other, happened_at=NOW)
    take_snapshot(now=NOW + HOUR)

    catalogue = read_catalogue(now=NOW + HOUR / 2)

    assert catalogue.counts_as_of == NOW
    table = catalogue.table
    assert table.item_ids.tolist() == [item.pk, other.pk]
    assert table.clicks.tolist() == [[1, 0], [1, 0], [1, 0]]
    assert table.dismissals.tolist() == [[0, 0], [0, 1], [0, 1]]
    assert table.views.tolist() == [[0, 0], [0, 1], [0, 1]]
    assert read_catalogue(now=NOW + HOUR).counts_as_of == NOW + HOUR
    assert read_catalogue(now=NOW - HOUR).counts_as_of is None


def test_sources_and_counts_are_of_one_moment() -> None:
    """A later snapshot of counts alone does not count."""
    item, other, hidden = make_item(), make_item(), make_item(hidden=True)
    as_of = NOW - HOUR
    take_snapshot(now=as_of)
    SourceSnapshot.objects.create(
        as_of=as_of, source="popular", item_ids=[hidden.pk, other.pk, item.pk], scores=[3.0, 2.0, 1.0]
    )
    SourceSnapshot.objects.create(as_of=as_of, source="trending", item_ids=[item.pk], scores=[1.5])
    take_snapshot(now=NOW)

    catalogue = read_catalogue(now=NOW)

    assert catalogue.counts_as_of == as_of
    assert catalogue.popular.order.items.item_ids.tolist() == [other.pk, item.pk]
    assert catalogue.trending.order.items.item_ids.tolist() == [item.pk]


def test_facts_are_kept_while_nothing_changed() -> None:
    item = make_item(topics=["rivers"])
    facts = read_facts()

    assert read_facts(facts) is facts
    before = read_catalogue(now=NOW, facts=facts)
    assert before.facts is facts
    item.topics.add(make_topic("birds"))
    again = read_facts(facts)
    assert again is not facts
    assert read_catalogue(now=NOW, facts=again).version != before.version


def flushed_version() -> str:
    """PostgreSQL tells its counters within seconds; asked to, at once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
    return catalogue_version()


def test_version_changes_with_all_that_is_read() -> None:
    versions = [flushed_version()]
    item = make_item()
    versions.append(flushed_version())
    item.topics.add(make_topic("birds"))
    versions.append(flushed_version())
    item.hidden = True
    item.save()
    versions.append(flushed_version())
    item.topics.clear()
    versions.append(flushed_version())
    take_snapshot(now=NOW)
    versions.append(flushed_version())
    SourceSnapshot.objects.create(as_of=NOW, source="popular", item_ids=[], scores=[])
    versions.append(flushed_version())
    CountSnapshot.objects.all().delete()
    versions.append(flushed_version())

    assert len(set(versions)) == len(versions)
    assert flushed_version() == versions[-1]
