"""Which demos have made-up readers, and how many. Nothing is started."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from recsite.onemachine import demo as demo_module
from recsite.onemachine.demo import Demo, DemoOptions
from recsite.onemachine.programs import AUDIENCE
from recsite.onemachine.stopping import StopRequest
from recsite.onemachine.supervision import Program
from tests.addresses import free_port

Invited = Callable[..., int]


@pytest.fixture
def invited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invited:
    """How many readers the demo would start, by the command of its program; 0 for no such program."""
    programs: list[Program] = []

    def supervise(given: Sequence[Program], _folders: object) -> None:
        programs[:] = given

    monkeypatch.setattr(demo_module, "Supervisor", supervise)

    def of(*, audience: int, data: Path | None = None) -> int:
        options = DemoOptions(
            base=Path.cwd(),
            var=tmp_path / "var",
            port=free_port(),
            data=data,
            items=None,
            readers=None,
            audience=audience,
            given_database_url="postgres://elsewhere/recsite",
            given_redis_url="redis://elsewhere",
        )
        Demo(options, StopRequest())
        found = [program.command for program in programs if program.name == AUDIENCE]
        return int(found[0][found[0].index("--readers") + 1]) if found else 0

    return of


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    path = tmp_path / "items.csv"
    path.write_text("id,title\n1,One\n")
    return path


def filled_from(tmp_path: Path, name: str) -> None:
    """As an earlier start leaves the folder."""
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "catalogue-source").write_text(f"{name}\n")


@pytest.mark.parametrize("readers", [0, 30, 100])
def test_as_many_come_to_a_new_demo_as_were_asked_for(invited: Invited, readers: int) -> None:
    assert invited(audience=readers) == readers


def test_to_a_catalogue_of_ones_own_they_come_where_they_are_asked_for(invited: Invited, catalogue: Path) -> None:
    assert invited(audience=12, data=catalogue) == 12


def test_they_come_again_to_the_made_up_world(invited: Invited, tmp_path: Path) -> None:
    filled_from(tmp_path, "synthetic")
    assert invited(audience=30) == 30


def test_none_come_to_somebodys_own_catalogue_that_an_earlier_start_has_filled(
    invited: Invited, tmp_path: Path, catalogue: Path
) -> None:
    """Started without DATA, the settings would have thirty come."""
    filled_from(tmp_path, str(catalogue.resolve()))
    assert invited(audience=30) == 0
