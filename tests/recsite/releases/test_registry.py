from __future__ import annotations

import hashlib
import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from recsite.models import ItemVector, Release
from recsite.releases.registry import (
    LONG_AGO,
    ReleaseStateError,
    create_candidate,
    live_release,
    previous_release,
    promote,
    prune,
    refuse,
    release_live_at,
    roll_back,
)
from recsite.releases.store import MANIFEST, ArtefactStore
from tests.factories import NOW, make_item
from tests.recsite.releases.rows import make_candidate, make_live

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BY: dict[str, Any] = {"by": "staff", "reason": "because", "now": NOW}


def history(release: Release) -> list[tuple[str, str, str]]:
    return list(release.events.order_by("pk").values_list("action", "by", "reason"))


@pytest.mark.django_db
def test_nothing_is_live_before_the_first_promotion() -> None:
    candidate = make_candidate()

    assert candidate.state == Release.State.CANDIDATE
    assert live_release() is None
    assert previous_release() is None
    assert release_live_at(NOW) is None
    assert history(candidate) == [("made", "training", "")]


@pytest.mark.django_db
def test_promotion_retires_the_one_before() -> None:
    first, second = make_live(), make_candidate()
    promoted = promote(second, by="nightly", reason="better by 2%", now=NOW + HOUR)

    assert live_release() == promoted == second
    assert promoted.live_since == NOW + HOUR
    assert previous_release() == first
    assert Release.objects.get(pk=first.pk).state == Release.State.RETIRED
    assert history(first)[-1] == ("retired", "nightly", f"release {second.pk} went live")
    assert history(second)[-1] == ("promoted", "nightly", "better by 2%")


@pytest.mark.django_db
def test_database_allows_one_live_release() -> None:
    make_live()
    with pytest.raises(IntegrityError), transaction.atomic():
        Release.objects.filter(pk=make_candidate().pk).update(state=Release.State.LIVE)


@pytest.mark.django_db
def test_rolling_back_twice_goes_two_releases_back() -> None:
    first, second, third = make_live(), make_live(), make_live()

    assert roll_back(**BY) == second
    assert Release.objects.get(pk=third.pk).state == Release.State.RETIRED
    assert history(third)[-1] == ("rolled back", "staff", "because")
    assert history(second)[-1] == ("promoted", "staff", f"rolled back from release {third.pk}: because")
    assert previous_release() == first
    assert roll_back(**BY) == first
    assert previous_release() is None
    with pytest.raises(ReleaseStateError, match="no release to go back to"):
        roll_back(**BY)
    assert live_release() == first


@pytest.mark.django_db
def test_release_rolled_back_from_may_be_promoted_again() -> None:
    first, second = make_live(), make_live()
    roll_back(**BY)
    promote(second, **BY)

    assert live_release() == second
    assert previous_release() == first


@pytest.mark.django_db
def test_refused_release_is_no_way_back_and_never_goes_live() -> None:
    first, second, third = make_live(), make_live(), make_live()
    refuse(second, by="gate", reason="coverage collapsed", now=NOW)

    assert live_release() == third
    assert previous_release() == first
    for forbidden in (promote, refuse):
        with pytest.raises(ReleaseStateError, match="coverage collapsed"):
            forbidden(second, **BY)


@pytest.mark.django_db
def test_live_release_is_neither_promoted_nor_refused() -> None:
    live = make_live()

    with pytest.raises(ReleaseStateError, match="live already"):
        promote(live, **BY)
    with pytest.raises(ReleaseStateError, match="Roll back first"):
        refuse(live, **BY)


@pytest.mark.django_db
def test_failed_check_stops_the_roll_back() -> None:
    make_live(), make_live()
    live = live_release()

    def fails(_release: Release) -> None:
        raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        roll_back(**BY, check=fails)
    assert live_release() == live


@pytest.mark.django_db
def test_release_live_at_a_moment_is_the_one_promoted_last_before_it() -> None:
    first = make_live(now=NOW - 40 * DAY)
    second = make_live(now=NOW - 20 * DAY)

    assert release_live_at(NOW - 41 * DAY) is None
    assert release_live_at(NOW - 30 * DAY) == first
    assert release_live_at(NOW) == second


@pytest.mark.django_db
def test_clock_set_back_does_not_change_who_was_live_last() -> None:
    first = make_live(now=NOW)
    make_live(now=NOW - DAY)

    assert previous_release() == first


