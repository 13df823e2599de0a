from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pyarrow import parquet

from feedback.export import MANIFEST, ExportError, export_days, export_reader
from feedback.models import Interaction, SlateDetail
from tests.factories import NOW, make_interaction, make_item, make_reader, make_slate, make_topic, make_view

pytestmark = pytest.mark.django_db(transaction=True)

YESTERDAY = NOW - timedelta(days=1)
LONG_AGO = NOW - timedelta(days=30)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return pl.read_parquet(path).to_dicts()


def manifest_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    return found


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.database
def test_every_day_with_rows_gets_a_file_a_table(tmp_path: Path) -> None:
    reader, item = make_reader(external_id="shop:1"), make_item()
    slate = make_slate([item, 404], reader=reader, served_at=LONG_AGO)
    make_view(slate, 1)
    make_interaction(reader, "click", item, slate=slate, happened_at=LONG_AGO + timedelta(seconds=9))
    make_interaction(reader, "search", query="rivers", happened_at=NOW)
    summary = export_days(folder=tmp_path, now=NOW)
    assert files_of(tmp_path) == {
        "manifest.json",
        "interactions/2026-01-30.parquet",
        "interactions/2026-03-01.parquet",
        "slates/2026-01-30.parquet",
        "views/2026-01-30.parquet",
    }
    assert (summary.written, summary.rows) == (4, {"slates": 1, "views": 1, "interactions": 2})
    (served,) = rows_of(tmp_path / "slates" / "2026-01-30.parquet")
    assert (served["slate"], served["reader"]) == (str(slate.pk), str(reader.public_id))
    assert (served["items"], served["propensities"], served["served_at"]) == ([item.pk, 404], [1.0, 1.0], LONG_AGO)
    (view,) = rows_of(tmp_path / "views" / "2026-01-30.parquet")
    assert (view["slate"], view["position"], view["item"]) == (str(slate.pk), 1, 404)
    (click,) = rows_of(tmp_path / "interactions" / "2026-01-30.parquet")
    assert (click["kind"], click["slate"], click["position"]) == ("click", str(slate.pk), 0)
    assert (click["reader_external_id"], click["item_external_id"]) == ("shop:1", item.external_id)


def test_midnight_in_utc_parts_the_days(tmp_path: Path) -> None:
    reader, item = make_reader(), make_item()
    midnight = datetime(2026, 2, 1, tzinfo=UTC)
    for moment in (midnight - timedelta(milliseconds=1), midnight):
        make_interaction(reader, "click", item, happened_at=moment)
        make_slate([item], served_at=moment)
    export_days(folder=tmp_path, now=NOW)
    for table in ("interactions", "slates"):
        for day in ("2026-01-31", "2026-02-01"):
            assert len(rows_of(tmp_path / table / f"{day}.parquet")) == 1


def test_only_the_days_asked_for_are_written_both_ends_included(tmp_path: Path) -> None:
    reader = make_reader()
    for day in range(1, 8):
        make_interaction(reader, "search", query="q", happened_at=datetime(2026, 2, day, 23, 59, tzinfo=UTC))
    export_days(folder=tmp_path, now=NOW, since=date(2026, 2, 3), until=date(2026, 2, 5))
    days = {name.removesuffix(".parquet")[-1] for name in files_of(tmp_path) if name != MANIFEST}
    assert days == {"3", "4", "5"}


def test_settled_days_are_left_alone_and_others_written_again(tmp_path: Path) -> None:
    reader = make_reader()
    for moment in (LONG_AGO, YESTERDAY, NOW):
        make_interaction(reader, "search", query="q", happened_at=moment)
    export_days(folder=tmp_path, now=NOW)
    again = export_days(folder=tmp_path, now=NOW + timedelta(hours=1))
    assert (again.kept, again.written, again.rows) == (1, 2, {"interactions": 3})
    assert export_days(folder=tmp_path, now=NOW + timedelta(days=9)).written == 2
    assert export_days(folder=tmp_path, now=NOW + timedelta(days=9)).written == 0


