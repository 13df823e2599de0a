"""Two days of a site with a release, for its staff to look at: `python -m tests.browser.staff.planting` fills the
database and the artefact store of its environment, which hold a catalogue with history.

Pages are made and recorded by the site's own code, at moments of the last two days; what is seen and chosen follows the
readers' earlier choices, drawn from a fixed seed.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import django

STAFF, HELPER, READER, PASSWORD = "editor@example.com", "helper@example.com", "reader@example.com", "a long password"
"""Somebody who may do everything, staff without a single right, and a reader like any other."""
READERS, VISITS, PAGE = 60, 3, 24
DAYS = 2


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsite.settings")
    django.setup()
    from recsite import clock, tasks  # noqa: PLC0415 - needs the settings

    now = clock.now()
    _train(now)
    _accounts(now)
    _visits(now)
    _second_release(now)
    _moments(now)
    _jobs(now)
    for job in (tasks.refresh_sources, tasks.refresh_popularity, tasks.count_log):
        job()


def _train(now: datetime) -> None:
    """A real release, so that its report, its files and its training are those of a site."""
    from recsite.releases.snapshots import take_source_snapshots  # noqa: PLC0415
    from recsite.training.rounds import retrain  # noqa: PLC0415

    take_source_snapshots(now=now - timedelta(days=DAYS))  # pages of those days know nothing newer
    done = retrain("all", now=now - timedelta(days=DAYS), by="schedule", size="small")
    if done.release is None:
        raise SystemExit(f"There is no release to look at: {done.text}")
    if not done.succeeded:
        from recsite.releases.registry import promote  # noqa: PLC0415

        promote(done.release, by="tests", reason=done.text, now=now - timedelta(days=DAYS))


def _accounts(now: datetime) -> None:
    from django.contrib.auth.models import User  # noqa: PLC0415

    from catalog.models import Reader  # noqa: PLC0415

    User.objects.create_superuser(STAFF, STAFF, PASSWORD)
    User.objects.create_user(HELPER, HELPER, PASSWORD, is_staff=True)
    reader = User.objects.create_user(READER, READER, PASSWORD)
    Reader.objects.create(user=reader, created_at=now)


def _visits(now: datetime) -> None:
    """Of each of some readers a few, each of one or two pages."""
    from catalog.models import Reader  # noqa: PLC0415
    from recsite.releases.live import shelf  # noqa: PLC0415

    chance = random.Random(7)
    shelf().refresh(now=now)
    readers = list(Reader.objects.filter(user=None).order_by("pk")[:READERS])
    likes = {reader.pk: _liked_topics(reader.pk) for reader in readers}
    begins = sorted(
        (now - timedelta(days=DAYS) * chance.uniform(0.03, 0.97), number % READERS)
        for number in range(READERS * VISITS)
    )
    for at, number in begins:
        reader = readers[number]
        _visit(reader, likes[reader.pk], at, chance)


def _liked_topics(reader_id: int) -> set[int]:
    from catalog.models import ItemTopic  # noqa: PLC0415
    from feedback.models import Interaction  # noqa: PLC0415

    chosen = Interaction.objects.filter(reader_id=reader_id, item__isnull=False).values("item_id")
    counts = Counter(ItemTopic.objects.filter(item_id__in=chosen).values_list("topic_id", flat=True))
    return {topic for topic, _ in counts.most_common(3)}


def _visit(reader: Any, topics: set[int], at: datetime, chance: random.Random) -> None:
    from recsite.feed import next_page  # noqa: PLC0415
    from recsite.viewers import Viewer  # noqa: PLC0415

    viewer = Viewer(reader.public_id, reader, frozenset(reader.languages), columns=3)
    cursor = ""
    for _ in range(chance.choice([1, 1, 2])):
        page = next_page(viewer=viewer, cursor=cursor, now=at, limit=PAGE)
        _react(reader, page.slate, topics, at, chance)
        if page.next_cursor is None:
            return
        cursor, at = page.next_cursor, at + timedelta(minutes=4)


def _react(reader: Any, slate: Any, topics: set[int], at: datetime, chance: random.Random) -> None:
    """Sees the first cards, opens what it likes the topic of, reads most of that, and waves some of the rest away."""
    from catalog.models import ItemTopic  # noqa: PLC0415
    from feedback.models import View  # noqa: PLC0415

    about = dict(ItemTopic.objects.filter(item_id__in=[e.item_id for e in slate.entries]).values_list("item", "topic"))
    seen = slate.entries[: chance.randint(6, PAGE)]
    for place, entry in enumerate(seen):
        moment = at + timedelta(seconds=2 + 5 * place)
        View.objects.create(
            slate_id=slate.id,
            position=entry.position,
            item_id=entry.item_id,
            viewed_at=moment,
            received_at=moment,
        )
        is_liked = about.get(entry.item_id) in topics
        if chance.random() < (0.3 if is_liked else 0.04):
            _do(reader, slate, entry, "click", moment)
            _do(reader, slate, entry, "dwell", moment + timedelta(seconds=30), dwell_ms=chance.choice([3_000, 40_000]))
            if chance.random() < 0.3:
                _do(reader, slate, entry, "like", moment + timedelta(seconds=20))
        elif not is_liked and chance.random() < 0.03:
            _do(reader, slate, entry, "dismiss", moment)


def _do(reader: Any, slate: Any, entry: Any, kind: str, at: datetime, **fields: Any) -> None:
    from feedback.buckets import reader_bucket  # noqa: PLC0415
    from feedback.models import Interaction  # noqa: PLC0415

    if (
        kind in {"like", "dismiss"}
        and Interaction.objects.filter(reader=reader, kind=kind, item=entry.item_id).exists()
    ):
        return
    Interaction.objects.create(
        reader=reader,
        reader_bucket=reader_bucket(reader.public_id),
        kind=kind,
        item_id=entry.item_id,
        happened_at=at,
        received_at=at,
        surface=slate.surface,
        slate_id=slate.id,
        position=entry.position,
        visit_id=slate.visit_id,
        **fields,
    )


def _second_release(now: datetime) -> None:
    """The same files again as a candidate, so that there are two to compare and one to promote."""
    from recsite.models import Release  # noqa: PLC0415
    from recsite.releases.registry import create_candidate  # noqa: PLC0415

    live = Release.objects.get(state="live")
    kept = ("id", "state", "created_at", "live_since")
    fields = {field.attname: getattr(live, field.attname) for field in Release._meta.fields if field.name not in kept}
    create_candidate(now=now - timedelta(hours=1), by="schedule", reason="a newer ranker", **fields)


def _moments(now: datetime) -> None:
    """A search and what was opened from it, and an item that is hidden."""
    from catalog.models import Item, Reader  # noqa: PLC0415
    from feedback.buckets import reader_bucket  # noqa: PLC0415
    from feedback.models import Interaction, Slate  # noqa: PLC0415

    newest = Slate.objects.filter(surface="home").order_by("-id")[:12]
    shown = {item_id for slate in newest for item_id in slate.items}
    others = Item.objects.visible().exclude(pk__in=shown).order_by("pk")[: len(newest)]
    for slate, item in zip(newest, others, strict=True):
        reader = Reader.objects.get(public_id=slate.reader_public_id)
        at = slate.served_at + timedelta(minutes=3)
        Interaction.objects.create(
            reader=reader,
            reader_bucket=reader_bucket(reader.public_id),
            kind="click",
            item=item,
            happened_at=at,
            received_at=at,
            surface="search",
            visit_id=slate.visit_id,
        )
    Item.objects.filter(pk=Item.objects.order_by("-pk").values("pk")[:1]).update(hidden=True, updated_at=now)


def _jobs(now: datetime) -> None:
    """The schedules that the scheduler makes at its start, and a run that went well and one that did not."""
    from recsite.beat import Scheduler  # noqa: PLC0415
    from recsite.celery import app  # noqa: PLC0415
    from recsite.models import JobRun  # noqa: PLC0415

    Scheduler(app=app).setup_schedule()
    for minutes, state, result in ((50, "done", "{'slates deleted': 0}"), (5, "failed", "OperationalError: gone")):
        at = now - timedelta(minutes=minutes)
        JobRun.objects.create(
            task="recsite.tasks.keep_log",
            task_id=f"planted-{minutes}",
            worker="celery@planted",
            state=state,
            started_at=at,
            finished_at=at + timedelta(seconds=3),
            result=result,
            log="A line that the job logged.",
        )


if __name__ == "__main__":
    main()
