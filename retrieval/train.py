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
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from retrieval.artefact import RetrieverArtefact
from retrieval.batches import epoch_batches
from retrieval.checkpoint import load_checkpoint, save_checkpoint
from retrieval.config import TwoTowerConfig
from retrieval.content import ItemContent
from retrieval.export import exported
from retrieval.features import QueryFeatures, encode_table
from retrieval.negatives import KnownPositives
from retrieval.objective import Objective, ObjectiveMemory
from retrieval.snapshots import Snapshots
from retrieval.spectral_start import start_spectral
from retrieval.spool import fill_spool
from retrieval.towers import CandidateTower, QueryTower
from retrieval.training_errors import NotFinite, TrainingStopped
from retrieval.validation import Validation
from retrieval.warm_start import start_warm


@dataclass(frozen=True)
class EpochDone:
    """What a training says after each epoch. validation: NDCG@100 on the later window, None without one."""

    epoch: int
    epochs: int
    loss: float
    rows: int
    validation: float | None


@dataclass(frozen=True)
class _Run:
    """What a training is asked for beside what it learns; see `train_retriever`."""

    checkpoint: Path | None
    on_epoch: Callable[[EpochDone], None]
    should_stop: Callable[[], bool]
    rank: int
    world: int

    @property
    def writes(self) -> Path | None:
        """Where this process keeps its progress: only the first of several does."""
        return self.checkpoint if self.rank == 0 else None


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
        """(num_items, width) float32 at the end of the window: what the index gets."""
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
    should_stop: Callable[[], bool] = lambda: False,
    rank: int = 0,
    world: int = 1,
) -> RetrieverArtefact:
    """Learn both towers from positives that happened before `until`.

    tables: of `spool.POSITIVES` and `features.STATES`, all rows of a reader in one.  items: `content.ITEM_CONTENT`, the
    catalogue; its order becomes that of the artefact.
    validation: such a table of a later window. With it, training ends after `patience` epochs that did not improve, and
    gives the best epoch; without it, the last.
    checkpoint: a file to go on from, written after every epoch by rank 0 and removed at the end. The result is the
    same as without the interruption.
    warm_start: tensors to begin with, from a training of the same tower sizes; items new since then begin as unknown.

    Deterministic by `config.training.seed` for one version of torch, device and number of threads. Uses a GPU when
    there is one, in bfloat16. Raises `TrainingError` of the kind that it is, and ValueError for tables that contradict
    themselves.
    """
    run = _Run(checkpoint, on_epoch, should_stop, rank, world)
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
    run = _Run(None, on_epoch, should_stop, rank=0, world=1)
    return _trained(tables, items, config or TwoTowerConfig(), until, run)


def _trained(  # noqa: PLR0917 - one task, from two doors
    tables: Iterable[pa.Table],
    items: pa.Table,
    config: TwoTowerConfig,
    until: datetime,
    run: _Run,
    validation: pa.Table | None = None,
    warm_start: RetrieverArtefact | None = None,
) -> TrainedTowers:
    content = ItemContent.from_table(items, config.towers)
    with tempfile.TemporaryDirectory(prefix="retriever-rows-") as folder:
        spool = fill_spool(tables, content, Path(folder), until=until, towers=config.towers, training=config.training)
        device = _device()
        towers = _new_towers(spool.known, content, config, warm_start, device)
        width = config.towers.dim + (not config.towers.unit_norm)  # free norms have the item's bias too
        memory = ObjectiveMemory(config.training, len(content), width, device)
        snapshots = Snapshots(spool, len(content))
        objective = Objective(content, spool, snapshots, config.training, until.timestamp(), device, memory)
        later = None if validation is None else Validation(validation, content, config)
        metrics = _learn(towers, objective, config, later, run)
    return TrainedTowers(*towers.result(), objective, config, until, metrics)


def _learn(
    towers: _Towers, objective: Objective, config: TwoTowerConfig, later: Validation | None, run: _Run
) -> dict[str, float]:
    """Epochs until the last one or until none has improved for long; leaves the towers at the best."""
    modules, training = towers.modules(), config.training
    if towers.average is not None:
        modules["average"] = towers.average
    modules["objective"] = objective.memory  # so that checkpoints hold it
    progress = load_checkpoint(run.checkpoint, modules, towers.optimisers)
    while progress.epoch < training.epochs and not progress.is_over(training.patience):
        loss, rows = _run_epoch(towers, objective, progress.epoch, config, run)
        score = None if later is None else later.ndcg(*towers.result(), objective)
        progress.advance(score, modules)
        if run.writes:
            save_checkpoint(run.writes, progress, modules, towers.optimisers)
        run.on_epoch(EpochDone(progress.epoch, training.epochs, loss, rows, score))
    if progress.best_weights is not None:
        modules.load_state_dict(progress.best_weights)
    if run.writes:
        run.writes.unlink(missing_ok=True)
    if later is None:
        return {"epochs": float(progress.epoch)}
    return {"epochs": float(progress.best_epoch), "validation_ndcg_at_100": progress.best_score}


def _run_epoch(
    towers: _Towers, objective: Objective, epoch: int, config: TwoTowerConfig, run: _Run
) -> tuple[float, int]:
    """The mean loss of a row, and the number of rows."""
    training, device = config.training, objective.device
    rng = np.random.default_rng([training.seed, epoch, run.rank])
    torch.manual_seed(int(rng.integers(1 << 31)))  # dropout: an epoch that is run again draws the same
    _cool(towers.optimisers, _cosine(epoch, training.epochs))
    mines = training.hard_negatives and epoch > 0  # towers that know nothing yet find nothing hard
    previous = objective.index_vectors(towers.candidate) if mines else None
    towers.query.train()
    towers.candidate.train()
    total = torch.zeros((), device=device)
    rows = 0
    batches = epoch_batches(
        objective.spool, seed=training.seed, epoch=epoch, batch_size=training.batch_size, rank=run.rank, world=run.world
    )
    for batch in batches:
        if run.should_stop():
            raise TrainingStopped(
                f"Stopped in epoch {epoch + 1} of {training.epochs}; whole epochs before it are kept."
            )
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
            loss = objective.loss(towers.query, towers.candidate, batch, rng, previous)
        for optimiser in towers.optimisers:
            optimiser.zero_grad()
        loss.backward()
        towers.step()
        total += loss.detach() * len(batch)
        rows += len(batch)
    mean = float(total) / max(rows, 1)
    if not np.isfinite(mean):
        raise NotFinite(f"The loss of epoch {epoch + 1} is {mean}. Lower learning_rate, or raise temperature.")
    return mean, rows


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


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
    modules = _modules(trained.query, trained.candidate).cpu()
    return RetrieverArtefact(
        item_ids=content.ids.item_ids,
        item_embeddings=embeddings,
        item_topics=content.topics,
        item_counts=features.counts,
        query_tower=exported(trained.query, _two_unknown(content, config).arrays()),
        candidate_tower=exported(trained.candidate, features.take(np.array([0, 0])).arrays()),
        weights={name: tensor.detach().numpy() for name, tensor in modules.state_dict().items()},
        config=config,
        trained_from=datetime.fromtimestamp(spool.intervals[0] * spool.interval_s, UTC),
        trained_until=trained.until,
        metrics=trained.metrics,
    )


def _two_unknown(content: ItemContent, config: TwoTowerConfig) -> QueryFeatures:
    """Two states of readers of whom nothing is known: an example of the query tower's inputs."""
    times = pa.array([0, 0], pa.timestamp("us", tz="UTC"))
    return encode_table(pa.table({"state_at": times}), content, config.towers)
