"""python -m benchmarks.index_measured OPTIONS: one number of items, in a process of its own that has one thread.

Its last line is what was measured, as JSON. Its own process, because the peak of a process's memory never falls again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

import faiss
import numpy as np

from benchmarks.index_cases import (
    EXCLUDED,
    FILTERED,
    UPSERTED,
    Case,
    K,
    Search,
    Truth,
    excluding,
    filtered,
    plain,
    upserted,
)
from benchmarks.index_world import World, drawn
from benchmarks.measured_import import peak_rss_mb
from benchmarks.report import progress
from retrieval.index import Index, IndexConfig, ItemVectors, Kind

Name = TypeVar("Name")

_CHANGES = 100
"""Items upserted, and as many deleted, in the change that is timed."""


@dataclass(frozen=True)
class Built:
    """An index and what it took. Bytes of `ann` are FAISS's; the vectors are those of the artefact, kept beside it.

    build_seconds: on the clock, with one thread.  build_cpu_seconds: of the processor, whatever else it had to do.
    """

    kind: str
    effort: int
    fetch: float
    tuned_recall: float
    build_seconds: float
    build_cpu_seconds: float
    ann_bytes_per_item: float
    vector_bytes_per_item: float
    id_bytes_per_item: float


@dataclass(frozen=True)
class Timed:
    """One case. ratios: ours over each bare call, the median over rounds; empty where there is none to compare with."""

    name: str
    p50_ms: float
    p99_ms: float
    recall: float | None
    ratios: dict[str, float]
    bare_p50_ms: dict[str, float]


@dataclass(frozen=True)
class Measured:
    """cases: of the kind chosen by size.  other_kinds: the same items, built and searched otherwise.

    growth: p50 over that of the smaller index, searched in the same rounds; None when there was none.
    """

    num_items: int
    built: Built
    cases: list[Timed]
    other_kinds: list[tuple[Built, Timed]]
    apply_ms: float
    growth: float | None
    peak_rss_mb: float


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("num_items", type=int)
    parser.add_argument("--smaller", type=int, default=0)
    parser.add_argument("--kinds", nargs="*", type=Kind, default=[])
    parser.add_argument("--queries", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    print(json.dumps(asdict(_measured(parser.parse_args()))))


def _measured(arguments: argparse.Namespace) -> Measured:
    faiss.omp_set_num_threads(1)
    rng = np.random.default_rng(arguments.seed)
    world = _world(arguments.num_items, arguments)
    truth = Truth.of(world)
    index, built = _built(world, IndexConfig(seed=arguments.seed))
    cases = [
        plain(index, world, truth, "all"),
        *(filtered(index, world, truth, share, rng) for share in FILTERED),
        *(excluding(index, world, truth, count, rng) for count in EXCLUDED),
        *(upserted(index, world, count, rng) for count in UPSERTED),
    ]
    timed = _timed(cases, arguments)
    apply_ms = _apply_ms(index, world, rng)
    others = [_other_kind(kind, world, truth, arguments) for kind in arguments.kinds if kind is not index.kind]
    peak_mb = peak_rss_mb()
    growth = _growth(cases[0], arguments) if arguments.smaller else None
    return Measured(arguments.num_items, built, timed, others, apply_ms, growth, peak_mb)


def _world(num_items: int, arguments: argparse.Namespace) -> World:
    return drawn(num_items, IndexConfig().sample_queries, arguments.queries, arguments.seed)


def _built(world: World, config: IndexConfig) -> tuple[Index, Built]:
    begun, begun_cpu = time.perf_counter(), time.process_time()
    index = Index.build(world.items, world.item_ids, config, queries=world.tuning)
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - begun_cpu
    base, num_items = index.base, len(index)
    ann_bytes = 0 if base.ann is None else faiss.serialize_index(base.ann.index).nbytes
    built = Built(
        kind=index.kind,
        effort=base.tuning.effort,
        fetch=base.tuning.fetch,
        tuned_recall=index.recall,
        build_seconds=seconds,
        build_cpu_seconds=cpu_seconds,
        ann_bytes_per_item=ann_bytes / num_items,
        vector_bytes_per_item=base.items.vectors.nbytes / num_items,
        id_bytes_per_item=base.items.ids.nbytes / num_items,
    )
    progress(f"{num_items:,} items, {index.kind}: built in {seconds:.1f} s, recall {index.recall:.3f} on its sample")
    return index, built


def _timed(cases: Sequence[Case], arguments: argparse.Namespace) -> list[Timed]:
    calls = {(case.name, name): call for case in cases for name, call in (("ours", case.ours), *case.bare.items())}
    seconds = _in_rounds(calls, arguments.queries, arguments.rounds)
    return [
        Timed(
            name=case.name,
            p50_ms=_p50(seconds[case.name, "ours"]) * 1e3,
            p99_ms=float(np.quantile(seconds[case.name, "ours"], 0.99)) * 1e3,
            recall=case.recall(arguments.queries),
            ratios={name: _ratio(seconds[case.name, "ours"], seconds[case.name, name]) for name in case.bare},
            bare_p50_ms={name: _p50(seconds[case.name, name]) * 1e3 for name in case.bare},
        )
        for case in cases
    ]


def _in_rounds(calls: Mapping[Name, Search], num_queries: int, rounds: int) -> dict[Name, np.ndarray]:
    """Seconds of each call, (rounds, num_queries). What is compared takes turns, for the machine has other work too.

    Every other round goes backwards, so that none always runs behind the same one; queries run on in between, so that
    none finds its own lists in the cache.
    """
    seconds = {name: np.empty((rounds, num_queries)) for name in calls}
    for round_number in range(rounds):
        for name in list(calls) if round_number % 2 else reversed(list(calls)):
            call = calls[name]
            for i in range(num_queries):
                begun = time.perf_counter()
                call(i)
                seconds[name][round_number, i] = time.perf_counter() - begun
    return seconds


def _p50(seconds: np.ndarray) -> float:
    return float(np.median(seconds))


def _ratio(ours: np.ndarray, bare: np.ndarray) -> float:
    """The median over rounds of the ratio of their medians: (rounds, num_queries) both."""
    return float(np.median(np.median(ours, axis=1) / np.median(bare, axis=1)))


def _apply_ms(index: Index, world: World, rng: np.random.Generator) -> float:
    taken = []
    for _ in range(20):
        rows = rng.choice(len(world.items), 2 * _CHANGES, replace=False)
        upserts = ItemVectors(world.item_ids[rows[:_CHANGES]], world.items[rows[:_CHANGES]])
        begun = time.perf_counter()
        index = index.apply(upserts, world.item_ids[rows[_CHANGES:]])
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken)) * 1e3


def _other_kind(kind: Kind, world: World, truth: Truth, arguments: argparse.Namespace) -> tuple[Built, Timed]:
    index, built = _built(world, IndexConfig(kind=kind, seed=arguments.seed))
    return built, _timed([plain(index, world, truth, kind)], arguments)[0]


def _growth(larger: Case, arguments: argparse.Namespace) -> float:
    world = _world(arguments.smaller, arguments)
    smaller, _ = _built(world, IndexConfig(seed=arguments.seed))
    calls: dict[str, Search] = {"larger": larger.ours, "smaller": lambda i: smaller.search(world.queries[i], K)}
    seconds = _in_rounds(calls, arguments.queries, arguments.rounds)
    return _ratio(seconds["larger"], seconds["smaller"])


if __name__ == "__main__":
    main()
