"""Positives in, a retriever out. torch, so only to train."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from retrieval.artefact import RetrieverArtefact
from retrieval.batches import epoch_batches
from retrieval.checkpoint import digest_of, load_checkpoint, save_checkpoint
from retrieval.config import TwoTowerConfig
from retrieval.content import ItemContent
from retrieval.export import exported, exported_query
from retrieval.features import QueryFeatures, encode_table
from retrieval.negatives import KnownPositives
from retrieval.objective import Objective, ObjectiveMemory
from retrieval.popularity_prior import added_scores, log_prior_by_rows
from retrieval.prior_towers import CandidateWithPrior, QueryMeetingPrior
from retrieval.snapshots import Snapshots
from retrieval.spectral_start import start_spectral
from retrieval.spool import Spool, fill_spool
from retrieval.towers import CandidateTower, QueryTower
from retrieval.training_errors import MissingValue, NoPositives, NotFinite, TrainingStopped
from retrieval.validation import Validation
from retrieval.warm_start import start_warm

_NEVER_NULL = ("reader_id", "item_id", "happened_at", "state_at")
_REMEDY = "Lower learning_rate, or raise temperature."


@dataclass(frozen=True)
class StepDone:
    """What a training says after each step. epoch: the one under way, from 1.  rows: that it has learned from so far.
    expected_rows: about as many as it will have learned from at its end."""

    epoch: int
    epochs: int
    rows: int
    expected_rows: int


@dataclass(frozen=True)
class EpochDone:
    """What a training says after each epoch. loss: the mean of its rows, 0 where it drew none.
    validation: NDCG@100 on the later window, None without one."""

    epoch: int
    epochs: int
    loss: float
    rows: int
    validation: float | None


@dataclass(frozen=True)
class _Run:
    """What a training is asked for beside what it learns; see `train_retriever`."""

    on_epoch: Callable[[EpochDone], None]
    should_stop: Callable[[], bool]
    on_step: Callable[[StepDone], None] = lambda done: None
    checkpoint: Path | None = None


@dataclass(eq=False)
class _Towers:
    """Both towers with what optimises them. average: of their weights so far, where training gives that."""

    query: QueryTower
    candidate: CandidateTower
    optimisers: list[torch.optim.Optimizer] = field(default_factory=list)
    average: AveragedModel | None = None

    def modules(self) -> nn.ModuleDict:
        return _modules(self.query, self.candidate)

    def step(self) -> None:
        for optimiser in self.optimisers:
            optimiser.step()
        if self.average is not None:
            self.average.update_parameters(self.modules())

    def result(self) -> tuple[QueryTower, CandidateTower]:
        """What training would give now."""
        if self.average is None:
            return self.query, self.candidate
        averaged = cast(nn.ModuleDict, self.average.module)
        return cast(QueryTower, averaged["query"]), cast(CandidateTower, averaged["candidate"])


def _modules(query: QueryTower, candidate: CandidateTower) -> nn.ModuleDict:
    """Under the names that checkpoints and artefacts have."""
    return nn.ModuleDict({"query": query, "candidate": candidate})


@dataclass(frozen=True, eq=False)
class TrainedTowers:
    """What a training leaves in memory. metrics: what it measured, by name."""

    query: QueryTower
    candidate: CandidateTower
    objective: Objective
    config: TwoTowerConfig
    until: datetime
    metrics: dict[str, float]

    def item_vectors(self) -> np.ndarray:
        """(num_items, width) float32 at the end of the window: what the index gets, but for a prior."""
        return self.objective.index_vectors(self.candidate).float().cpu().numpy()


def train_retriever(
    tables: Iterable[pa.Table],
    items: pa.Table,
    config: TwoTowerConfig | None = None,
    *,
    until: datetime,
    validation: pa.Table | None = None,
    checkpoint: Path | None = None,
    warm_start: RetrieverArtefact | None = None,
    on_epoch: Callable[[EpochDone], None] = lambda done: None,
    on_step: Callable[[StepDone], None] = lambda done: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> RetrieverArtefact:
    """Learn both towers from positives that happened before `until`.

    tables: of `spool.POSITIVES` and `features.STATES`, all rows of a reader in one.  items: `content.ITEM_CONTENT`, the
    catalogue; its order becomes that of the artefact.
    validation: such a table of a later window. With it, training ends after `patience` epochs that did not improve, and
    gives the best epoch; without it, the last.
    checkpoint: a file to go on from, written after every epoch and removed at the end. The result is the same as
    without the interruption. One of a training of another config, window, catalogue or other rows is not taken: this
    one begins anew and replaces it.
    warm_start: tensors to begin with, from a training of the same tower sizes; items new since then begin as unknown.
    should_stop: asked before every step; where it says so, `TrainingStopped` is raised.

    Deterministic by `config.training.seed` for one version of torch, device and number of threads. Uses a GPU when
    there is one, in bfloat16. Raises `TrainingError` of the kind that it is, and ValueError for tables that contradict
    themselves.
    """
    run = _Run(on_epoch, should_stop, on_step, checkpoint)
    return _artefact(_trained(tables, items, config or TwoTowerConfig(), until, run, validation, warm_start))


def train_towers(
    tables: Iterable[pa.Table],
    items: pa.Table,
    config: TwoTowerConfig | None = None,
    *,
    until: datetime,
    on_epoch: Callable[[EpochDone], None] = lambda done: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainedTowers:
    """As `train_retriever`, without the artefact: an experiment asks the towers in torch and spares itself the seconds
    that their export takes."""
    return _trained(tables, items, config or TwoTowerConfig(), until, _Run(on_epoch, should_stop))


def _trained(  # noqa: PLR0917 - one task, from two doors
    tables: Iterable[pa.Table],
    items: pa.Table,
    config: TwoTowerConfig,
    until: datetime,
    run: _Run,
    validation: pa.Table | None = None,
    warm_start: RetrieverArtefact | None = None,
) -> TrainedTowers:
    content = ItemContent.from_table(_complete(items), config.towers)
    with tempfile.TemporaryDirectory(prefix="retriever-rows-") as folder:
        whole = map(_complete, tables)
        spool = fill_spool(whole, content, Path(folder), until=until, towers=config.towers, training=config.training)
        device = _device()
        towers = _new_towers(spool.known, content, config, warm_start, device)
        width = config.towers.dim + (not config.towers.unit_norm)  # a prior takes no part in training
        memory = ObjectiveMemory(config.training, len(content), width, device)
        snapshots = Snapshots(spool, len(content))
        objective = Objective(content, spool, snapshots, config.training, until.timestamp(), device, memory)
        later = None if validation is None else Validation(_complete(validation), content, config, _added(objective))
        digest = digest_of(_lesson(config, until, content, spool, later, warm_start)) if run.checkpoint else ""
        metrics = _learn(towers, objective, config, later, run, digest=digest)
    query, candidate = towers.result()
    objective.give_new_rows(candidate)
    return TrainedTowers(query, candidate, objective, config, until, metrics)


def _complete(table: pa.Table) -> pa.Table:
    """The table itself. Raises `MissingValue` for a null that would be taken for some id or some time."""
    nulls = {name: table[name].null_count for name in _NEVER_NULL if name in table.column_names}
    if "history" in table.column_names:
        nulls["history"] = pc.list_flatten(table["history"]).null_count
    for name, count in nulls.items():
        if count:
            raise MissingValue(f"{count} values of {name} are null. Leave out what nobody knows, or find out.")
    return table


def _lesson(  # noqa: PLR0917 - all that there is
    config: TwoTowerConfig,
    until: datetime,
    content: ItemContent,
    spool: Spool,
    later: Validation | None,
    warm_start: RetrieverArtefact | None,
) -> Iterator[str | np.ndarray | Path]:
    """Everything that the result depends on."""
    yield repr((config, until.timestamp(), later is None, warm_start is None))
    yield from (content.ids.item_ids, content.words, content.topics, content.authors, content.languages)
    yield content.published_s
    for file in sorted(spool.folder.iterdir()):
        yield from (file.name, file)
    if later is not None:
        yield from (later.item_idx, *later.features.arrays().values())
    if warm_start is not None:
        yield from warm_start.weights.values()


def _learn(
    towers: _Towers, objective: Objective, config: TwoTowerConfig, later: Validation | None, run: _Run, *, digest: str
) -> dict[str, float]:
    """Epochs until the last one or until none has improved for long; leaves the towers at the best."""
    modules, training = towers.modules(), config.training
    if towers.average is not None:
        modules["average"] = towers.average
    modules["objective"] = objective.memory  # so that checkpoints hold it
    progress = load_checkpoint(run.checkpoint, digest, modules, towers.optimisers)
    while progress.epoch < training.epochs and not progress.is_over(training.patience):
        loss, rows = _run_epoch(towers, objective, progress.epoch, config, run)
        _check_finite(modules, progress.epoch)
        score = None if later is None else later.ndcg(*towers.result(), objective)
        progress.advance(rows, score, modules)
        if run.checkpoint:
            save_checkpoint(run.checkpoint, digest, progress, modules, towers.optimisers)
        run.on_epoch(EpochDone(progress.epoch, training.epochs, loss, rows, score))
    if progress.best_weights is not None:
        modules.load_state_dict(progress.best_weights)
    if run.checkpoint:
        run.checkpoint.unlink(missing_ok=True)
    if not progress.rows:
        raise NoPositives(
            f"Not one batch came of {objective.spool.num_rows} positives: an epoch draws about "
            f"{objective.spool.expected_draws.sum():.2g} of them, and {objective.fewest_rows} or more of the same "
            f"{training.refresh_interval_h} h make a batch. Raise half_life_days or refresh_interval_h, or wait."
        )
    if later is None:
        return {"epochs": float(progress.epoch)}
    return {"epochs": float(progress.best_epoch), "validation_ndcg_at_100": progress.best_score}


def _run_epoch(
    towers: _Towers, objective: Objective, epoch: int, config: TwoTowerConfig, run: _Run
) -> tuple[float, int]:
    """The mean loss of a row, and the number of rows. Raises `TrainingStopped` and `NotFinite`."""
    training, device = config.training, objective.device
    rng = np.random.default_rng([training.seed, epoch])
    torch.manual_seed(int(rng.integers(1 << 31)))  # dropout: an epoch that is run again draws the same
    _cool(towers.optimisers, _cosine(epoch, training.epochs))
    mines = training.hard_negatives and epoch > 0  # towers that know nothing yet find nothing hard
    previous = objective.index_vectors(towers.candidate) if mines else None
    towers.query.train()
    towers.candidate.train()
    total = torch.zeros((), device=device)
    rows, expected_rows = 0, round(float(objective.spool.expected_draws.sum()))
    for batch in epoch_batches(
        objective.spool,
        seed=training.seed,
        epoch=epoch,
        batch_size=training.batch_size,
        fewest_rows=objective.fewest_rows,
    ):
        if run.should_stop():
            raise TrainingStopped(
                f"Stopped in epoch {epoch + 1} of {training.epochs}; whole epochs before it are kept."
            )
        with _precision(device):
            loss = objective.loss(towers.query, towers.candidate, batch, rng, previous)
        for optimiser in towers.optimisers:
            optimiser.zero_grad()
        loss.backward()
        towers.step()
        total += loss.detach() * len(batch)
        rows += len(batch)
        run.on_step(StepDone(epoch + 1, training.epochs, rows, expected_rows))
    mean = float(total) / max(rows, 1)
    if not np.isfinite(mean):
        raise NotFinite(f"The loss of epoch {epoch + 1} is {mean}. {_REMEDY}")
    return mean, rows


def _check_finite(modules: nn.Module, epoch: int) -> None:
    """An epoch's last step is in no loss of that epoch: what it broke must not be kept. Sums, for they need no memory,
    and a value that is not finite leaves none of them finite."""
    for name, weights in modules.named_parameters():
        if not torch.isfinite(weights.detach().sum()):
            raise NotFinite(f"{name} is NaN or infinite after epoch {epoch + 1}. {_REMEDY}")


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _precision(device: torch.device) -> torch.autocast:
    """bfloat16 where there is a GPU; a CPU is no faster for it."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


