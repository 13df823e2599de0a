"""What a demo that cannot start says: one line with the cause and a way out, no traceback; nothing is left running."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from recsite import settings
from recsite.onemachine import postgres
from recsite.onemachine.services import local_services
from tests.onemachine.demo_process import Finished, launcher, refused, running
from tests.services import environment_before


def assert_one_line(finished: Finished, *words: str) -> None:
    assert finished.code == 2
    assert len(finished.output.splitlines()) == 1, finished.output
    for word in words:
        assert word in finished.output


def test_folder_that_is_a_file_is_not_writable(folder: Path) -> None:
    (folder / "var").write_text("")
    assert_one_line(refused(folder / "var"), f"{folder}/var", "cannot be written", "make demo VAR_DIR=")


def test_path_too_long_for_a_socket_is_told_before_anything_starts(folder: Path) -> None:
    var = folder / ("long" * 20)
    assert_one_line(refused(var), "bytes and the system allows", "make demo VAR_DIR=")
    assert not (var / "postgres" / "data").exists()


def test_path_that_the_supervisor_cannot_use_is_refused(folder: Path) -> None:
    assert_one_line(refused(folder / "100%"), "Use another folder")


def test_foreign_files_in_place_of_the_database_are_left_alone(folder: Path) -> None:
    letters = folder / "var" / "postgres" / "data" / "letters.txt"
    letters.parent.mkdir(parents=True)
    shutil.chown(letters.parent, _server_uid(folder))
    letters.write_text("dear")
    assert_one_line(refused(folder / "var"), "is not a PostgreSQL data folder", "Move it away")
    assert letters.read_text() == "dear"


def test_data_of_another_postgres_is_left_alone(folder: Path) -> None:
    data = folder / "var" / "postgres" / "data"
    data.mkdir(parents=True)
    shutil.chown(data, _server_uid(folder))
    (data / "PG_VERSION").write_text("12\n")
    assert_one_line(refused(folder / "var"), "was made by PostgreSQL 12", "Move it away")


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "eighty"), ("PORT", "0"), ("LOG_LEVEL", "loud"), ("DATABASE_URL", "mysql://localhost/x")],
)
def test_bad_value_is_refused_by_name(name: str, value: str, folder: Path) -> None:
    assert_one_line(refused(folder / "var", environment={name: value}), name)


@pytest.mark.parametrize("data", ["nowhere", "."])
def test_data_that_is_no_catalogue_is_refused(data: str, folder: Path) -> None:
    assert_one_line(refused(folder / "var", environment={"DATA": str(folder / data)}), "DATA=")


@pytest.mark.parametrize("python", ["exit 1", "echo Python 3.9.2; exit 1"])
def test_wrong_python_is_told_by_make(python: str, folder: Path) -> None:
    wrong = folder / "python"
    wrong.write_text(f"#!/bin/sh\n{python}\n")
    wrong.chmod(0o755)
    finished = subprocess.run(
        ["make", "demo", f"PYTHON={wrong}"],
        cwd=settings.BASE_DIR,
        env=environment_before(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 2
    assert "Python 3.11 or newer is needed" in finished.stderr.splitlines()[0]
    assert "Traceback" not in finished.stderr


def test_given_servers_are_used_and_none_is_started(folder: Path) -> None:
    with local_services(folder / "others") as given:
        environment = {"DATABASE_URL": given.database_url, "REDIS_URL": given.redis_url}
        with running(folder / "var", environment=environment) as demo:
            demo.wait_until_served()
            assert demo.program("postgres") is None
            assert demo.program("redis") is None
            assert not (folder / "var" / "postgres").exists()
            assert demo.settings()["DATABASE_URL"] == given.database_url
            demo.interrupt()
            assert demo.wait_until_ended().code == 0


def test_cleaning_removes_a_demo_and_nothing_else(folder: Path) -> None:
    clean = [*launcher(), "--clean"]
    (folder / "letters").mkdir()
    (folder / "letters" / "letter.txt").write_text("dear")
    assert_one_line(refused(folder / "letters", command=clean), "was not made by a demo")
    (folder / "var").mkdir()
    (folder / "var" / "demo.env").write_text("")
    assert refused(folder / "var", command=clean).code == 0
    assert [path.name for path in folder.iterdir() if path.is_dir()] == ["letters"]


def _server_uid(folder: Path) -> int:
    return postgres.place(folder / "any").account.uid
