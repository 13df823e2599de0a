"""Rounds of an arm: a day of visits, and what is learned from it at night. Needs Django to be set up."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from django.core.cache import cache
from django.core.management import call_command

from benchmarks.loop_arms import ARMS, Arm, Named
from benchmarks.loop_calibration import calibration_of_day
from benchmarks.loop_control import control
from benchmarks.loop_gate import gate_of_day
from benchmarks.loop_http import SiteOverHttp
from benchmarks.loop_in_process import SiteInProcess
from benchmarks.loop_measures import TruthOfSite, measure
from benchmarks.loop_pieces import CONTROL, LOG_OF, Piece
from benchmarks.loop_programs import Programs
from benchmarks.loop_site import BEGAN, DAY, ArmSite
from benchmarks.loop_sources import POPULAR, Unshown
from benchmarks.loop_training import go_live, learn
from benchmarks.site_stage import made_up_stage
from ranking.artefact import RankerArtefact
from ranking.order import RetrievalOrder
from recsite.funnel.sources import FEATURE_SET
from recsite.training.examples import read_history
from retrieval.config import TowerConfig, TwoTowerConfig
from retrieval.stage import FittedStage
from simulation.__main__ import write_catalogue
from simulation.history_files import read_world
from simulation.run import Run, RunOptions
from simulation.visit import Told
from simulation.worlds import load_world

WARM_UP_DAYS = 2
REPORTED_AFTER = timedelta(minutes=5)
"""Readers' browsers report a second after something was seen; fewer and larger reports say the same."""
UNSHOWN_FILE = "unshown.npz"
NOTHING, OWN_FIRST = 9_000, 9_001
"""Numbers of releases that no round made."""


def warm_up(piece: Piece) -> dict[str, Any]:
    """Two days in which half of the slots are what is popular and half anything at all, then the first towers."""
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    cache.clear()
    world = load_world(piece.world)
    days = WARM_UP_DAYS + piece.rounds
    made = _world_of(piece)
    write_catalogue(made, seed=piece.seed, num_items=piece.items, until=BEGAN, rules=world.items, num_days=days)
    call_command("import_catalog", str(made / "items.jsonl"), "--format", "jsonl", "--rejects", os.devnull, verbosity=0)
    site = _site(piece, ARMS["a"])
    own = piece.own / "files"
    popular = RankerArtefact(order=RetrievalOrder(FEATURE_SET, POPULAR))
    nothing = _knows_nothing(read_history(now=BEGAN).items)
    go_live(nothing, popular, number=NOTHING, now=BEGAN, folder=own)
    site.count(BEGAN)
    run = _run(piece, site)
    told = [one for _ in range(WARM_UP_DAYS) for one in _next_day(run)]
    now = BEGAN + WARM_UP_DAYS * DAY
    learned = learn(ARMS["b"], seed=piece.seed, number=0, since=now, now=now, folder=own, unshown=Unshown())
    return {"visits": len(told), "utility": float(np.mean([value for one in told for value in one.utilities]))} | {
        "positives": learned.report["positives"]
    }


def rounds(arm: Arm, piece: Piece, finished: int, programs: Programs | None = None) -> Iterator[dict[str, Any]]:
    """What is left of them, one by one; when the next is asked for, this one must be kept.

    programs: of an arm that is played over HTTP. They run whenever a round is asked for.
    """
    cache.clear()
    site = _site(piece, arm, programs)
    began = BEGAN + WARM_UP_DAYS * DAY
    _begin(site, arm, piece, finished)
    run = _run(piece, site)
    before: frozenset[str] = frozenset()
    for number in range(finished + 1, piece.rounds + 1):
        day = WARM_UP_DAYS + number - 1
        since, until = BEGAN + day * DAY, BEGAN + (day + 1) * DAY
        site.count(since)
        is_control = arm.key == LOG_OF and number == piece.rounds and number > 1
        if is_control:
            last = site.keep_all()
        told = _next_day(run)
        readers = {site.reader(place).key: site.reader(place) for place in range(len(site.clients))}
        result = {"round": number} | measure(
            site.truth, told, readers, site.reader_of(), day=day, since=since, until=until, before=before
        )
        before = frozenset(one.reader for one in told)
        if arm.trains:
            result |= calibration_of_day(since=since, until=until)
        if is_control and site.unshown is not None:
            found = control(site, site.unshown, last, since=began, now=since, until=until)
            (piece.own / CONTROL).write_text(json.dumps(found))
        if arm.trains and number > 1:  # the first day's has nothing before it
            result |= gate_of_day(site.truth, site.reader_of(), day=day, since=since, until=until)
        if arm.trains:
            result |= site.learn(number=number, since=began, now=until).report
        if site.unshown is not None:
            site.unshown.save(piece.own / UNSHOWN_FILE)
        yield result


def _begin(site: ArmSite, arm: Arm, piece: Piece, finished: int) -> None:
    """The first release of an arm: that of the warm-up where its towers are those, else of its own."""
    now = BEGAN + (WARM_UP_DAYS + finished) * DAY
    if site.unshown is not None:
        site.unshown.load(piece.own / UNSHOWN_FILE)
    if not finished:
        if arm.named is Named.POPULARITY:
            popular = RankerArtefact(order=RetrievalOrder(FEATURE_SET, POPULAR))
            nothing = _knows_nothing(read_history(now=now).items)
            go_live(nothing, popular, number=OWN_FIRST, now=now, folder=piece.own / "files")
        elif _has_own_towers(arm):
            site.learn(number=OWN_FIRST, since=now, now=now)


def _has_own_towers(arm: Arm) -> bool:
    """Whether its towers learn otherwise than those of the warm-up's release."""
    plain = ARMS["b"]
    same = replace(
        arm, key=plain.key, title=plain.title, labels=plain.labels, exploration=plain.exploration, gated=False
    )
    return arm.trains and replace(same, impression_features=plain.impression_features) != plain


def _site(piece: Piece, arm: Arm, programs: Programs | None = None) -> ArmSite:
    items = list(read_world(_world_of(piece)))
    truth = TruthOfSite.read(piece.seed, load_world(piece.world), items)
    if programs is not None:
        return SiteOverHttp(arm, truth, piece.own, programs=programs)
    kept = Unshown() if arm.needs_unshown or arm.key == LOG_OF else None
    return SiteInProcess(arm, truth, piece.own, kept)


def _run(piece: Piece, site: ArmSite) -> Run:
    options = RunOptions(
        seed=piece.seed,
        world=load_world(piece.world),
        num_readers=piece.readers,
        num_days=WARM_UP_DAYS + piece.rounds,
        began=BEGAN,
        folder=piece.own / "run",
        report_after=REPORTED_AFTER,
    )
    return Run(options, items=site.truth.items, connect=site.connect, clock=site)


def _next_day(run: Run) -> list[Told]:
    return next(iter(run.days()))


def _world_of(piece: Piece) -> Path:
    return piece.folder / "world"


def _knows_nothing(items: pa.Table) -> FittedStage:
    """A release needs a stage. Of this one, which is made up, nothing is asked."""
    topics = np.zeros(len(items), np.int32)
    return made_up_stage(items, topics, TwoTowerConfig(TowerConfig(dim=64, hidden=64)), until=BEGAN, seed=0)
