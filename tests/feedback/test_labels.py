from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.kinds import WEIGHTS, Kind
from feedback.labels import LABELLED_VISITS, LabelConfig, label_visits
from feedback.models import Slate
from feedback.visit_log import VisitLog
from tests.feedback.visit_logs import LONG_AFTER, Log, at, id_of

SKIP_ABOVE = LabelConfig(skip_above=True)


@pytest.fixture
def log() -> Log:
    return Log()


# --- one visit, by hand ---


def test_viewed_and_not_chosen_is_negative_wherever_the_last_click_lies(log: Log) -> None:
    log.slate([1, 2, 3], viewed=None)
    log.read(2, 10)
    assert log.labels() == {1: "negative", 2: "positive", 3: "negative"}


def test_a_visit_without_any_choice_teaches_too(log: Log) -> None:
    log.slate([1, 2], viewed=[0])
    assert log.labels() == {1: "negative", 2: "unknown"}


@pytest.mark.parametrize(
    ("dwell_ms", "label"), [([9_999], "unknown"), ([10_000], "positive"), ([6_000, 4_000], "positive")]
)
def test_a_click_counts_from_ten_seconds_of_reading_in_the_visit(log: Log, dwell_ms: list[int], label: str) -> None:
    log.slate([1], viewed=None)
    log.act("click", 1, 5)
    for number, read in enumerate(dwell_ms):
        log.act("dwell", 1, 20 + 20 * number, dwell_ms=read)
    assert log.labels() == {1: label}


def test_reading_in_another_visit_does_not_help_a_bounce(log: Log) -> None:
    log.slate([1], viewed=None)
    log.slate([2], visit=2, viewed=None)
    log.act("click", 1, 5)
    log.act("dwell", 1, 30, visit=2, dwell_ms=60_000)
    assert log.labels()[1] == "unknown"


@pytest.mark.parametrize("kind", ["like", "save", "outbound"])
def test_some_reactions_need_no_reading(log: Log, kind: str) -> None:
    log.slate([1], viewed=None)
    log.act("click", 1, 5)
    log.act(kind, 1, 6)
    (row,) = log.rows()
    assert (row["label"], row["kind"], row["gain"]) == ("positive", kind, WEIGHTS[Kind(kind)].ranker_gain)


def test_the_gain_is_that_of_the_highest_kind_that_stands(log: Log) -> None:
    log.slate([1, 2], viewed=None)
    log.read(1, 5)
    log.act("like", 1, 6, undone=9)
    log.act("outbound", 1, 7)
    assert [(row["kind"], row["gain"]) for row in log.rows()] == [("outbound", 2), (None, 0)]


def test_dismissed_is_a_label_of_its_own_and_outweighs_reading(log: Log) -> None:
    log.slate([1, 2], viewed=None)
    log.act("dismiss", 1, 5)
    log.read(2, 5)
    log.act("dismiss", 2, 60)
    assert log.labels() == {1: "dismissed", 2: "dismissed"}


def test_already_seen_teaches_no_dislike(log: Log) -> None:
    log.slate([1], viewed=None)
    log.act("already_seen", 1, 5)
    assert log.labels() == {1: "unknown"}


@pytest.mark.parametrize("kind", ["click", "like", "save", "dismiss", "already_seen"])
def test_what_was_taken_back_is_unknown(log: Log, kind: str) -> None:
    log.slate([1], viewed=None)
    log.act(kind, 1, 5, undone=50)
    log.act("dwell", 1, 40, dwell_ms=30_000)
    assert log.labels() == {1: "unknown"}


def test_what_was_taken_back_later_than_until_still_stands(log: Log) -> None:
    log.slate([1], viewed=None)
    log.act("like", 1, 5, undone=9_000)
    assert log.labels(until=at(8_999)) == {1: "positive"}
    assert log.labels(until=at(9_000)) == {1: "unknown"}


