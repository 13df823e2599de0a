"""A whole site for a browser to visit: its own database and server process, filled from the synthetic world."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
from psycopg import sql

from tests.addresses import free_port
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE_ITEMS = 480
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""The first that is there. The headless shell is Chromium without the windows around its pages: half the work."""
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Pages of its own that Chromium loads behind every address bar: a fifth of its work, and nobody types there.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup",
]
HOW_TO_GET_ONE = "Install Chromium (on Debian: apt-get install chromium) and run `make test` again."


def find_chromium() -> str | None:
    """The path of a Chromium on this machine, if there is one."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@dataclass(frozen=True)
class Site:
    address: str
    database_url: str
    mails: Path

    def newest_mail(self) -> str:
        files = sorted(self.mails.glob("*"), key=lambda path: path.stat().st_mtime_ns) if self.mails.exists() else []
        return files[-1].read_text() if files else ""

    def query(self, statement: sql.SQL, *parameters: object) -> list[tuple[object, ...]]:
        """What the database holds, asked past Django: Playwright's loop forbids the ORM in this thread."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(statement, parameters).fetchall()

    def change(self, statement: sql.SQL, *parameters: object) -> None:
        with psycopg.connect(self.database_url) as connection:
            connection.execute(statement, parameters)


@contextmanager
def running_site(
    *, database_url: str, redis_url: str, folder: Path, staffed: bool = False, movielens: Path | None = None
) -> Iterator[Site]:
    """Make a database beside the one of `database_url`, fill it, and serve it until the block ends.

    staffed: with history, a release, two days of visits, and staff who look at them (`tests.browser.staff.planting`).
    movielens: a folder of MovieLens 100K, in place of the made-up world.
    """
    name = f"browser_{secrets.token_hex(4)}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    own_url = re.sub(r"/[^/?]+(\?|$)", rf"/{name}\1", database_url, count=1)
    site = Site(f"http://127.0.0.1:{free_port()}", own_url, folder / "mails")
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": site.database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ALLOWED_HOSTS": "127.0.0.1",
        "HTTPS": "0",
        "VAR_DIR": str(folder),
        "EMAIL_URL": f"file://{site.mails}",
        "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"),
    }
    if staffed:
        environment |= {"GATE_READERS": "10", "GATE_POSITIVES": "30", "TRAINING_SIZE": "small"}
    try:
        _fill(environment, _of_movielens(movielens) if movielens else _of_the_world(folder, staffed), staffed=staffed)
        with _serving(site, environment, folder):
            yield site
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _fill(environment: dict[str, str], catalogue: list[list[str]], *, staffed: bool) -> None:
    steps = [
        ["manage.py", "migrate", "--verbosity", "0"],
        ["manage.py", "collectstatic", "--noinput", "--verbosity", "0"],
        *catalogue,
        *([["-m", "tests.browser.staff.planting"]] if staffed else []),
    ]
    for step in steps:
        subprocess.run([sys.executable, *step], cwd=ROOT, env=environment, check=True, capture_output=True)


def _of_the_world(folder: Path, with_history: bool) -> list[list[str]]:
    world = folder / "world"
    simulate = ["-m", "simulation"]
    into = ["--out", str(world), "--seed", "1"]
    imported = ["manage.py", "import_catalog", "--format", "jsonl", str(world / "items.jsonl")]
    items = [*simulate, "catalogue", *into, "--items", str(CATALOGUE_ITEMS)]
    if not with_history:
        return [items, imported]
    return [items, [*simulate, "history", *into, "--readers", "200"], [*imported, "--with-history", "--shift-to-now"]]


def _of_movielens(data: Path) -> list[list[str]]:
    rejects = ["--rejects", os.devnull]
    imported = ["manage.py", "import_catalog", "--format", "movielens", str(data), "--with-history", "--shift-to-now"]
    return [[*imported, *rejects]]


@contextmanager
def _serving(site: Site, environment: dict[str, str], folder: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "gunicorn", "recsite.wsgi", "--bind", site.address.removeprefix("http://")]
    with (folder / "web.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--no-control-socket"], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        wait_until(lambda: _is_ready(site), "the site is ready")
        yield
    finally:
        server.terminate()
        server.wait(timeout=30)


def _is_ready(site: Site) -> bool:
    try:
        return httpx.get(f"{site.address}/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
