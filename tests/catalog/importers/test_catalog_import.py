from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.conf import settings
from django.db import connection

from catalog.importers.catalog_import import MAX_BATCH_CHARS
from catalog.importers.records import CatalogFileError
from catalog.importers.rejects import TooManyRejects
from catalog.importers.text_files import MAX_LINE_BYTES
from catalog.importers.upsert import IMPORT_LOCK
from catalog.models import Author, Item, ItemTopic, Topic
from tests.catalog.importers.running import JsonlWriter, read_rejects, row, row_versions, run_import, write_jsonl
from tests.factories import NOW
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.database]

FULL_ROW: dict[str, Any] = {
    "external_id": "a-1",
    "title": "Bread & <b>salt</b> 🍞",
    "summary": "Ein kurzer Text. \u202eRückwärts\u202c.",
    "body": "One.\n\nTwo.",
    "topics": ["Kitchen", "Sea"],
    "author": "Ada Baker",
    "language": "de",
    "published_at": "2024-05-31T12:00:00+00:00",
    "image": "https://example.org/bread.jpg",
    "link": "http://example.org/brot?x=ü",
    "attributes": {"minutes": 4, "tags": ["ä", None, True], "weight": 1.5},
    "hidden": True,
}


def ids() -> set[str]:
    return set(Item.objects.values_list("external_id", flat=True))


# --- what is written ----------------------------------------------------------------------------------------


def test_every_field_of_a_row_reads_back(jsonl: JsonlWriter) -> None:
    assert run_import(jsonl(FULL_ROW)).counts == (1, 0, 0, 0)
    item = Item.objects.select_related("author").get()
    assert item.author is not None
    assert item.author.name == "Ada Baker"
    assert [link.topic.name for link in ItemTopic.objects.order_by("pk")] == ["Kitchen", "Sea"]
    assert item.published_at.isoformat() == FULL_ROW["published_at"]
    plain = ("external_id", "title", "summary", "body", "language", "image", "link", "attributes", "hidden")
    assert {name: getattr(item, name) for name in plain} == {name: FULL_ROW[name] for name in plain}
    assert (item.source, item.created_at, item.updated_at) == ("site", NOW, NOW)


def test_what_a_new_row_leaves_open_is_now_and_shown(jsonl: JsonlWriter) -> None:
    run_import(jsonl(row()))
    item = Item.objects.get()
    assert (item.published_at, item.hidden, item.author, item.attributes) == (NOW, False, None, {})


def test_equal_ids_of_two_sources_are_two_items(jsonl: JsonlWriter) -> None:
    run_import(jsonl(row()), source="one")
    run_import(jsonl(row()), source="two")
    assert Item.objects.count() == 2


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Bread & Salt!", "bread-salt"),
        ("Хлеб и соль", "хлеб-и-соль"),
        ("🍞🧂", "item"),
        ("word " * 90, "-".join(["word"] * 20)),
        ("x" * 500, "x" * 100),
    ],
)
def test_a_slug_comes_from_title_and_id(jsonl: JsonlWriter, title: str, slug: str) -> None:
    run_import(jsonl(row(title=title)))
    item = Item.objects.get()
    assert item.slug == f"{slug}-{item.pk}"


def test_tabs_backslashes_and_line_breaks_survive(jsonl: JsonlWriter) -> None:
    body = "a\tb\\n \\. \\N\n\n\\\\ \"quoted\" 'quoted' %s {x}"
    run_import(jsonl(row(body=body)))
    assert Item.objects.get().body == body


# --- a second time ------------------------------------------------------------------------------------------


def test_a_second_run_rewrites_no_row(jsonl: JsonlWriter) -> None:
    path = jsonl(FULL_ROW, row("2"), row("3", topics=["Sea"]), row("4", author="ADA BAKER"))
    run_import(path)
    before = row_versions()
    again = run_import(path, now=NOW + timedelta(days=9))
    assert again.counts == (0, 0, 4, 0)
    assert row_versions() == before


