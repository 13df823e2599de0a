"""What an arm learns at the end of a round, from its own log and by its own rules. Needs Django to be set up."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import polars as pl
import pyarrow as pa

from benchmarks.loop_arms import Arm, Labels
from benchmarks.loop_labels import labelled
from benchmarks.loop_sources import TWO_TOWER, Unshown
from catalog.models import Reader
from feedback.examples import labelled_visits
from feedback.labels import LabelConfig
from ranking.artefact import RankerArtefact
from ranking.config import RankerConfig
from ranking.order import RetrievalOrder
from ranking.train import train_ranker
from ranking.visits import NothingToLearn
from recsite.funnel.sources import FEATURE_SET
from recsite.models import Release
from recsite.releases.registry import promote
from recsite.releases.store import store
from recsite.training.configs import retriever_config
from recsite.training.examples import History, read_history
from recsite.training.impressions import LoggedVisits, visits_of_log
from recsite.training.publishing import publish, write_ranker, write_stage
from retrieval.config import Negatives, TwoTowerConfig
from retrieval.stage import FittedStage
from retrieval.stage_training import fit_stage

ROWS_DRAWN, MOST_EPOCHS = 30_000, 40
"""By every training of towers, however long its log is: so all take as many steps, but for logs of next to nothing."""
TREES = 200

_LABEL_CONFIGS = {Labels.SERVED: LabelConfig(unviewed=True), Labels.ABOVE: LabelConfig(skip_above=True)}


@dataclass(frozen=True, eq=False)
class Learned:
    """release: of the round.  report: plain JSON values."""

    release: Release
    report: dict[str, object]


def learn(
    arm: Arm, *, seed: int, number: int, since: datetime, now: datetime, folder: Path, unshown: Unshown
) -> Learned:
    """One training after round `number` (0: after the warm-up), and its release, live.

    since: when the arm's own rounds began.  folder: for files on their way to the store.
    """
    history = read_history(now=now)
    fitted = train_towers(arm, history, now, number=number, seed=seed)
    ranker = train_order(arm, history, unshown, seed=seed, since=since, now=now)
    release = go_live(fitted, ranker, number=number, now=now, folder=folder)
    report = {
        "positives": len(history.before(now)),
        "reranked": not isinstance(ranker.order, RetrievalOrder),
        "ranker": {name: ranker.report[name] for name in ("visits", "trees") if name in ranker.report},
    }
    return Learned(release, report)


def go_live(fitted: FittedStage, ranker: RankerArtefact, *, number: int, now: datetime, folder: Path) -> Release:
    """Through the store and the registry, as every release.

    Of those before it the one that it replaces is kept, to be compared with; files of older ones are not needed any
    more.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files = store()
    older = Release.objects.exclude(state=Release.State.LIVE)
    before = {name for pair in older.values_list("retriever", "ranker") for name in pair}
    release = publish(
        write_stage(fitted, folder, run=number),
        write_ranker(ranker, folder, run=number),
        files,
        now=now,
        retriever_since=fitted.artefact.trained_from,
        retriever_until=fitted.artefact.trained_until,
        ranker_since=ranker.since,
        ranker_until=ranker.until,
        config={},
        report={},
    )
    shutil.rmtree(folder)
    live = promote(release, by="benchmark", reason="the round is over", now=now)
    for name in before & set(files.names()):
        files.delete(name)
    return live


# --- towers ---


def train_towers(arm: Arm, history: History, until: datetime, *, number: int, seed: int) -> FittedStage:
    config = towers_config(arm, history, until, number=number, seed=seed)
    tables: Iterator[pa.Table] = history.tables(until)
    if config.training.impression_weight:
        refused = refused_beside(until)
        tables = (with_refused(table, refused) for table in tables)
    return fit_stage(tables, history.items, history.interactions(until), config, until=until)


