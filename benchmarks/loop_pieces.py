"""A piece of the loop: one arm in one world with one seed, and what is kept of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

WARM_UP = "warm-up"
TOLD, CONTROL = "rounds.json", "control.json"

IN_PROCESS, HTTP = "process", "http"
"""How an arm is played: readers, site and trainings in one process; or the site behind real HTTP, and counting and
training by a Celery worker."""
LOG_OF = "d"
"""The arm on whose log the control is fitted."""

_NOT_MEASURED = frozenset({"seconds", "peak_rss_mib", "revision"})


@dataclass(frozen=True)
class Piece:
    """arm: a key of `ARMS`, or `WARM_UP`.  folder: of all pieces of this world, seed and size.
    database_url, redis_url: of servers that run.  over: `IN_PROCESS` or `HTTP`."""

    arm: str
    seed: int
    world: str
    readers: int
    items: int
    rounds: int
    folder: Path
    database_url: str
    redis_url: str
    over: str = IN_PROCESS

    @property
    def key(self) -> str:
        """Among the pieces of its folder."""
        return self.arm if self.over == IN_PROCESS else f"{self.arm}-over-{self.over}"

    @property
    def own(self) -> Path:
        return self.folder / self.key

    @property
    def name(self) -> str:
        """Of its database."""
        return f"{self.folder.parent.name}-{self.folder.name}-{self.key}"

    def told(self) -> list[dict[str, Any]]:
        """What its finished rounds were."""
        path = self.own / TOLD
        found: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
        return found

    def measured(self) -> list[dict[str, Any]]:
        """What its finished rounds come to in every play: all but the time, the memory and the code that they took."""
        return [{name: value for name, value in one.items() if name not in _NOT_MEASURED} for one in self.told()]

    def is_finished(self) -> bool:
        return len(self.told()) >= (1 if self.arm == WARM_UP else self.rounds)

    def arguments(self) -> str:
        return json.dumps({**asdict(self), "folder": str(self.folder)})

    @classmethod
    def of_arguments(cls, text: str) -> Piece:
        said = json.loads(text)
        return cls(**{**said, "folder": Path(said["folder"])})
