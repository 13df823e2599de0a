"""The commands that let readers use a site: `run` in simulated time, `audience` in real time."""

from __future__ import annotations

import argparse
import logging
import sys
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from tqdm import tqdm

from simulation.audience import Audience, AudienceOptions
from simulation.browser import SiteRefused
from simulation.clock_key import clock_key
from simulation.clocks import ClockKeyError, SignedClock
from simulation.history_files import read_world
from simulation.offer import WorldItem
from simulation.pages import PageNotUnderstood
from simulation.people import Connect
from simulation.run import OtherRun, Run, RunOptions, first_day
from simulation.site_check import SiteNotReady, require_answer, require_simulated_time
from simulation.worlds import load_world

PATIENCE_S = 60
ON_SITE_ERRORS: tuple[type[Exception], ...] = (
    SiteNotReady,
    SiteRefused,
    PageNotUnderstood,
    OtherRun,
    ClockKeyError,
)

RUN_EXAMPLES = """\
examples:
  manage.py simulate --readers 300 --days 4
  python -m simulation run --site http://127.0.0.1:8000 --catalogue var/world --out var/simulation --days 4

The first is the easy way: it hands over the key that signs the simulated time, which is expected in the environment as
SIMULATED_CLOCK_KEY. A run that was stopped plays the day that it had begun once more, and the site has both; ask for
more --days and it goes on after the last. Beside its state DIR gets what the readers are really like, and what each
visit was in truth.
"""

AUDIENCE_EXAMPLES = """\
examples:
  python -m simulation audience --site http://127.0.0.1:8000 --catalogue var/world --out var/audience
  python -m simulation audience --site http://127.0.0.1:8000 --out var/audience --readers 100 --visits-a-minute 10

Ends when it is interrupted. Of items that are not of the catalogue opinions are drawn, by title and topic.
"""


def add_commands(
    commands: Any,
    *,
    count: Callable[[str], int],
    moment: Callable[[str], datetime],
    today: Callable[[], datetime],
    now: Callable[[], datetime],
) -> None:
    """count, moment: types of arguments.  today, now: a client may look at the clock."""
    run = _add(commands, "run", "let readers use a site day by day, in simulated time", RUN_EXAMPLES, count)
    run.add_argument("--days", type=count, required=True, metavar="N", help="how many days in all")
    run.add_argument(
        "--from", dest="began", type=moment, metavar="DATE", help="the first day (default: that of DIR, or today, UTC)"
    )
    run.set_defaults(run=lambda arguments: _run(arguments, arguments.began or first_day(arguments.out) or today()))
    words = "let a few readers come again and again, in real time"
    audience = _add(commands, "audience", words, AUDIENCE_EXAMPLES, count)
    audience.add_argument(
        "--visits-a-minute", type=_positive, default=3.0, metavar="N", help="of all together (default 3)"
    )
    audience.set_defaults(run=lambda arguments: _audience(arguments, now))


def _add(commands: Any, name: str, words: str, examples: str, count: Callable[[str], int]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=words,
        description=f"{words[0].upper()}{words[1:]}.",
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--site", required=True, metavar="URL", help="where it listens")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="of what is kept; made if needed")
    parser.add_argument("--catalogue", type=Path, metavar="DIR", help="of items.jsonl and truth.jsonl")
    parser.add_argument("--world", default="default", metavar="NAME", help="how readers are (default: default)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="any whole number (default 1)")
    parser.add_argument("--readers", type=count, default=30, metavar="N", help="how many on the first day (default 30)")
    return parser


def _run(arguments: argparse.Namespace, began: datetime) -> str:
    clock = SignedClock(clock_key())
    connect = _connecting(arguments.site)
    require_simulated_time(connect(), clock, began)
    _begin_log()
    options = RunOptions(
        seed=arguments.seed,
        world=load_world(arguments.world),
        num_readers=arguments.readers,
        num_days=arguments.days,
        began=began,
        folder=arguments.out,
    )
    run = Run(options, items=_items(arguments.catalogue), connect=connect, clock=clock)
    num_visits = 0
    with tqdm(total=round(run.expected_visits()), unit=" visits", disable=not sys.stderr.isatty()) as bar:
        for told in run.days(bar.update):
            num_visits += len(told)
    return f"{num_visits:,} visits; the run has come to the end of day {run.next_day}. Its truth is in {arguments.out}."


def _audience(arguments: argparse.Namespace, now: Callable[[], datetime]) -> str:
    connect = _connecting(arguments.site)
    require_answer(connect())
    _begin_log()
    arguments.out.mkdir(parents=True, exist_ok=True)
    options = AudienceOptions(
        seed=arguments.seed,
        world=load_world(arguments.world),
        num_readers=arguments.readers,
        visits_a_minute=arguments.visits_a_minute,
        state=arguments.out / "audience.json",
    )
    over = threading.Event()

    def wait_until(moment: datetime) -> bool:
        return over.wait(max(0.0, (moment - now()) / timedelta(seconds=1)))

    try:
        Audience(options, items=_items(arguments.catalogue), connect=connect, now=now, wait_until=wait_until).live()
    except KeyboardInterrupt:
        return "The audience has gone home."
    return "The audience has ended."


def _connecting(site: str) -> Connect:
    """All readers share connections, none of them cookies."""
    transport = httpx.HTTPTransport(limits=httpx.Limits(max_connections=4))
    return lambda: httpx.Client(base_url=site.rstrip("/"), transport=transport, timeout=PATIENCE_S)


def _items(folder: Path | None) -> list[WorldItem]:
    return [] if folder is None else read_world(folder)


def _begin_log() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text!r}")
    return number
