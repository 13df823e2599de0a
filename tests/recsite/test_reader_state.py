from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest
from pytest_django import DjangoAssertNumQueries

from catalog.models import Reader
from feedback.interactions import record_state
from feedback.kinds import Kind
from feedback.models import Interaction
from feedback.positives import find_positives
from feedback.states import HISTORIES
from recsite.funnel.query import HISTORY_LENGTH
from recsite.reader_state import SEARCHES, VIEWED_SLATES, ReaderState, read_refusals, read_state
from tests.factories import (
    NOW,
    make_author,
    make_interaction,
    make_item,
    make_reader,
    make_slate,
    make_topic,
    make_view,
)

pytestmark = pytest.mark.django_db
ANY_LANGUAGE: frozenset[str] = frozenset()


def state_of(reader: Reader, **changes: object) -> ReaderState:
    return read_state(reader=reader, languages=ANY_LANGUAGE, **{"now": NOW, **changes})  # type: ignore[arg-type]


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def test_the_history_is_what_was_done_to_items_with_the_most_recent_last() -> None:
    reader, first, second = make_reader(), make_item(), make_item()
    make_interaction(reader, Kind.LIKE, second, happened_at=NOW - minutes(1))
    make_interaction(reader, Kind.CLICK, first, happened_at=NOW - minutes(2))
    make_interaction(reader, Kind.DWELL, first, happened_at=NOW - minutes(1), dwell_ms=5)
    state = state_of(reader).query(now=NOW).state
    assert state.history.tolist() == [first.pk, second.pk]
    assert state.history_kinds == ("click", "like")
    assert state.history_ages_s.tolist() == [120, 60]


def test_the_state_is_what_the_site_knew_at_that_moment() -> None:
    reader, known, late, undone, undone_later = make_reader(), *(make_item() for _ in range(4))
    make_interaction(reader, Kind.CLICK, known, happened_at=NOW - minutes(9))
    make_interaction(reader, Kind.CLICK, late, happened_at=NOW - minutes(8), received_at=NOW + minutes(1))
    make_interaction(reader, Kind.LIKE, undone, happened_at=NOW - minutes(7), undone_at=NOW - minutes(6))
    make_interaction(reader, Kind.LIKE, undone_later, happened_at=NOW - minutes(5), undone_at=NOW + minutes(5))
    assert state_of(reader).history.item_ids.tolist() == [known.pk, undone_later.pk]
    assert state_of(reader, now=NOW + minutes(9)).history.item_ids.tolist() == [known.pk, late.pk]


def test_what_a_clock_that_is_ahead_dismissed_is_gone_at_once_and_no_age_is_negative() -> None:
    reader, item = make_reader(), make_item()
    make_interaction(reader, Kind.DISMISS, item, happened_at=NOW + minutes(1), received_at=NOW)
    state = state_of(reader)
    assert state.dismissed == {item.pk}
    assert state.query(now=NOW).state.history.tolist() == []


def test_the_history_is_the_one_that_training_sees_also_where_things_share_a_moment() -> None:
    reader = make_reader()
    acts = [make_interaction(reader, Kind.CLICK, make_item(), happened_at=NOW - minutes(1)) for _ in range(12)]
    chosen = make_interaction(reader, Kind.LIKE, make_item(), happened_at=NOW)
    taught = find_positives(histories(*acts, chosen), since=NOW, until=NOW + minutes(1)).to_pylist()
    assert [row["item_id"] for row in taught] == [chosen.item_id]
    Interaction.objects.filter(pk=chosen.pk).delete()
    asked = state_of(reader).query(now=NOW).state
    assert asked.history.tolist() == taught[0]["history"]
    assert list(asked.history_kinds) == taught[0]["history_kinds"]
    assert asked.history_ages_s.tolist() == taught[0]["history_ages_s"]


def histories(*acts: Interaction) -> pa.Table:
    """`HISTORIES` of these, as if they had been imported: nobody asks whether they were read."""
    names = ("id", "reader_id", "reader_bucket", "kind", "item_id", "happened_at", "received_at", "surface")
    rows = [{name: getattr(act, name) for name in names} | {"imported": True} for act in acts]
    return pa.Table.from_pylist(rows, schema=HISTORIES)


def test_a_long_history_is_cut_to_its_end_but_everything_opened_stays_out_of_the_feed() -> None:
    reader, item = make_reader(), make_item()
    for number in range(HISTORY_LENGTH + 3):
        make_interaction(reader, Kind.CLICK, item, happened_at=NOW - timedelta(hours=number + 1))
    oldest = make_item()
    make_interaction(reader, Kind.CLICK, oldest, happened_at=NOW - timedelta(days=300))
    query = state_of(reader).query(now=NOW)
    assert len(query.state.history) == HISTORY_LENGTH
    assert set(query.exclude.tolist()) == {item.pk, oldest.pk}


