"""Disks that are full: of the store while a release is published, and of a machine's copies while it is fetched."""

from __future__ import annotations

from datetime import timedelta

import pytest

from recsite.models import Release, TrainingRun
from recsite.releases.registry import live_release, promote
from recsite.releases.store import ArtefactStore, StoreError
from recsite.training.rounds import Round, retrain
from tests.recsite.faults.disks import Disk
from tests.recsite.faults.releases import assert_none_is_half, assert_tidy
from tests.recsite.faults.web import Web, served, wait_served
from tests.recsite.funnel.world import boosted_ranker
from tests.recsite.releases.stored import AT, stored_release
from tests.retrieval.worlds import UNTIL

NOW = UNTIL + timedelta(days=1)


def retrained() -> Round:
    return retrain("retriever", now=NOW, by="test", size="small")


@pytest.mark.usefixtures("quick_training")
def test_a_training_that_finds_no_room_says_so_and_the_next_one_with_room_goes_live(
    store_disk: Disk, web: Web, live: Release, files: ArtefactStore
) -> None:
    with web.readers():
        store_disk.fill_up(free_kib=40)  # for some files of a release
        with pytest.raises(StoreError, match="No space left"):
            retrained()
        failed = TrainingRun.objects.get()
        assert (failed.state, "No space left" in failed.outcome) == ("failed", True)
        assert list(Release.objects.all()) == [live]
        assert_none_is_half(files)
        assert served(web) == (live.pk, None)
        store_disk.make_room()
        done = retrained()
        assert (done.state, done.release) == ("promoted", live_release())
        assert_none_is_half(files)
        assert_tidy(files)
        assert done.release is not None
        wait_served(web, (done.release.pk, None))


def test_a_process_without_room_for_the_live_release_goes_on_with_the_one_it_has(
    cache_disk: Disk, web: Web, live: Release, files: ArtefactStore
) -> None:
    with web.readers():
        cache_disk.fill_up()
        new = promote(stored_release(files, boosted_ranker()), by="test", reason="better", now=AT)
        wait_served(web, (live.pk, "live release not loaded"))
        cache_disk.make_room()
        promote(Release.objects.get(pk=live.pk), by="test", reason="back", now=AT)
        wait_served(web, (live.pk, None))
        promote(Release.objects.get(pk=new.pk), by="test", reason="again", now=AT)
        wait_served(web, (new.pk, None))
