"""What a reader would be shown if something about them, the moment or the release were otherwise. Nothing is kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.http import QueryDict
from django.utils import timezone

from recsite.reader_state import Profile, ReaderState
from recsite.viewers import COLUMNS_MAX

ASKED = "what_if"
"""The parameter that says a form was sent: a form with nothing ticked says something too."""
TIME_FORMAT = "%Y-%m-%dT%H:%M"


class WhatIfError(ValueError):
    """A change that cannot be made. Its text is a sentence for whoever filled in the form."""


@dataclass(frozen=True)
class Circumstances:
    """What the form changes: all of it as it is, or all of it as it would be.

    languages: empty keeps all.  columns: None for not known.  release: its id.
    """

    languages: frozenset[str]
    topics: frozenset[int]
    country: str
    at: datetime
    columns: int | None
    release: int

    def differences(self, other: Circumstances) -> list[str]:
        """Names of what is otherwise in `other`, in the order of the form. Seconds do not count: the form has none."""
        same_minute = self.at.replace(second=0, microsecond=0) == other.at.replace(second=0, microsecond=0)
        pairs = (
            ("languages", self.languages == other.languages),
            ("topics", self.topics == other.topics),
            ("country", self.country == other.country),
            ("time", same_minute),
            ("columns", self.columns == other.columns),
            ("release", self.release == other.release),
        )
        return [name for name, is_same in pairs if not is_same]


def circumstances_asked(
    query: QueryDict, now: Circumstances, *, languages: Collection[str], topics: Collection[int]
) -> Circumstances:
    """As the form says; what it does not name stays as it is `now`.

    languages, topics: that there are. Raises WhatIfError for what is not one of them.
    """
    chosen = frozenset(query.getlist("languages"))
    if not chosen <= set(languages):
        raise WhatIfError(f"No visible item is in the language {min(chosen - set(languages))}. Choose another.")
    followed = frozenset(_whole(value, "a topic") for value in query.getlist("topics"))
    if not followed <= set(topics):
        raise WhatIfError(f"There is no topic {min(followed - set(topics))}. Choose others.")
    return Circumstances(
        languages=chosen,
        topics=followed,
        country=_country(query.get("country", now.country)),
        at=_moment(query.get("at", ""), now.at),
        columns=_columns(query.get("columns", ""), now.columns if "columns" not in query else None),
        release=_whole(query.get("release") or str(now.release), "a release"),
    )


def state_under(state: ReaderState, circumstances: Circumstances) -> ReaderState:
    """The same reader with these languages and topics, of this country."""
    return replace(
        state,
        languages=circumstances.languages,
        followed_topic_ids=circumstances.topics,
        profile=Profile(circumstances.country, state.profile.attributes),
    )


def _country(text: str) -> str:
    code = text.strip().upper()
    if code and not (len(code) == 2 and code.isascii() and code.isalpha()):
        raise WhatIfError(f"“{text}” is no country. Give two letters, such as SE, or nothing.")
    return code


def _moment(text: str, otherwise: datetime) -> datetime:
    """Without a zone it is of the zone that Django has switched on."""
    if not text.strip():
        return otherwise
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment if moment.tzinfo else timezone.make_aware(moment)
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise WhatIfError(f"“{text}” is no time. Give one such as 2026-03-01T18:30.") from error
    if not 2000 <= moment.year < 2200:
        raise WhatIfError(f"“{text}” is too far away. Give a time such as 2026-03-01T18:30.")
    is_of_this_minute = moment == otherwise.replace(second=0, microsecond=0)
    return otherwise if is_of_this_minute else moment


def _columns(text: str, otherwise: int | None) -> int | None:
    if not text.strip():
        return otherwise
    columns = _whole(text, "a number of columns")
    if not 1 <= columns <= COLUMNS_MAX:
        raise WhatIfError(f"A page has 1 to {COLUMNS_MAX} columns, not {columns}.")
    return columns


def _whole(text: str, what: str) -> int:
    stripped = text.strip()
    if not (stripped.isascii() and stripped.isdigit() and len(stripped) <= 9):
        raise WhatIfError(f"“{text}” is not {what}. Give a whole number.")
    return int(stripped)


# --- side by side ---


@dataclass(frozen=True)
class Moved:
    """Positions from 0; None where it is not on that page."""

    item_id: int
    before: int | None
    after: int | None

    @property
    def in_words(self) -> str:
        if self.before is None:
            return "entered"
        if self.after is None:
            return "left"
        if self.before == self.after:
            return "same place"
        steps = abs(self.before - self.after)
        return f"{'up' if self.after < self.before else 'down'} {steps}"


@dataclass(frozen=True)
class Comparison:
    """moved: every item of both pages: those of the second in its order, then those that left."""

    moved: tuple[Moved, ...]

    @property
    def entered(self) -> int:
        return sum(each.before is None for each in self.moved)

    @property
    def left(self) -> int:
        return sum(each.after is None for each in self.moved)

    @property
    def shifted(self) -> int:
        """On both pages, at different places."""
        return sum(None not in {each.before, each.after} and each.before != each.after for each in self.moved)

    @property
    def stayed(self) -> int:
        return sum(each.before == each.after for each in self.moved)


def compare(before: Sequence[int], after: Sequence[int]) -> Comparison:
    """Two pages, as item ids in their order."""
    was = {item_id: place for place, item_id in enumerate(before)}
    becomes = {item_id: place for place, item_id in enumerate(after)}
    everything = [*after, *(item_id for item_id in before if item_id not in becomes)]
    return Comparison(tuple(Moved(item_id, was.get(item_id), becomes.get(item_id)) for item_id in everything))
