from __future__ import annotations

from datetime import timedelta

import numpy as np

from recsite.training.asking import asked, of_drawn_moments, of_drawn_readers, query_of
from tests.factories import NOW
from tests.recsite.training.histories import make_positive, make_positives

HOUR = timedelta(hours=1)


def test_a_row_becomes_the_question_that_serving_would_have_asked() -> None:
    row = make_positive(
        1,
        103,
        history=(101, 102),
        searches=["owls"],
        topics=[7],
        authors=[8],
        languages=["en"],
        country="NL",
        attributes=["age=25-34", "note=a=b"],
        first_seen_s=12.0,
    )
    query = query_of(make_positives(row), 0)
    state = query.state
    assert state.at == NOW
    assert state.history.tolist() == [101, 102]
    assert state.history_kinds == ("click", "click")
    assert state.history_ages_s.tolist() == [7_200, 3_600]
    assert (state.searches, state.topics, state.authors, state.languages) == (("owls",), (7,), (8,), ("en",))
    assert (state.country, dict(state.attributes)) == ("NL", {"age": "25-34", "note": "a=b"})
    assert query.exclude.tolist() == [101, 102]
    assert query.first_seen_s == 12.0


def test_a_reader_of_whom_nothing_is_known_is_a_question_too() -> None:
    query = query_of(make_positives(make_positive(1, 103)), 0)
    assert query.state.history.shape == (0,)
    assert query.exclude.dtype == np.int64


def test_choices_of_one_moment_are_one_question_in_order_of_time() -> None:
    rows = [
        make_positive(2, 105, NOW),
        make_positive(1, 103, NOW + HOUR),
        make_positive(1, 104, NOW + HOUR, unprompted=False),
        make_positive(1, 106, NOW - HOUR),
    ]
    found = list(asked(make_positives(*rows)))
    assert [(one.reader_id, sorted(one.targets.tolist())) for one in found] == [(1, [106]), (2, [105]), (1, [103, 104])]
    assert sorted(zip(found[2].targets.tolist(), found[2].unprompted.tolist(), strict=True)) == [
        (103, True),
        (104, False),
    ]


def test_what_is_in_the_history_already_is_not_asked_for() -> None:
    rows = [
        make_positive(1, 101, NOW, history=(101,)),
        make_positive(2, 101, NOW, history=(101,)),
        make_positive(2, 102, NOW, history=(101,)),
    ]
    assert [one.targets.tolist() for one in asked(make_positives(*rows))] == [[102]]


def test_no_positives_are_no_questions() -> None:
    assert list(asked(make_positives())) == []


def test_drawn_readers_are_whole() -> None:
    rows = [make_positive(reader, item) for reader in range(10) for item in range(100, 103)]
    drawn = of_drawn_readers(make_positives(*rows), 10, seed=0)
    _, counts = np.unique(drawn["reader_id"].to_numpy(), return_counts=True)
    assert counts.tolist() == [3, 3, 3]
    assert drawn.equals(of_drawn_readers(make_positives(*rows), 10, seed=0))
    assert not drawn.equals(of_drawn_readers(make_positives(*rows), 10, seed=1))


def test_drawn_moments_are_whole_and_of_everybody() -> None:
    """Of twelve moments of the first reader as many are taken as leave room for the others'."""
    rows = [make_positive(1, item, NOW + place * HOUR) for place in range(12) for item in (101, 102)]
    rows += [make_positive(reader, 101) for reader in (2, 3)]
    drawn = of_drawn_moments(make_positives(*rows), 6, seed=0)
    readers, counts = np.unique(drawn["reader_id"].to_numpy(), return_counts=True)
    assert dict(zip(readers.tolist(), counts.tolist(), strict=True)) == {1: 8, 2: 1, 3: 1}
    assert len(set(drawn.filter(drawn["reader_id"].to_numpy() == 1)["state_at"].to_pylist())) == 4
