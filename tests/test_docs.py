"""What the documents say is so: commands exist and start, links lead somewhere, settings are those that are read."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
import sys
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import gunicorn.config  # type: ignore[import-untyped]
import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands, load_command_class

from recsite import clock, examination, slates
from recsite.releases.live import NOT_LOADED
from recsite.training.gate import Limits

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
ENVIRONMENT_ONLY = {"DEMO", "DEBUG", "SIMULATION", "PORT", "DATA", "AUDIENCE"}
"""Settings of a demo, a developer or a simulation: not for the operations page."""


OURS = re.compile(r"(make|python|\.venv/bin/python|manage\.py|docker compose|gunicorn|celery) ")
"""How lines begin that call something we provide."""


def calls() -> list[str]:
    """Indented lines of the documents, to be typed as they stand."""
    texts = [document.read_text() for document in DOCUMENTS]
    lines = {line for text in texts for line in re.findall(r"^    (\S.*?)(?:  +#.*)?$", text, re.MULTILINE)}
    return sorted(line for line in lines if OURS.match(line))


def commands() -> list[str]:
    """Those, and `code` that begins in the same way: it may name a command without all that it needs."""
    texts = [document.read_text() for document in DOCUMENTS]
    lines = {line for text in texts for line in re.findall(r"`([^`\n]+)`", text)}
    return sorted({*calls(), *(line for line in lines if OURS.match(line))})


@pytest.mark.parametrize("command", [line for line in commands() if line.startswith("make ")])
def test_every_make_target_that_is_named_exists(command: str) -> None:
    assert re.search(rf"^{shlex.split(command)[1]}:", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("command", [line for line in commands() if "manage.py" in line])
def test_every_management_command_that_is_named_exists(command: str) -> None:
    words = shlex.split(command)
    assert words[words.index(next(word for word in words if word.endswith("manage.py"))) + 1] in get_commands()


@pytest.mark.parametrize("command", [line for line in calls() if "manage.py" in line])
def test_every_management_command_takes_what_the_documents_give_it(command: str) -> None:
    words = shlex.split(command)
    name, *arguments = words[words.index(next(word for word in words if word.endswith("manage.py"))) + 1 :]
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    try:
        parser.parse_args(arguments)
    except SystemExit as ended:  # of --help
        assert ended.code == 0  # noqa: PT017


@pytest.mark.parametrize(
    "command", [line for line in commands() if re.match("docker compose (exec|run|stop|restart)", line)]
)
def test_every_service_that_is_named_exists(command: str) -> None:
    action, *words = shlex.split(command)[2:]
    named = list(itertools.dropwhile(lambda word: word.startswith("-"), words))
    assert set(named if action in {"stop", "restart"} else named[:1]) <= set(COMPOSE["services"])


@pytest.mark.parametrize("program", ["worker", "beat"])
def test_celery_and_its_options_are_as_the_documents_have_them(program: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "recsite.celery", program, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in commands() if line.startswith(f"celery -A recsite.celery {program}")]
    assert lines
    for line in lines:
        assert [word for word in shlex.split(line) if word.startswith("--") and word not in finished.stdout] == []


@pytest.mark.parametrize("command", [line for line in commands() if line.startswith("gunicorn")])
def test_gunicorn_takes_what_the_documents_give_it(command: str) -> None:
    application, *options = shlex.split(command)[1:]
    gunicorn.config.Config().parser().parse_args([application, *options])


@pytest.mark.parametrize("module", sorted({m[1] for line in commands() if (m := re.search(r"python -m (\S+)", line))}))
def test_every_module_that_is_named_starts(module: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert "usage" in finished.stdout.lower()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", document.read_text())
    assert [target for target in targets if "://" not in target and not (document.parent / target).exists()] == []


def test_the_settings_that_are_explained_are_those_that_are_read() -> None:
    source = (ROOT / "recsite" / "settings.py").read_text()
    read = (
        set(re.findall(r'_(?:raw|flag|integer|share|number|numbers|words|required)\(\s*"([A-Z_]+)"', source))
        - ENVIRONMENT_ONLY
    )
    table = "\n".join(re.findall(r"^\| `[A-Z].*$", OPERATIONS, re.MULTILINE))
    explained = set(re.findall(r"`([A-Z_]{4,})`", "\n".join(row.split("|")[1] for row in table.splitlines())))
    assert explained == read


def rows(heading: str) -> list[list[str]]:
    """Cells of the table of the operations page that begins with this line, without its head."""
    below = OPERATIONS.split(f"\n{heading}\n", 1)[1].splitlines()[1:]
    table = itertools.takewhile(lambda line: line.startswith("|"), below)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def named(heading: str) -> set[str]:
    """What stands as `code` in the first column."""
    return {name for row in rows(heading) for name in re.findall("`([^`]+)`", row[0])}


def test_the_limits_of_the_gate_are_those_of_the_code() -> None:
    limits = asdict(Limits())
    told = {row[0].strip("`"): row[1] for row in rows("| limit | default | what |")}
    assert list(told) == list(limits)
    for name, words in told.items():
        number = float(re.sub("[^0-9.]", "", words))
        value = limits[name]
        if isinstance(value, timedelta):
            assert (words.endswith(" h"), timedelta(hours=number)) == (True, value)
        else:
            assert (number / 100 if words.endswith("%") else number) == pytest.approx(value), name


def test_the_defaults_of_the_settings_are_those_of_the_gate() -> None:
    told = {row[0]: row[2] for row in rows("| variable | what | default |")}
    assert told["`GATE_READERS`, `GATE_POSITIVES`"] == f"{Limits().readers}, {Limits().positives}"
    assert timedelta(minutes=int(told["`GATE_RERANKER_WAIT_MIN`"])) == Limits().between_rerankers


@pytest.mark.parametrize("name", ["retrain", "releases", "recommend", "doctor"])
def test_exit_codes_are_those_that_the_command_tells_itself(name: str) -> None:
    help_of = load_command_class(get_commands()[name], name).create_parser("manage.py", name).format_help()
    told = re.findall(r"^  (\d)  (.+)$", help_of.split("exit codes:")[1], re.MULTILINE)
    written = [(code, what) for command, code, what in rows("| command | exit code | meaning |") if name in command]
    assert [code for code, _ in written] == [code for code, _ in told]


def test_the_jobs_are_those_that_are_scheduled() -> None:
    assert named("| job | what | when |") == set(settings.CELERY_BEAT_SCHEDULE)


def test_the_metrics_are_those_that_there_are() -> None:
    """By the names that Prometheus gives them."""
    declared = re.compile(r'\b(Counter|Histogram|Gauge|CounterMetricFamily|GaugeMetricFamily)\(\s*"(recsite_[a-z_]+)"')
    found = [match for path in ROOT.glob("recsite/**/*.py") for match in declared.findall(path.read_text())]
    names = {f"{name.removesuffix('_total')}_total" if kind.startswith("Counter") else name for kind, name in found}
    assert named("| metric | what | by |") == names


def test_the_reasons_of_fallbacks_are_those_that_there_are() -> None:
    reasons = (slates.NO_RELEASE, slates.RELEASE_FAILED, slates.NO_CANDIDATES_LEFT, slates.RULES_FAILED)
    assert named("| reason | what happened |") == {*reasons, slates.PERSONALISATION_OFF, NOT_LOADED}


@pytest.mark.django_db
def test_the_doctor_looks_at_what_the_operations_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination.app.control, "inspect", lambda timeout: SimpleNamespace(active_queues=dict))
    parts = {finding.part for finding in examination.examine(now=clock.now())}
    assert named("| part | what is looked at |") == parts


def test_the_readme_shows_the_two_commands_and_a_picture() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "\n    make demo\n" in readme
    assert "\n    make test\n" in readme
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", readme)
    assert (ROOT / picture).stat().st_size < 1_000_000


def test_no_document_names_a_place_on_one_machine() -> None:
    for document in DOCUMENTS:
        assert not re.search(r"(^|[\s(`])/(home|root|tmp|work|Users)/", document.read_text()), document
