"""Folders with short paths, and a demo folder that was filled once for all tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from recsite.onemachine.account import server_account
from tests.onemachine.demo_process import Finished, running


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder whose path leaves room for a socket's name, open to the account of the database."""
    yield from _short_folder()


@pytest.fixture(scope="session")
def filled_var() -> Iterator[Path]:
    """The folder of a demo that was started, filled and stopped again."""
    for parent in _short_folder():
        with running(parent / "var") as demo:
            demo.wait_until_served()
            demo.interrupt()
            assert demo.wait_until_ended() == Finished(0, demo.said())
        yield parent / "var"


def _short_folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="demo-", dir="/tmp"))
    if not server_account(path / "var" / "postgres" / "data").is_ours:
        path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)
