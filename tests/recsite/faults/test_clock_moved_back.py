"""A clock that was ahead and is set right."""

from __future__ import annotations

from datetime import timedelta

from feedback.models import Slate
from recsite.models import Release
from recsite.releases.live import Shelf
from recsite.releases.registry import live_release, promote, roll_back
from recsite.releases.store import ArtefactStore
from recsite.training.rounds import retrain
from tests.recsite.faults.releases import assert_none_is_half, assert_tidy
from tests.recsite.faults.web import Web, wait_served
from tests.recsite.funnel.world import boosted_ranker
from tests.recsite.releases.shelves import live_id
from tests.recsite.releases.stored import AT, stored_release
from tests.recsite.training.known_world import come_back

HOUR, DAY, YEAR = timedelta(hours=1), timedelta(days=1), timedelta(days=365)


def test_pages_come_though_it_is_earlier_than_at_the_last_one(web: Web, live: Release, files: ArtefactStore) -> None:
    with web.readers(), web.client() as somebody:
        moments = [AT + YEAR, AT + 2 * HOUR, AT + HOUR, AT + HOUR, AT]
        for moment in moments:
            assert web.get(now=moment, client=somebody).status_code == 200
        slates = Slate.objects.filter(served_at__in=moments)
        assert set(slates.values_list("release", "fallback")) == {(live.pk, None)}
        assert all(len(slate.items) for slate in slates)
        new = promote(stored_release(files, boosted_ranker()), by="test", reason="better", now=AT - HOUR)
        wait_served(web, (new.pk, None))
        roll_back(by="test", reason="It was not.", now=AT - 2 * HOUR)
        wait_served(web, (live.pk, None))


def test_a_process_swaps_and_goes_back_whatever_its_clock_says(live: Release, files: ArtefactStore) -> None:
    shelf = Shelf()
    shelf.refresh(now=AT + YEAR)
    new = promote(stored_release(files, boosted_ranker()), by="test", reason="better", now=AT)
    shelf.refresh(now=AT)
    assert (live_id(shelf), shelf.trouble) == (new.pk, "")
    roll_back(by="test", reason="It was not.", now=AT - HOUR)
    shelf.refresh(now=AT - HOUR)
    assert (live_id(shelf), shelf.trouble) == (live.pk, "")


def test_trainings_go_on_though_the_last_one_ran_in_what_is_the_future_now(
    live: Release, files: ArtefactStore, quick_training: None
) -> None:
    ahead = retrain("retriever", now=AT + YEAR, by="test", size="small")
    assert ahead.state == "promoted"
    roll_back(by="test", reason="Its clock was wrong.", now=AT + DAY)
    done = retrain("retriever", now=AT + DAY, by="test", size="small")
    assert done.state == "promoted", done.text
    assert (live_release(), done.release and done.release.gate_until) == (done.release, AT + DAY)
    assert_none_is_half(files)
    assert_tidy(files)


def test_a_ranker_does_not_wait_for_a_promotion_in_what_is_the_future_now(
    live: Release, files: ArtefactStore, quick_training: None
) -> None:
    Release.objects.filter(pk=live.pk).update(live_since=AT + YEAR)
    come_back(since=AT + HOUR, each=2)
    done = retrain("reranker", now=AT + DAY, by="test", size="small")
    assert "waits until" not in done.text
    assert done.release is not None
