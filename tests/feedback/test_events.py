from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from catalog.models import Item, Reader
from feedback.buckets import reader_bucket
from feedback.event_forms import REASONS, Sender
from feedback.events import EventResult, accept_events
from feedback.models import Interaction, View
from feedback.surfaces import Surface
from feedback.tokens import GOOD_FOR, Token, reader_tag, write_tokens
from feedback.uuid7 import make_uuid7
from tests.factories import NOW, make_author, make_item, make_reader, make_topic

pytestmark = [pytest.mark.django_db, pytest.mark.database]

SERVED = NOW - timedelta(minutes=10)


def sender_of(reader: Reader, **fields: Any) -> Sender:
    defaults = {"reader": lambda: reader, "public_ids": lambda: {reader.public_id}, "may_omit_token": False}
    return Sender(**(defaults | fields))


def token_of(reader: Reader, item: Item, *, position: int = 0, served: Any = SERVED, slate: Any = None) -> str:
    token = Token(
        slate or make_uuid7(served),
        make_uuid7(served),
        position,
        item.pk,
        Surface.HOME,
        reader_bucket(reader.public_id),
        reader_tag(reader.public_id),
    )
    return write_tokens([token])[0]


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"id": str(uuid.uuid4()), "kind": kind, "age_ms": 1000} | fields


def accept(events: Iterable[object], sender: Sender) -> list[EventResult]:
    return accept_events(list(events), sender=sender, now=NOW)


def outcomes(events: Iterable[object], sender: Sender) -> list[str]:
    return [result.reason or result.status for result in accept(events, sender)]


def test_a_view_and_a_like_are_there_with_their_place_and_both_times() -> None:
    reader, item = make_reader(), make_item()
    token = token_of(reader, item, position=5)
    assert outcomes([event("view", token=token), event("like", token=token)], sender_of(reader)) == ["accepted"] * 2
    view, like = View.objects.get(), Interaction.objects.get()
    assert (view.position, view.item_id, view.viewed_at) == (5, item.pk, NOW - timedelta(seconds=1))
    assert (like.kind, like.item_id, like.position, like.slate_id) == ("like", item.pk, 5, view.slate_id)
    assert (like.happened_at, like.received_at) == (NOW - timedelta(seconds=1), NOW)
    assert (like.surface, like.reader_bucket) == ("home", reader_bucket(reader.public_id))


def test_delivering_twice_counts_once() -> None:
    reader, item = make_reader(), make_item()
    token = token_of(reader, item)
    batch = [event("view", token=token), event("click", token=token), event("dwell", token=token, value=12_000)]
    assert outcomes(batch, sender_of(reader)) == ["accepted"] * 3
    assert outcomes(batch, sender_of(reader)) == ["duplicate"] * 3
    assert outcomes([*batch, *batch], sender_of(reader)) == ["duplicate"] * 6
    assert (View.objects.count(), Interaction.objects.count()) == (1, 2)


def test_a_report_of_which_nothing_is_known_is_one_round_trip(django_assert_num_queries: Any) -> None:
    reader, item = make_reader(), make_item()
    token, other = token_of(reader, item), token_of(reader, item, position=1)
    batch = [event("view", token=token), event("view", token=other), event("like", token=other)]
    with django_assert_num_queries(1):
        assert outcomes(batch, sender_of(reader)) == ["accepted"] * 3
    # Afterwards a part of it is known: that is left out, and the rest is written.
    assert outcomes([*batch, event("click", token=token)], sender_of(reader)) == [*["duplicate"] * 3, "accepted"]


def test_the_id_of_an_event_may_be_written_in_other_letters() -> None:
    reader, item = make_reader(), make_item()
    sent = event("click", token=token_of(reader, item))
    spellings = [sent["id"], sent["id"].upper(), sent["id"].replace("-", "")]
    results = accept([sent | {"id": spelling} for spelling in spellings], sender_of(reader))
    assert [(result.id, result.status) for result in results] == list(
        zip(spellings, ["accepted", "duplicate", "duplicate"], strict=True)
    )


def test_the_same_event_twice_in_one_call_counts_once() -> None:
    reader, item = make_reader(), make_item()
    once = event("outbound", token=token_of(reader, item))
    assert outcomes([once, once], sender_of(reader)) == ["accepted", "duplicate"]


def test_an_event_id_of_another_reader_is_no_hindrance() -> None:
    one, other, item = make_reader(), make_reader(), make_item()
    click = event("click", token=token_of(one, item))
    assert outcomes([click], sender_of(one)) == ["accepted"]
    assert outcomes([click | {"token": token_of(other, item)}], sender_of(other)) == ["accepted"]


