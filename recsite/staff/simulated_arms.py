"""What a simulation of the loop found, from a file that somebody put there: this imports nothing of the simulation.

`python -m benchmarks loop` writes such files; of all that is in them this reads what is there to be drawn:

{"world": , "readers": , "items": , "rounds": , "seeds": [...], "revision": , "made_at": ISO time,
 "curves": {ARM: [{"round": whole number, "mean": number, "lower": number, "upper": number}, ...]},
 "titles": {ARM: sentence}, "groups": [{"title": , "arms": [ARM, ...]}],
 "late": {ARM: {"mean": , "lower": , "upper": }},
 "claims": [{"claim": sentence, "difference": , "mean": , "lower": , "upper": , "seeds": , "verdict": }]}

An arm is one way to run the loop, its curve the utility by round: 0 as good as random, 1 as good as knowing every
taste. lower and upper, of a 95% interval, may be missing or null, and so may all from titles on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from math import isfinite
from pathlib import Path
from stat import S_ISREG
from typing import Any

MOST_BYTES = 5_000_000
MOST_ARMS, MOST_ROUNDS, MOST_CLAIMS = 100, 1_000, 100


class ArmsFileError(ValueError):
    """The file is there and cannot be drawn. Its text is a sentence for whoever looks at the page."""


@dataclass(frozen=True)
class Utility:
    """A mean over worlds with its 95% interval, as far as it is known."""

    mean: float
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class Arm:
    """rounds: by number.  late: of the last quarter of the rounds, None where no world has come so far."""

    name: str
    title: str
    rounds: dict[int, Utility]
    late: Utility | None


@dataclass(frozen=True)
class Group:
    """Arms that are drawn together."""

    title: str
    arms: tuple[Arm, ...]

    @property
    def numbers(self) -> list[int]:
        """Of all rounds of any arm, rising."""
        return sorted({number for arm in self.arms for number in arm.rounds})


@dataclass(frozen=True)
class Claim:
    """difference: of which two arms.  by: how much, None where it is not known.  worlds: that were compared."""

    sentence: str
    difference: str
    by: Utility | None
    worlds: int
    verdict: str


@dataclass(frozen=True)
class SimulatedArms:
    made_at: datetime
    world: str
    readers: int
    items: int
    rounds: int
    worlds: int
    revision: str
    arms: tuple[Arm, ...]
    groups: tuple[Group, ...]
    claims: tuple[Claim, ...]


def read_arms(path: Path) -> SimulatedArms | None:
    """None where there is no such file. Raises ArmsFileError for one that is something else."""
    try:
        stat = path.stat()
        if not S_ISREG(stat.st_mode):
            raise ArmsFileError(f"{path} cannot be read: it is no file.")
        found = _looked_at(path, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArmsFileError(f"{path} cannot be read: {error.strerror}.") from error
    if isinstance(found, str):
        raise ArmsFileError(found)
    return found


@lru_cache(maxsize=1)
def _looked_at(path: Path, _inode: int, size: int, changed_ns: int) -> SimulatedArms | str:
    """A sentence where it cannot be drawn. Looked at again when the file has changed."""
    too_large = f"{path} is larger than {MOST_BYTES:,} bytes, which no results of a loop are."
    if size > MOST_BYTES:
        return too_large
    with path.open("rb") as file:
        text = file.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        return too_large
    try:
        return _arms(json.loads(text), datetime.fromtimestamp(changed_ns // 1_000_000_000, UTC))
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        return f"{path} is not a results file ({_said(error)}). docs/staff.md says what it must hold."


def _arms(said: Any, changed_at: datetime) -> SimulatedArms:
    curves, titles, lates = said["curves"], said.get("titles") or {}, said.get("late") or {}
    arms = {
        _text(name): Arm(_text(name), _text(titles.get(name, name)), _rounds(curve), _utility(lates.get(name)))
        for name, curve in _at_most(MOST_ARMS, curves, "arms").items()
    }
    groups = said.get("groups") or [{"title": "All arms", "arms": list(arms)}]
    return SimulatedArms(
        made_at=_moment(said["made_at"]) if said.get("made_at") else changed_at,
        world=_text(said["world"]),
        readers=int(said["readers"]),
        items=int(said["items"]),
        rounds=int(said["rounds"]),
        worlds=len(said["seeds"]),
        revision=_text(said.get("revision") or "not known"),
        arms=tuple(arms.values()),
        groups=tuple(
            Group(_text(one["title"]), tuple(arms[name] for name in one["arms"]))
            for one in _at_most(MOST_ARMS, groups, "groups")
        ),
        claims=tuple(_claim(one) for one in _at_most(MOST_CLAIMS, said.get("claims") or [], "claims")),
    )


def _rounds(said: Any) -> dict[int, Utility]:
    return {int(one["round"]): _known(one) for one in _at_most(MOST_ROUNDS, said, "rounds")}


def _claim(said: Any) -> Claim:
    claim, difference, verdict = (_text(said[name]) for name in ("claim", "difference", "verdict"))
    return Claim(claim, difference, _utility(said), int(said.get("seeds", 0)), verdict)


def _utility(said: Any) -> Utility | None:
    return None if said is None or said.get("mean") is None else _known(said)


def _known(said: Any) -> Utility:
    return Utility(_number(said["mean"]), _bound(said.get("lower")), _bound(said.get("upper")))


def _bound(said: Any) -> float | None:
    return None if said is None else _number(said)


def _number(said: Any) -> float:
    """A chart's JSON knows no NaN and nothing without an end."""
    if not isfinite(value := float(said)):
        raise ValueError(f"{value} is no utility")
    return value


def _moment(said: str) -> datetime:
    moment = datetime.fromisoformat(said)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(said: object) -> str:
    """Raises UnicodeEncodeError for half a character: JSON may hold one, a page may not."""
    text = str(said)
    text.encode()
    return text


def _at_most(most: int, said: Any, what: str) -> Any:
    if len(said) > most:
        raise ValueError(f"{len(said):,} {what}, and more than {most:,} cannot be drawn")
    return said


def _said(error: Exception) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text if len(text) <= 200 else text[:200] + ' ...'}"