def test_a_second_run_with_repeated_and_bad_rows_rewrites_no_row_either(jsonl: JsonlWriter) -> None:
    path = jsonl(row("1", "First"), row("2"), row("1", "Second"), "{", row("3"), row("1", "Third"))
    first = run_import(path, batch_rows=2)
    before = row_versions()
    again = run_import(path, batch_rows=2, now=NOW + timedelta(days=9))
    assert (first.counts, again.counts) == ((3, 0, 0, 3), (0, 0, 3, 3))
    assert again.rejects == first.rejects
    assert row_versions() == before


def test_only_what_changed_is_written(jsonl: JsonlWriter) -> None:
    run_import(jsonl(row("1"), row("2"), row("3")))
    later = NOW + timedelta(days=1)
    assert run_import(jsonl(row("1"), row("2", "A new title"), row("3")), now=later).counts == (0, 1, 2, 0)
    moments = dict(Item.objects.values_list("external_id", "updated_at"))
    assert moments == {"1": NOW, "2": later, "3": NOW}
    assert set(Item.objects.values_list("created_at", flat=True)) == {NOW}


@pytest.mark.parametrize("name", [name for name in FULL_ROW if name not in {"external_id", "hidden", "published_at"}])
def test_a_change_of_any_field_is_an_update(jsonl: JsonlWriter, name: str) -> None:
    run_import(jsonl(FULL_ROW))
    others = {"title": "Other", "language": "fr", "topics": ["Sea"], "attributes": {"minutes": 5}, "author": None}
    assert run_import(jsonl(FULL_ROW | {name: others.get(name)})).counts == (0, 1, 0, 0)
    assert run_import(jsonl(FULL_ROW | {name: others.get(name)})).counts == (0, 0, 1, 0)


def test_an_address_outlives_a_new_title(jsonl: JsonlWriter) -> None:
    run_import(jsonl(row(title="Old title")))
    slug = Item.objects.get().slug
    run_import(jsonl(row(title="New title")))
    item = Item.objects.get()
    assert (item.title, item.slug) == ("New title", slug)


def test_only_changed_topics_are_touched(jsonl: JsonlWriter) -> None:
    run_import(jsonl(row(topics=["Sea", "Sky"]), row("2", topics=["Sea"])))
    kept = set(ItemTopic.objects.filter(topic__name="Sea").values_list("pk", flat=True))
    assert run_import(jsonl(row(topics=["Land", "Sea"]), row("2", topics=["Sea"]))).counts == (0, 1, 1, 0)
    assert set(Item.objects.get(external_id="1").topics.values_list("name", flat=True)) == {"Land", "Sea"}
    assert kept <= set(ItemTopic.objects.values_list("pk", flat=True))


def test_what_staff_have_hidden_stays_hidden(jsonl: JsonlWriter) -> None:
    run_import(jsonl(row()))
    Item.objects.update(hidden=True)
    assert run_import(jsonl(row())).counts == (0, 0, 1, 0)
    assert Item.objects.get().hidden
    assert run_import(jsonl(row(hidden=False))).counts == (0, 1, 0, 0)
    assert not Item.objects.get().hidden


def test_two_names_of_one_topic_are_one_pair(jsonl: JsonlWriter) -> None:
    Topic.objects.create(name="Science Fiction", slug="scifi")
    run_import(jsonl(row(topics=["Science Fiction", "scifi"])))
    assert ItemTopic.objects.count() == 1


# --- bad rows -----------------------------------------------------------------------------------------------