def _new_towers(
    known: KnownPositives,
    content: ItemContent,
    config: TwoTowerConfig,
    warm_start: RetrieverArtefact | None,
    device: torch.device,
) -> _Towers:
    sparse = len(content) > config.training.sparse_tables_above
    with _seeded(config.training.seed):
        query = QueryTower(len(content), config.towers, sparse=sparse)
        candidate = CandidateTower(len(content), config.towers, sparse=sparse)
    if warm_start is None:
        start_spectral(query, candidate, known, config.training)
    towers = _Towers(query.to(device), candidate.to(device))
    if warm_start is not None:
        start_warm(towers.modules(), warm_start, content.ids)
    towers.optimisers = optimisers_of(towers.modules(), config)
    if config.training.weight_averaging:
        averaging = get_ema_multi_avg_fn(config.training.weight_averaging)
        towers.average = AveragedModel(towers.modules(), multi_avg_fn=averaging)
    return towers


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Torch's generator from `seed` inside, and as it was before afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def optimisers_of(modules: nn.Module, config: TwoTowerConfig) -> list[torch.optim.Optimizer]:
    """Adam; tables with sparse gradients by Adagrad, which touches only the rows of a batch."""
    tables = [module.weight for module in modules.modules() if isinstance(module, nn.Embedding) and module.sparse]
    in_tables = {id(weight) for weight in tables}
    others = [weight for weight in modules.parameters() if id(weight) not in in_tables]
    training = config.training
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(others, lr=training.learning_rate, weight_decay=training.weight_decay)
    ]
    if tables:
        torch.sparse.check_sparse_tensor_invariants.disable()  # as by default, but said, or torch warns of it
        optimisers.append(torch.optim.Adagrad(tables, lr=training.table_learning_rate))
    return optimisers


