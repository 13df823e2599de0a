from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from recsite.models import Release
from recsite.releases.registry import live_release
from recsite.releases.store import ArtefactStore, store
from tests.recsite.funnel.world import fusion_ranker
from tests.recsite.releases.rows import make_candidate, make_live
from tests.recsite.releases.stored import stored_release

NO_RELEASE = 10**6


def run(*arguments: str) -> str:
    said = StringIO()
    call_command("releases", *arguments, stdout=said, stderr=said)
    return said.getvalue()


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as refusal:
        run(*arguments)
    assert refusal.value.returncode == 1
    return str(refusal.value)


@pytest.fixture
def files(settings: Settings, tmp_path: Path) -> ArtefactStore:
    settings.ARTEFACT_URL = f"file://{tmp_path}/artefacts"
    settings.ARTEFACT_CACHE = tmp_path / "cache"
    return store()


@pytest.mark.django_db
def test_list_says_which_is_live_and_where_the_way_back_leads() -> None:
    first, second, third = make_live(), make_live(), make_candidate(ranker="ranker-3")

    lines = run().splitlines()

    assert [line.split()[0] for line in lines] == ["ID", str(third.pk), str(second.pk), str(first.pk)]
    assert "candidate" in lines[1]
    assert "ranker-3" in lines[1]
    assert "live" in lines[2]
    assert "retired, way back" in lines[3]
    assert "2026-03-01 12:00" in lines[2]


@pytest.mark.django_db
def test_list_is_short_unless_asked_for_all() -> None:
    for _ in range(21):
        make_candidate()

    assert len(run("list").splitlines()) == 21
    assert len(run("list", "--all").splitlines()) == 22


@pytest.mark.django_db
def test_empty_list_says_how_to_make_a_release() -> None:
    assert "manage.py retrain" in run()


@pytest.mark.django_db
def test_show_tells_everything() -> None:
    release = make_live(config={"retriever": {"dim": 64}}, report={"ndcg_at_10": {"funnel": 0.12, "popularity": 0.08}})

    said = run("show", str(release.pk))

    for line in (
        f"Release {release.pk}: live",
        "retriever.dim: 64",
        "ndcg_at_10.funnel: 0.12",
        "promoted by test: it is good",
        "2026-02-09 12:00 to 2026-02-28 12:00",
    ):
        assert line in said


@pytest.mark.django_db
def test_compare_shows_only_what_differs() -> None:
    one = make_candidate(report={"ndcg": 0.10, "same": 1}, config={"epochs": 3})
    other = make_candidate(report={"ndcg": 0.12, "same": 1, "new": "yes"}, config={"epochs": 3})

    assert run("compare", str(one.pk), str(other.pk)).splitlines()[1:] == [
        "  report.ndcg: 0.1 | 0.12  (+20.0%)",
        "  report.new: - | yes",
    ]
    assert "differ in nothing" in run("compare", str(one.pk), str(one.pk))


@pytest.mark.django_db(transaction=True)
def test_promote_and_roll_back(files: ArtefactStore) -> None:
    first, second = (stored_release(files, fusion_ranker()) for _ in range(2))

    assert run("promote", str(first.pk), "--reason", "first") == f"Release {first.pk} is live.\n"
    run("promote", str(second.pk), "--reason", "better")
    assert live_release() == second
    assert run("rollback", "--reason", "worse") == f"Release {first.pk} is live again.\n"
    assert live_release() == first
    event = second.events.get(action="rolled back")
    assert event.reason == "worse"
    assert event.by.startswith("manage.py")
    assert "no release to go back to" in refused("rollback", "--reason", "again")


@pytest.mark.django_db(transaction=True)
def test_release_that_cannot_be_loaded_does_not_go_live(files: ArtefactStore) -> None:
    first, second, third = (stored_release(files, fusion_ranker()) for _ in range(3))
    run("promote", str(first.pk), "--reason", "first")
    run("promote", str(second.pk), "--reason", "second")
    for gone in (first, third):
        files.delete(gone.ranker)
        files.clear_cache()

    assert third.ranker in refused("promote", str(third.pk), "--reason", "third")
    assert first.ranker in refused("rollback", "--reason", "back")
    assert live_release() == second


@pytest.mark.django_db
def test_refuse_is_for_ever() -> None:
    release = make_candidate()
    run("refuse", str(release.pk), "--reason", "a broken import")

    assert Release.objects.get(pk=release.pk).state == "refused"
    assert "a broken import" in refused("refuse", str(release.pk), "--reason", "again")


@pytest.mark.django_db
@pytest.mark.parametrize("action", [["show"], ["promote", "--reason", "x"], ["refuse", "--reason", "x"]])
def test_unknown_release_is_refused(action: list[str]) -> None:
    assert f"no release {NO_RELEASE}" in refused(*action, str(NO_RELEASE))


@pytest.mark.parametrize("arguments", [["promote", "1"], ["rollback"], ["promote", "x", "--reason", "y"], ["sing"]])
def test_wrong_usage_is_said(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)


def test_reason_may_not_be_blank() -> None:
    with pytest.raises(CommandError, match="give a reason"):
        run("rollback", "--reason", " ")