def test_a_pinned_slot_is_unknown_whatever_came_of_it(log: Log) -> None:
    log.slate([1, 2, 3], viewed=None, branches=[Slate.Branch.PINNED, Slate.Branch.PINNED, Slate.Branch.FALLBACK])
    log.read(1, 5)
    assert log.labels() == {1: "unknown", 2: "unknown", 3: "negative"}


def test_a_slate_without_any_view_report_is_unknown_even_where_it_was_clicked(log: Log) -> None:
    log.slate([1, 2])
    log.read(1, 5)
    assert log.labels() == {1: "unknown", 2: "unknown"}


def test_in_a_confirmed_slate_a_reaction_proves_that_its_card_was_seen(log: Log) -> None:
    log.slate([1, 2], viewed=[1])
    log.read(1, 5)
    assert log.labels() == {1: "positive", 2: "negative"}


def test_search_results_that_were_not_clicked_are_no_negatives(log: Log) -> None:
    log.slate([1, 2, 3], surface="search", viewed=None)
    log.read(2, 5)
    log.act("dismiss", 3, 6)
    assert log.labels() == {1: "unknown", 2: "positive", 3: "dismissed"}


def test_what_may_not_be_used_hides_no_dislike_behind_a_reaction(log: Log) -> None:
    log.slate([1], viewed=None)
    log.act("like", 1, 5, excluded=True)
    assert log.labels() == {1: "unknown"}


def test_hiding_a_topic_says_nothing_of_the_item(log: Log) -> None:
    log.slate([1], viewed=None)
    log.act("hide_topic", None, 5)
    assert log.labels() == {1: "negative"}


# --- one row a reader x item x visit ---


def test_the_last_exposure_is_the_example(log: Log) -> None:
    log.slate([1, 2], viewed=None)
    last = log.slate([3, 1], served=60, first_position=24, viewed=None)
    log.read(1, 90)
    (row,) = [row for row in log.rows() if row["item_id"] == 1]
    assert (row["slate_id"], row["position"], row["label"]) == (id_of(last), 25, "positive")


def test_the_same_item_twice_in_a_slate_counts_at_its_greatest_position(log: Log) -> None:
    log.slate([1, 2, 1], viewed=None)
    assert [(row["item_id"], row["position"]) for row in log.rows()] == [(2, 1), (1, 2)]


def test_an_exposure_that_was_viewed_goes_before_a_later_one_that_was_not(log: Log) -> None:
    first = log.slate([1], viewed=None)
    log.slate([1, 2], served=60, viewed=[1])
    assert log.rows()[0]["slate_id"] == id_of(first)
    assert log.labels() == {1: "negative", 2: "negative"}


def test_a_reaction_is_no_label_of_what_was_served_after_it(log: Log) -> None:
    """Its features knew the click already."""
    first = log.slate([1], viewed=None)
    log.read(1, 10)
    log.slate([1, 2], served=60, viewed=None)
    rows = {row["item_id"]: row for row in log.rows()}
    assert (rows[1]["slate_id"], rows[1]["label"]) == (id_of(first), "positive")


def test_an_item_shown_only_after_the_reaction_to_it_is_unknown(log: Log) -> None:
    log.slate([2], viewed=None)
    log.read(1, 10)
    log.slate([1], served=60, viewed=None)
    assert log.labels() == {1: "unknown", 2: "negative"}


def test_an_answer_in_the_millisecond_of_serving_counts(log: Log) -> None:
    log.slate([1], served=0.0007, viewed=None)
    log.act("like", 1, 0)
    assert log.labels() == {1: "positive"}


def test_the_same_item_in_two_visits_is_two_examples(log: Log) -> None:
    log.slate([1], viewed=None)
    log.slate([1], visit=2, viewed=None)
    log.read(1, 10, visit=2)
    assert [(row["visit_id"], row["label"]) for row in log.rows()] == [(id_of(1), "negative"), (id_of(2), "positive")]


# --- when ---