@pytest.mark.django_db(transaction=True)
def test_two_promotions_at_once_leave_one_live_release() -> None:
    candidates = [make_candidate() for _ in range(4)]
    barrier = threading.Barrier(len(candidates))

    def go(candidate: Release) -> None:
        barrier.wait()
        promote(candidate, **BY)
        connection.close()

    threads = [threading.Thread(target=go, args=(candidate,)) for candidate in candidates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Release.objects.filter(state=Release.State.LIVE).count() == 1
    assert Release.objects.filter(state=Release.State.RETIRED).count() == 3


@pytest.mark.django_db
def test_a_release_does_not_go_live_over_another_than_it_was_measured_against() -> None:
    first, second, third = make_candidate(), make_candidate(), make_candidate()
    promote(first, **BY)

    def is_first(live: Release | None) -> None:
        if live != first:
            raise LookupError

    promote(second, **BY, check=is_first)
    with pytest.raises(LookupError):
        promote(third, **BY, check=is_first)
    assert Release.objects.get(state=Release.State.LIVE) == second


# --- clearing away ---


def stored(files: ArtefactStore, tmp_path: Path, *names: str) -> None:
    folder = tmp_path / "fitted"
    folder.mkdir(exist_ok=True)
    (folder / "a.bin").write_bytes(b"a")
    (folder / MANIFEST).write_text(json.dumps({"sha256": {"a.bin": hashlib.sha256(b"a").hexdigest()}}))
    for name in names:
        files.put(folder, name)


@pytest.mark.django_db
def test_pruning_spares_live_previous_young_and_all_that_were_live_in_the_last_month(
    files: ArtefactStore, tmp_path: Path
) -> None:
    """Releases of 60, 40, 25, 20, 18 and 1 days ago; the last but one is live again after a roll back."""
    for days in (60, 40, 25, 20, 18):
        stored(files, tmp_path, f"ranker-{days}")
        make_live(ranker=f"ranker-{days}", now=NOW - days * DAY)
    stored(files, tmp_path, "ranker-refused", "ranker-young", "retriever-1")
    refuse(make_candidate(ranker="ranker-refused", now=NOW - 16 * DAY), by="gate", reason="worse", now=NOW - 16 * DAY)
    refuse(make_candidate(ranker="ranker-young", now=NOW - DAY), by="gate", reason="worse", now=NOW - DAY)

    deleted = prune(now=NOW, files=files)

    assert deleted == ["ranker-60", "ranker-refused"]
    assert files.names() == ["ranker-18", "ranker-20", "ranker-25", "ranker-40", "ranker-young", "retriever-1"]
    assert Release.objects.count() == 7
    assert prune(now=NOW, files=files) == []


@pytest.mark.django_db
def test_the_release_of_30_days_ago_is_there_on_every_day_that_asks_for_it(
    files: ArtefactStore, tmp_path: Path
) -> None:
    for day in range(45):
        now = NOW + day * DAY
        stored(files, tmp_path, f"ranker-{day:02}")
        make_live(ranker=f"ranker-{day:02}", now=now)
        prune(now=now + DAY / 4, files=files)
        old = release_live_at(now + DAY / 2 - LONG_AGO)
        assert (old is None) == (day < 30)
        assert old is None or old.ranker in files.names()
    assert "ranker-10" not in files.names()


@pytest.mark.django_db
def test_files_without_a_row_are_left_to_their_writer_for_a_while(files: ArtefactStore, tmp_path: Path) -> None:
    stored(files, tmp_path, "ranker-unnamed")
    put_at = files.put_at("ranker-unnamed")

    assert prune(now=put_at + 13 * DAY, files=files) == []
    assert prune(now=put_at + 15 * DAY, files=files) == ["ranker-unnamed"]


@pytest.mark.django_db
def test_vectors_go_with_their_retriever(files: ArtefactStore) -> None:
    gone = make_live(retriever="retriever-old", now=NOW - 90 * DAY)
    for retriever, days in (("retriever-mid", 80), ("retriever-1", 70), ("retriever-1", 1)):
        make_live(retriever=retriever, now=NOW - days * DAY)
    shared = Release.objects.filter(retriever="retriever-1").last()
    assert shared is not None
    for release in (gone, shared):
        ItemVector.objects.create(release=release, item=make_item(), vector=b"", of_version=NOW, made_at=NOW)

    prune(now=NOW, files=files)

    assert [row.release for row in ItemVector.objects.all()] == [shared]


@pytest.mark.django_db
def test_candidate_keeps_what_its_training_says() -> None:
    release = make_candidate(config={"size": "small"}, report={"ndcg": 0.1})
    again = Release.objects.get(pk=release.pk)

    assert (again.config, again.report, again.created_at) == ({"size": "small"}, {"ndcg": 0.1}, NOW)
    with pytest.raises(TypeError):
        create_candidate(now=NOW, nonsense=1)
