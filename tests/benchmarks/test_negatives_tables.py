from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.negatives_tables import HEADER, main, markdown, table


def comparison(against: str, budget: str, metric: str, mean: float, verdict: str) -> dict[str, object]:
    interval = {"mean": mean, "low": mean - 0.01, "high": mean + 0.01}
    return (
        {"name": "new", "against": against, "columns": 16, "budget": budget, "metric": metric}
        | interval
        | {"verdict": verdict}
    )


def worth(ndcg: float, epochs: int) -> dict[str, object]:
    return {
        "epochs": epochs,
        "ndcg@10": ndcg,
        "recall@100": 0.6,
        "popularity_bias": 1.5,
        "ndcg@10_seed_spread": None,
    }


RESULTS = {
    "reference": "plain",
    "rows": [
        {
            "choice": "plain",
            "columns": 16,
            "train_s": 8.0,
            "equal examples": worth(0.1, 8),
            "equal time": worth(0.1, 8),
        },
        {
            "choice": "new",
            "columns": 16,
            "train_s": 9.5,
            "equal examples": worth(0.12, 8),
            "equal time": worth(0.11, 7),
        },
        {"choice": "all", "columns": 0, "train_s": 9.5, "equal examples": worth(0.2, 8), "equal time": worth(0.2, 8)},
    ],
    "comparisons": [
        comparison(against, budget, metric, mean, verdict)
        for against, verdict in (("plain", "better"), ("old", "cannot tell"))
        for budget, mean in (("equal examples", 0.02), ("equal time", -0.005))
        for metric in ("ndcg@10", "recall@100")
    ],
}


def test_a_row_for_each_and_one_for_each_head_to_head() -> None:
    lines = table(RESULTS)
    assert {len(line) for line in lines} == {len(HEADER)}
    assert [line[0] for line in lines[1:]] == ["plain", "new", "all", "new less old"]
    assert lines[2][2:4] == ("0.1200", "+0.0200 (+0.0100 to +0.0300) *")
    assert lines[2][-3:] == ("7", "0.1100", "-0.0050 (-0.0150 to +0.0050) *")
    assert lines[1][3] == ""
    assert lines[3][1] == "all"
    assert lines[4][3] == "+0.0200 (+0.0100 to +0.0300)"


def test_markdown_is_read_from_the_last_line_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.txt"
    file.write_text("a table\n" + json.dumps({"results": RESULTS}) + "\n")
    assert main([str(file)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("| choice | columns |")
    assert shown[1] == "|" + " --- |" * len(HEADER)
    assert len(shown) == 6
    assert markdown(table(RESULTS)) == "\n".join(shown)


def test_without_a_file_it_says_how_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "FILE" in capsys.readouterr().err