@pytest.mark.parametrize(
    "last",
    [
        lambda log: log.slate([], served=100),
        lambda log: log.view(1, 0, 100),
        lambda log: log.act("search", None, 100),
    ],
)
def test_a_visit_teaches_thirty_minutes_after_its_last_event(log: Log, last: Callable[[Log], object]) -> None:
    log.slate([1])
    last(log)
    over = at(100) + timedelta(minutes=30)
    assert list(log.labels(until=over - timedelta(microseconds=1))) == []
    assert list(log.labels(until=over)) == [1]


def test_a_view_that_arrives_after_until_is_not_known(log: Log) -> None:
    slate = log.slate([1, 2], viewed=[0])
    log.view(slate, 1, 3, received=20_000)
    assert log.labels(until=at(19_999)) == {1: "negative", 2: "unknown"}
    assert log.labels(until=at(20_000)) == {1: "negative", 2: "negative"}


def test_a_reaction_that_arrives_after_until_is_not_known(log: Log) -> None:
    log.slate([1], viewed=None)
    log.act("like", 1, 5, received=20_000)
    assert log.labels(until=at(19_999)) == {1: "negative"}
    assert log.labels(until=at(20_000)) == {1: "positive"}


@pytest.mark.parametrize("name", ["known_until", "counts_as_of"])
def test_a_slate_that_looks_into_the_future_is_refused(log: Log, name: str) -> None:
    log.slate([1], served=10, **{name: at(10.000001)})
    with pytest.raises(ValueError, match=f"look into the future.*{name}"):
        log.rows()


# --- what comes out ---


def test_rows_of_a_visit_are_adjacent_and_in_the_order_of_serving(log: Log) -> None:
    log.slate([5, 4], visit=2, served=5, first_position=24, viewed=None)
    log.slate([3], visit=1, served=3, viewed=None)
    log.slate([2, 1], visit=2, served=1, viewed=None)
    table = label_visits(log.table(), until=LONG_AFTER)
    assert table.schema == LABELLED_VISITS
    assert table["item_id"].to_pylist() == [3, 2, 1, 5, 4]
    assert table["position"].to_pylist() == [0, 0, 1, 24, 25]


def test_each_row_says_in_how_many_columns_its_slate_stood(log: Log) -> None:
    """A visit on a screen that was turned has two grids; a browser without scripts says nothing."""
    log.slate([1, 2], viewed=None, columns=4)
    log.slate([3], served=1, first_position=2, viewed=None, columns=2)
    log.slate([4], served=2, first_position=3, viewed=None)
    assert [(row["item_id"], row["columns"]) for row in log.rows()] == [(1, 4), (2, 4), (3, 2), (4, None)]


def test_each_row_carries_the_exact_bytes_of_its_features(log: Log) -> None:
    log.slate([1], viewed=None)
    log.slate([2, 3], served=1, viewed=None, feature_set="three", features=struct.pack("<6f", 1, 2, 3, 4, 5, 6))
    log.slate([4], served=2, viewed=None, feature_set="one", features=struct.pack("<f", 7))
    found = {row["item_id"]: (row["feature_set"], row["features"]) for row in log.rows()}
    assert found == {
        1: (None, None),
        2: ("three", struct.pack("<3f", 1, 2, 3)),
        3: ("three", struct.pack("<3f", 4, 5, 6)),
        4: ("one", struct.pack("<f", 7)),
    }


def test_features_that_are_no_rows_of_the_slots_are_refused(log: Log) -> None:
    log.slate([1, 2], viewed=None, feature_set="odd", features=struct.pack("<3f", 1, 2, 3))
    with pytest.raises(ValueError, match="not one row of float32 a slot"):
        log.rows()


def test_an_empty_log_gives_an_empty_table_of_the_same_columns(log: Log) -> None:
    assert label_visits(log.table(), until=LONG_AFTER).schema == LABELLED_VISITS
    assert log.rows() == []


def test_a_log_of_other_columns_is_refused(log: Log) -> None:
    tables = log.table()
    with pytest.raises(ValueError, match="views of a visit log"):
        replace(tables, views=tables.slates)


# --- skip-above, for comparison ---


