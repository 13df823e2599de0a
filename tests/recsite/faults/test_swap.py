"""A release that goes live while pages are being made."""

from __future__ import annotations

from pathlib import Path

from feedback.models import Slate
from recsite.models import Release
from recsite.releases.registry import promote
from recsite.releases.store import ArtefactStore
from tests.recsite.faults.web import serving
from tests.recsite.funnel.world import boosted_ranker
from tests.recsite.releases.stored import AT, stored_release
from tests.waiting import wait_until

IN_FLIGHT = 50


def test_a_release_promoted_while_fifty_requests_are_in_flight_fails_none_of_them(
    live: Release, files: ArtefactStore, tmp_path: Path
) -> None:
    new = stored_release(files, boosted_ranker())

    def made_by(release: Release) -> int:
        return Slate.objects.filter(release=release.pk).count()

    with serving(tmp_path / "web", processes=2) as web, web.readers(IN_FLIGHT):
        wait_until(lambda: made_by(live) >= IN_FLIGHT // 2, "pages by the first", found=web.log)
        promote(new, by="test", reason="better", now=AT)
        wait_until(lambda: made_by(new) >= IN_FLIGHT // 2, "pages by the second", found=web.log)
    assert set(Slate.objects.values_list("release", "fallback")) == {(live.pk, None), (new.pk, None)}