BAD_ROWS: dict[str, tuple[dict[str, Any] | str | bytes, str]] = {
    "invalid JSON": ('{"external_id": "x", ', "not valid JSON"),
    "not an object": ("[1, 2]", "not a JSON object: list"),
    "no external_id": ({"title": "A"}, "required field missing: external_id"),
    "no title": ({"external_id": "x"}, "required field missing: title"),
    "blank title": (row("x", " \t "), "required field missing: title"),
    "title too long": (row("x", "x" * 501), "too long: title has 501 characters, 500 is the most"),
    "body too long": (row("x", body="x" * 200_001), "too long: body has 200,001 characters"),
    "external_id too long": (row("x" * 201), "too long: external_id"),
    "bad language": (row("x", language="English"), "not a language code: 'English'"),
    "bad date": (row("x", published_at="31.5.2024"), "not a usable date: published_at '31.5.2024'"),
    "date far ahead": (row("x", published_at="2999-01-01"), "more than a year ahead"),
    "link that runs": (row("x", link="javascript:alert(1)"), "not an http(s) address: link 'javascript:alert(1)'"),
    "image that is data": (row("x", image="data:image/png,x"), "not an http(s) address: image"),
    "NUL": (row("x", "A\x00B"), "character that no page may hold: title holds U+0000 at character 2"),
    "half a surrogate pair": ('{"external_id": "x", "title": "\\ud800"}', "title holds U+D800"),
    "latin-1": (b'{"external_id": "x", "title": "caf\xe9"}', "not valid UTF-8: byte 0xE9"),
    "huge line": (row("x", body="x" * MAX_LINE_BYTES), "line too long"),
    "topics of a wrong type": (row("x", topics="Sea"), "wrong type: topics is text, not a list of names"),
    "attributes of a wrong type": (row("x", attributes=[1]), "wrong type: attributes is a list, not an object"),
    "too many topics": (row("x", topics=[f"T{n}" for n in range(21)]), "too many topics: 21, 20 is the most"),
    "NaN": ('{"external_id": "x", "title": "A", "attributes": {"n": NaN}}', "attributes that cannot be stored"),
    "title of a wrong type": (row("x", {"en": "A"}), "wrong type: title is an object, not text"),
}


@pytest.mark.parametrize("kind", BAD_ROWS)
def test_a_bad_row_is_found_in_the_rejects_and_its_neighbours_on_the_site(jsonl: JsonlWriter, kind: str) -> None:
    bad, reason = BAD_ROWS[kind]
    done = run_import(jsonl(row("before"), bad, row("after")))
    assert done.counts == (2, 0, 0, 1)
    (reject,) = done.rejects
    assert reject["line"] == 2
    assert reason in reject["reason"]
    assert len(reject["row"]) <= 500
    assert ids() == {"before", "after"}


def test_all_kinds_of_bad_rows_at_once_are_found_by_line(jsonl: JsonlWriter) -> None:
    lines: list[dict[str, Any] | str | bytes] = []
    for number, (bad, _) in enumerate(BAD_ROWS.values()):
        lines += [bad, row(f"good {number}")]
    done = run_import(jsonl(*lines), batch_rows=3)
    assert [reject["line"] for reject in done.rejects] == list(range(1, 2 * len(BAD_ROWS), 2))
    for reject, (_, reason) in zip(done.rejects, BAD_ROWS.values(), strict=True):
        assert reason in reject["reason"]
    assert len(ids()) == len(BAD_ROWS)


@pytest.mark.parametrize("batch_rows", [2, 100], ids=["across batches", "within a batch"])
def test_of_rows_with_one_external_id_the_first_counts(jsonl: JsonlWriter, batch_rows: int) -> None:
    path = jsonl(row("1", "First"), row("2"), row("3"), row(1, "Second"), row("4"))
    done = run_import(path, batch_rows=batch_rows)
    assert [(reject["line"], reject["reason"]) for reject in done.rejects] == [
        (4, "external_id used twice: first on line 1")
    ]
    assert Item.objects.get(external_id="1").title == "First"
    assert ids() == {"1", "2", "3", "4"}


def test_a_row_that_only_the_database_refuses_is_rejected_alone(jsonl: JsonlWriter) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE catalog_item ADD CONSTRAINT no_mondays CHECK (title <> 'Monday')")
    rows = [row(str(number), "Monday" if number in {3, 4, 9} else "Sunday") for number in range(1, 11)]
    done = run_import(jsonl(*rows))
    assert [reject["line"] for reject in done.rejects] == [3, 4, 9]
    assert all("refused by the database" in r["reason"] and "no_mondays" in r["reason"] for r in done.rejects)
    assert done.counts == (7, 0, 0, 3)


