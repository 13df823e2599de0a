"""What the documents say is so: commands exist and start, links lead somewhere, settings are those that are read."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text()
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
ENVIRONMENT_ONLY = {"DEMO", "DEBUG", "SIMULATION", "PORT", "DATA"}
"""Settings of a demo, a developer or a simulation: not for the operations page."""


def commands() -> list[str]:
    """Indented lines and `code` in the documents that begin with something we provide."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text()
        lines = re.findall(r"^    (\S.*?)(?:  +#.*)?$", text, re.MULTILINE) + re.findall(r"`([^`\n]+)`", text)
        found += [
            line
            for line in lines
            if re.match(r"(make|python|\.venv/bin/python|manage\.py|docker compose|gunicorn|celery) ", line)
        ]
    return sorted(set(found))


@pytest.mark.parametrize("command", [line for line in commands() if line.startswith("make ")])
def test_every_make_target_that_is_named_exists(command: str) -> None:
    assert re.search(rf"^{shlex.split(command)[1]}:", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("command", [line for line in commands() if "manage.py" in line])
def test_every_management_command_that_is_named_exists(command: str) -> None:
    words = shlex.split(command)
    assert words[words.index(next(word for word in words if word.endswith("manage.py"))) + 1] in get_commands()


@pytest.mark.parametrize("command", [line for line in commands() if line.startswith("docker compose exec")])
def test_every_service_that_is_named_exists(command: str) -> None:
    assert shlex.split(command)[3] in COMPOSE["services"]


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
    read = set(re.findall(r'_(?:raw|flag|integer|share|words|required)\(\s*"([A-Z_]+)"', source)) - ENVIRONMENT_ONLY
    table = "\n".join(re.findall(r"^\| `[A-Z].*$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE))
    explained = set(re.findall(r"`([A-Z_]{4,})`", "\n".join(row.split("|")[1] for row in table.splitlines())))
    assert explained == read


def test_the_readme_shows_the_two_commands_and_a_picture() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "\n    make demo\n" in readme
    assert "\n    make test\n" in readme
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", readme)
    assert (ROOT / picture).stat().st_size < 1_000_000


def test_no_document_names_a_place_on_one_machine() -> None:
    for document in DOCUMENTS:
        assert not re.search(r"(^|[\s(`])/(home|root|tmp|work|Users)/", document.read_text()), document