def towers_config(arm: Arm, history: History, until: datetime, *, number: int, seed: int) -> TwoTowerConfig:
    plain = retriever_config("small", popularity_prior=arm.prior, seed=seed + arm.noise)
    rows = float(history.before(until)["weight"].to_numpy().sum())
    sees = arm.impression_weight > 0 and number + 1 >= arm.impressions_from
    training = replace(
        plain.training,
        epochs=min(max(1, round(ROWS_DRAWN / max(rows, 1.0))), MOST_EPOCHS),
        log_q_strength=arm.log_q,
        impression_weight=arm.impression_weight if sees else 0.0,
        negatives=Negatives.SEEN if arm.seen_alone else plain.training.negatives,
    )
    return replace(plain, training=training)


def refused_beside(until: datetime) -> pl.DataFrame:
    """Columns reader_id, item_id, and not_chosen: what the visit of that choice had on screen and left."""
    parts = [
        pl.DataFrame(pl.from_arrow(table.select(["visit_id", "reader_public_id", "item_id", "label"])))
        for table in labelled_visits(since=datetime.min.replace(tzinfo=until.tzinfo), until=until)
    ]
    keys = pl.DataFrame(
        [(key, public_id.bytes) for key, public_id in Reader.objects.values_list("pk", "public_id")],
        schema={"reader_id": pl.Int64, "reader_public_id": pl.Binary},
        orient="row",
    )
    if not parts:
        return pl.DataFrame(schema={"reader_id": pl.Int64, "item_id": pl.Int64, "not_chosen": pl.List(pl.Int64)})
    rows = pl.concat(parts).with_columns(pl.col("label").cast(pl.String), pl.col("reader_public_id").cast(pl.Binary))
    left = rows.filter(pl.col("label").is_in(["negative", "dismissed"]))
    left = left.group_by("visit_id").agg(not_chosen=pl.col("item_id"))
    chosen = rows.filter(pl.col("label") == "positive").join(left, on="visit_id").join(keys, on="reader_public_id")
    return chosen.unique(["reader_id", "item_id"], keep="last", maintain_order=True).select(
        "reader_id", "item_id", "not_chosen"
    )


def with_refused(table: pa.Table, refused: pl.DataFrame) -> pa.Table:
    """With the column `not_chosen` of `retrieval.spool`; choices of no visit have none."""
    keys = pl.DataFrame(pl.from_arrow(table.select(["reader_id", "item_id"])))
    joined = keys.join(refused, on=["reader_id", "item_id"], how="left", maintain_order="left")
    lists = joined["not_chosen"].fill_null([]).to_arrow().cast(pa.list_(pa.int64()))
    return table.append_column("not_chosen", lists)


# --- the order ---


def train_order(
    arm: Arm, history: History, unshown: Unshown, *, seed: int, since: datetime, now: datetime
) -> RankerArtefact:
    """By the arm's labels; the towers' own order where it has none, or nothing can be learned yet."""
    own = RankerArtefact(order=RetrievalOrder(FEATURE_SET, TWO_TOWER))
    if arm.labels is None:
        return own
    logged = read_visits(history, since=since, now=now)
    if logged is None:
        return own
    wider = _LABEL_CONFIGS.get(arm.labels)
    other = None if wider is None else read_visits(history, since=since, now=now, label_config=wider)
    try:
        visits = labelled(arm, logged, other, unshown, history.first_chosen_s, seed=seed)
        config = RankerConfig(num_trees=TREES, click_model=None, seed=seed + arm.noise)
        return train_ranker([visits], config, since=since, until=now, feature_set=FEATURE_SET)
    except NothingToLearn:
        return own


def read_visits(
    history: History, *, since: datetime, now: datetime, label_config: LabelConfig | None = None
) -> LoggedVisits | None:
    """Of all releases that were live since, with the scores that were logged: each round was served by towers that had
    learned until it began."""
    releases = dict(Release.objects.filter(live_since__gte=since).values_list("pk", "retriever_until"))
    return visits_of_log(
        since=since,
        until=now,
        trained_until_of=releases,
        first_chosen_s=history.first_chosen_s,
        label_config=label_config,
    )
