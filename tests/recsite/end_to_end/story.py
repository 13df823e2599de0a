"""What all of it is for, once through: history, a first release, readers, a second that learned from them, and back.

Everything runs as it does on a site: a web server, a Celery worker that trains, the command that trains, and between
them PostgreSQL, Redis and the store. Only the clock of the requests is set, and nothing is left to chance.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db.models import Count

from catalog.models import Item, Reader
from feedback.models import Interaction, Slate, SlateDetail, View
from recsite import slates
from recsite.funnel.sources import FEATURE_SET
from recsite.models import Release, TrainingRun
from recsite.releases.loading import load_release
from recsite.releases.registry import roll_back
from recsite.visits import forget_visit
from retrieval.query_state import QueryState
from tests.factories import make_item
from tests.recsite.end_to_end.tastes import Taste, different_tastes
from tests.recsite.end_to_end.visitor import visiting
from tests.recsite.faults.training_worker import TrainingWorker
from tests.recsite.faults.web import Web, environment, served, wait_served
from tests.waiting import wait_until

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TRAINING_DEADLINE_S = 900
KNOWN_BY = 10
DISCOVERERS = 25
SERIES = 6
"""Parts of a story that is published when the site opens."""


@dataclass(frozen=True)
class Site:
    """folder: of its processes.  opened: when its history ends and its readers come."""

    web: Web
    worker: TrainingWorker
    folder: Path
    opened: datetime

    def told(self) -> str:
        return f"{self.web.log()}\n{self.worker.log()}"


def play(site: Site) -> None:
    """Every step in its order."""
    tastes = different_tastes(3)
    decided = [taste.reader for taste in tastes]
    parts = publish_series(site)
    first = first_release(site)
    each_gets_a_page_of_their_own(site, first, tastes)
    a_click_changes_the_next_page(site, decided[0])
    series = readers_discover_a_series(site, parts, some_others(decided))
    asked = [*decided, series.knows_half]
    later = site.opened + 2 * DAY + HOUR
    by_first = pages_of_new_visits(site, asked, later)
    second = second_release(site, first, series)
    assert next_page(site, by_first[0]).items == by_first[0].items, "a visit goes on with the release that began it"
    by_second = pages_of_new_visits(site, asked, later)
    assert {slate.release for slate in by_first} == {first.pk}
    assert {slate.release for slate in by_second} == {second.pk}
    before, after = (places_of_the_rest(series, pages[-1]) for pages in (by_first, by_second))
    assert np.mean(after) < np.mean(before), f"{before} became {after}\n{site.told()}"
    going_back_restores_every_page(site, first, by_first, by_second)


def some_others(readers: Sequence[Reader]) -> list[Reader]:
    """Who chose something before, and are not among those."""
    others = Reader.objects.exclude(pk__in=[reader.pk for reader in readers])
    return list(others.annotate(acts=Count("interactions")).filter(acts__gte=KNOWN_BY).order_by("pk")[:DISCOVERERS])


def first_release(site: Site) -> Release:
    """Trained in the worker on what was imported, measured, and live because it beat popularity."""
    assert served(site.web) == (None, slates.NO_RELEASE)
    run = site.worker.train()
    wait_until(lambda: _ended(run), "the training has ended", TRAINING_DEADLINE_S, found=lambda: run.log)
    assert run.state == TrainingRun.State.PROMOTED, f"{run.log}\n{site.told()}"
    assert run.release is not None
    assert run.release.report["verdict"]["outcome"] == "promote"
    wait_served(site.web, (run.release.pk, None))
    return run.release


def each_gets_a_page_of_their_own(site: Site, release: Release, tastes: Sequence[Taste]) -> None:
    """Slates of different readers differ, and together they have more of their readers' topics than each other's have.

    Together, because a page holds only so many items of one topic, and some topics are everybody's.
    """
    pages = []
    for taste in tastes:
        with visiting(site.web, taste.reader) as visitor:
            slate = visitor.page(site.opened)
        assert (slate.release, slate.fallback, slate.policy) == (release.pk, None, "funnel")
        pages.append(slate.items)
    for one, other in combinations(pages, 2):
        assert len(set(one) & set(other)) < len(one) / 2
    shares = np.array([[taste.share(items) for items in pages] for taste in tastes])  # (tastes, pages)
    own = np.eye(len(tastes), dtype=bool)
    assert shares[own].mean() > shares[~own].mean(), shares


def a_click_changes_the_next_page(site: Site, reader: Reader) -> None:
    """At once, and by more than the card that is gone; what was seen and done stands in the log."""
    with visiting(site.web, reader) as visitor:
        once = visitor.page(site.opened + HOUR)
        before = visitor.page(site.opened + HOUR)
        assert before.items == once.items
        visitor.see(before, site.opened + HOUR)
        visitor.read(before, 2, site.opened + HOUR)
        after = visitor.page(site.opened + HOUR)
    left = [item for item in before.items if item != before.items[2]]
    assert before.items[2] not in after.items
    assert after.items[: len(left)] != left
    assert View.objects.filter(slate_id=before.pk).count() == len(before.items)
    kinds = Interaction.objects.filter(slate_id=before.pk, reader=reader, item_id=before.items[2], position=2)
    assert set(kinds.values_list("kind", flat=True)) == {"click", "dwell", "like"}
    assert after.visit_id == before.visit_id
    detail = SlateDetail.objects.get(pk=before.pk)
    assert detail.feature_set == FEATURE_SET.id
    assert detail.features is not None
    assert len(detail.features) == len(before.items) * len(FEATURE_SET) * 4


@dataclass(frozen=True)
class Series:
    """parts: items that are new and belong together, as only readers can tell: in nothing else are they alike.
    knows_half: a reader who liked the first half of them."""

    parts: tuple[Item, ...]
    knows_half: Reader

    @property
    def first_half(self) -> tuple[Item, ...]:
        return self.parts[: SERIES // 2]

    @property
    def second_half(self) -> tuple[Item, ...]:
        return self.parts[SERIES // 2 :]


def publish_series(site: Site) -> tuple[Item, ...]:
    titles = [f"Part {number} of {SERIES}" for number in range(1, SERIES + 1)]
    return tuple(make_item(title, source="series", published_at=site.opened) for title in titles)


def readers_discover_a_series(site: Site, parts: tuple[Item, ...], readers: Sequence[Reader]) -> Series:
    """Some like all of it on the first day, others one half then and the other half on the second."""
    half = len(readers) // 2
    series = Series(parts, readers[-1])
    for number, reader in enumerate(readers):
        with visiting(site.web, reader) as visitor:
            first = parts if number < half else series.first_half
            visitor.like(first, site.opened + DAY / 2 + timedelta(minutes=number))
    for number, reader in enumerate(readers[half:-1]):
        with visiting(site.web, reader) as visitor:
            visitor.like(series.second_half, site.opened + 3 * DAY / 2 + timedelta(minutes=number))
    return series


def second_release(site: Site, first: Release, series: Series) -> Release:
    """Trained by the command on what readers did since, and live because it foretells the second day better."""
    now = site.opened + 2 * DAY
    command = [sys.executable, "manage.py", "retrain", "retriever", "--now", now.isoformat()]
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment(site.folder), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-3_000:]}"
    second = Release.objects.get(state=Release.State.LIVE)
    assert second != first
    assert second.retriever_until == now - DAY
    assert not names_the_rest(first, series, now)
    assert names_the_rest(second, series, now)
    wait_served(site.web, (second.pk, None))
    return second


def names_the_rest(release: Release, series: Series, now: datetime) -> bool:
    """Whether its co-visitation, asked by somebody who knows one half, names the other half first."""
    known = np.array([item.pk for item in series.first_half])
    hour_s = np.full(len(known), HOUR.total_seconds(), np.float32)
    state = QueryState(at=now, history=known, history_kinds=("like",) * len(known), history_ages_s=hour_s)
    sources = {source.name: source for source in load_release(release).stage.personal_sources()}
    named = sources["covisitation"].candidates(state, len(series.second_half), exclude=known)
    return set(named.item_ids.tolist()) == {item.pk for item in series.second_half}


def places_of_the_rest(series: Series, slate: Slate) -> list[int]:
    """Where the other half stood in the order of all candidates, from 0; behind the last one where no source named it.
    What a page shows of them is less sure: a page has room for two dozen."""
    ranked = SlateDetail.objects.get(pk=slate.pk).union_items or []
    return [ranked.index(item.pk) if item.pk in ranked else len(ranked) for item in series.second_half]


def pages_of_new_visits(site: Site, readers: Sequence[Reader], moment: datetime) -> list[Slate]:
    """The front pages of these readers, who have not been here for a while."""
    pages = []
    for reader in readers:
        forget_visit(reader.public_id)
        with visiting(site.web, reader) as visitor:
            pages.append(visitor.page(moment))
    return pages


def next_page(site: Site, slate: Slate) -> Slate:
    """The front page once more, at the same moment of the same visit."""
    with visiting(site.web, Reader.objects.get(public_id=slate.reader_public_id)) as visitor:
        return visitor.page(slate.served_at)


def going_back_restores_every_page(
    site: Site, first: Release, by_first: Sequence[Slate], by_second: Sequence[Slate]
) -> None:
    """Of the same readers at the same moment, and in the middle of their visits."""
    assert [slate.items for slate in by_first] != [slate.items for slate in by_second]
    roll_back(by="test", reason="As it was.", now=by_first[0].served_at)
    wait_served(site.web, (first.pk, None))
    restored = [next_page(site, slate) for slate in by_second]
    assert [slate.items for slate in restored] == [slate.items for slate in by_first]
    assert {slate.release for slate in restored} == {first.pk}


def _ended(run: TrainingRun) -> bool:
    run.refresh_from_db()
    return run.state != TrainingRun.State.RUNNING
