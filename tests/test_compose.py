"""Each service of docker-compose.yml, started by hand with its own command and environment, judged by its own health
check.

There is no container engine here. What is replaced is what only a container gives: the names of the other hosts, the
port, and
the program folders of the two server images, whose programs come from the same wheels as in the demo.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from django.conf import settings
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from recsite.onemachine import postgres, redis_server
from tests.addresses import free_port, url_of_test_database
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
GIVEN = {
    "SECRET_KEY": "compose-test-only-" + "k" * 50,
    "ALLOWED_HOSTS": "example.org",
    "POSTGRES_PASSWORD": "pg0secret",
    "REDIS_PASSWORD": "redis0secret",
}
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?P<operator>:\?|:-)(?P<words>[^}]*)\}")


def resolve(value: str) -> str:
    """Fill in `${NAME:?...}` and `${NAME:-default}` as compose does, from GIVEN."""
    return VARIABLE.sub(lambda match: GIVEN.get(match["name"]) or match["words"], value)


@pytest.fixture
def others() -> dict[str, str]:
    """What the names `postgres` and `redis` resolve to here: the servers of this test run."""
    return {
        "DATABASE_URL": url_of_test_database(),
        "REDIS_URL": settings.REDIS_URL,
    }


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that the account of the database server can enter; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="recsite-compose-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def running(service: str, others: Mapping[str, str], folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = shlex.split(resolve(SERVICES[service]["command"]).replace("8000", str(port)))
    with (folder / f"{service}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command] if command[0] != "python" else [sys.executable, *command[1:]],
            cwd=ROOT,
            env=environment_of(service, others, folder),
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def environment_of(service: str, others: Mapping[str, str], folder: Path) -> dict[str, str]:
    from_file = {name: resolve(value) for name, value in SERVICES[service]["environment"].items()}
    image = {"PATH": os.environ["PATH"], "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"), "VAR_DIR": str(folder)}
    return image | from_file | dict(others)


def is_healthy(service: str, others: Mapping[str, str], folder: Path, port: int) -> bool:
    _, *check = SERVICES[service]["healthcheck"]["test"]
    check = [part.replace("8000", str(port)) for part in check]
    command = [sys.executable, *check[1:]] if check[0] == "python" else [sys.executable, "-m", *check]
    finished = subprocess.run(
        command, cwd=ROOT, env=environment_of(service, others, folder), capture_output=True, timeout=60, check=False
    )
    return finished.returncode == 0


@pytest.mark.parametrize("service", ["web", "worker", "training"])
def test_the_service_becomes_healthy(service: str, others: dict[str, str], tmp_path: Path) -> None:
    port = free_port()
    with running(service, others, tmp_path, port):
        wait_until(lambda: is_healthy(service, others, tmp_path, port), f"{service} is healthy")


def test_the_scheduler_becomes_healthy_once_it_has_sent_a_job(others: dict[str, str], tmp_path: Path) -> None:
    often = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.create(name="often", task="recsite.tasks.refresh_popularity", interval=often)
    assert not is_healthy("beat", others, tmp_path, 0)
    with running("beat", others, tmp_path, 0) as beat:
        log = tmp_path / "beat.log"
        # It says so before it sends: with the second line the first is on its way.
        wait_until(lambda: log.read_bytes().count(b"task often") > 1, "a job was sent")
        beat.terminate()
        beat.wait(timeout=30)
    assert is_healthy("beat", others, tmp_path, 0)


def test_migrations_run_and_end(others: dict[str, str], tmp_path: Path) -> None:
    with running("migrate", others, tmp_path, 0) as process:
        assert process.wait(timeout=60) == 0


def test_postgres_starts_with_the_options_of_its_command() -> None:
    program, *options = shlex.split(SERVICES["postgres"]["command"])
    assert program == "postgres"
    with open_folder() as folder:
        server = postgres.place(folder / "postgres", durable=False)
        postgres.initialise(server)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([*server.command(), *options], stdout=log, stderr=log, cwd="/")
        try:
            _, check, *arguments = SERVICES["postgres"]["healthcheck"]["test"]
            health = [str(server.programs / check), "--host", str(server.socket.parent), *arguments]
            wait_until(
                lambda: subprocess.run(health, check=False, capture_output=True).returncode == 0, "it is healthy"
            )
            wait_until(server.answers, "PostgreSQL answers")
            with psycopg.connect(server.url("postgres")) as connection:
                assert connection.execute("SHOW shared_buffers").fetchone() == ("256MB",)
        finally:
            process.send_signal(getattr(signal, SERVICES["postgres"]["stop_signal"]))
            assert process.wait(timeout=30) == 0


def test_redis_becomes_healthy_and_refuses_whoever_has_no_password(tmp_path: Path) -> None:
    program, *arguments = shlex.split(resolve(SERVICES["redis"]["command"]))
    assert program == "redis-server"
    port = str(free_port())
    server = redis_server.place(tmp_path).program
    command_line = [str(server.parent / "redis-cli"), "-p", port, "ping"]
    environment = {name: resolve(value) for name, value in SERVICES["redis"]["environment"].items()}

    def answer(env: dict[str, str]) -> str:
        return subprocess.run(command_line, env=env, capture_output=True, text=True, check=False).stdout.strip()

    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([str(server), *arguments, "--port", port, "--dir", str(tmp_path)], stdout=log)
    try:
        wait_until(lambda: answer(environment) == "PONG", "Redis answers its health check")
        assert answer({}).startswith("NOAUTH")
    finally:
        process.terminate()
        process.wait(timeout=30)


OURS = ("web", "worker", "training", "beat", "migrate")


def test_what_training_writes_is_where_workers_and_web_processes_read(tmp_path: Path) -> None:
    """One volume, at the folder that the settings fall back to where no address is given."""
    assert all(SERVICES[name]["volumes"] == ["artefacts:/app/var/artefacts"] for name in OURS)
    show = "from django.conf import settings; print(settings.ARTEFACT_URL)"
    for name in ("web", "worker", "training"):
        environment = environment_of(name, {}, tmp_path) | {
            "VAR_DIR": "/app/var",
            "DJANGO_SETTINGS_MODULE": "recsite.settings",
        }
        del environment["PROMETHEUS_MULTIPROC_DIR"]
        shown = subprocess.run(
            [sys.executable, "-c", show], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        assert shown.stdout.strip() == "file:///app/var/artefacts"


def test_that_folder_belongs_to_the_account_of_the_image() -> None:
    """An empty volume takes owner and mode over from the folder of the image that it covers."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.search(r"mkdir -p [^&]*/app/var/artefacts .*&& chown -R recsite [^&]*/app/var", dockerfile)
    assert "USER recsite" in dockerfile