def test_the_last_searches_are_asked_with() -> None:
    reader = make_reader()
    for number in range(SEARCHES + 2):
        make_interaction(reader, Kind.SEARCH, happened_at=NOW - minutes(30 - number), query=f"rivers {number}")
    assert state_of(reader).searches == tuple(f"rivers {number}" for number in range(2, SEARCHES + 2))


def test_seen_without_a_choice_is_counted_over_the_last_slates() -> None:
    reader, seen, opened, other = make_reader(), make_item(), make_item(), make_item()
    for number in range(2):
        slate = make_slate([seen, opened, other], reader=reader, served_at=NOW - minutes(10 + number))
        make_view(slate, 0)
        make_view(slate, 1)
    make_view(make_slate([seen], served_at=NOW - minutes(5)), 0)  # somebody else's
    make_interaction(reader, Kind.CLICK, opened, happened_at=NOW - minutes(1))
    assert state_of(reader).viewed == {seen.pk: 2}


def test_views_that_the_site_heard_of_later_and_old_slates_are_not_counted() -> None:
    reader, late, old, item = make_reader(), make_item(), make_item(), make_item()
    make_view(make_slate([late], reader=reader, served_at=NOW - minutes(9)), 0, received_at=NOW + minutes(1))
    make_view(make_slate([old], reader=reader, served_at=NOW - minutes(500)), 0)
    for number in range(VIEWED_SLATES):
        make_slate([item], reader=reader, served_at=NOW - minutes(number + 1))
    assert state_of(reader).viewed == {}


def test_follows_profile_and_the_first_moment_are_asked_with() -> None:
    reader = make_reader(country="NL", languages=["nl"], attributes={"age": "25-34", "plan": 2})
    record_state(reader=reader, kind=Kind.FOLLOW, about=make_topic("Jazz"), now=NOW)
    record_state(reader=reader, kind=Kind.FOLLOW, about=make_author("Ida Blom"), now=NOW)
    query = read_state(reader=reader, languages=frozenset({"nl"}), now=NOW).query(now=NOW + minutes(1), columns=3)
    state = query.state
    assert (state.topics, state.authors) == ((make_topic("Jazz").pk,), (make_author("Ida Blom").pk,))
    assert (state.languages, state.country, dict(state.attributes)) == (("nl",), "NL", {"age": "25-34", "plan": "2"})
    assert (query.first_seen_s, query.columns) == (NOW.timestamp(), 3)


def test_what_was_done_with_personalisation_switched_off_says_nothing_of_taste_and_is_respected() -> None:
    reader, opened, dismissed, staff = make_reader(), make_item(), make_item(), make_item()
    make_interaction(reader, Kind.CLICK, opened, excluded="personalisation_off")
    make_interaction(reader, Kind.DISMISS, dismissed, excluded="personalisation_off")
    make_interaction(reader, Kind.CLICK, staff, excluded="staff")
    state = state_of(reader)
    assert state.history.item_ids.tolist() == [staff.pk]
    assert (state.consumed, state.dismissed) == ({opened.pk, staff.pk}, {dismissed.pk})


def test_a_release_is_not_asked_for_what_was_liked_dismissed_or_shown() -> None:
    reader, liked, seen, shown = make_reader(), make_item(), make_item(), make_item()
    make_interaction(reader, Kind.LIKE, liked)
    make_interaction(reader, Kind.ALREADY_SEEN, seen)
    query = state_of(reader).query(now=NOW, shown=(shown.pk,))
    assert set(query.exclude.tolist()) == {liked.pk, seen.pk, shown.pk}


def test_without_personalisation_only_refusals_are_read() -> None:
    reader, dismissed = make_reader(), make_item()
    make_interaction(reader, Kind.DISMISS, dismissed)
    make_interaction(reader, Kind.CLICK, make_item())
    state = state_of(reader, personalised=False)
    assert (state.dismissed, state.consumed, len(state.history.item_ids)) == ({dismissed.pk}, frozenset(), 0)
    assert read_refusals(reader=reader, now=NOW).dismissed == {dismissed.pk}


def test_the_state_takes_three_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    reader = make_reader()
    make_interaction(reader, Kind.CLICK, make_item())
    with django_assert_num_queries(3):
        state_of(reader)
    with django_assert_num_queries(0):
        read_state(reader=None, languages=ANY_LANGUAGE, now=NOW)
