from __future__ import annotations

import json

from benchmarks.report import Report, aligned, at_least, at_most


def test_the_json_line_has_exactly_the_public_keys() -> None:
    report = Report("speed", [1, 2], {"rows": 3}, [at_least("ratio", 0.5, 0.4), at_most("growth", 1.5, 1.3)])
    line = report.json_line()
    assert "\n" not in line
    read = json.loads(line)
    assert list(read) == ["benchmark", "revision", "cpus", "seeds", "results", "goals"]
    assert (read["benchmark"], read["seeds"], read["results"]) == ("speed", [1, 2], {"rows": 3})
    assert read["goals"] == [
        {"name": "ratio", "value": 0.5, "goal": "at least 0.4", "met": True},
        {"name": "growth", "value": 1.5, "goal": "at most 1.3", "met": False},
    ]
    assert read["cpus"] >= 1
    assert read["revision"]


def test_a_report_is_met_when_every_goal_is() -> None:
    assert Report("speed", [1], {}, [at_least("ratio", 0.4, 0.4)]).met
    assert not Report("speed", [1], {}, [at_least("ratio", 0.4, 0.4), at_most("growth", 2, 1)]).met


def test_a_value_just_short_of_its_goal_is_not_rounded_into_it() -> None:
    assert not at_least("ratio", 0.39999999, 0.4).met


def test_columns_stand_below_each_other() -> None:
    assert aligned([("name", "n"), ("a long one", "10")]) == "name         n\na long one  10"


def test_the_text_says_which_goal_was_missed() -> None:
    text = Report("speed", [1], {}, [at_least("ratio", 0.3, 0.4)], [("rows", "s"), ("10", "1.0")]).text()
    assert "at least 0.4" in text
    assert "MISSED" in text
