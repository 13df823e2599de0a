"""What must hold of releases whatever happened."""

from __future__ import annotations

from recsite.models import Release, TrainingRun
from recsite.releases.loading import load_release
from recsite.releases.store import ArtefactStore
from tests.waiting import wait_until


def assert_none_is_half(files: ArtefactStore) -> None:
    """Of every release all files are in the store, as its row says, and load; one of them is live."""
    whole = set(files.names())
    for release in Release.objects.all():
        assert {release.retriever, release.ranker} <= whole
        for name, sha256 in ((release.retriever, release.retriever_sha256), (release.ranker, release.ranker_sha256)):
            files.fetch(name, sha256, verify=True)
    assert load_release(Release.objects.get(state="live"), files=files).trained_until


def assert_tidy(files: ArtefactStore) -> None:
    """Nothing lies in the store but what a release needs."""
    named = {name for pair in Release.objects.values_list("retriever", "ranker") for name in pair}
    assert set(files.names()) == named
    assert not files.clear_unfinished()


def wait_ended(run: TrainingRun) -> TrainingRun:
    def ended() -> bool:
        run.refresh_from_db()
        return run.state != TrainingRun.State.RUNNING

    wait_until(ended, "the training has ended", found=lambda: run.log)
    return run
