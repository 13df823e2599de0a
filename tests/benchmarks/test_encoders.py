from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import encoders
from benchmarks.encoders import HOURS, Fitted, add_arguments, earlier, lost_an_hour, report, run
from benchmarks.retrieval_protocols import Queries, RowLists, Split
from benchmarks.retrieval_ratings import Ratings
from benchmarks.retrieval_results import Outcome, Result
from retrieval.config import Encoder, TwoTowerConfig
from tests.benchmarks.small_ratings import ratings_of

WORLD = ratings_of({1: [100, 101, 102]}, num_items=4)  # at 0, 1 and 2 seconds after 1970


def asked(at_s: float) -> Queries:
    rows, none = np.array([0, 1, 2]), np.array([0])
    return Queries(np.array([1]), np.array([at_s]), RowLists(rows, none, np.array([3])), RowLists(rows, none, none))


def test_an_earlier_vector_knows_what_had_happened_by_then() -> None:
    before = earlier(WORLD, asked(3601.0), 1)
    assert before.history[0].tolist() == [0, 1]
    assert before.at_s.tolist() == [1.0]


def test_nothing_is_known_before_the_first_event() -> None:
    assert earlier(WORLD, asked(100.0), 1).history[0].tolist() == []


def test_a_vector_without_age_knows_everything() -> None:
    queries = asked(2.0)
    assert earlier(WORLD, queries, 0) is queries


def fitted(encoder: Encoder, start: float, an_hour: float) -> Fitted:
    outcomes = tuple(
        Outcome("B", np.arange(4), {name: np.full(4, start - an_hour * hours) for name in encoders.METRICS}, {})
        for hours in HOURS
    )
    return Fitted(encoder, [Result("B", "key", 0, {}, 1.0, 1.0, outcomes)])


def test_the_slope_of_a_line_is_what_an_hour_costs() -> None:
    line = {hours: np.array([[0.5 - 0.01 * hours, 0.3 + 0.02 * hours]]) for hours in HOURS}
    assert lost_an_hour(line) == pytest.approx(np.array([[0.01, -0.02]]))


def test_a_slope_worked_by_hand() -> None:
    # hours 0, 1, 2 with 0.6, 0.3, 0.3: away -1, 0, 1, so -(0.3 - 0.6) / 2
    assert lost_an_hour({0: np.array(0.6), 1: np.array(0.3), 2: np.array(0.3)}) == pytest.approx(0.15)


def test_the_table_names_what_is_compared_and_what_an_hour_costs() -> None:
    shown = report(WORLD, [0], fitted(Encoder.MEAN, 0.5, 0.001), fitted(Encoder.ATTENTION, 0.6, 0.002))
    lines = {line[0]: line for line in shown.table}
    assert list(lines)[1:6] == [*(f"means alone, {hours} h" for hours in HOURS), "means alone, an hour of age (slope)"]
    assert lines["means alone, 6 h"][4] == "+0.00100 (+0.00100 to +0.00100)"
    assert lines["means and attention, an hour of age (slope)"][4].startswith("+0.00200")
    assert lines["means and attention less means alone, 0 h"][1].startswith("+0.1000")
    assert len({len(line) for line in shown.table}) == 1
    told = json.loads(shown.json_line())["results"]
    assert told["means and attention"]["ndcg@10_lost_an_hour"]["mean"] == pytest.approx(0.002)
    assert told["means alone"]["by_age"]["24h"]["ndcg@10_lost"]["mean"] == pytest.approx(0.024)


def arguments(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true")
    add_arguments(parser)
    return parser.parse_args(options)


def test_a_training_that_is_kept_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[Encoder, int]] = []

    def pretended(dataset: Ratings, split: Split, config: TwoTowerConfig, seed: int, key: str) -> Result:
        done.append((config.towers.encoder, seed))
        (result,) = fitted(config.towers.encoder, 0.5, 0.001 * len(done)).results
        return Result("B", key, seed, {}, 1.0, 1.0, result.outcomes)

    monkeypatch.setattr(encoders, "_trained", pretended)
    first = run(arguments("--small", "--resume", str(tmp_path)))
    assert done == [(Encoder.MEAN, 0), (Encoder.ATTENTION, 0)]
    assert run(arguments("--small", "--resume", str(tmp_path))).table == first.table
    assert len(done) == 2
    run(arguments("--small", "--resume", str(tmp_path), "--seeds", "0", "1"))
    assert done[2:] == [(Encoder.MEAN, 1), (Encoder.ATTENTION, 1)]
    run(arguments("--small", "--resume", str(tmp_path), "--fresh"))
    assert len(done) == 6


@pytest.mark.parametrize(
    ("lines", "said"), [(None, "does not exist"), ("1,10,100\n2,11,200\n", "no reader has events enough")]
)
def test_wrong_data_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: str | None, said: str
) -> None:
    file = tmp_path / "data.csv"
    if lines:
        file.write_text(f"reader,item,time\n{lines}")
    with pytest.raises(SystemExit) as stopped:
        run(arguments("--data", str(file), "--resume", str(tmp_path / "kept")))
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
