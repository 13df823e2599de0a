"""Which times are learned, labelled and measured."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from recsite.training.windows import GateNeeds, NoWindows, WindowKind, Windows, choose_windows
from tests.factories import NOW

HOUR = timedelta(hours=1)
NEEDS = GateNeeds(readers=2, positives=4)


def windows_of(ages_h: list[float], readers: list[int] | None = None, **options: Any) -> Windows | NoWindows:
    """Of events so many hours ago, the oldest first; by default of two readers in turn and of the site's own."""
    values: dict[str, Any] = {"now": NOW, "needs": NEEDS, "imported": np.zeros(len(ages_h), bool)} | options
    times_s = np.array([(NOW - age * HOUR).timestamp() for age in ages_h])
    of_readers = np.array(readers if readers else [place % 2 for place in range(len(ages_h))])
    return choose_windows(times_s, of_readers, values.pop("imported"), **values)


def found(*args: Any, **options: Any) -> Windows:
    windows = windows_of(*args, **options)
    assert isinstance(windows, Windows), windows
    return windows


def hours_ago(moment: datetime) -> float:
    return (NOW - moment) / HOUR


def test_the_shortest_window_that_holds_enough_is_taken() -> None:
    """Four events of the last day are enough; before them lie eight, of which half may become labels."""
    windows = found([100, 99, 98, 97, 50, 49, 48, 47, 4, 3, 2, 1])
    assert windows.kind is WindowKind.RECENT
    assert hours_ago(windows.t2) == 24
    assert hours_ago(windows.t1) == 50
    assert windows.t3 == NOW
    assert (windows.readers, windows.positives, windows.labels, windows.learned) == (2, 4, 4, 8)


def test_a_longer_window_is_taken_where_the_shortest_holds_too_little() -> None:
    windows = found([100, 99, 98, 97, 96.5, 96, 95, 94, 60, 50, 2, 1])
    assert hours_ago(windows.t2) == 72


def test_readers_without_an_earlier_event_do_not_count() -> None:
    """Reader 9 came in the window: only one reader of it had been there before."""
    assert isinstance(windows_of([600, 599, 4, 3, 2, 1], [1, 1, 1, 9, 9, 9]), NoWindows)


def test_imported_history_is_measured_on_its_last_tenth_whoever_was_there_before() -> None:
    ages = [float(age) for age in range(1_000, 900, -1)]
    windows = found(ages, list(range(100)), imported=np.ones(100, bool))
    assert windows.kind is WindowKind.HISTORY
    assert hours_ago(windows.t2) == pytest.approx(910)
    assert (windows.readers, windows.positives, windows.labels) == (0, 10, 10)


def test_recent_events_of_the_site_itself_win_over_imported_history() -> None:
    imported = np.array([True] * 20 + [False] * 4)
    windows = found([*(float(age) for age in range(500, 480, -1)), 4, 3, 2, 1], imported=imported)
    assert windows.kind is WindowKind.RECENT


def test_an_import_of_the_last_days_is_no_recent_window() -> None:
    """Moved to now, a data set's last day is as crowded as any; it is still measured on the tenth."""
    ages = [float(age) for age in range(40, 0, -1)]
    assert found(ages, imported=np.ones(40, bool)).kind is WindowKind.HISTORY


def test_the_gate_never_looks_at_what_a_compared_release_has_learned() -> None:
    windows = found([100, 99, 98, 97, 50, 49, 48, 47, 4, 3, 2, 1], not_before=NOW - 5 * HOUR)
    assert hours_ago(windows.t2) == 5


def test_too_little_after_a_compared_release_is_undecided_with_figures() -> None:
    windows = windows_of([100, 99, 98, 97, 50, 49, 48, 47, 4, 3, 2, 1], not_before=NOW - 3.5 * HOUR)
    assert isinstance(windows, NoWindows)
    assert "3 positives came from 2 readers" in windows.why


def test_imported_history_that_a_release_knows_is_not_measured_again() -> None:
    ages = [float(age) for age in range(1_000, 900, -1)]
    windows = windows_of(ages, imported=np.ones(100, bool), not_before=NOW - 902 * HOUR)
    assert isinstance(windows, NoWindows)


def test_a_retrain_after_a_few_new_events_measures_no_earlier_than_the_first_one() -> None:
    ages = [float(age) for age in range(1_000, 900, -1)]
    first = found(ages, imported=np.ones(100, bool))
    imported = np.array([True] * 100 + [False] * 2)
    second = found([*ages, 2, 1], imported=imported, not_before=first.t2)
    assert second.t2 >= first.t2


def test_events_of_one_moment_are_all_labels_or_none() -> None:
    windows = found([100, 99, 98, 50, 50, 50, 50, 50, 4, 3, 2, 1])
    assert hours_ago(windows.t1) == 50
    assert windows.labels == 5


def test_events_from_now_on_are_not_looked_at() -> None:
    ages = [100, 99, 98, 97, 50, 49, 48, 47, 4, 3, 2, 1]
    assert found([*ages, 0, -1]) == found(ages)


@pytest.mark.parametrize("ages", [[], [1.0], [3.0, 2.0]])
def test_with_next_to_nothing_there_are_no_windows(ages: list[float]) -> None:
    for imported in (np.zeros(len(ages), bool), np.ones(len(ages), bool)):
        assert isinstance(windows_of(ages, imported=imported), NoWindows)


def test_times_that_fall_are_refused() -> None:
    with pytest.raises(ValueError, match="Sort the events"):
        windows_of([1, 2])
