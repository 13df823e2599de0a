"""A made-up site with a live release, as `feed` and `freshness` measure it. Needs Django to be set up."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import lightgbm as lgb
import numpy as np
from django.conf import settings
from django.core import signing
from django.core.management import call_command

from benchmarks.report import progress
from benchmarks.site_rows import HISTORY, fill
from benchmarks.site_stage import another, history_rows, made_up_stage
from catalog.models import Item, Reader
from ranking.artefact import RankerArtefact
from ranking.boosting import TreeModel
from ranking.config import RankerConfig
from ranking.order import BoostedOrder, RetrievalOrder
from recsite import clock
from recsite.funnel.funnel import Funnel
from recsite.funnel.query import FunnelQuery
from recsite.funnel.sources import FEATURE_SET
from recsite.identity import SALT
from recsite.models import Release
from recsite.publishing import tell_workers_of_items
from recsite.releases.catalogue_reading import read_catalogue
from recsite.releases.registry import promote, roll_back
from recsite.releases.snapshots import take_source_snapshots
from recsite.releases.store import store
from recsite.training.publishing import publish, write_ranker, write_stage
from retrieval.config import TowerConfig, TwoTowerConfig
from retrieval.query_state import QueryState
from retrieval.stage import FittedStage

TREES, LEAVES = 300, 31
TAUGHT_BY = 20
"""Made-up requests that the trees are grown on."""


@dataclass(frozen=True)
class Site:
    """readers: public ids of those who have a history. live, next_one: releases that share nothing but items."""

    num_items: int
    now: datetime
    readers: tuple[uuid.UUID, ...]
    live: Release
    next_one: Release

    def cookies(self) -> list[str]:
        """A browser's, of each reader."""
        signer = signing.get_cookie_signer(salt=f"{settings.READER_COOKIE}{SALT}")
        return [f"{settings.READER_COOKIE}={signer.sign(str(public_id))}" for public_id in self.readers]

    def go_on(self) -> None:
        """To the next release."""
        promote(self.next_one, by="benchmark", reason="to be measured", now=clock.now())

    def go_back(self) -> None:
        """To the release before."""
        roll_back(by="benchmark", reason="to be measured", now=clock.now())

    def publish(self, number: int) -> None:
        """One more item, as staff publish one."""
        now = clock.now()
        Item.objects.create(
            external_id=f"new-{number}",
            slug=f"new-{number}",
            title=f"The news of the day, part {number}",
            published_at=now,
            created_at=now,
            updated_at=now,
        )
        tell_workers_of_items()


def make_site(num_items: int, num_readers: int, folder: Path, *, towers: TowerConfig, seed: int) -> Site:
    """Rows, snapshots and two releases, the first of them live."""
    now = clock.now()
    call_command("collectstatic", interactive=False, verbosity=0)
    progress(f"{num_items:,} items: writing rows")
    fill(num_items, num_readers, seed=seed, now=now)
    take_source_snapshots(now=now)
    progress(f"{num_items:,} items: making a release")
    catalogue = read_catalogue(now=now)
    topics = catalogue.facts.cap_keys[:, 0].astype(np.int32)
    fitted = made_up_stage(catalogue.items, topics, TwoTowerConfig(towers), until=now, seed=seed)
    untaught = RankerArtefact(order=RetrievalOrder(FEATURE_SET))
    ranker = _ranker(Funnel.of(fitted.ready(), untaught, catalogue), now, seed)
    live = _published(fitted, ranker, folder, now, run=1)
    next_one = _published(another(fitted), ranker, folder, now, run=2)
    promote(live, by="benchmark", reason="to be measured", now=now)
    readers = tuple(Reader.objects.order_by("pk").values_list("public_id", flat=True))
    return Site(num_items, now, readers, live, next_one)


def _ranker(funnel: Funnel, now: datetime, seed: int) -> RankerArtefact:
    """Trees of the usual size, grown on noise around what the sources say together."""
    rng = np.random.default_rng(seed)
    item_ids, ages_s = funnel.catalogue.facts.item_ids, np.arange(HISTORY, 0, -1, dtype=np.float32) * 3_600
    kinds = ("click",) * HISTORY
    rows = []
    for _ in range(TAUGHT_BY):
        chosen = item_ids[history_rows(len(item_ids), HISTORY, rng)]
        rows.append(funnel.ranked(FunnelQuery(QueryState(now, chosen, kinds, ages_s), exclude=chosen)).features)
    features = np.concatenate(rows)
    goal = np.nan_to_num(features[:, FEATURE_SET.names.index("fusion")]) * 30 + rng.standard_normal(len(features))
    data = lgb.Dataset(features, goal, feature_name=list(FEATURE_SET.names))
    parameters = {"num_leaves": LEAVES, "verbose": -1, "num_threads": 1, "min_data_in_leaf": 10}
    text = lgb.train(parameters, data, TREES).model_to_string()
    order = BoostedOrder(FEATURE_SET, TreeModel(text))
    return RankerArtefact(order=order, since=now, until=now, config=RankerConfig())


def _published(fitted: FittedStage, ranker: RankerArtefact, folder: Path, now: datetime, *, run: int) -> Release:
    written = folder / f"release-{run}"
    written.mkdir()
    stage = write_stage(fitted, written, run=run)
    trees = write_ranker(ranker, written, run=run)
    artefact = fitted.artefact
    return publish(
        stage,
        trees,
        store(),
        now=now,
        retriever_since=artefact.trained_from,
        retriever_until=artefact.trained_until,
        config={},
        report={},
    )
