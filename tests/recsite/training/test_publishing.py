"""Files first, then the row; what a training left that died in between is cleared up by the next."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from recsite.models import Release
from recsite.releases.store import ArtefactStore, StoreError
from recsite.training.publishing import Stored, Written, clear_up, code_version, publish
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)
FIELDS: dict[str, Any] = {
    "retriever_since": NOW - timedelta(days=9),
    "retriever_until": NOW - timedelta(days=1),
    "config": {},
    "report": {"verdict": {}},
}


@pytest.fixture
def store(tmp_path: Path) -> ArtefactStore:
    return ArtefactStore(f"file://{tmp_path}/store", tmp_path / "cache")


def written(name: str, folder: Path) -> Written:
    """A finished folder with one file."""
    place = folder / f"made-{name}"
    place.mkdir()
    (place / "model").write_text(name)
    checksums = {"model": hashlib.sha256(name.encode()).hexdigest()}
    (place / "manifest.json").write_text(json.dumps({"sha256": checksums}))
    return Written(name, place)


def test_a_candidate_names_files_that_are_all_there(tmp_path: Path, store: ArtefactStore) -> None:
    release = publish(written("retriever-1", tmp_path), written("ranker-1", tmp_path), store, now=NOW, **FIELDS)
    assert release.state == "candidate"
    assert release.code_version == code_version() != ""
    assert (store.fetch(release.retriever, release.retriever_sha256) / "model").read_text() == "retriever-1"
    assert (store.fetch(release.ranker, release.ranker_sha256) / "model").read_text() == "ranker-1"


def test_where_there_is_no_checkout_the_settings_say_which_code_it_was(settings: Settings) -> None:
    settings.CODE_VERSION = "v1.2-3-gabc"
    assert code_version() == "v1.2-3-gabc"


def test_a_new_ranker_shares_its_retriever_with_the_release_before(tmp_path: Path, store: ArtefactStore) -> None:
    first = publish(written("retriever-1", tmp_path), written("ranker-1", tmp_path), store, now=NOW, **FIELDS)
    shared = Stored(first.retriever, first.retriever_sha256)
    second = publish(shared, written("ranker-2", tmp_path), store, now=NOW, **FIELDS)
    assert (second.retriever, second.retriever_sha256) == (first.retriever, first.retriever_sha256)
    assert store.names() == ["ranker-1", "ranker-2", "retriever-1"]


def test_a_training_that_dies_while_it_publishes_leaves_no_row_and_the_next_one_removes_its_files(
    tmp_path: Path, store: ArtefactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = publish(written("retriever-1", tmp_path), written("ranker-1", tmp_path), store, now=NOW, **FIELDS)
    put = ArtefactStore.put

    def dies_at_the_ranker(self: ArtefactStore, folder: Path, name: str) -> str:
        if name == "ranker-2":
            half = tmp_path / "store" / name
            half.mkdir()
            (half / "model").write_text("ran")
            raise StoreError("the disk is full")
        return put(self, folder, name)

    monkeypatch.setattr(ArtefactStore, "put", dies_at_the_ranker)
    with pytest.raises(StoreError):
        publish(written("retriever-2", tmp_path), written("ranker-2", tmp_path), store, now=NOW, **FIELDS)
    assert list(Release.objects.all()) == [kept]
    assert clear_up(store) == ["retriever-2"]
    assert {path.name for path in (tmp_path / "store").iterdir()} == {"retriever-1", "ranker-1"}


def test_the_size_of_a_folder_counts_files_in_subfolders_too(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(bytes(2**20))
    assert Written("a", tmp_path / "a").size_mib == pytest.approx(1.0)