def test_skip_above_keeps_only_negatives_above_the_last_click(log: Log) -> None:
    log.slate([1, 2, 3], viewed=None)
    log.read(2, 10)
    log.slate([4], visit=2, viewed=None)
    assert log.labels(config=SKIP_ABOVE) == {1: "negative", 2: "positive", 3: "unknown", 4: "unknown"}


def test_what_was_served_and_not_viewed_is_negative_only_where_it_is_asked_for(log: Log) -> None:
    log.slate([1, 2, 3], viewed=[0])
    log.slate([4], visit=2, viewed=[])
    assert log.labels() == {1: "negative", 2: "unknown", 3: "unknown", 4: "unknown"}
    assert log.labels(config=LabelConfig(unviewed=True)) == {
        1: "negative",
        2: "negative",
        3: "negative",
        4: "unknown",  # nothing says that this page ever came to a screen
    }


def _share_of_positives(config: LabelConfig) -> tuple[float, float]:
    """In the upper and the lower half, in a world where every card is viewed and none is better than another."""
    rng, log = np.random.default_rng(5), Log()
    for visit in range(1, 401):
        log.slate(range(24 * visit, 24 * visit + 24), visit=visit, viewed=None)
        for slot in np.flatnonzero(rng.random(24) < 0.06):
            log.act("like", 24 * visit + int(slot), 60, visit=visit)
    rows = [row for row in log.rows(config=config) if row["label"] in {"positive", "negative"}]
    upper, lower = ([row["gain"] > 0 for row in rows if (row["position"] < 12) == half] for half in (True, False))
    return sum(upper) / len(upper), sum(lower) / len(lower)


def test_skip_above_teaches_to_reverse_the_order_that_was_shown() -> None:
    upper, lower = _share_of_positives(LabelConfig())
    assert lower == pytest.approx(upper, rel=0.2)
    upper, lower = _share_of_positives(SKIP_ABOVE)
    assert lower > 1.7 * upper


# --- whatever happens ---

