"""What was not built again as it was recorded is named, and what may explain it is named too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from pytest_django.fixtures import Settings

from catalog.models import Item, Reader
from feedback.kinds import Kind
from feedback.models import CountSnapshot, Slate, SlateDetail
from feedback.readers import merge_readers
from recsite.funnel.catalogue import Catalogue
from recsite.funnel.funnel import Funnel
from recsite.funnel.sources import FEATURE_SET
from recsite.models import SourceSnapshot
from recsite.training.rebuilding import COUNTS_DROPPED, ITEMS_CHANGED, Rebuilt, compare_with_recorded
from recsite.training.slate_questions import EARLIER_PAGES, MERGED, NO_LANGUAGES, SlateQuestions
from tests.recsite.planted_site import READERS, Site, readers, slate_ids, stage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Site:
    settings.EXPLORATION_SHARE = 0.0
    return Site.open(monkeypatch)


def rebuilt(site: Site) -> Rebuilt:
    def funnel_of(_release: int, catalogue: Catalogue) -> Funnel:
        return Funnel.of(stage(), site.ranker, catalogue)

    return compare_with_recorded(slate_ids(), funnel_of, until=site.now)


def hide_the_newest(site: Site) -> None:
    newest = Item.objects.latest("published_at").pk
    Item.objects.filter(pk=newest).update(hidden=True, updated_at=site.now)


def merge(site: Site) -> None:
    one, other = readers()[2:4]
    merge_readers(old=other, into=one, now=site.now)


def lose_the_first_page(_site: Site) -> None:
    Slate.objects.filter(first_position=0).delete()


def drop_counts(_site: Site) -> None:
    CountSnapshot.objects.all().delete()
    SourceSnapshot.objects.all().delete()


def forget_languages(_site: Site) -> None:
    Slate.objects.update(policy_parameters={})


@pytest.mark.parametrize(
    ("happens", "name"),
    [
        (hide_the_newest, ITEMS_CHANGED),
        (merge, MERGED),
        (lose_the_first_page, EARLIER_PAGES),
        (drop_counts, COUNTS_DROPPED),
        (forget_languages, NO_LANGUAGES),
    ],
)
def test_whatever_makes_it_another_question_is_named(site: Site, happens: Callable[[Site], None], name: str) -> None:
    """Reader 3 does not say in which languages they read, but their browser does."""
    reader = readers()[2]
    site.pass_time(seconds=1)
    first = site.page(reader, languages=frozenset({"sv"}))
    site.pass_time(seconds=20)
    assert first.next_cursor is not None
    site.page(reader, cursor=first.next_cursor, languages=frozenset({"sv"}))
    site.pass_time(hours=1)
    assert (sum(rebuilt(site).different.values()), rebuilt(site).explained) == (0, {})
    happens(site)
    found = rebuilt(site)
    assert sum(found.different.values()) > 0
    assert (set(found.explained), found.unexplained) == ({name}, 0)


def test_what_nothing_explains_is_counted_by_its_feature(site: Site) -> None:
    site.page(readers()[0])
    assert rebuilt(site).values == 12 * len(FEATURE_SET)
    detail = SlateDetail.objects.get()
    rows = np.frombuffer(detail.features or b"", "<f4").reshape(12, -1).copy()
    rows[:5, FEATURE_SET.names.index("breadth")] += 1
    detail.features = rows.tobytes()
    detail.save()
    found = rebuilt(site)
    assert (found.different, found.explained, found.unexplained) == ({"breadth": 5}, {}, 5)
    assert found.equal_share == pytest.approx(1 - 5 / found.values)


def test_a_slate_knows_what_was_seen_before_it_and_not_chosen(site: Site) -> None:
    """Not what was seen of itself, nor what a browser told later, nor what was liked until then."""
    reader = readers()[0]
    first = site.page(reader)
    site.pass_time(seconds=10)
    site.see(first, 3)
    shown = [entry.item_id for entry in first.slate.entries]
    site.act(reader, Kind.LIKE, shown[0], undone_at=site.now, undo_received_at=site.now + timedelta(minutes=2))
    site.pass_time(seconds=10)
    second = site.page(reader)
    site.pass_time(minutes=5)
    site.see(second, 12)
    third = site.page(reader)
    asked = list(SlateQuestions.read(until=site.now).of(slate_ids()))
    assert [one.query.viewed for one in asked[:2]] == [{}, {shown[1]: 1, shown[2]: 1}]
    again = [entry.item_id for entry in second.slate.entries]
    assert asked[2].query.viewed == {
        item_id: (item_id in shown[:3]) + (item_id in again) for item_id in {*shown[:3], *again}
    }
    assert [shown[0] in one.query.exclude for one in asked] == [False, True, False]
    assert third.slate.id is not None


def test_who_had_no_row_yet_had_no_history(site: Site) -> None:
    """What they do later makes a row, under the id that the cookie had."""
    nobody = Reader()
    site.page(None, public_id=nobody.public_id)
    values = {"pk": READERS + 1, "created_at": site.pass_time(minutes=1), "country": "SE"}
    later = Reader.objects.create(public_id=nobody.public_id, **values)
    site.act(later, Kind.LIKE, 1_000)
    site.pass_time(minutes=1)
    assert (sum(rebuilt(site).different.values()), rebuilt(site).slates) == (0, 1)
    (asked,) = SlateQuestions.read(until=site.now).of(slate_ids())
    assert (asked.query.state.country, len(asked.query.state.history), asked.doubts) == ("", 0, ())
