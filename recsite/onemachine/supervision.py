"""The supervisor: its configuration, its start, what it is told over its socket, and its end."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import xmlrpc.client
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from supervisor.xmlrpc import SupervisorTransport

from recsite.onemachine.errors import CannotStart
from recsite.onemachine.processes import Interrupted, last_line, never, wait_for
from recsite.onemachine.sockets import require_short
from recsite.onemachine.tether import adopt_orphans, tethered

START_DEADLINE_S = 60
STOP_DEADLINE_S = 8.5
"""After this long whatever still runs is killed: everything ends within 10 s of the request."""
_PROCESS_ID_DIGITS = 8
_FOR_EVER = 1_000_000
"""How often a program that will not start is tried again: a site that comes back when its cause is gone."""


@dataclass(frozen=True)
class Program:
    """One kept program. Programs of one group stop together; groups stop in descending `priority`."""

    name: str
    command: list[str]
    priority: int
    stop_signal: signal.Signals
    stop_wait_s: int
    """Seconds between being asked to stop and being killed."""
    group: str | None = None
    """None: a group of its own, started at once. Programs of a named group wait for `start_group`."""


@dataclass(frozen=True)
class Folders:
    run: Path
    log: Path
    work: Path
    """Where programs are started."""

    @property
    def supervisor_pid(self) -> Path:
        """Holds the supervisor's process id from before it starts anything."""
        return self.run / "supervisord.pid"


class Supervisor:
    def __init__(self, programs: Sequence[Program], folders: Folders) -> None:
        self._programs = programs
        self._folders = folders
        self._socket = folders.run / "supervisor.sock"
        self._process: subprocess.Popen[bytes] | None = None
        require_short(self._socket, room=_PROCESS_ID_DIGITS)
        for path in (folders.run, folders.work, Path(sys.executable)):
            _require_plain(path)

    def start(self, *, lock_fd: int, interrupted: Interrupted = never) -> None:
        """Start it, in a session of its own: a Ctrl-C in the terminal reaches only us, and we stop all in order.

        It keeps `lock_fd` open, so that the lock is held for as long as anything may still run.
        """
        adopt_orphans()
        configuration = self._folders.run / "supervisord.conf"
        configuration.write_text(_configuration(self._programs, self._folders, self._socket))
        command = [
            sys.executable,
            "-m",
            "supervisor.supervisord",
            "--nodaemon",
            "--silent",
            "--configuration",
            str(configuration),
        ]
        first_words = self._folders.log / "supervisor-start.log"
        with first_words.open("wb") as log:
            self._process = subprocess.Popen(
                tethered(command, death_signal=signal.SIGTERM, adopt=True),
                cwd=self._folders.work,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[lock_fd],
            )
        up = wait_for(
            lambda: self._answers() or not self.is_running(), deadline_s=START_DEADLINE_S, interrupted=interrupted
        )
        if not up or not self.is_running():
            raise CannotStart(f"The supervisor did not start: {last_line(first_words)}")

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start_program(self, group: str, name: str) -> None:
        self._call().supervisor.startProcess(f"{group}:{name}", False)

    def start_group(self, name: str, *, besides: Collection[str]) -> None:
        """Start every program of the group but those."""
        for program in self._programs:
            if program.group == name and program.name not in besides:
                self.start_program(name, program.name)

    def stop(self) -> None:
        """Stop everything, in order; kill what has not ended in time, and what outlived the supervisor."""
        if self._process is None:
            return
        if self.is_running():
            self._ask_to_stop(self._process)
        wait_for(lambda: not self.is_running(), deadline_s=STOP_DEADLINE_S)
        _kill(psutil.Process().children(recursive=True))
        self._process.wait()

    def _ask_to_stop(self, process: subprocess.Popen[bytes]) -> None:
        try:
            self._call().supervisor.shutdown()
        except (OSError, xmlrpc.client.Error):
            # It is not that far yet, or on its way out already. A signal it notices within a second.
            process.terminate()

    def _answers(self) -> bool:
        try:
            state = self._call().supervisor.getState()
        except (OSError, xmlrpc.client.Error):
            return False
        return isinstance(state, dict) and state.get("statename") == "RUNNING"

    def _call(self) -> xmlrpc.client.ServerProxy:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        return xmlrpc.client.ServerProxy("http://localhost", transport=transport)


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=2)


def _require_plain(path: Path) -> None:
    """Supervisor takes ` ;` and ` #` for a comment whatever one does, and expands `%` once here and twice there."""
    if any(mark in str(path) for mark in (" ;", " #", "%", "\n")):
        raise CannotStart(
            f"The supervisor cannot use this path, for its '%', ' ;' or ' #': {path}. Use another folder."
        )


def _configuration(programs: Sequence[Program], folders: Folders, socket: Path) -> str:
    sections: dict[str, dict[str, str]] = {
        "supervisord": {
            "logfile": str(folders.log / "supervisor.log"),
            "logfile_maxbytes": "5MB",
            "logfile_backups": "2",
            "pidfile": str(folders.supervisor_pid),
            "umask": "077",
        },
        "unix_http_server": {"file": str(socket), "chmod": "0700"},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
    }
    if os.geteuid() == 0:
        sections["supervisord"]["user"] = "root"
    for program in programs:
        sections[f"program:{program.name}"] = _program_section(program, folders)
    for group in dict.fromkeys(program.group for program in programs if program.group):
        members = [program for program in programs if program.group == group]
        sections[f"group:{group}"] = {
            "programs": ",".join(program.name for program in members),
            "priority": str(members[0].priority),
        }
    return _ini(sections)


def _program_section(program: Program, folders: Folders) -> dict[str, str]:
    return {
        "command": shlex.join(program.command),
        "directory": str(folders.work),
        "priority": str(program.priority),
        "autostart": "false" if program.group else "true",
        "autorestart": "true",
        "startsecs": "1",
        "startretries": str(_FOR_EVER),
        "stopsignal": program.stop_signal.name.removeprefix("SIG"),
        "stopwaitsecs": str(program.stop_wait_s),
        # Asked alone, a parent ends its children in order; killed, it takes them along.
        "stopasgroup": "false",
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": str(folders.log / f"{program.name}.log"),
        "stdout_logfile_maxbytes": "5MB",
        "stdout_logfile_backups": "2",
    }


def _ini(sections: dict[str, dict[str, str]]) -> str:
    """An ini file as supervisor reads it, where `%` begins an expansion."""
    lines: list[str] = []
    for section, values in sections.items():
        lines.append(f"[{section}]")
        for key, value in values.items():
            lines.append(f"{key} = {value.replace('%', '%%')}")
    return "\n".join(lines) + "\n"