def test_every_service_of_ours_reads_the_same_settings() -> None:
    assert all(SERVICES[name]["environment"] == SERVICES["web"]["environment"] for name in OURS)


def test_only_the_training_image_has_what_trains_and_every_image_speaks_s3() -> None:
    serve, train = (ROOT / "Dockerfile").read_text().split("FROM serve AS train")
    assert "requirements/train.txt" in train
    assert "requirements/train.txt" not in serve
    assert "requirements/s3.txt" in serve
    assert [name for name in OURS if SERVICES[name]["build"]["target"] == "train"] == ["training"]


def test_every_service_that_stays_has_a_health_check() -> None:
    without = [name for name, service in SERVICES.items() if "healthcheck" not in service and name != "migrate"]
    assert without == []


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    secrets = [match for match in VARIABLE.finditer(text) if re.search("KEY|PASSWORD|TOKEN|URL", match["name"])]
    assert {match["name"] for match in secrets} >= {"SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD"}
    assert [match[0] for match in secrets if match["operator"] == ":-" and match["words"]] == []


def test_every_variable_is_explained_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text()
    names = {match["name"] for match in VARIABLE.finditer((ROOT / "docker-compose.yml").read_text())}
    assert [name for name in sorted(names) if not re.search(rf"^{name}=", example, re.MULTILINE)] == ["TORCH_INDEX"]
    assert set(re.findall("^([A-Z_]+)=", example, re.MULTILINE)) <= names
