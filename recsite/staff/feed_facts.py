"""Reads what `recsite.staff.feed_health` judges."""

from __future__ import annotations

from datetime import datetime, timedelta

from feedback.models import Slate
from feedback.surfaces import Surface
from feedback.uuid7 import first_uuid7
from recsite.counting.schedule import HOURS, counted_until
from recsite.models import Release, TrainingRun
from recsite.staff.feed_counts import Sums
from recsite.staff.feed_health import Facts, Fallback, LiveRelease
from recsite.staff.schedules import Standing, is_ours

LOOK_BACK = timedelta(days=1)
LASTS_PAGES, LASTS = 5, timedelta(minutes=2)
"""A fallback of fewer pages, and shorter, is over before anybody could look."""
_FAILED = (TrainingRun.State.FAILED, TrainingRun.State.LOST)


def read_facts(
    *, now: datetime, live: Release | None, day: Sums, pages_in_fallback: int, jobs: list[Standing]
) -> Facts:
    """day: of the last 24 hours."""
    counted_at = counted_until(HOURS)
    return Facts(
        now=now,
        live=None if live is None else LiveRelease(live.pk, live.created_at, live.retriever_until),
        fallback=current_fallback(now=now, live=live),
        pages=day.total("slates"),
        pages_in_fallback=pages_in_fallback,
        views=day.total("viewed"),
        counted_at=counted_at,
        has_slates=counted_at is not None or _has_slates(now),
        is_scheduled=any(job.job.enabled and is_ours(job.job) for job in jobs),
        late=[job.job.name for job in jobs if job.is_late],
        failed=[job.job.name for job in jobs if job.failed],
        failed_trainings=_failed_trainings(),
    )


def current_fallback(*, now: datetime, live: Release | None) -> Fallback | None:
    """Whether the newest pages of the feed were one, and since when; None for one that has not lasted yet.

    Looks backwards along the slates' ids, a day at most, and not beyond the moment at which this release went live.
    """
    begin, went_live = now - LOOK_BACK, live.live_since if live is not None else None
    pages = Slate.objects.filter(
        id__gte=first_uuid7(begin if went_live is None else max(begin, went_live)),
        id__lt=first_uuid7(now + timedelta(milliseconds=1)),
        surface=Surface.HOME,
        excluded=None,
    )
    newest_page = pages.order_by("-id").values_list("fallback", "served_at").first()
    if newest_page is None:
        return None
    newest, until = newest_page
    if newest is None:
        return None
    good = pages.filter(fallback=None).order_by("-id").values_list("id", flat=True).first()
    bad = pages if good is None else pages.filter(id__gt=good)
    first = list(bad.order_by("id").values_list("served_at", flat=True)[:LASTS_PAGES])
    if len(first) < LASTS_PAGES and until - first[0] < LASTS:
        return None
    is_all_of_the_day = good is None and (went_live is None or went_live < begin)
    return Fallback(newest, None if is_all_of_the_day else first[0], LOOK_BACK)


def _has_slates(now: datetime) -> bool:
    """By the index of their ids: to ask whether there is any would begin to read the log."""
    pages = Slate.objects.filter(id__lt=first_uuid7(now + timedelta(milliseconds=1)))
    return pages.order_by("-id").values_list("id", flat=True).first() is not None


def _failed_trainings() -> list[str]:
    failed = []
    for kind in TrainingRun.Kind:
        last = TrainingRun.objects.filter(kind=kind).exclude(state=TrainingRun.State.RUNNING).only("state").first()
        if last is not None and last.state in _FAILED:
            failed.append(str(kind))
    return failed
