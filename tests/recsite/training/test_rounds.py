"""Rounds of training: what is skipped, what goes live, what is refused, and what each leaves behind."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from pytest_django.fixtures import Settings

from catalog.models import Item, Reader
from feedback.models import Interaction
from recsite.funnel.sources import FEATURE_SET
from recsite.models import Release, TrainingRun
from recsite.releases.registry import live_release, promote, roll_back
from recsite.releases.store import StoreError, store
from recsite.training import candidates, measuring, pair, parity, rounds
from recsite.training.configs import Amounts
from recsite.training.gate import Change, Limits
from recsite.training.impressions import LoggedVisits
from recsite.training.parity import Parity
from recsite.training.rounds import Assignment, Round, retrain
from tests.factories import make_interaction, make_slate, make_view
from tests.recsite.training import planted_history
from tests.recsite.training.known_world import come_back, fused, plant, trained_in_no_time
from tests.retrieval.worlds import UNTIL

bootstrapped = pair.train_bootstrap
pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def a_small_site(settings: Settings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "var"
    settings.ARTEFACT_URL = f"file://{tmp_path}/artefacts"
    settings.ARTEFACT_CACHE = tmp_path / "cache"
    settings.GATE_READERS, settings.GATE_POSITIVES = 10, 30


@pytest.fixture
def known_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is trained anew in each test, and few are asked."""
    monkeypatch.setattr(pair, "train_stage", trained_in_no_time)
    monkeypatch.setattr(pair, "train_bootstrap", fused)
    for module in (pair, rounds):
        monkeypatch.setattr(module, "amounts", lambda _size: Amounts(rows=1_000, labels=60, queries=40, visits=40))
    monkeypatch.setattr(measuring, "TIMED", 5)
    monkeypatch.setattr(parity, "TRIED", 3)


def retrained(kind: str = "retriever", *, days: float = 0, **options: Any) -> Round:
    return retrain(kind, now=UNTIL + days * DAY, by="test", size="small", **options)


def runs() -> list[tuple[str, str]]:
    return list(TrainingRun.objects.order_by("pk").values_list("kind", "state"))


# --- the whole of it ---


@pytest.mark.parametrize("prior", [0.0, 1.0])
def test_a_history_becomes_a_live_release_that_beats_popularity_and_serves_as_it_was_measured(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, prior: float
) -> None:
    settings.POPULARITY_PRIOR = prior
    monkeypatch.setattr(planted_history, "READERS", 60)
    monkeypatch.setattr(planted_history, "CHOICES", 14)
    planted_history.plant()
    said: list[str] = []
    done = retrain("all", now=planted_history.NOW, by="test", size="small", echo=said.append)
    live = live_release()
    assert (done.state, done.release, runs()) == ("promoted", live, [("retriever", "promoted")])
    assert live is not None
    assert (live.retriever_until, live.gate_since, live.gate_until) == (
        live.gate_since,
        live.retriever_until,
        planted_history.NOW,
    )
    assert live.config["retriever"]["training"]["popularity_prior"] == prior
    assert live.report["differences"]["popularity"]["lower"] > 0
    assert live.report["served"] == {"tried": 20, "different": 0, "examples": []}
    assert live.report["verdict"]["limits"]["readers"] == 10
    assert sorted(store().names()) == sorted([live.retriever, live.ranker])
    run = TrainingRun.objects.get()
    assert run.release == live
    assert all(line in run.log for line in said)
    again = retrain("all", now=planted_history.NOW, by="test", size="small")
    assert (again.state, live_release()) == ("skipped", live)
    assert "Nothing new" in again.text


# --- what is not trained ---


def test_a_site_without_choices_has_nothing_to_learn_from() -> None:
    done = retrained("all")
    assert (done.state, done.succeeded, runs()) == ("skipped", True, [("retriever", "skipped")])


def test_too_few_choices_leave_everything_as_it_is_and_say_so(known_stage: None, settings: Settings) -> None:
    plant(imported=False)
    settings.GATE_READERS = 41
    done = retrained()
    assert (done.state, done.succeeded, done.release) == ("not promoted", False, None)
    assert "a gate needs 30 from 41" in done.text


