from __future__ import annotations

from functools import partial

from recsite.funnel.recent import Recent


def test_the_question_asked_longest_ago_is_forgotten_first() -> None:
    worked_out: list[str] = []
    recent: Recent[str, str] = Recent(2)

    def answer(key: str) -> str:
        worked_out.append(key)
        return key.upper()

    asked = ["a", "b", "a", "c", "a", "b"]
    assert [recent.get(key, partial(answer, key)) for key in asked] == ["A", "B", "A", "C", "A", "B"]
    assert worked_out == ["a", "b", "c", "b"]
