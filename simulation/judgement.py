"""How good an item is for somebody, in truth: what they would click, and what it would give them.

`utility` is what the site is measured by, and no site can compute it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from simulation.behaviour import click_probability, match_of, satisfaction_of
from simulation.truth import Truth
from simulation.worlds import World

SURE = 1e-9


def appeal(tastes: Sequence[float], truth: Truth, world: World) -> float:
    """P(click | looked at) at these tastes, without mood, boredom or a place on a page."""
    match = match_of(tastes, truth)
    if truth.kind == "bait":
        return click_probability(match + world.items.bait_pull, world.habits)
    chance = click_probability(match, world.habits)
    return chance * world.items.look_alike_appeal if truth.kind == "look-alike" else chance


def satisfaction(tastes: Sequence[float], truth: Truth, world: World) -> float:
    """E[satisfaction | click], in 0..1."""
    if truth.kind == "bait":
        return world.items.bait_satisfaction
    return satisfaction_of(match_of(tastes, truth), truth)


def utility(tastes: Sequence[float], truth: Truth, world: World) -> float:
    """Of a slot: P(click | looked at) x E[satisfaction | click]."""
    return appeal(tastes, truth, world) * satisfaction(tastes, truth, world)


def utilities(tastes: np.ndarray, truths: Sequence[Truth], world: World) -> np.ndarray:
    """`utility` of everybody and everything: tastes (readers, interests) float64 -> (readers, items) float64."""
    interests = np.array([truth.interests for truth in truths], np.float64)  # (items, interests)
    quality = np.array([truth.quality for truth in truths], np.float64)
    is_bait = np.array([truth.kind == "bait" for truth in truths], bool)
    is_look_alike = np.array([truth.kind == "look-alike" for truth in truths], bool)
    lengths = np.linalg.norm(tastes, axis=1)[:, None] * np.linalg.norm(interests, axis=1)
    match = tastes @ interests.T / lengths  # (readers, items)
    habits, rules = world.habits, world.items
    click = 1 / (1 + np.exp(-habits.click_steepness * (match + rules.bait_pull * is_bait - habits.click_match)))
    click = np.where(is_look_alike, click * rules.look_alike_appeal, click)
    given = 1 / (1 + np.exp(-8 * (0.5 * match + 0.5 * quality - 0.6)))
    return click * np.where(is_bait, rules.bait_satisfaction, given)


def shifted(chance: float, by: float) -> float:
    """A probability whose logit is higher by `by`."""
    kept = min(max(chance, SURE), 1 - SURE)
    return 1 / (1 + math.exp(-(math.log(kept / (1 - kept)) + by)))
