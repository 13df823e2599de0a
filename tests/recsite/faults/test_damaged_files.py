"""Files of releases that are not what was stored: a process uses another copy, another release, or rules."""

from __future__ import annotations

import shutil
from pathlib import Path

from recsite import slates
from recsite.models import Release
from recsite.releases.live import NOT_LOADED
from recsite.releases.registry import promote, roll_back
from recsite.releases.store import ArtefactStore
from tests.recsite.faults.web import Web, served, wait_served
from tests.recsite.funnel.world import boosted_ranker
from tests.recsite.releases.stored import AT, stored_release


def damage(folder: Path) -> None:
    """Every file but the manifest, which says what they should be."""
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "manifest.json":
            path.write_bytes(path.read_bytes()[:-1] + b"?")


def test_damaged_copies_of_a_machine_are_fetched_again(
    web: Web, live: Release, files: ArtefactStore, tmp_path: Path
) -> None:
    with web.readers():
        damage(tmp_path / "cache")
        web.replace_processes()
        assert served(web) == (live.pk, None)
    files.fetch(live.retriever, live.retriever_sha256, verify=True)


def test_a_release_that_is_damaged_in_the_store_does_not_serve_and_every_page_comes(
    web: Web, live: Release, files: ArtefactStore, tmp_path: Path
) -> None:
    store = tmp_path / "artefacts"
    with web.readers():
        new = stored_release(files, boosted_ranker())
        good = shutil.copytree(store / live.retriever, tmp_path / "good")
        damage(store / new.ranker)
        promote(new, by="test", reason="It looked good.", now=AT)
        wait_served(web, (live.pk, NOT_LOADED))
        roll_back(by="test", reason="It cannot be loaded.", now=AT)
        wait_served(web, (live.pk, None))
        promote(Release.objects.get(pk=new.pk), by="test", reason="Perhaps now?", now=AT)
        wait_served(web, (live.pk, NOT_LOADED))

        web.replace_processes()  # they know neither, and take the one before
        assert served(web) == (live.pk, NOT_LOADED)

        damage(store / live.retriever)
        damage(tmp_path / "cache" / live.retriever)
        web.replace_processes()
        assert served(web) == (None, slates.NO_RELEASE)

        shutil.rmtree(store / live.retriever)
        shutil.copytree(good, store / live.retriever)
        shutil.rmtree(store / new.ranker)  # lost altogether
        web.replace_processes()
        assert served(web) == (live.pk, NOT_LOADED)
