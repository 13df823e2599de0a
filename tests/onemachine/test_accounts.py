"""As root and as an ordinary user: whose the database is, where it lives, and that nothing outside is touched."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import psycopg
import pytest

from recsite import settings
from recsite.onemachine import cleaning, postgres
from recsite.onemachine.account import UNPRIVILEGED, Account
from recsite.onemachine.services import local_services
from tests.onemachine.demo_process import launcher, running

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who can be two accounts")


def state_of_parents(path: Path) -> list[tuple[Path, int, int, int]]:
    """Mode, owner and group of every folder above `path`."""
    states = ((parent, parent.stat()) for parent in path.parents)
    return [(parent, state.st_mode, state.st_uid, state.st_gid) for parent, state in states]


def ordinary_account() -> Account:
    entry = pwd.getpwnam(UNPRIVILEGED)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def test_root_keeps_the_database_in_the_folder_where_the_account_can_enter_it(folder: Path) -> None:
    before = state_of_parents(folder / "var")
    server = postgres.place(folder / "var" / "postgres")
    postgres.initialise(server)
    assert server.home == folder / "var" / "postgres"
    assert server.data.stat().st_uid == ordinary_account().uid
    assert state_of_parents(folder / "var") == before


def test_root_keeps_the_database_elsewhere_when_the_folder_is_closed_and_finds_it_again(folder: Path) -> None:
    folder.chmod(0o700)
    before = state_of_parents(folder / "var")
    with local_services(folder / "var") as services, psycopg.connect(services.database_url) as database:
        database.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    home = postgres.recorded_home(folder / "var" / "postgres")
    assert home is not None
    assert not home.is_relative_to(folder)
    with local_services(folder / "var") as services, psycopg.connect(services.database_url) as database:
        assert database.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert state_of_parents(folder / "var") == before
    (folder / "var" / "demo.env").write_text("")
    cleaning.remove(folder / "var")
    assert not home.exists()


def test_root_runs_a_copy_of_the_programs_when_the_wheel_is_closed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    newest = postgres.MAJORS[-1]
    install = postgres.POSTGRES_VERSIONS[newest].parent
    shutil.copytree(install, closed / install.parent.name / install.name)
    libraries = install.parent.with_name(f"{install.parent.name}.libs")
    shutil.copytree(libraries, closed / libraries.name)
    monkeypatch.setitem(postgres.POSTGRES_VERSIONS, newest, closed / install.parent.name / install.name / "bin")
    with local_services(folder / "var") as services, psycopg.connect(services.database_url) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)
    assert (folder / "var" / "postgres" / f"programs-{newest}").exists()
    assert closed.stat().st_mode & 0o777 == 0o700


def test_ordinary_user_has_a_demo_of_his_own(folder: Path) -> None:
    account = ordinary_account()
    python = _python_for(account)
    os.chown(folder, account.uid, account.gid)
    site_packages = {"PYTHONPATH": sysconfig.get_path("purelib"), "PYTHONDONTWRITEBYTECODE": "1"}
    with running(folder / "var", uid=account.uid, command=launcher(python), environment=site_packages) as demo:
        demo.wait_until_served()
        assert {process.uids().effective for process in demo.everything()} == {account.uid}
        assert (folder / "var" / "postgres" / "data").stat().st_uid == account.uid
        demo.interrupt()
        assert demo.wait_until_ended().code == 0


def _python_for(account: Account) -> str:
    """A Python of our version that the account may run and that may read this checkout; skips where there is none."""
    same_version = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, same_version):
        command = [python, "-c", "import recsite.onemachine.demo"]
        environment = {"PYTHONPATH": sysconfig.get_path("purelib")}
        options = account.popen_options()
        if Path(python).exists() and account.can_enter(settings.BASE_DIR) and account.can_run(Path(python)):
            done = subprocess.run(
                command, env=environment, cwd=settings.BASE_DIR, capture_output=True, check=False, **options
            )
            if done.returncode == 0:
                return python
    pytest.skip(f"{account.name} can neither run {sys.executable} nor {same_version}, or may not read this checkout")
