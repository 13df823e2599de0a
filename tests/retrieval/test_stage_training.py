from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from retrieval import stage_training
from retrieval.artefact import RetrieverArtefact
from retrieval.candidates import Source
from retrieval.index import IndexConfig, Kind
from retrieval.interactions import Interactions
from retrieval.sources.covisitation_graph import CovisitationGraphConfig
from retrieval.sources.implicit_als import ImplicitAls
from retrieval.stage import load_stage, save_stage
from retrieval.stage_training import fit_stage, graph_config
from retrieval.train import StepDone
from tests.recsite.funnel.world import EVEN, reader_query, small_fitted, small_interactions, small_stage
from tests.retrieval.worlds import SMALL, UNTIL, catalogue, positives


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> list[pa.Table]:
    """No towers are trained: those of the small world stand in. Holds the tables that training was given."""
    given: list[pa.Table] = []
    artefact = small_fitted().artefact  # which is trained, where no process has yet

    def trained(tables: list[pa.Table], *_: object, **__: object) -> RetrieverArtefact:
        given.extend(tables)
        return artefact

    monkeypatch.setattr(stage_training, "train_retriever", trained)
    return given


def test_every_part_learns_from_the_same_window() -> None:
    fitted = small_fitted()
    assert fitted.artefact.trained_until == UNTIL
    assert len(fitted.index) == 24
    chosen = np.unique(small_interactions().item_ids).tolist()
    assert fitted.graph.items.item_ids.tolist() == chosen
    assert fitted.als.items.item_ids.tolist() == chosen
    assert fitted.graph_walk.graph is fitted.covisitation.graph


def test_an_interaction_at_the_end_of_the_window_is_refused() -> None:
    late = Interactions.in_order(np.array([1, 2]), np.array([100, 102]), np.array([0.0, UNTIL.timestamp()]))
    with pytest.raises(ValueError, match="not before"):
        fit_stage([positives()], catalogue(), late, SMALL, until=UNTIL)


def test_training_gets_every_table_whole(untrained: list[pa.Table]) -> None:
    halves = [positives().slice(0, 180), positives().slice(180)]
    fit_stage(halves, catalogue(), small_interactions(), SMALL, until=UNTIL)
    assert pa.concat_tables(untrained).equals(positives())


def test_a_later_window_and_a_watcher_of_steps_reach_the_towers(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    artefact = small_fitted().artefact

    def trained(*_: object, **options: object) -> RetrieverArtefact:
        given.update(options)
        return artefact

    monkeypatch.setattr(stage_training, "train_retriever", trained)
    later, steps = positives(seed=1), list[StepDone]()
    add = steps.append
    fit_stage([positives()], catalogue(), small_interactions(), SMALL, until=UNTIL, validation=later, on_step=add)
    assert given["validation"] is later
    assert given["on_step"] is add


def test_a_small_catalogue_is_searched_exactly_and_keeps_no_queries(untrained: list[pa.Table]) -> None:
    fitted = fit_stage([positives()], catalogue(), small_interactions(), SMALL, until=UNTIL)
    assert fitted.index.kind is Kind.EXACT
    assert len(fitted.index.queries) == 0
    assert fitted.als.index is None


def test_an_approximate_index_is_tuned_on_states_of_the_window(
    untrained: list[pa.Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(IndexConfig, "kind_for", lambda self, num_items: Kind.HNSW)
    halves = [positives().slice(0, 270), positives().slice(270)]
    fitted = fit_stage(halves, catalogue(), small_interactions(), SMALL, until=UNTIL)
    assert fitted.index.kind is Kind.HNSW
    assert len(fitted.index.queries) == 360  # all of them, for there are no more than may be sampled


def test_ials_of_a_large_catalogue_has_an_index_that_finds_the_same(
    untrained: list[pa.Table], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(IndexConfig, "kind_for", lambda self, num_items: Kind.HNSW)
    fitted = fit_stage([positives()], catalogue(), small_interactions(), SMALL, until=UNTIL)
    assert fitted.als.index is not None
    assert len(fitted.als.index.queries) == 40  # readers
    save_stage(fitted, tmp_path / "one")
    state = reader_query(EVEN).state
    for source, exact in zip(load_stage(tmp_path / "one").personal_sources()[3:], _als_sources(), strict=True):
        found, wanted = (each.candidates(state, 10, exclude=state.history) for each in (source, exact))
        assert found.item_ids.tolist() == wanted.item_ids.tolist()
        assert found.scores.tolist() == pytest.approx(wanted.scores.tolist(), abs=1e-5)


def _als_sources() -> tuple[Source, ...]:
    sources = small_stage().personal_sources()[3:]
    assert all(isinstance(source, ImplicitAls) and source.index is None for source in sources)
    return sources


def test_a_sample_takes_rows_of_all_tables_alike() -> None:
    sample = stage_training._Sample(400, seed=0)
    day = timedelta(days=1)
    for number in range(10):
        rows = pa.table({"state_at": pa.array([UNTIL + number * day] * 1_000, pa.timestamp("us", tz="UTC"))})
        list(sample.passed_on([rows]))
    states = sample.states()
    assert states is not None
    assert len(states) == 400
    _, counts = np.unique(states["state_at"].cast(pa.int64()).to_numpy(), return_counts=True)
    assert len(counts) == 10
    assert counts.min() > 15  # 40 expected


def test_a_large_catalogue_keeps_fewer_neighbours() -> None:
    assert graph_config(1_700) == CovisitationGraphConfig()
    assert graph_config(25_000).neighbours == 200
    assert graph_config(1_000_000).neighbours == 50