def test_a_training_has_as_many_threads_as_it_was_given_and_gives_them_back(
    known_stage: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TRAINING_THREADS = 1
    plant()
    seen = []
    fit = pair.train_stage

    def watched(*arguments: Any, **options: Any) -> Any:
        seen.append(torch.get_num_threads())
        return fit(*arguments, **options)

    monkeypatch.setattr(pair, "train_stage", watched)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        retrained(dry_run=True)
        assert (set(seen), torch.get_num_threads()) == ({1}, 3)
    finally:
        torch.set_num_threads(before)


def test_a_ranker_needs_a_live_retriever() -> None:
    plant()
    assert "train the retriever first" in retrained("reranker").text


# --- retrievers ---


def test_a_dry_run_measures_and_leaves_nothing(known_stage: None, tmp_path: Path) -> None:
    plant()
    done = retrained(dry_run=True)
    assert (done.state, done.release, Release.objects.count()) == ("skipped", None, 0)
    assert "the gate says promote" in done.text
    assert not store().names()
    assert retrained().state == "promoted"


def test_a_second_pair_is_measured_against_the_live_one_on_what_neither_has_seen(known_stage: None) -> None:
    plant()
    first = retrained().release
    come_back()
    second = retrained(days=1)
    assert first is not None
    assert second.release is not None
    assert second.decision is not None
    assert (second.state, live_release()) == ("promoted", second.release)
    assert second.release.gate_since is not None
    assert second.release.gate_since >= first.retriever_until
    assert second.decision.report["change"] == Change.ROUTINE
    assert set(second.decision.results.funnels) == {"candidate", "live"}
    assert second.decision.report["learned"]["positives"] > first.report["learned"]["positives"]
    learned = second.decision.report["learned"]["positives"]
    assert sum(second.decision.report["learned_by_weight"].values()) == learned
    assert Release.objects.get(pk=first.pk).state == "retired"
    roll_back(by="somebody", reason="I like the old one.", now=UNTIL + DAY)
    assert (retrained(days=1).state, live_release()) == ("skipped", first)


def test_the_release_of_a_month_ago_is_measured_too(known_stage: None) -> None:
    plant()
    month_ago = UNTIL + timedelta(days=1) - timedelta(days=31)
    first = retrained().release
    assert first is not None
    first.events.filter(action="promoted").update(at=month_ago)
    come_back()
    second = retrained(days=1)
    assert second.release is not None
    Interaction.objects.filter(kind="save").update(happened_at=UNTIL + 2 * DAY, received_at=UNTIL + 2 * DAY)
    third = retrained(days=3)
    assert third.decision is not None
    assert set(third.decision.results.funnels) == {"candidate", "live", "30 days ago"}
    assert "30 days ago" in third.decision.report["differences"]


def test_a_changed_config_must_be_better_and_the_same_is_not(
    known_stage: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant()
    first = retrained().release
    come_back()
    monkeypatch.setattr(pair, "configs", lambda size: {"size": size, "retriever": "another"})
    done = retrained(days=1)
    assert (done.state, live_release()) == ("not promoted", first)
    assert done.release is not None
    assert done.release.state == "refused"
    assert "changed config" in done.text
    assert done.release.events.get(action="refused").reason in done.text


def test_a_candidate_that_serves_otherwise_than_measured_is_refused_by_name(
    known_stage: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant()
    monkeypatch.setattr(candidates, "compare_with_serving", lambda *_: Parity(20, 3, ("reader 1",)))
    done = retrained()
    assert (done.state, live_release()) == ("not promoted", None)
    assert "3 of 20 readers get another order" in done.text


def test_data_that_shrank_is_refused_unless_somebody_says_why(known_stage: None) -> None:
    plant()
    assert retrained().state == "promoted"
    come_back()
    forgotten = Interaction.objects.filter(reader_id__gt=25).values_list("reader_id", flat=True)
    Interaction.objects.filter(reader_id__in=list(forgotten)).delete()
    shrunk = retrained(days=1)
    assert "The data shrank" in shrunk.text
    come_back(since=UNTIL + DAY, each=1)
    told = retrained(days=2, why_less_data="Fifteen readers asked to be forgotten.")
    assert "The data shrank" not in told.text


def test_a_live_release_that_cannot_be_loaded_is_replaced_by_whatever_beats_popularity(
    known_stage: None, tmp_path: Path
) -> None:
    plant()
    first = retrained().release
    assert first is not None
    for folder in ("artefacts", "cache"):
        for path in (tmp_path / folder).glob(f"{first.ranker}/*.json"):
            path.write_text("{}")
    come_back()
    done = retrained(days=1)
    assert (done.state, done.decision and done.decision.report["change"]) == ("promoted", Change.FIRST)
    assert "cannot be loaded" in TrainingRun.objects.get(release=done.release).log


# --- rankers ---


def test_a_newer_ranker_shares_the_live_retriever_and_learns_only_what_that_has_not_seen(
    known_stage: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant()
    first = retrained().release
    assert first is not None
    asked: dict[str, Any] = {}
    monkeypatch.setattr(pair, "train_bootstrap", bootstrapped)
    bootstrap = pair.bootstrap_ranker

    def listening(*given: Any, **options: Any) -> Any:
        asked.update(options, labels=given[1])
        return bootstrap(*given, **options)

    monkeypatch.setattr(pair, "bootstrap_ranker", listening)
    come_back(each=3)
    done = retrained("reranker", days=1)
    assert asked["trained_until"] == first.retriever_until
    assert min(asked["labels"]["happened_at"].to_pylist()) >= first.retriever_until
    assert max(asked["labels"]["happened_at"].to_pylist()) < asked["until"]
    assert done.state in {"promoted", "not promoted"}
    if done.release is not None:
        assert (done.release.retriever, done.release.retriever_sha256) == (first.retriever, first.retriever_sha256)


def test_of_both_kinds_the_ranker_is_trained_only_where_no_new_pair_went_live(known_stage: None) -> None:
    plant()
    assert retrained("all").state == "promoted"
    assert runs() == [("retriever", "promoted")]
    done = retrained("all", days=1)
    assert [kind for kind, _ in runs()[1:]] == ["retriever", "reranker"]
    assert done.text.startswith("Retriever: Nothing new")


def serve_and_like(release: Release, *, at: datetime) -> None:
    """Somebody is shown five items of either kind by this release, and likes the second."""
    reader = Reader.objects.latest("pk")
    items = list(Item.objects.order_by("pk")[:5])
    rows = [[0.5] * len(FEATURE_SET)] * len(items)
    slate = make_slate(
        items, reader=reader, served_at=at, release=release.pk, features=rows, feature_set=FEATURE_SET.id
    )
    for slot in range(len(items)):
        make_view(slate, slot)
    make_interaction(reader, "like", items[1], slate=slate, happened_at=at + timedelta(seconds=9))


def test_a_new_pair_s_ranker_learns_what_was_shown_with_the_scores_of_the_shadow(
    known_stage: None, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """And never with those of the release that showed it; a ranker beside the live retriever learns with those."""
    plant()
    first = retrained().release
    assert first is not None
    come_back()
    serve_and_like(first, at=UNTIL - timedelta(minutes=90))
    settings.RERANKER_VISITS = 1
    taught: list[dict[str, Any]] = []

    def listen(logged: LoggedVisits, _bootstrap: Any, **options: Any) -> None:
        taught.append({"visits": logged.visits, **options})

    monkeypatch.setattr(pair, "train_ranker_of_visits", listen)
    retrained(days=1, dry_run=True)
    retrained("reranker", days=1, dry_run=True)
    by_shadow, as_served = taught
    assert by_shadow["since"] < UNTIL - timedelta(minutes=90) < by_shadow["until"]
    assert by_shadow["visits"].trained_until_s.tolist() == [by_shadow["since"].timestamp()] * 5
    assert as_served["visits"].trained_until_s.tolist() == [first.retriever_until.timestamp()] * 5
    places = [FEATURE_SET.names.index(name) for name in ("two_tower_score", "popular_score")]
    assert (as_served["visits"].features[:, places] == 0.5).all()
    assert not (by_shadow["visits"].features[:, places[0]] == 0.5).any()
    assert (by_shadow["visits"].features[:, places[1]] == 0.5).all()


# --- what goes wrong on the way ---


def test_a_round_that_fails_while_it_stores_leaves_no_release_and_the_next_one_clears_up(
    known_stage: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant()
    files = type(store())
    put = files.put

    def disk_is_full(self: Any, folder: Path, name: str) -> str:
        if name.startswith("ranker"):
            raise StoreError("No space left on device.")
        return put(self, folder, name)

    with monkeypatch.context() as broken:
        broken.setattr(files, "put", disk_is_full)
        with pytest.raises(StoreError):
            retrained()
    assert (Release.objects.count(), runs()) == (0, [("retriever", "failed")])
    assert store().names() == ["retriever-" + str(TrainingRun.objects.get().pk)]
    done = retrained()
    assert done.release is not None
    assert sorted(store().names()) == sorted([done.release.retriever, done.release.ranker])


def test_what_went_live_while_a_pair_was_trained_stays_live(known_stage: None, monkeypatch: pytest.MonkeyPatch) -> None:
    plant()
    first = retrained().release
    assert first is not None
    come_back()

    def meanwhile(*given: Any, **options: Any) -> Any:
        if live_release() == first:
            other = Release.objects.get(pk=first.pk)
            other.pk, other.state = None, Release.State.CANDIDATE
            other.save()
            promote(other, by="somebody", reason="by hand", now=UNTIL)
        return trained_in_no_time(*given, **options)

    monkeypatch.setattr(pair, "train_stage", meanwhile)
    done = retrained(days=1)
    assert (done.state, done.release and done.release.state) == ("not promoted", "candidate")
    assert "another one went live" in done.text


def test_limits_are_those_of_the_settings(settings: Settings) -> None:
    limits = Assignment(UNTIL, "test", "small").limits
    assert (limits.readers, limits.positives, limits.unprompted) == (10, 30, 3)
    assert limits.routine_loss == Limits().routine_loss
