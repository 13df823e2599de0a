"""A reader who is forgotten while the site runs, and the training after that."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command

from catalog.models import Reader, ReaderMerge
from feedback.kinds import Kind
from feedback.models import Interaction, Slate, View
from recsite.funnel.sources import FEATURE_SET
from recsite.models import Release
from recsite.releases.store import ArtefactStore
from recsite.training import rounds
from recsite.training.lessons import Lesson, read_lesson
from recsite.training.rounds import retrain
from tests.factories import make_interaction, make_slate, make_view
from tests.recsite.faults.web import Web
from tests.retrieval.worlds import UNTIL

NOW = UNTIL + timedelta(days=1)


@pytest.fixture
def lessons(monkeypatch: pytest.MonkeyPatch) -> list[Lesson]:
    """All that trainings learn from."""
    read: list[Lesson] = []

    def reading(*given: Any, **options: Any) -> Lesson:
        read.append(read_lesson(*given, **options))
        return read[-1]

    monkeypatch.setattr(rounds, "read_lesson", reading)
    return read


def visit(reader: Reader, live: Release, *, public_id: uuid.UUID | None = None) -> None:
    """A page made by the release, viewed, and something on it saved."""
    known = set(Interaction.objects.filter(reader=reader).values_list("item_id", flat=True))
    items = [item for item in range(100, 124) if item not in known][:4]
    served_at = UNTIL + timedelta(hours=4, seconds=reader.pk)
    slate = make_slate(
        items,
        reader=reader,
        reader_public_id=public_id or reader.public_id,
        served_at=served_at,
        known_until=served_at,
        release=live.pk,
        features=[[0.5] * len(FEATURE_SET)] * len(items),
        feature_set=FEATURE_SET.id,
    )
    for slot in range(len(items)):
        make_view(slate, slot)
    make_interaction(reader, Kind.SAVE, items[0], slate=slate, happened_at=served_at + timedelta(seconds=9))


def readers_of(lesson: Lesson) -> set[int]:
    return set(lesson.history.positives["reader_id"].to_pylist())


def reader_keys_of(lesson: Lesson) -> set[int]:
    """Of visits, the last eight bytes of public ids."""
    parts = [part for part in (lesson.earlier, lesson.later) if part is not None]
    return set(np.concatenate([part.reader_keys for part in parts]).tolist())


def key_of(public_id: uuid.UUID) -> int:
    return int.from_bytes(public_id.bytes[8:], "big", signed=True)


def test_a_forgotten_reader_is_in_no_example_of_the_next_training(
    web: Web, live: Release, files: ArtefactStore, quick_training: None, lessons: list[Lesson]
) -> None:
    gone, stays = Reader.objects.order_by("pk")[:2]
    gone_id, gone_pk, old_id = gone.public_id, gone.pk, uuid.uuid4()
    ReaderMerge.objects.create(reader=gone, old_public_id=old_id, merged_at=UNTIL)
    visit(gone, live)
    visit(gone, live, public_id=old_id)
    visit(stays, live)
    with web.readers():
        retrain("retriever", now=NOW, by="test", size="small", dry_run=True)
        assert {gone_pk, stays.pk} <= readers_of(lessons[-1])
        assert {key_of(one) for one in (gone_id, old_id, stays.public_id)} <= reader_keys_of(lessons[-1])

        call_command("forget_reader", str(gone_id), "--yes")

        done = retrain("retriever", now=NOW, by="test", size="small")
        assert done.release is not None, done.text
        assert stays.pk in readers_of(lessons[-1])
        assert gone_pk not in readers_of(lessons[-1])
        assert key_of(stays.public_id) in reader_keys_of(lessons[-1])
        assert not {key_of(gone_id), key_of(old_id)} & reader_keys_of(lessons[-1])
        learned = lessons[-1].history.interactions()
        assert gone_pk not in learned.reader_ids
    assert not Slate.objects.filter(reader_public_id__in=[gone_id, old_id]).exists()
    hers = Slate.objects.filter(reader_public_id=stays.public_id).values_list("pk", flat=True)
    assert set(View.objects.values_list("slate_id", flat=True)) == set(hers)