def _cool(optimisers: list[torch.optim.Optimizer], share: float) -> None:
    """Set every learning rate to a share of what it was at the start."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = share * group.setdefault("initial_lr", group["lr"])


def _cosine(epoch: int, epochs: int) -> float:
    """From 1 down to almost nothing in the last epoch."""
    return 0.5 * (1 + float(np.cos(np.pi * epoch / epochs)))


def _artefact(trained: TrainedTowers) -> RetrieverArtefact:
    objective, config = trained.objective, trained.config
    content, features, spool = objective.content, objective.latest_features(), objective.spool
    embeddings = trained.item_vectors()
    if not np.isfinite(embeddings).all():
        raise NotFinite(f"Vectors of items are NaN or infinite at the end of training. {_REMEDY}")
    modules = _modules(trained.query, trained.candidate).cpu()
    query: QueryTower | QueryMeetingPrior = trained.query
    candidate: CandidateTower | CandidateWithPrior = trained.candidate
    added = _added(objective)
    if added is not None:
        query, candidate = QueryMeetingPrior(trained.query), CandidateWithPrior(trained.candidate, added)
        embeddings = np.concatenate([embeddings, added[:, None]], axis=1)
    item_table = trained.query.items.weight.detach().numpy()
    return RetrieverArtefact(
        item_ids=content.ids.item_ids,
        item_embeddings=embeddings,
        item_topics=content.topics,
        item_counts=features.counts,
        query_items=item_table,
        query_tower=exported_query(query, item_table, _two_unknown(content, config)),
        candidate_tower=exported(candidate, features.take(np.array([0, 0])).arrays()),
        weights={name: tensor.detach().numpy() for name, tensor in modules.state_dict().items()},
        config=config,
        trained_from=datetime.fromtimestamp(spool.intervals[0] * spool.interval_s, UTC),
        trained_until=trained.until,
        metrics=trained.metrics,
    )


def _added(objective: Objective) -> np.ndarray | None:
    """(num_items,) float32, what serving adds to each item's scores; None for nothing."""
    training = objective.config
    if not training.popularity_prior:
        return None
    log_prior = log_prior_by_rows(objective.snapshots.ever, objective.content.topics)
    return added_scores(log_prior, alpha=training.popularity_prior, temperature=training.temperature)


def _two_unknown(content: ItemContent, config: TwoTowerConfig) -> QueryFeatures:
    """Two states of readers of whom nothing is known: an example of the query tower's inputs."""
    times = pa.array([0, 0], pa.timestamp("us", tz="UTC"))
    return encode_table(pa.table({"state_at": times}), content, config.towers)
