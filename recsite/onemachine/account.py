"""Under which account PostgreSQL runs. It refuses root, so root lends it an account that exists and owns nothing."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsite.onemachine.errors import CannotStart

UNPRIVILEGED = "nobody"


@dataclass(frozen=True)
class Account:
    name: str
    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        return self.uid == os.geteuid()

    @property
    def ids_to_become(self) -> tuple[int, int] | None:
        """(uid, gid) for whoever starts a program under this account; None where there is nothing to change."""
        return None if self.is_ours else (self.uid, self.gid)

    def popen_options(self) -> dict[str, Any]:
        """Arguments of `subprocess` that run a program under this account."""
        return {} if self.is_ours else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        if not self.is_ours:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Tried, not computed from permission bits: access lists and mounts have their say too."""
        return self._succeeds(["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)])

    def can_run(self, program: Path) -> bool:
        return self._succeeds([str(program), "--version"])

    def _succeeds(self, command: list[str]) -> bool:
        try:
            finished = subprocess.run(
                command, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, check=False, **self.popen_options()
            )
        except PermissionError:
            return False
        return finished.returncode == 0


def current_account() -> Account:
    return _by_uid(os.geteuid())


def server_account(data: Path) -> Account:
    """Who runs the server whose data folder is, or will be, `data`.

    An ordinary user runs it himself. Root runs it under the owner of the data that is there, or else under `nobody`.
    Raises CannotStart where there is no such account.
    """
    if os.geteuid() != 0:
        return current_account()
    if data.exists() and data.stat().st_uid != 0:
        return _by_uid(data.stat().st_uid)
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError as error:
        raise CannotStart(
            f"PostgreSQL refuses to run as root and there is no account {UNPRIVILEGED!r} here. "
            "Start as an ordinary user, or set DATABASE_URL."
        ) from error
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def _by_uid(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError as error:
        raise CannotStart(
            f"The account with number {uid} has no name on this machine and PostgreSQL needs one. "
            "Start as a named user, or set DATABASE_URL."
        ) from error
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)