def test_one_bad_event_never_loses_its_neighbours() -> None:
    reader, item = make_reader(), make_item()
    good = [event("click", token=token_of(reader, item, position=place)) for place in range(2)]
    bad = event("click", token="nonsense")
    results = accept([good[0], bad, 7, good[1]], sender_of(reader))
    assert [result.status for result in results] == ["accepted", "refused", "refused", "accepted"]
    assert [result.reason for result in results] == [None, "token_forged", "not_an_object", None]
    assert [result.id for result in results] == [good[0]["id"], bad["id"], None, good[1]["id"]]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": "7"}, "bad_id"),
        ({"id": None}, "bad_id"),
        ({"kind": "stare"}, "bad_kind"),
        ({"kind": ["click"]}, "bad_kind"),
        ({"token": 5}, "bad_token"),
        ({"token": "AAAA.BBBB"}, "token_forged"),
        ({"token": "\0"}, "token_forged"),
        ({"token": None}, "needs_proof"),
        ({"token": None, "kind": "view"}, "needs_token"),
        ({"age_ms": -1}, "bad_time"),
        ({"age_ms": 1.5}, "bad_time"),
        ({"age_ms": True}, "bad_time"),
        ({"age_ms": 10**30}, "bad_time"),
        ({"age_ms": None}, "bad_time"),
        ({"at": NOW.isoformat()}, "bad_time"),
        ({"age_ms": None, "at": "yesterday"}, "bad_time"),
        ({"age_ms": None, "at": "2026-03-01T12:00:00"}, "bad_time"),
        ({"age_ms": None, "at": "0001-01-01T00:00:00+14:00"}, "bad_time"),
        ({"age_ms": None, "at": (NOW + timedelta(minutes=6)).isoformat()}, "in_future"),
        ({"kind": "dwell"}, "bad_value"),
        ({"kind": "dwell", "value": -1}, "bad_value"),
        ({"kind": "dwell", "value": "9"}, "bad_value"),
        ({"kind": "search", "value": "a\0b"}, "bad_value"),
        ({"kind": "search", "value": "\ud800"}, "bad_value"),
        ({"kind": "search", "value": "  "}, "bad_value"),
        ({"kind": "follow", "value": "jazz"}, "bad_value"),
        ({"kind": "follow", "value": "topic:nowhere"}, "unknown_target"),
        ({"kind": "hide_topic", "value": "nowhere"}, "unknown_target"),
        ({"kind": "view", "undo": True}, "cannot_undo"),
        ({"undo": "yes"}, "bad_value"),
        ({"kind": "like", "undo": True}, "nothing_to_undo"),
    ],
)
def test_what_is_wrong_is_refused_by_name(changes: dict[str, Any], reason: str) -> None:
    reader = make_reader()
    given = event("click", token=token_of(reader, make_item())) | changes
    assert outcomes([given], sender_of(reader)) == [reason]
    assert reason in REASONS


def test_a_token_of_another_reader_is_refused_and_that_of_a_merged_one_is_not() -> None:
    reader, other, item = make_reader(), make_reader(), make_item()
    foreign = event("click", token=token_of(other, item))
    assert outcomes([foreign], sender_of(reader)) == ["token_foreign"]
    both = sender_of(reader, public_ids=lambda: {reader.public_id, other.public_id})
    assert outcomes([foreign], both) == ["accepted"]


def test_an_expired_token_is_refused() -> None:
    reader = make_reader()
    old = token_of(reader, make_item(), served=NOW - GOOD_FOR - timedelta(seconds=1))
    assert outcomes([event("view", token=old)], sender_of(reader)) == ["token_expired"]


def test_a_token_of_an_item_that_was_deleted_is_refused_for_acts_and_good_for_views() -> None:
    reader, item = make_reader(), make_item()
    token = token_of(reader, item)
    item.delete()
    assert outcomes([event("view", token=token), event("like", token=token)], sender_of(reader)) == [
        "accepted",
        "unknown_item",
    ]


def test_time_is_clamped_to_after_serving_and_to_now() -> None:
    reader, item = make_reader(), make_item()
    early = event("click", token=token_of(reader, item, position=1), age_ms=3_600_000)
    late = event("click", token=token_of(reader, item, position=2), age_ms=None)
    late["at"] = (NOW + timedelta(minutes=4)).isoformat()
    assert outcomes([early, late], sender_of(reader)) == ["accepted"] * 2
    assert set(Interaction.objects.values_list("position", "happened_at")) == {(1, SERVED), (2, NOW)}


def test_a_page_of_ours_may_omit_the_token_and_nobody_else() -> None:
    reader, item, visit = make_reader(), make_item(), make_uuid7(NOW)
    like = event("like", item=item.pk)
    assert outcomes([like], sender_of(reader)) == ["needs_proof"]
    assert outcomes([like], sender_of(reader, may_omit_token=True, visit_id=visit)) == ["accepted"]
    assert Interaction.objects.values_list("surface", "slate_id", "visit_id").get() == ("direct", None, visit)


