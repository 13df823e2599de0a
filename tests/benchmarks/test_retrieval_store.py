from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import retrieval_store
from benchmarks.retrieval_results import Outcome, Result
from benchmarks.retrieval_store import Chosen, Store

OUTCOMES = (
    Outcome(
        "cold readers",
        np.array([3, 9]),
        {"ndcg@10": np.array([0.5, np.nan])},
        {"coverage": 0.25, "overlap": float("nan")},
    ),
    Outcome("cold items", np.empty(0, np.int64), {}, {}),
)
RESULT = Result("cold", "iALS", 2, {"factors": 64}, 1.5, 0.25, OUTCOMES, fit_cpu_s=2.5)


def test_a_result_comes_back_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path / "new", "data")
    assert store.result("cold", "iALS", 2, ours=False) is None
    store.keep(RESULT, ours=False)
    back = store.result("cold", "iALS", 2, ours=False)
    assert back is not None
    assert (back.settings, back.fit_s, back.ask_s) == ({"factors": 64}, 1.5, 0.25)
    assert back.fit_cpu_s == 2.5
    first, second = back.outcomes
    assert first.split == "cold readers"
    assert first.reader_ids.tolist() == [3, 9]
    assert first.by_reader["ndcg@10"].tolist() == pytest.approx([0.5, np.nan], nan_ok=True)
    assert first.lists == pytest.approx({"coverage": 0.25, "overlap": float("nan")}, nan_ok=True)
    assert (second.split, second.by_reader, second.lists) == ("cold items", {}, {})


def test_settings_come_back_with_what_they_took(tmp_path: Path) -> None:
    store = Store(tmp_path, "data")
    assert store.chosen("A", "EASE") is None
    store.keep_chosen("A", "EASE", Chosen({"penalty": 200.0}, 3.5))
    assert store.chosen("A", "EASE") == Chosen({"penalty": 200.0}, 3.5)
    assert store.chosen("B", "EASE") is None


def test_results_of_other_data_or_other_code_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(tmp_path, "data").keep(RESULT, ours=True)
    assert Store(tmp_path, "other").result("cold", "iALS", 2, ours=True) is None
    assert Store(tmp_path, "data").result("cold", "iALS", 2, ours=False) is None
    assert Store(tmp_path, "data").result("cold", "iALS", 1, ours=True) is None
    monkeypatch.setattr(retrieval_store, "_code", lambda ours: "changed")
    assert Store(tmp_path, "data").result("cold", "iALS", 2, ours=True) is None


def test_every_file_that_results_rest_on_is_there() -> None:
    assert all((retrieval_store.ROOT / name).is_file() for name in retrieval_store._UNDER_EVERY_RESULT)


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(file: object, **_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", stopped)
    with pytest.raises(KeyboardInterrupt):
        Store(tmp_path, "data").keep(RESULT, ours=False)
    assert list(tmp_path.iterdir()) == []


def test_forgetting_removes_results_and_settings(tmp_path: Path) -> None:
    store = Store(tmp_path, "data")
    store.keep(RESULT, ours=False)
    store.keep_chosen("A", "EASE", Chosen({}, 1.0))
    (tmp_path / "notes.txt").write_text("mine")
    store.forget()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
