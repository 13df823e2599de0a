"""manage.py simulate: made-up readers use a running site."""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import signal
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, close_old_connections

from recsite import audience_switch, clock
from recsite.onemachine.tether import tethered

STOPPED = 1
WRONG_USAGE = 2
INTERRUPTED = 130

CLOCK_KEY = "SIMULATED_CLOCK_KEY"
LOOK_EVERY_S = 5
MOST_LOOKS = 60
"""An audience that ends again and again by itself is started every five minutes in the end."""
PATIENCE_S = 3

EXAMPLES = """
examples:
  manage.py simulate --readers 300 --days 4
  manage.py simulate --readers 300 --days 8 --world double-position-bias --seed 2 --out var/simulation-2
  manage.py simulate --audience

Days are played as fast as the site answers, at times that a signed header tells it: the site must run with SIMULATION=1
and the SECRET_KEY of this command. A run that was stopped goes on with the day that it had begun. With --audience
readers come in real time and without that header, for as long as staff let them (the switch is on the staff pages).

exit codes:
  0  done
  1  stopped: nobody answers at the address, or it is not a site for simulations
  2  wrong usage
  130  interrupted; days that are over are kept
"""

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Let made-up readers with known tastes use a running site."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        address = f"http://127.0.0.1:{settings.PORT}"
        parser.add_argument("--readers", type=_count, metavar="N", help="how many on the first day (default 30)")
        parser.add_argument("--days", type=_count, metavar="D", help="how many days in all (default 1)")
        parser.add_argument("--world", default="default", metavar="NAME", help="how readers are (default: default)")
        parser.add_argument("--seed", type=int, default=1, metavar="N", help="any whole number (default 1)")
        parser.add_argument("--site", type=_address, default=address, metavar="URL", help=f"default {address}")
        parser.add_argument(
            "--from",
            dest="began",
            type=_day,
            metavar="DATE",
            help="the first day (default: that of a run that was stopped, or today)",
        )
        parser.add_argument(
            "--catalogue", type=Path, metavar="DIR", help="of items.jsonl and truth.jsonl (default VAR_DIR/world)"
        )
        parser.add_argument(
            "--out", type=Path, metavar="DIR", help="of what is kept (default VAR_DIR/simulation, or VAR_DIR/audience)"
        )
        parser.add_argument("--audience", action="store_true", help="in real time, until it is interrupted")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["audience"]:
            if options["days"] or options["began"]:
                raise CommandError("--audience has no days: leave out --days and --from.", returncode=WRONG_USAGE)
            Keeper(_audience(options)).keep()
            return
        key = {CLOCK_KEY: clock_key()}
        process = subprocess.Popen(_tethered(_run(options)), cwd=settings.BASE_DIR, env=os.environ | key)
        try:
            code = process.wait()
        except KeyboardInterrupt as interrupt:
            process.wait()
            raise CommandError("Interrupted. Run it again to go on.", returncode=INTERRUPTED) from interrupt
        if code != 0:
            raise CommandError("The simulation stopped; its last words are above.", returncode=STOPPED)


class Keeper:
    """Keeps the audience there while the switch is on, and away while it is off."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._over = threading.Event()
        self._looks_to_wait = self._looks_waited = 0

    def keep(self) -> None:
        """Until we are asked to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)
        try:
            while not self._over.is_set():
                self.follow(on=self._wanted())
                self._over.wait(LOOK_EVERY_S)
        finally:
            self.follow(on=False)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._over.set()

    def _wanted(self) -> bool:
        close_old_connections()
        try:
            return audience_switch.is_on()
        except DatabaseError as error:
            logger.warning("the audience's switch cannot be read", extra={"reason": str(error)})
            return self._is_there()

    def _waits(self) -> bool:
        """Whether one that ended by itself is left alone for now: each time twice as many looks as before."""
        if self._looks_waited < self._looks_to_wait:
            self._looks_waited += 1
            return True
        self._looks_waited, self._looks_to_wait = 0, min(2 * self._looks_to_wait + 1, MOST_LOOKS)
        return False

    def _is_there(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def follow(self, *, on: bool) -> None:
        """One look at the audience: bring it about, or away."""
        if on and not self._is_there():
            if self._process is not None and self._waits():
                return
            self._process = subprocess.Popen(_tethered(self._command), cwd=settings.BASE_DIR, stdin=subprocess.DEVNULL)
        elif not on and self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


def _run(options: dict[str, Any]) -> list[str]:
    command = _simulation(
        "run", options, catalogue=options["catalogue"] or settings.VAR_DIR / "world", out="simulation"
    )
    command += ["--days", str(options["days"] or 1)]
    return command + (["--from", options["began"].isoformat()] if options["began"] else [])


def _audience(options: dict[str, Any]) -> list[str]:
    """An audience also reads what the made-up world has not made: where there is no such world, it has no catalogue."""
    world = settings.VAR_DIR / "world"
    found = world if (world / "truth.jsonl").exists() and not settings.DATA else None
    return _simulation("audience", options, catalogue=options["catalogue"] or found, out="audience")


def _simulation(name: str, options: dict[str, Any], *, catalogue: Path | None, out: str) -> list[str]:
    command = [sys.executable, "-m", "simulation", name, "--site", options["site"]]
    command += ["--out", str(options["out"] or settings.VAR_DIR / out)]
    command += ["--world", options["world"], "--seed", str(options["seed"])]
    command += ["--readers", str(options["readers"])] if options["readers"] else []
    return command + (["--catalogue", str(catalogue)] if catalogue else [])


def _tethered(command: list[str]) -> list[str]:
    return tethered(command, death_signal=signal.SIGTERM)


def clock_key() -> str:
    """Good for signing times and for nothing else, as Django's `Signer` makes it of its salt and SECRET_KEY."""
    return hashlib.sha256(f"{clock.SALT}signer{settings.SECRET_KEY}".encode()).hexdigest()


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 up, not {text!r}")
    return int(text)


def _address(text: str) -> str:
    if urlsplit(text).scheme not in {"http", "https"} or not urlsplit(text).netloc:
        raise argparse.ArgumentTypeError(f"must be an address such as http://127.0.0.1:8000, not {text!r}")
    return text


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a day such as 2026-01-31, not {text!r}") from None
