"""Worlds as files of parameters (`worlds/`), read into dataclasses that refuse nonsense by name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from simulation.behaviour import Habits

FOLDER = Path(__file__).parent / "worlds"
MANY = 1_000.0


class WorldError(ValueError):
    """A world's file does not say what a world needs."""


def number(low: float, high: float) -> Any:
    """A parameter from `low` to `high`, both included."""
    return field(metadata={"low": low, "high": high})


def share() -> Any:
    return number(0.0, 1.0)


@dataclass(frozen=True)
class ItemRules:
    """What a catalogue is like. The reasons for its numbers stand in worlds/default.toml."""

    unwanted_share: float = share()
    look_alike_share: float = share()
    look_alike_appeal: float = share()
    bait_pull: float = share()
    bait_satisfaction: float = share()
    bait_shortest_read_s: float = number(0.0, 5.0)
    bait_longest_read_s: float = number(0.0, 5.0)
    bait_dismissals: float = share()
    new_share_a_day: float = share()


@dataclass(frozen=True)
class ReaderRules:
    """What readers are like beside their habits with a card. Reasons as above."""

    new_share_a_day: float = share()
    mood: float = number(0.0, 5.0)
    drift: float = share()
    drift_days: float = number(1.0, 10_000.0)
    noise: float = number(0.0, 10.0)
    trust_in_top: float = number(0.0, 10.0)
    topic_boredom: float = number(0.0, 20.0)
    boredom_cards: float = number(1.0, MANY)
    item_boredom: float = number(0.0, 20.0)
    item_forgotten_days: float = number(0.1, MANY)
    disappointment_cards: int = number(0, MANY)
    skips_choosing: float = share()
    topics_chosen: int = number(1, 12)
    searches: float = share()
    looks_further: float = share()
    undos: float = share()
    outbound: float = share()
    loyalty_gain: float = share()
    loyalty_visits: float = number(1.0, MANY)
    contented_at: float = number(0.01, 1.0)
    on_phone: float = share()


_HABIT_LIMITS = {
    "position_bias": (0.0, 5.0),
    "click_match": (0.0, 1.0),
    "click_steepness": (0.0, 100.0),
    "likes": (0.0, 1.0),
    "saves": (0.0, 1.0),
    "dismissals": (0.0, 1.0),
    "regrets": (0.0, 1.0),
}


@dataclass(frozen=True)
class World:
    """name: of its file, without the ending."""

    name: str
    items: ItemRules
    readers: ReaderRules
    habits: Habits

    def __post_init__(self) -> None:
        if self.items.bait_shortest_read_s > self.items.bait_longest_read_s:
            raise WorldError(
                f"{self.name}: [items] bait_shortest_read_s is {self.items.bait_shortest_read_s}, more than "
                f"bait_longest_read_s, which is {self.items.bait_longest_read_s}."
            )


_TABLES: dict[str, type[Any]] = {"items": ItemRules, "readers": ReaderRules, "habits": Habits}


def world_names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_world(name: str) -> World:
    """The world of that name, or of the file at that path. Raises WorldError."""
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        raise WorldError(f"there is no world {name!r}. There are {', '.join(world_names())}, or name a file .toml.")
    tables = _read_tables(path)
    parts = {table: _part(path.stem, table, kind, tables.pop(table, {})) for table, kind in _TABLES.items()}
    if tables:
        raise WorldError(f"{path.stem}: knows no table {sorted(tables)}, only {', '.join(_TABLES)}.")
    return World(path.stem, parts["items"], parts["readers"], parts["habits"])


def _read_tables(path: Path) -> dict[str, dict[str, Any]]:
    """The tables of a file, over those of the world that it is based on."""
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WorldError(f"{path}: is no TOML: {error}") from error
    base = read.pop("based_on", None)
    if any(not isinstance(table, dict) for table in read.values()):
        raise WorldError(f"{path.stem}: has a number outside of its tables {', '.join(_TABLES)}.")
    if base is None:
        return read
    if base == path.stem or not (FOLDER / f"{base}.toml").is_file():
        raise WorldError(f"{path.stem}: is based on {base!r}. There are {', '.join(world_names())}.")
    tables = _read_tables(FOLDER / f"{base}.toml")
    return {name: {**tables.get(name, {}), **read.get(name, {})} for name in {*tables, *read}}


def _part(world: str, table: str, kind: type[Any], given: Mapping[str, Any]) -> Any:
    wanted = {one.name: one for one in fields(kind)}
    for what, names in (("knows no", set(given) - set(wanted)), ("lacks", set(wanted) - set(given))):
        if names:
            raise WorldError(f"{world}: [{table}] {what} {', '.join(sorted(names))}.")
    for name, one in wanted.items():
        low, high = _HABIT_LIMITS[name] if kind is Habits else (one.metadata["low"], one.metadata["high"])
        value, whole = given[name], one.type == "int"
        is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high:
            kind_of = "a whole number" if whole else "a number"
            raise WorldError(f"{world}: [{table}] {name} is {value!r}, wanted {kind_of} from {low:g} to {high:g}.")
    return kind(**given)
