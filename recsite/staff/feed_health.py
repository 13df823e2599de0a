"""Is the feed healthy? What is wrong, in words, from facts that somebody else has read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from recsite.staff.spans import roughly

LEARNED_LONG_AGO = timedelta(days=3)
"""Retrievers are trained nightly: three in a row that brought nothing deserve a look."""
COUNTED_LONG_AGO = timedelta(minutes=30)
"""The count runs every minute, and a first one works for some minutes."""
NO_VIEWS_AMONG = 50
"""So many pages without any view are no chance: browsers' reports are lost."""
OFTEN_IN_FALLBACK = 0.05

About = Literal["releases", "slates", "jobs", "loop"]
"""A page under /staff/ that says more."""


@dataclass(frozen=True)
class Alarm:
    text: str
    about: About


@dataclass(frozen=True)
class LiveRelease:
    """learned_until: the newest interaction that its retriever may know."""

    number: int
    made_at: datetime
    learned_until: datetime


@dataclass(frozen=True)
class Fallback:
    """The newest pages of the feed were not made by the release that should have.

    since: of the first of them; None where that is longer ago than anybody looked, which is `looked_back`.
    """

    reason: str
    since: datetime | None
    looked_back: timedelta = timedelta(days=1)


@dataclass(frozen=True)
class Facts:
    """What is known at `now`.

    fallback: None where the newest page came from the live release, there was none lately, or it has not lasted yet.
    has_slates: whether any was ever served; is_scheduled: whether any periodic job of ours is switched on.
    pages, pages_in_fallback, views: of the home feed, of the last 24 hours; counted_at: when they were counted last.
    late, failed: names of periodic jobs; failed_trainings: kinds whose last training failed.
    """

    now: datetime
    live: LiveRelease | None
    fallback: Fallback | None = None
    pages: int = 0
    pages_in_fallback: int = 0
    views: int = 0
    counted_at: datetime | None = None
    has_slates: bool = False
    is_scheduled: bool = True
    late: Sequence[str] = ()
    failed: Sequence[str] = ()
    failed_trainings: Sequence[str] = ()


def alarms(facts: Facts) -> list[Alarm]:
    """What needs somebody, the worst first."""
    return [*_of_serving(facts), *_of_learning(facts), *_of_jobs(facts)]


def verdict(facts: Facts) -> str:
    """Whether the feed is healthy, in a sentence or two."""
    live, wrong = facts.live, alarms(facts)
    if live is None or facts.fallback is not None:
        return wrong[0].text
    age = f"Release {live.number} is {roughly(facts.now - live.made_at)} old."
    if wrong:
        return f"{age} {wrong[0].text}" if len(wrong) == 1 else f"{age} {len(wrong)} things need a look."
    return f"The feed is healthy. {age}" if facts.pages else f"{age} Nobody opened the feed in the last 24 hours."


def _of_serving(facts: Facts) -> Iterator[Alarm]:
    fallback = facts.fallback
    if fallback is not None:
        for_long = (
            f"more than {roughly(fallback.looked_back)}"
            if fallback.since is None
            else roughly(facts.now - fallback.since)
        )
        yield Alarm(f"The feed has been in fallback for {for_long}: {_why(facts, fallback.reason)}.", "slates")
    elif facts.live is None:
        yield Alarm("No release is live: everybody gets what is popular and fresh.", "releases")
    elif facts.pages and facts.pages_in_fallback > OFTEN_IN_FALLBACK * facts.pages:
        share = f"{facts.pages_in_fallback / facts.pages:.0%}"
        yield Alarm(f"{share} of the pages of the last 24 hours were in fallback.", "slates")
    if facts.pages >= NO_VIEWS_AMONG and not facts.views:
        yield Alarm(f"{facts.pages:,} pages were served in the last 24 hours and no view was reported.", "slates")


def _why(facts: Facts, reason: str) -> str:
    return "no live release" if facts.live is None else reason


def _of_learning(facts: Facts) -> Iterator[Alarm]:
    if facts.live is not None and facts.now - facts.live.learned_until > LEARNED_LONG_AGO:
        age = roughly(facts.now - facts.live.learned_until)
        yield Alarm(f"The retriever of release {facts.live.number} knows nothing of the last {age}.", "loop")
    for kind in facts.failed_trainings:
        yield Alarm(f"The last training of the {kind} failed.", "jobs")


def _of_jobs(facts: Facts) -> Iterator[Alarm]:
    if not facts.is_scheduled:
        yield Alarm(
            "No periodic job is switched on: nothing is counted or trained. Start the scheduler, or resume the jobs.",
            "jobs",
        )
    if facts.failed:
        yield Alarm(f"{_jobs(facts.failed)} failed: {_listed(facts.failed)}.", "jobs")
    if facts.late:
        yield Alarm(
            f"{_jobs(facts.late)} {'is' if len(facts.late) == 1 else 'are'} late: {_listed(facts.late)}.", "jobs"
        )
    if facts.counted_at is None and facts.has_slates:
        yield Alarm("The log was never counted, so the numbers below are not there yet.", "jobs")
    if facts.counted_at is not None and facts.now - facts.counted_at > COUNTED_LONG_AGO:
        age = roughly(facts.now - facts.counted_at)
        yield Alarm(f"The log was last counted {age} ago, so the numbers below are as old.", "jobs")


def _jobs(names: Sequence[str]) -> str:
    return "A job" if len(names) == 1 else f"{len(names)} jobs"


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:3])
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