ITEMS = st.integers(1, 4)
VISITS = st.integers(1, 3)
SECONDS = st.integers(0, 900)
LATE = st.sampled_from([0, 0, 900, 4_000])
UNTIL = st.integers(1_800, 6_000).map(at)
KINDS = st.sampled_from(["click", "dwell", "like", "save", "outbound", "dismiss", "already_seen", "search"])


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Up to three visits of the same few items; some reports arrive an hour late, some reactions are taken back."""
    log = Log()
    for _ in range(draw(st.integers(1, 6))):
        items = draw(st.lists(ITEMS, min_size=1, max_size=4))
        branches = draw(st.lists(st.sampled_from([1, 2]), min_size=len(items), max_size=len(items)))
        served = draw(SECONDS)
        slate = log.slate(
            items,
            visit=draw(VISITS),
            served=served,
            first_position=draw(st.sampled_from([0, 4])),
            surface=draw(st.sampled_from(["home", "search"])),
            known_until=at(served - draw(st.integers(0, 60))),
            branches=branches,
        )
        for slot in draw(st.sets(st.integers(0, len(items) - 1))):
            received = served + 2 + draw(LATE)
            log.view(slate, log.slates[-1]["first_position"] + slot, served + 2, received=received)
    for _ in range(draw(st.integers(0, 8))):
        kind, seconds = draw(KINDS), draw(SECONDS)
        log.act(
            kind,
            None if kind == "search" else draw(ITEMS),
            seconds,
            visit=draw(VISITS),
            received=seconds + draw(LATE),
            dwell_ms=draw(st.sampled_from([4_000, 12_000])) if kind == "dwell" else None,
            undone=draw(st.none() | LATE.map(seconds.__add__)) if kind not in {"dwell", "search"} else None,
            excluded=draw(st.integers(0, 9)) == 0,
        )
    return log


many = settings(max_examples=60, deadline=None)


def _only_received(log: Log, until: datetime) -> Log:
    """The log as it stood at `until`."""
    return Log(
        log.slates,
        [view for view in log.views if view["received_at"] <= until],
        [
            act
            | {
                "undo_received_at": act["undo_received_at"]
                if (act["undo_received_at"] or LONG_AFTER) <= until
                else None
            }
            for act in log.interactions
            if act["received_at"] <= until
        ],
    )


@many
@given(logs(), UNTIL)
def test_nothing_received_after_until_is_used(log: Log, until: datetime) -> None:
    assert log.rows(until=until) == _only_received(log, until).rows(until=until)


@many
@given(logs(), UNTIL)
def test_no_feature_knows_the_answer_and_every_row_is_of_an_over_visit(log: Log, until: datetime) -> None:
    for row in log.rows(until=until):
        assert row["known_until"] <= row["served_at"] <= until - timedelta(minutes=30)
        if row["label"] in {"positive", "dismissed"}:
            acts = [
                act
                for act in log.interactions
                if (act["visit_id"], act["item_id"]) == (row["visit_id"], row["item_id"])
            ]
            answers = [a["happened_at"] for a in acts if a["kind"] != "dwell" and a["received_at"] <= until]
            assert min(answers) >= row["served_at"] >= row["known_until"]


@many
@given(logs(), UNTIL)
def test_unknown_is_never_negative(log: Log, until: datetime) -> None:
    """Judged over again, rule by rule, the slow way."""
    known = _only_received(log, until)
    slates = {slate["slate_id"]: slate for slate in log.slates}
    for row in log.rows(until=until):
        if row["label"] != "negative":
            continue
        slate = slates[row["slate_id"]]
        assert (row["slate_id"], row["position"]) in {(view["slate_id"], view["position"]) for view in known.views}
        assert row["surface"] == "home"
        assert slate["branches"][row["position"] - slate["first_position"]] != Slate.Branch.PINNED
        for act in known.interactions:
            if (act["visit_id"], act["item_id"]) == (row["visit_id"], row["item_id"]):
                assert act["kind"] == "dwell"


@many
@given(logs(), UNTIL)
def test_there_is_one_row_a_visit_and_item_and_gain_means_positive(log: Log, until: datetime) -> None:
    rows = log.rows(until=until)
    assert len({(row["visit_id"], row["item_id"]) for row in rows}) == len(rows)
    visits = [row["visit_id"] for row in rows]
    assert visits == sorted(visits)
    for row in rows:
        assert (row["label"] == "positive") == (row["gain"] > 0) == (row["kind"] is not None)


@many
@given(logs(), VISITS, ITEMS, SECONDS)
def test_a_late_click_changes_only_its_visit(log: Log, visit: int, item: int, seconds: int) -> None:
    before = [row for row in log.rows() if row["visit_id"] != id_of(visit)]
    log.act("click", item, seconds, visit=visit, received=seconds + 40_000)
    log.act("dwell", item, seconds + 20, visit=visit, received=seconds + 40_000, dwell_ms=15_000)
    assert [row for row in log.rows() if row["visit_id"] != id_of(visit)] == before


@many
@given(logs(), UNTIL, st.randoms(use_true_random=False), st.sampled_from([LabelConfig(), SKIP_ABOVE]))
def test_the_order_of_arrival_does_not_matter(
    log: Log, until: datetime, rng: random.Random, config: LabelConfig
) -> None:
    def shuffled(table: pa.Table) -> pa.Table:
        return table.take(pa.array(rng.sample(range(len(table)), len(table)), pa.int64()))

    tables = log.table()
    mixed = VisitLog(shuffled(tables.slates), shuffled(tables.views), shuffled(tables.interactions))
    ordered, labelled = (label_visits(log, until=until, config=config) for log in (tables, mixed))
    assert labelled.equals(ordered)


@many
@given(logs(), UNTIL)
def test_skip_above_only_ever_turns_negatives_into_unknowns(log: Log, until: datetime) -> None:
    for plain, skipped in zip(log.rows(until=until), log.rows(until=until, config=SKIP_ABOVE), strict=True):
        if plain != skipped:
            assert (plain["label"], skipped["label"]) == ("negative", "unknown")