def test_an_interrupted_export_leaves_whole_files_and_is_finished_by_the_next(tmp_path: Path) -> None:
    reader = make_reader()
    for days in (40, 30, 20):
        make_interaction(reader, "search", query="q", happened_at=NOW - timedelta(days=days))

    def stop(name: str, _rows: int) -> None:
        if "2026-01-30" in name:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_days(folder=tmp_path, now=NOW, on_file=stop)
    assert manifest_of(tmp_path)["rows"] == {"interactions": 2}
    (tmp_path / MANIFEST).unlink()  # as if it had been killed
    (tmp_path / "interactions" / ".2026-02-09.parquet.unfinished").write_bytes(b"half a fi")
    finished = export_days(folder=tmp_path, now=NOW)
    assert (finished.kept, finished.written) == (2, 1)
    assert manifest_of(tmp_path)["rows"] == {"interactions": 3}
    assert not list(tmp_path.rglob(".*"))


def test_rewriting_takes_out_what_was_forgotten(tmp_path: Path) -> None:
    make_interaction(make_reader(), "search", query="q", happened_at=LONG_AGO)
    make_interaction(make_reader(), "search", query="q", happened_at=LONG_AGO)
    export_days(folder=tmp_path, now=NOW)
    Interaction.objects.first().delete()
    assert export_days(folder=tmp_path, now=NOW).rows == {"interactions": 2}
    assert export_days(folder=tmp_path, now=NOW, rewrite=True).rows == {"interactions": 1}


def test_the_manifest_says_what_is_there(tmp_path: Path) -> None:
    make_view(make_slate([1, 2], served_at=LONG_AGO), 0)
    export_days(folder=tmp_path, now=NOW)
    manifest = manifest_of(tmp_path)
    assert (manifest["schema_version"], manifest["reader"]) == (1, None)
    assert manifest["files"] == {"slates/2026-01-30.parquet": 1, "views/2026-01-30.parquet": 1}
    assert manifest["columns"]["views"] == ["slate", "position", "item", "viewed_at", "received_at"]
    written = parquet.ParquetFile(tmp_path / "views" / "2026-01-30.parquet")
    assert written.schema_arrow.names == manifest["columns"]["views"]
    assert written.metadata.row_group(0).column(0).compression == "ZSTD"


@pytest.mark.database
def test_details_keep_feature_values_as_they_were(tmp_path: Path) -> None:
    slate = make_slate([1, 2], served_at=LONG_AGO, features=[[1.5], [2.5]])
    SlateDetail.objects.update(pool_items=[1, 2], pool_cap_keys=[[7, None], [8, 9]], pool_scores=[0.5, None])
    export_days(folder=tmp_path, now=NOW, with_details=True)
    (detail,) = rows_of(tmp_path / "slate_details" / "2026-01-30.parquet")
    assert detail["features"] == SlateDetail.objects.get(slate_id=slate.pk).features
    assert json.loads(detail["pool_cap_keys"]) == [[7, None], [8, 9]]
    assert detail["pool_scores"] == [0.5, None]


@pytest.mark.database
def test_one_reader_gets_everything_of_theirs_and_of_nobody_else(tmp_path: Path) -> None:
    reader, other, item = make_reader(attributes={"age_band": "18-24"}), make_reader(), make_item()
    reader.followed_topics.add(make_topic("Jazz"))
    for whose in (reader, other):
        slate = make_slate([item], reader=whose, features=[[1.0]])
        make_view(slate, 0)
        make_interaction(whose, "click", item, slate=slate)
    summary = export_reader(folder=tmp_path, now=NOW, reader=reader, public_id=reader.public_id)
    assert summary.rows == {"slates": 1, "views": 1, "slate_details": 1, "interactions": 1}
    assert {row["reader"] for row in rows_of(tmp_path / "slates.parquet")} == {str(reader.public_id)}
    profile = json.loads((tmp_path / "reader.json").read_text())
    assert (profile["attributes"], profile["followed_topics"]) == ({"age_band": "18-24"}, ["jazz"])


def test_somebody_without_a_row_gets_their_slates(tmp_path: Path) -> None:
    public_id = uuid.uuid4()
    make_slate([1], reader_public_id=public_id)
    summary = export_reader(folder=tmp_path, now=NOW, reader=None, public_id=public_id)
    assert summary.rows == {"slates": 1, "views": 0, "slate_details": 0, "interactions": 0}


def test_a_folder_with_another_export_is_refused(tmp_path: Path) -> None:
    export_days(folder=tmp_path, now=NOW)
    with pytest.raises(ExportError, match="holds the log"):
        export_reader(folder=tmp_path, now=NOW, reader=None, public_id=uuid.uuid4())
    (tmp_path / MANIFEST).write_text("[]")
    with pytest.raises(ExportError, match="not the manifest"):
        export_days(folder=tmp_path, now=NOW)
