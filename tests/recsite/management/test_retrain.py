"""What the command passes on, and what its exit codes mean. The rounds themselves: tests/recsite/training."""

from __future__ import annotations

import io
import signal
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from recsite.models import TrainingRun
from recsite.training import rounds
from recsite.training.rounds import Round
from recsite.training.runs import AlreadyTraining
from retrieval.train import StepDone

State = TrainingRun.State


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `retrain` was called with; it answers with the round under "answer", or raises it."""
    given: dict[str, Any] = {"answer": Round(State.PROMOTED, "Release 7 went live.")}

    def retrain(kind: str, **options: Any) -> Round:
        given.update(options, kind=kind)
        if isinstance(given["answer"], BaseException):
            raise given["answer"]
        return given["answer"]

    monkeypatch.setattr(rounds, "retrain", retrain)
    return given


def output_of(*arguments: str) -> str:
    output = io.StringIO()
    call_command("retrain", *arguments, stdout=output)
    return output.getvalue()


def test_it_trains_both_kinds_on_what_is_known_now_and_prints_the_outcome(asked: dict[str, Any]) -> None:
    assert output_of() == "Release 7 went live.\n"
    assert (asked["kind"], asked["dry_run"], asked["why_less_data"], asked["size"]) == ("all", False, "", "full")
    assert asked["now"].tzinfo is not None


def test_options_are_passed_on(asked: dict[str, Any]) -> None:
    output_of(
        "reranker", "--now", "2026-03-01T13:00:00+01:00", "--dry-run", "--less-data", "A purge.", "--size", "small"
    )
    assert (asked["kind"], asked["dry_run"], asked["why_less_data"], asked["size"]) == (
        "reranker",
        True,
        "A purge.",
        "small",
    )
    assert asked["now"] == datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Round(State.NOT_PROMOTED, "Release 8 was refused."), 1),
        (Round(State.FAILED, "The live release cannot be loaded."), 1),
        (AlreadyTraining("under way already"), 3),
    ],
)
def test_what_went_live_not_is_an_exit_code(asked: dict[str, Any], answer: Any, code: int) -> None:
    asked["answer"] = answer
    with pytest.raises(CommandError) as caught:
        output_of()
    assert caught.value.returncode == code


def test_nothing_new_to_learn_from_is_no_failure(asked: dict[str, Any]) -> None:
    asked["answer"] = Round(State.SKIPPED, "Nothing new to learn from.")
    assert "Nothing new" in output_of()


@pytest.mark.parametrize("moment", ["yesterday", "2026-03-01T12:00:00"])
def test_a_moment_without_offset_is_refused(asked: dict[str, Any], moment: str) -> None:
    with pytest.raises(CommandError, match="--now"):
        output_of("--now", moment)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


STEPS = [StepDone(1, 2, 300, 700), StepDone(1, 2, 700, 700), StepDone(2, 2, 300, 700)]


def trains_two_epochs(_kind: str, *, echo: Any, on_step: Any, **_: Any) -> Round:
    on_step(STEPS[0])
    on_step(STEPS[1])
    echo("epoch 1 of 2: loss 1.000")
    on_step(STEPS[2])
    return Round(State.PROMOTED, "Release 7 went live.")


def test_on_a_terminal_a_bar_shows_the_epoch_and_makes_room_for_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(rounds, "retrain", trains_two_epochs)
    assert output_of() == "Release 7 went live.\n"
    shown = terminal.getvalue()
    assert shown.index("epoch 1 of 2:   0%") < shown.index("epoch 1 of 2: loss") < shown.index("epoch 2 of 2:   0%")
    begun = shown.index("epoch 1 of 2: loss")
    assert shown[begun - 1] == "\r"  # the bar was wiped off its line
    assert not shown.split("\r")[-1].strip()


def test_without_a_terminal_there_are_lines_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rounds, "retrain", trains_two_epochs)
    output_of()
    assert capsys.readouterr().err == "epoch 1 of 2: loss 1.000\n"


def test_sigterm_ends_it_like_an_exception_and_only_while_it_trains(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(rounds, "retrain", lambda *_, **__: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(SystemExit) as caught:
        output_of()
    assert caught.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before
