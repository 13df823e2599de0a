"""The folder `var/`: everything a demo keeps, and the lock that one demo at a time holds on it."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path

from recsite.onemachine.errors import CannotStart


class VarFolder:
    """Makes and checks the folder. Raises CannotStart where it cannot be written, or where another demo runs in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run = path / "run"
        self.log = path / "log"
        self.staff_login = path / "staff-login.txt"
        self.environment = path / "demo.env"
        self.lock_file = path / "lock"
        self._make()

    def lock(self, note: str) -> int:
        """Hold the folder until the returned descriptor, and any copy a child has, is closed. `note`: who holds it."""
        descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
            raise CannotStart(
                f"A demo already runs in {self.path} ({holder}). "
                "Stop that one, or name another folder and port: make demo VAR_DIR=... PORT=..."
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, note.encode(), 0)
        return descriptor

    def write_environment(self, values: dict[str, str]) -> None:
        """Write what the settings read in a demo. `values` replace what was there, other lines stay. Mode 0600."""
        kept = self._read_environment()
        kept.setdefault("SECRET_KEY", secrets.token_urlsafe(50))
        kept.setdefault("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
        lines = [f"{name}={value}\n" for name, value in (kept | values).items()]
        unfinished = self.environment.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.writelines(lines)
        unfinished.replace(self.environment)

    def forget_old_metrics(self) -> None:
        """Counters of processes that ended long ago; prometheus_client wants the folder empty at a start."""
        for file in (self.path / "metrics").glob("*.db"):
            file.unlink()
        (self.path / "metrics" / "since").unlink(missing_ok=True)

    def _read_environment(self) -> dict[str, str]:
        if not self.environment.exists():
            return {}
        pairs = (line.split("=", 1) for line in self.environment.read_text().splitlines() if "=" in line)
        return {name.strip(): value.strip() for name, value in pairs}

    def _make(self) -> None:
        for folder in (self.path, self.run, self.log):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise not_writable(folder, error.strerror) from error
        self.run.chmod(0o700)
        for path in (self.path, *self.path.iterdir()):
            if path.name != "postgres" and not os.access(path, os.W_OK):
                raise not_writable(path, "no permission")


def not_writable(path: Path, reason: str | None) -> CannotStart:
    return CannotStart(
        f"{path} cannot be written ({reason}). "
        "Give this account the right to it, or name another folder: make demo VAR_DIR=..."
    )