def test_bad_rows_of_a_csv_file_are_found_by_line(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes(
        b"external_id,title,topics,attributes\n"
        b'1,Bread,"Sea|Sky","{""x"": 1}"\n'
        b"2,too,many,columns,here\n"
        b'3,"open\n'
        b"4,caf\xe9,,\n"
        b"5,Bad,,{\n"
        b"6,Wine,,\n"
    )
    done = run_import(path, "csv")
    assert [reject["line"] for reject in done.rejects] == [3, 4, 5, 6]
    assert ids() == {"1", "6"}
    assert Item.objects.get(external_id="1").topics.count() == 2


def test_every_column_of_a_csv_file_reads_back(tmp_path: Path, jsonl: JsonlWriter) -> None:
    path = tmp_path / "items.csv"
    texts = FULL_ROW | {"topics": "Kitchen|Sea", "attributes": json.dumps(FULL_ROW["attributes"]), "hidden": "true"}
    quoted = [
        ",".join(f'"{str(cell).replace(chr(34), chr(34) * 2)}"' for cell in line) for line in (texts, texts.values())
    ]
    path.write_text("\n".join(quoted) + "\n", encoding="utf-8")
    assert run_import(path, "csv").counts == (1, 0, 0, 0)
    assert run_import(jsonl(FULL_ROW)).counts == (0, 0, 1, 0)


def test_every_column_of_a_parquet_file_reads_back(tmp_path: Path, jsonl: JsonlWriter) -> None:
    path = tmp_path / "items.parquet"
    pq.write_table(pa.Table.from_pylist([FULL_ROW | {"attributes": {"minutes": 4}}]), path)
    assert run_import(path, "parquet").counts == (1, 0, 0, 0)
    assert run_import(jsonl(FULL_ROW | {"attributes": {"minutes": 4}})).counts == (0, 0, 1, 0)


def test_a_good_import_takes_an_older_rejects_file_away(jsonl: JsonlWriter, tmp_path: Path) -> None:
    rejects_path = tmp_path / "bad.jsonl"
    run_import(jsonl("{"), rejects_path=rejects_path)
    assert len(read_rejects(rejects_path)) == 1
    assert run_import(jsonl(row()), rejects_path=rejects_path).summary.rejects_path is None
    assert not rejects_path.exists()


# --- stopping -----------------------------------------------------------------------------------------------


def test_past_the_limit_whole_batches_stay_and_nothing_else(jsonl: JsonlWriter, tmp_path: Path) -> None:
    good = [row(str(number)) for number in range(1, 9)]
    path = jsonl(*good[:5], "{", good[5], "{", *good[6:])
    rejects_path = tmp_path / "bad.jsonl"
    with pytest.raises(TooManyRejects, match=r"line 8: 2 rows are bad and the limit is 1\. Most often: not valid JSON"):
        run_import(path, batch_rows=2, max_rejects=1, rejects_path=rejects_path)
    assert ids() == {"1", "2", "3", "4", "5"}  # lines 1-2, 3-4 and 5-6; line 7 was in one batch with line 8
    assert [reject["line"] for reject in read_rejects(rejects_path)] == [6, 8]
    assert run_import(path, batch_rows=2, max_rejects=2).counts == (3, 0, 5, 2)


def test_past_the_limit_by_a_repeated_id_nothing_of_the_batch_stays(jsonl: JsonlWriter) -> None:
    with pytest.raises(TooManyRejects):
        run_import(jsonl(row("1"), row("2"), row("3"), row("1")), batch_rows=2, max_rejects=0)
    assert ids() == {"1", "2"}


def test_a_file_that_breaks_off_leaves_whole_batches(tmp_path: Path) -> None:
    lines = b"".join(json.dumps(row(str(n), f"{os.urandom(40).hex()}")).encode() + b"\n" for n in range(5_000))
    path = tmp_path / "items.jsonl.gz"
    path.write_bytes(gzip.compress(lines)[:200_000])
    with pytest.raises(CatalogFileError, match="cannot be read beyond line"):
        run_import(path, batch_rows=1_000)
    assert Item.objects.count() in {1_000, 2_000, 3_000, 4_000}


def test_a_batch_ends_early_when_its_rows_are_long(jsonl: JsonlWriter) -> None:
    long_body = "word " * 30_000
    fitting = MAX_BATCH_CHARS // len(long_body)
    rows = [row(str(number), body=long_body) for number in range(fitting + 2)]
    assert run_import(jsonl(*rows)).summary.batches == 2


@pytest.fixture
def import_in_own_process(transactional_db: None, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """An import of two batches in a process of its own, stuck in the middle of the second."""
    path = write_jsonl(tmp_path / "items.jsonl", [row("1"), row("2"), row("3", topics=["Sea"]), row("4")])
    address = own_database_url()
    with psycopg.connect(address) as in_the_way:
        in_the_way.execute("LOCK TABLE catalog_itemtopic IN SHARE MODE")
        process = subprocess.Popen(
            [sys.executable, "manage.py", "import_catalog", str(path), "--batch-size", "2"],
            cwd=settings.BASE_DIR,
            env=os.environ | {"DATABASE_URL": address},
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_until(
            lambda: waits_in("COPY catalog_itemtopic%") or process.poll() is not None,
            "the import waits in its second batch",
        )
        yield process
        process.kill()
        process.communicate()


def own_database_url() -> str:
    """The tests' database, for another session or process."""
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


def waits_in(query: str) -> bool:
    """Whether some session of this database waits for a lock in a statement like this."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE %s",
            [query],
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_an_import_killed_in_a_batch_leaves_nothing_of_it(import_in_own_process: subprocess.Popen[str]) -> None:
    assert import_in_own_process.poll() is None
    assert ids() == {"1", "2"}
    import_in_own_process.kill()
    import_in_own_process.wait()
    assert ids() == {"1", "2"}
    assert not Topic.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_import_that_is_interrupted_says_what_is_kept(import_in_own_process: subprocess.Popen[str]) -> None:
    import_in_own_process.send_signal(signal.SIGINT)
    _, errors = import_in_own_process.communicate(timeout=60)
    assert import_in_own_process.returncode == 130
    assert "Interrupted. 1 whole batches are kept (2 created, 0 updated); run it again to go on." in errors
    assert ids() == {"1", "2"}


@pytest.mark.django_db(transaction=True)
def test_after_a_stop_the_next_run_completes_it(jsonl: JsonlWriter) -> None:
    path = jsonl(row("1"), row("2"), "{", row("3", author="Ada", topics=["Sea"]))
    with pytest.raises(TooManyRejects):
        run_import(path, batch_rows=2, max_rejects=0)
    assert run_import(path, batch_rows=2).counts == (1, 0, 2, 1)
    assert (Author.objects.count(), Topic.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_an_import_waits_for_the_batch_of_another_and_uses_its_topics(jsonl: JsonlWriter) -> None:
    path = jsonl(row(topics=["Sea"]))
    with psycopg.connect(own_database_url()) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [IMPORT_LOCK])
        other.execute("INSERT INTO catalog_topic (name, slug, description) VALUES ('Sea', 'sea', '')")
        waiting = pool.submit(_import_in_a_thread, path)
        wait_until(lambda: waits_in("%pg_advisory_xact_lock%"), "the import waits for the other one")
        other.commit()
        assert waiting.result(timeout=60) == (1, 0, 0, 0)
    assert Topic.objects.get().items.count() == 1


def _import_in_a_thread(path: Path) -> tuple[int, int, int, int]:
    try:
        return run_import(path).counts
    finally:
        connection.close()
