from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recsite.releases.store import MANIFEST, ArtefactStore, StoreError

TOWERS = {"vectors.npy": b"1234", "towers/query.onnx": b"query tower"}


def finished(folder: Path, files: dict[str, bytes]) -> Path:
    """A folder as training leaves it."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    checksums = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    (folder / MANIFEST).write_text(json.dumps({"sha256": checksums}))
    return folder


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[str]:
    """moto's server, which speaks S3."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - seconds to import

    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(bucket_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty bucket."""
    import s3fs  # noqa: PLC0415 - seconds to import

    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"bucket-{uuid.uuid4()}"
    s3fs.S3FileSystem(skip_instance_cache=True).mkdir(name)
    return f"s3://{name}/artefacts"


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtefactStore:
    url = f"file://{tmp_path}/store" if request.param == "folder" else request.getfixturevalue("bucket")
    return ArtefactStore(url, tmp_path / "cache")


@pytest.fixture
def towers(tmp_path: Path) -> Path:
    return finished(tmp_path / "fitted", TOWERS)


def files_of(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    del found[MANIFEST]
    return found


def test_what_is_fetched_is_what_was_put(store: ArtefactStore, towers: Path) -> None:
    sha256 = store.put(towers, "retriever-1")

    assert sha256 == hashlib.sha256((towers / MANIFEST).read_bytes()).hexdigest()
    assert store.names() == ["retriever-1"]
    assert files_of(store.fetch("retriever-1", sha256)) == TOWERS
    assert store.put_at("retriever-1").tzinfo is UTC
    assert abs(store.put_at("retriever-1").timestamp() - os.stat(towers).st_mtime) < 60


def test_empty_store_has_no_names(store: ArtefactStore) -> None:
    assert store.names() == []
    assert store.clear_unfinished() == []


def test_complete_name_is_never_written_again(store: ArtefactStore, towers: Path, tmp_path: Path) -> None:
    sha256 = store.put(towers, "retriever-1")

    with pytest.raises(StoreError, match="already"):
        store.put(finished(tmp_path / "other", {"vectors.npy": b"other"}), "retriever-1")

    assert files_of(store.fetch("retriever-1", sha256, verify=True)) == TOWERS


def test_folder_without_a_manifest_is_not_stored(store: ArtefactStore, towers: Path) -> None:
    (towers / MANIFEST).unlink()

    with pytest.raises(StoreError, match="not finished"):
        store.put(towers, "retriever-1")
    assert store.names() == []


def test_writer_that_died_left_no_name(store: ArtefactStore, towers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At any file: what was written before it does not count, is written over, or cleared."""
    upload = ArtefactStore._upload

    def dies_before(last: str) -> None:
        def dying(self: ArtefactStore, local: Path, path: str) -> None:
            if path.endswith(last):
                raise KeyboardInterrupt
            upload(self, local, path)

        monkeypatch.setattr(ArtefactStore, "_upload", dying)

    for last in ("query.onnx", "vectors.npy", MANIFEST):
        dies_before(last)
        with pytest.raises(KeyboardInterrupt):
            store.put(towers, "retriever-1")
        assert store.names() == []
    monkeypatch.setattr(ArtefactStore, "_upload", upload)
    assert store.clear_unfinished("ranker") == []
    assert store.clear_unfinished() == ["retriever-1"]
    store.put(towers, "retriever-1")
    assert store.names() == ["retriever-1"]


def test_deleted_name_is_gone_and_may_be_deleted_again(store: ArtefactStore, towers: Path) -> None:
    sha256 = store.put(towers, "retriever-1")
    store.fetch("retriever-1", sha256)
    store.delete("retriever-1")
    store.delete("retriever-1")

    assert store.names() == []
    assert store.clear_unfinished() == []
    store.clear_cache()
    with pytest.raises(StoreError, match="retriever-1"):
        store.fetch("retriever-1", sha256)


def test_other_files_under_the_name_are_refused(store: ArtefactStore, towers: Path) -> None:
    store.put(towers, "retriever-1")

    with pytest.raises(StoreError, match="not what was put there"):
        store.fetch("retriever-1", "0" * 64)
    assert not list(store.cache.iterdir())


# --- the cache, on a folder ---


@pytest.fixture
def local(tmp_path: Path) -> ArtefactStore:
    return ArtefactStore(f"file://{tmp_path}/store", tmp_path / "cache")


def test_copy_is_used_while_the_store_is_away(local: ArtefactStore, towers: Path, tmp_path: Path) -> None:
    sha256 = local.put(towers, "retriever-1")
    local.fetch("retriever-1", sha256)
    shutil.rmtree(tmp_path / "store")

    assert files_of(local.fetch("retriever-1", sha256, verify=True)) == TOWERS


def test_damaged_copy_is_fetched_again(local: ArtefactStore, towers: Path) -> None:
    sha256 = local.put(towers, "retriever-1")
    copy = local.fetch("retriever-1", sha256)
    (copy / "vectors.npy").write_bytes(b"1235")

    assert files_of(local.fetch("retriever-1", sha256, verify=True)) == TOWERS
    assert [path.name for path in local.cache.iterdir()] == ["retriever-1"]


def test_processes_that_begin_together_work_on_one_copy(
    local: ArtefactStore, towers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = local.put(towers, "retriever-1")
    downloading, others_wait = threading.Event(), threading.Event()
    download = ArtefactStore._download

    def slow(self: ArtefactStore, name: str, sha256: str, folder: Path) -> None:
        downloading.set()
        others_wait.wait(60)
        download(self, name, sha256, folder)

    monkeypatch.setattr(ArtefactStore, "_download", slow)
    opened = []

    def fetch() -> None:
        opened.append((local.fetch("retriever-1", sha256) / "vectors.npy").open("rb"))

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert downloading.wait(60)
    others_wait.set()
    for thread in threads:
        thread.join(60)

    assert len({os.fstat(file.fileno()).st_ino for file in opened}) == 1
    assert [os.fstat(file.fileno()).st_nlink for file in opened] == [1] * 4
    for file in opened:
        file.close()


def test_damage_in_the_store_is_named_and_leaves_no_copy(local: ArtefactStore, towers: Path, tmp_path: Path) -> None:
    sha256 = local.put(towers, "retriever-1")
    (tmp_path / "store" / "retriever-1" / "towers" / "query.onnx").write_bytes(b"garbage")

    with pytest.raises(StoreError, match=r"towers/query.onnx of retriever-1.* is damaged"):
        local.fetch("retriever-1", sha256)
    assert not list(local.cache.iterdir())


def test_manifest_that_was_cut_short_is_none(local: ArtefactStore, towers: Path, tmp_path: Path) -> None:
    local.put(towers, "retriever-1")
    manifest = tmp_path / "store" / "retriever-1" / MANIFEST
    manifest.write_bytes(manifest.read_bytes()[:-1])

    assert local.names() == []
    assert local.clear_unfinished() == ["retriever-1"]


def test_cache_keeps_what_the_store_has(local: ArtefactStore, towers: Path) -> None:
    for name in ("ranker-1", "ranker-2"):
        local.fetch(name, local.put(towers, name))
    local.delete("ranker-1")
    (local.cache / ".ranker-3.999999999-abcd").mkdir()  # no process has so high a number
    (local.cache / f".ranker-4.{os.getpid()}-abcd").mkdir()

    local.clear_cache()

    assert sorted(path.name for path in local.cache.iterdir()) == [f".ranker-4.{os.getpid()}-abcd", "ranker-2"]


@pytest.mark.parametrize("name", ["", "../else", "a/b", "Retriever", ".hidden", "a" * 81])
def test_name_that_is_no_name_is_refused(local: ArtefactStore, towers: Path, name: str) -> None:
    with pytest.raises(StoreError, match="is no name"):
        local.put(towers, name)


def test_manifest_may_not_reach_out_of_its_folder(local: ArtefactStore, towers: Path) -> None:
    (towers / MANIFEST).write_text(json.dumps({"sha256": {"../vectors.npy": "0"}}))

    with pytest.raises(StoreError, match="outside"):
        local.put(towers, "retriever-1")


def test_address_of_no_known_kind_is_explained(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        ArtefactStore("nosuch://place", tmp_path)


@pytest.mark.usefixtures("bucket")
def test_bucket_that_is_not_there_is_explained(tmp_path: Path, towers: Path) -> None:
    store = ArtefactStore(f"s3://no-such-{uuid.uuid4()}/folder", tmp_path / "cache")

    with pytest.raises(StoreError, match="could not be stored"):
        store.put(towers, "retriever-1")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """One with room for 64 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=False, capture_output=True
        ).returncode
    )
    if not mounted:
        pytest.skip("only root may mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk_leaves_no_complete_name(small_disk: Path, tmp_path: Path) -> None:
    store = ArtefactStore(f"file://{small_disk}/store", tmp_path / "cache")
    small = finished(tmp_path / "small-one", {"a.bin": bytes(1_000)})
    sha256 = store.put(small, "ranker-1")

    with pytest.raises(StoreError, match=r"could not be stored.*No space left"):
        store.put(finished(tmp_path / "large-one", {"a.bin": bytes(40_000), "b.bin": bytes(40_000)}), "ranker-2")

    assert store.names() == ["ranker-1"]
    assert store.clear_unfinished() == ["ranker-2"]
    assert files_of(store.fetch("ranker-1", sha256)) == {"a.bin": bytes(1_000)}


def test_full_disk_under_the_cache_is_explained(small_disk: Path, tmp_path: Path) -> None:
    store = ArtefactStore(f"file://{tmp_path}/store", small_disk / "cache")
    sha256 = store.put(finished(tmp_path / "large-one", {"a.bin": bytes(100_000)}), "ranker-1")

    with pytest.raises(StoreError, match=r"could not be fetched.*No space left"):
        store.fetch("ranker-1", sha256)
    assert not list(store.cache.iterdir())


def test_time_of_storing_is_an_instant(local: ArtefactStore, towers: Path) -> None:
    local.put(towers, "ranker-1")

    assert local.put_at("ranker-1") > datetime(2020, 1, 1, tzinfo=UTC)
    with pytest.raises(StoreError, match="ranker-2 is not at"):
        local.put_at("ranker-2")
