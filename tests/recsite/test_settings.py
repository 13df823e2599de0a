"""Settings are read in a process of their own: that is how a bad environment meets them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from recsite.training.gate import Limits

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "SECRET_KEY": "k" * 60,
    "ALLOWED_HOSTS": "example.org",
    "DATABASE_URL": "postgresql://user:secret@db/name",
    "REDIS_URL": "redis://cache:6379",
}


def read_settings(environment: dict[str, str], expression: str = "None") -> subprocess.CompletedProcess[str]:
    code = f"from recsite import settings; print(repr({expression}))"
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_a_production_environment_is_read() -> None:
    finished = read_settings(GOOD, "(settings.ALLOWED_HOSTS, settings.DATABASES['default']['HOST'], settings.HTTPS)")
    assert finished.stdout.strip() == "(['example.org'], 'db', True)", finished.stderr


@pytest.mark.parametrize("name", sorted(GOOD))
def test_nothing_but_a_demo_starts_without(name: str) -> None:
    finished = read_settings({key: value for key, value in GOOD.items() if key != name})
    assert finished.returncode != 0
    assert f"{name} is not set" in finished.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "0"),
        ("PORT", "70000"),
        ("DEBUG", "perhaps"),
        ("DATABASE_URL", "mysql://user@db/name"),
        ("DATABASE_URL", "nonsense"),
        ("REDIS_URL", "http://cache"),
        ("TRUSTED_PROXIES", "-1"),
        ("LOG_LEVEL", "LOUD"),
        ("EMAIL_URL", "carrier-pigeon://coop"),
        ("TRAINING_SIZE", "huge"),
        ("TRAINING_THREADS", "0"),
        ("EXPLORATION_SHARE", "1.5"),
        ("POPULARITY_PRIOR", "2.5"),
        ("POPULARITY_PRIOR", "much"),
        ("GATE_READERS", "0"),
        ("GATE_LIMITS", "routine=0.05"),
        ("GATE_LIMITS", "routine_loss=-1"),
        ("GATE_LIMITS", "routine_loss"),
        ("CODE_VERSION", "v" * 81),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: str) -> None:
    finished = read_settings(GOOD | {name: value})
    assert finished.returncode != 0
    assert name in finished.stderr.splitlines()[-1]


def test_a_refused_address_does_not_print_its_password() -> None:
    finished = read_settings(GOOD | {"REDIS_URL": "http://user:hunter2@cache"})
    assert finished.returncode != 0
    assert "hunter2" not in finished.stderr


def test_a_demo_needs_nothing_and_reads_what_its_launcher_wrote(tmp_path: Path) -> None:
    (tmp_path / "demo.env").write_text("SECRET_KEY=from-the-file\nREDIS_URL=unix:///somewhere/redis.sock\n")
    environment = {"DEMO": "1", "VAR_DIR": str(tmp_path)}
    finished = read_settings(
        environment, "(settings.SECRET_KEY, settings.CACHES['default']['LOCATION'], settings.GIVEN_REDIS_URL)"
    )
    assert finished.stdout.strip() == "('from-the-file', 'unix:///somewhere/redis.sock?db=1', None)", finished.stderr


def test_the_environment_wins_over_the_launchers_file(tmp_path: Path) -> None:
    (tmp_path / "demo.env").write_text("SECRET_KEY=from-the-file\n")
    finished = read_settings({"DEMO": "1", "VAR_DIR": str(tmp_path), "SECRET_KEY": "given"}, "settings.SECRET_KEY")
    assert finished.stdout.strip() == "'given'", finished.stderr


def test_celery_and_the_cache_use_different_databases_of_one_redis() -> None:
    finished = read_settings(GOOD, "(settings.CELERY_BROKER_URL, settings.CACHES['default']['LOCATION'])")
    assert finished.stdout.strip() == "('redis://cache:6379/0', 'redis://cache:6379/1')", finished.stderr


def deployment_check(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("name", "code"), [("SIMULATION", "recsite.E001"), ("DEMO", "recsite.E002")])
def test_the_deployment_check_refuses(name: str, code: str, tmp_path: Path) -> None:
    finished = deployment_check(GOOD | {name: "1", "VAR_DIR": str(tmp_path)})
    assert finished.returncode != 0
    assert code in finished.stderr


def test_every_limit_of_the_gate_can_be_set() -> None:
    own = {"readers", "positives", "unprompted", "between_rerankers"}
    others = [field.name for field in fields(Limits) if field.name not in own]
    told = ", ".join(f"{name}={number}" for number, name in enumerate(others, start=1))
    finished = read_settings(GOOD | {"GATE_LIMITS": told}, "settings.GATE_LIMITS")
    assert finished.stdout.strip() == repr({name: float(number) for number, name in enumerate(others, start=1)})
    Limits(**dict.fromkeys(others, 1.0))
