"""Backup and restore, by the very lines of docs/operations.md: what is restored is what was there, and it serves."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.conf import settings as django_settings
from django.db import connection
from psycopg import sql
from pytest_django.fixtures import Settings

from catalog.models import Item
from feedback.interactions import record_state
from feedback.kinds import Kind
from feedback.partitions import ensure_partitions
from recsite import clock
from recsite.onemachine.postgres import POSTGRES_VERSIONS
from recsite.releases.registry import promote
from recsite.releases.store import store
from tests.addresses import url_of_test_database
from tests.factories import make_reader, make_slate, make_view
from tests.recsite.funnel.world import FIRST_ITEM, fusion_ranker
from tests.recsite.releases.stored import make_items, stored_release

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

ROOT = Path(__file__).resolve().parents[1]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
IN_CONTAINER = re.compile(r"docker compose (?:exec|run --rm --no-deps) --no-TTY (?:postgres|web) ")
CONTAINERS_ONLY = re.compile(r"docker compose (?:stop|up) ")


def lines_of(heading: str, *, containers: bool) -> list[str]:
    """Commands below a heading, in their order. Those for containers as what runs inside: there is no engine here."""
    section = OPERATIONS.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    plain, in_containers = section.split("With containers")
    lines = re.findall("^    (.+)$", in_containers if containers else plain, re.MULTILINE)
    lines = [IN_CONTAINER.sub("", line) for line in lines if not CONTAINERS_ONLY.match(line)]
    assert lines
    assert not [line for line in lines if "docker" in line]
    return lines


class Machine:
    """A folder as the site's own, beside a database: where an operator types."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.database = folder, database
        folder.mkdir(exist_ok=True)
        (folder / "manage.py").symlink_to(ROOT / "manage.py")

    @property
    def url(self) -> str:
        return url_of_test_database().replace(f"/{django_settings.DATABASES['default']['NAME']}?", f"/{self.database}?")

    def type(self, line: str) -> str:
        """Run a line in a shell, as somebody who reads it in the documents would. Returns what it printed."""
        # In containers the database is called recsite, here as the test has it.
        line = re.sub(r"(?<!--username )(?<!/)\brecsite\b(?!\.)", self.database, line)
        finished = subprocess.run(
            ["bash", "-c", f"set -euo pipefail; {line}"],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, f"{line}\n{finished.stderr}"
        return finished.stdout

    def _environment(self) -> dict[str, str]:
        socket = psycopg.conninfo.conninfo_to_dict(self.url)["host"]
        path = [str(_programs()), str(Path(sys.executable).parent), os.environ["PATH"]]
        place = {"DATABASE_URL": self.url, "VAR_DIR": str(self.folder / "var"), "PGHOST": str(socket)}
        return os.environ | place | {"PATH": ":".join(path), "LOG_LEVEL": "ERROR"}


def _programs() -> Path:
    """Of the server's own version: an older pg_dump refuses to read a newer server."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        major = int(cursor.fetchone()[0]) // 10_000
    if major in POSTGRES_VERSIONS:
        return Path(POSTGRES_VERSIONS[major])
    found = shutil.which("pg_dump")
    if found is None:
        pytest.skip("no pg_dump for the server of DATABASE_URL")
    return Path(found).parent


@contextmanager
def database(name: str, *, make: bool) -> Iterator[str]:
    with psycopg.connect(url_of_test_database(), autocommit=True) as session:
        if make:
            session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield name
        finally:
            session.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def counts(url: str) -> dict[str, int]:
    """Rows by table, partitions apart."""
    with psycopg.connect(url) as session:
        tables = [
            name
            for (name,) in session.execute(
                "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
            )
        ]
        count = sql.SQL("SELECT count(*) FROM {}")
        return {name: next(iter(session.execute(count.format(sql.Identifier(name)))))[0] for name in sorted(tables)}


@pytest.fixture
def site(settings: Settings, tmp_path: Path) -> Machine:
    """With a catalogue, a log, a reader who chose something, and a live release."""
    machine = Machine(tmp_path / "site", str(django_settings.DATABASES["default"]["NAME"]))
    settings.ARTEFACT_URL = f"file://{machine.folder}/var/artefacts"
    settings.ARTEFACT_CACHE = machine.folder / "var" / "artefact-cache"
    now = clock.now()
    ensure_partitions(now=now)
    make_items()
    reader = make_reader(external_id="somebody")
    for place in range(3):
        item = Item.objects.get(pk=FIRST_ITEM + place)
        record_state(reader=reader, kind=Kind.SAVE, about=item, now=now - timedelta(hours=1))
    make_view(make_slate([FIRST_ITEM, FIRST_ITEM + 1], reader=reader, served_at=now - timedelta(hours=1)), 1)
    promote(stored_release(store(), fusion_ranker()), by="test", reason="good", now=now)
    return machine


@pytest.mark.parametrize("containers", [False, True], ids=["plain", "containers"])
def test_what_is_restored_is_what_was_backed_up_and_serves(site: Machine, tmp_path: Path, *, containers: bool) -> None:
    for line in lines_of("Backup", containers=containers):
        site.type(line)
    served = items_of(site.type("python manage.py recommend somebody"))
    assert len(served) > 5

    # The plain lines restore into an empty database, those for containers in place of what is there.
    with database(f"restored_{uuid.uuid4().hex[:12]}", make=not containers) as name:
        other = Machine(tmp_path / "other", name)
        (other.folder / "backup").symlink_to(site.folder / "backup")
        (other.folder / "var").mkdir()
        for line in lines_of("Restore", containers=containers):
            other.type(line)
        assert counts(other.url) == counts(site.url)
        assert counts(other.url)["feedback_slate"] == 1
        assert items_of(other.type("python manage.py recommend somebody")) == served


def items_of(page: str) -> list[int]:
    """What `manage.py recommend` printed: the items of the page, in their order."""
    return [int(found) for found in re.findall(r"^ *\d+ +-?[0-9.]+ +(\d+) ", page, re.MULTILINE)]