@pytest.mark.parametrize("item", [None, "1", True, 0, -4, 2**63, 10**40])
def test_an_item_must_be_a_number_that_can_be_one(item: object) -> None:
    assert outcomes([event("like", item=item)], sender_of(make_reader(), may_omit_token=True)) == ["bad_item"]


def test_a_browser_reports_what_is_two_days_old_at_most_and_a_server_anything() -> None:
    reader, item = make_reader(), make_item()
    old = event("click", item=item.pk, age_ms=49 * 3_600_000)
    assert outcomes([old], sender_of(reader, may_omit_token=True)) == ["too_old"]
    assert outcomes([old], sender_of(reader, may_omit_token=True, is_server=True)) == ["accepted"]


def test_a_state_stands_once_and_undo_takes_it_back() -> None:
    reader, item = make_reader(), make_item()
    by_page = sender_of(reader, may_omit_token=True)
    undo = event("dismiss", item=item.pk, undo=True)
    assert outcomes([event("dismiss", item=item.pk), event("dismiss", item=item.pk)], by_page) == [
        "accepted",
        "duplicate",
    ]
    assert outcomes([undo, undo, event("dismiss", item=item.pk, undo=True)], by_page) == [
        "accepted",
        "duplicate",
        "nothing_to_undo",
    ]
    dismissal = Interaction.objects.get()
    assert (dismissal.undone_at, dismissal.undo_received_at) == (NOW, NOW)
    assert outcomes([event("dismiss", item=item.pk)], by_page) == ["accepted"]


def test_events_of_one_call_count_in_their_order() -> None:
    reader, item = make_reader(), make_item()
    batch = [
        event("like", item=item.pk),
        event("like", item=item.pk, undo=True),
        event("like", item=item.pk),
    ]
    assert outcomes(batch, sender_of(reader, may_omit_token=True)) == ["accepted"] * 3
    assert Interaction.objects.standing().count() == 1


def test_undo_takes_back_the_latest_click_alone() -> None:
    reader, item = make_reader(), make_item()
    clicks = [event("click", item=item.pk, age_ms=age) for age in (9_000, 5_000)]
    by_page = sender_of(reader, may_omit_token=True)
    assert outcomes([*clicks, event("click", item=item.pk, undo=True)], by_page) == ["accepted"] * 3
    assert Interaction.objects.standing().get().event_id == uuid.UUID(clicks[0]["id"])


def test_following_changes_the_profile_and_hiding_is_remembered() -> None:
    reader, jazz, ida = make_reader(), make_topic("Jazz"), make_author("Ida Blom")
    batch = [
        event("follow", value="topic:jazz"),
        event("follow", value="author:ida-blom"),
        event("hide_topic", value="jazz"),
        event("hide_author", value="ida-blom"),
        event("follow", value="topic:jazz", undo=True),
    ]
    assert outcomes(batch, sender_of(reader, may_omit_token=True)) == ["accepted"] * 5
    assert (list(reader.followed_topics.all()), list(reader.followed_authors.all())) == ([], [ida])
    standing = set(Interaction.objects.standing().values_list("kind", "topic", "author"))
    assert standing == {("follow", None, ida.pk), ("hide_topic", jazz.pk, None), ("hide_author", None, ida.pk)}


def test_a_search_keeps_its_words() -> None:
    reader = make_reader()
    assert outcomes([event("search", value="  bread   in Basel ")], sender_of(reader, may_omit_token=True)) == [
        "accepted"
    ]
    assert Interaction.objects.get().query == "bread in Basel"


def test_what_staff_do_is_marked() -> None:
    reader, item = make_reader(), make_item()
    accept([event("click", token=token_of(reader, item))], sender_of(reader, excluded="staff"))
    assert Interaction.objects.get().excluded == "staff"


def test_no_reader_is_made_when_nothing_is_good() -> None:
    def fail() -> Reader:
        raise AssertionError("a row was made")

    sender = Sender(reader=fail, public_ids=lambda: {uuid.uuid4()}, may_omit_token=True)
    assert outcomes([event("stare"), "junk"], sender) == ["bad_kind", "not_an_object"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = ("id", "kind", "token", "item", "age_ms", "at", "value", "undo")


@given(
    st.lists(
        _JSON
        | st.fixed_dictionaries(
            {},
            optional={
                name: _JSON | st.sampled_from(["like", "search", "follow", "hide_topic", str(uuid.UUID(int=5)), 1000])
                for name in _FIELDS
            },
        ),
        max_size=6,
    )
)
@hypothesis_settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_gets_a_result_each(events: list[object]) -> None:
    reader = Reader.objects.first() or make_reader()
    results = accept(events, sender_of(reader, may_omit_token=True, is_server=True))
    assert len(results) == len(events)
    assert all(result.status in {"accepted", "duplicate"} or result.reason in REASONS for result in results)
