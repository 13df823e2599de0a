"""A release's report in rows that people read: what was measured, how sure that is, and the limits it was held against.

Reports were written by whatever code trained the release, so nothing is taken for granted: what one does not say is
left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import JSONField
from django.db.models.fields.json import KeyTransform

from recsite.training.gate import Change

CANDIDATE, LIVE, MONTH, VISITS = "candidate", "live", "30 days ago", "viewed visits"
POPULARITY = "popularity"

Form = Literal["number", "share", "count"]


@dataclass(frozen=True)
class Measure:
    name: str
    form: Form
    hint: str


MEASURES: Mapping[str, Measure] = {
    "ndcg_at_10 funnel": Measure("NDCG@10", "number", "Of the lists that readers would get: the ranker's order."),
    "ndcg_at_10 fusion": Measure("NDCG@10 of fusion", "number", "Of all sources together, before the ranker."),
    "ndcg_at_10 popularity": Measure("NDCG@10 of popularity", "number", "Of the most popular items: the baseline."),
    "ndcg_at_10 two_tower": Measure("NDCG@10 of the towers", "number", "Of the two-tower model alone."),
    "recall_at_100 all": Measure("Recall@100", "share", "Of everything chosen: among the first 100 of fusion."),
    "recall_at_100 unprompted": Measure("Recall@100, unprompted", "share", "Of what the feed did not cause."),
    "recall_at_100 feed": Measure("Recall@100, in the feed", "share", "Of what was chosen in the feed."),
    "retrieved": Measure("Named by a source", "share", "Of everything chosen: named by any source at all."),
    "coverage": Measure("Coverage", "share", "Of the catalogue, in anybody's first items."),
    "overlap": Measure("Overlap", "share", "How much of their first items two readers share."),
    "popularity_bias": Measure("Popularity bias", "number", "How much more popular lists are than the catalogue."),
    "novelty": Measure("Novelty", "number", "Bits: the fewer readers know an item, the more."),
    "cold": Measure("Cold", "share", "Of the positives, those that nobody had chosen before."),
    "cold_recall_at_100": Measure("Recall@100 of the cold", "share", "Of what nobody had chosen before."),
    "readers": Measure("Readers", "count", "Who were asked for."),
    "moments": Measure("Moments", "count", "Moments in which somebody chose something new."),
    "positives": Measure("Positives", "count", "What they chose."),
    "unprompted": Measure("Positives, unprompted", "count", "Of those, what the feed did not cause."),
}

AGAINST: Mapping[str, str] = {
    LIVE: "Order against the release that was live",
    POPULARITY: "Order against popularity",
    MONTH: "Order against the release of 30 days before",
    "retrieval unprompted": "Recall of what the feed did not cause, against live",
    "retrieval feed": "Recall of what was chosen in the feed, against live",
}


@dataclass(frozen=True)
class Relative:
    """A difference as a share of the other's, with its 95% interval; None where the other's is 0."""

    value: float | None
    lower: float | None
    upper: float | None

    def __str__(self) -> str:
        return f"{signed(self.value)} ({signed(self.lower)} to {signed(self.upper)})"


@dataclass(frozen=True)
class Check:
    """What was measured beside the limit that it was held against. holds: None where the report does not tell."""

    what: str
    measured: str
    limit: str
    holds: bool | None


# --- one report ---


def reasons(report: Mapping[str, Any]) -> list[str]:
    return [str(reason) for reason in _at(report, "verdict", "reasons") or ()]


def names(report: Mapping[str, Any]) -> list[str]:
    """Whose lists were measured: the candidate's, the live release's, that of 30 days before."""
    found = _dict(report, "measured")
    return [name for name in (CANDIDATE, LIVE, MONTH) if isinstance(found.get(name), dict)]


def measured(report: Mapping[str, Any], name: str = CANDIDATE) -> dict[str, float | None]:
    """Numbers by the keys of `MEASURES`, then by others; None for what could not be measured."""
    values = _dict(report, "measured", name)
    known = [key for key in MEASURES if key in values]
    return {key: _number(values[key]) for key in [*known, *sorted(set(values) - set(known))]}


def judged_ndcg(report: Mapping[str, Any]) -> float | None:
    """Of the order that the gate judged: on viewed visits, where there were enough, else of the funnel's answers."""
    judged = on_visits(report).get(CANDIDATE)
    return _number(_at(report, "measured", CANDIDATE, "ndcg_at_10 funnel")) if judged is None else judged


def learned(report: Mapping[str, Any], what: str) -> float | None:
    """How many "positives", "readers" or "items" it learned from."""
    return _number(_at(report, "learned", what))


def on_visits(report: Mapping[str, Any]) -> dict[str, float | None]:
    """NDCG@10 on viewed visits by name, and how many "visits" there were; {} where those did not judge."""
    return {name: _number(value) for name, value in _dict(report, "measured", VISITS).items()}


def relative(report: Mapping[str, Any], name: str) -> Relative | None:
    found = _at(report, "differences", name)
    return relative_of(found)


def relative_of(found: object) -> Relative | None:
    """As a report holds it."""
    if not isinstance(found, dict):
        return None
    return Relative(*(_number(found.get(key)) for key in ("relative", "lower", "upper")))


def better_or_worse(found: Relative) -> str:
    """What a difference of orders says, as the end of a sentence: the interval decides, not its middle."""
    value, lower, upper = found.value, found.lower, found.upper
    if value is None:
        return "how much better or worse its order was is not known"
    if lower is None or upper is None:
        return f"its order came out at {signed(value)}; how sure that is was not kept"
    if lower <= 0 <= upper:
        interval = f"{signed(lower)} to {signed(upper)}"
        return f"which order was better is not certain: {signed(value)} (95% interval: {interval})"
    least, most = sorted((abs(lower), abs(upper)))
    word = "better" if lower > 0 else "worse"
    return f"its order was {word}, by {abs(value):.1%} (95% interval: {least:.1%} to {most:.1%})"


def relatives(report: Mapping[str, Any]) -> dict[str, Relative]:
    """By the keys of `AGAINST`, then by others."""
    found = _dict(report, "differences")
    keys = [*(key for key in AGAINST if key in found), *sorted(set(found) - set(AGAINST))]
    return {key: one for key in keys if (one := relative_of(found[key])) is not None}


def checks(report: Mapping[str, Any]) -> list[Check]:
    """Every limit of the gate that the report tells of."""
    limits = {key: value for key, value in _dict(report, "verdict", "limits").items() if _number(value) is not None}
    return [*_of_window(report, limits), *_of_order(report, limits), *_of_lists(report, limits)]


def _of_window(report: Mapping[str, Any], limits: Mapping[str, float]) -> Iterator[Check]:
    for key, what in (
        ("readers", "Readers in the window"),
        ("positives", "Positives in the window"),
        ("unprompted", "Positives that the feed did not cause"),
    ):
        if key in limits:
            yield _least(what, _number(_at(report, "windows", key)), limits[key])


def _of_order(report: Mapping[str, Any], limits: Mapping[str, float]) -> Iterator[Check]:
    """The bound of the interval decides, not the middle."""
    change = str(_at(report, "change") or "")
    lost = {Change.ROUTINE: "routine_loss", Change.RERANKER: "reranker_loss"}
    if change == Change.FIRST:
        yield from _bound(report, POPULARITY, 0.0)
    elif change == Change.CONFIG:
        yield from _bound(report, LIVE, 0.0)
    elif change in lost and lost[Change(change)] in limits:
        yield from _bound(report, LIVE, -limits[lost[Change(change)]])
    if "month_loss" in limits:
        yield from _bound(report, MONTH, -limits["month_loss"])
    if "routine_loss" in limits:
        yield from _bound(report, "retrieval unprompted", -limits["routine_loss"])
    feed = relative(report, "retrieval feed")
    if feed is not None and "feed_loss" in limits:
        bar = -limits["feed_loss"]
        holds = None if feed.upper is None else feed.upper >= bar
        yield Check(AGAINST["retrieval feed"], str(feed), f"upper bound at least {bar:+.0%}", holds)


def _bound(report: Mapping[str, Any], name: str, bar: float) -> Iterator[Check]:
    found = relative(report, name)
    if found is not None:
        holds = None if found.lower is None else found.lower > bar
        limit = f"lower bound above {bar:+.0%}" if bar else "lower bound above 0"
        yield Check(AGAINST[name], str(found), limit, holds)


def _of_lists(report: Mapping[str, Any], limits: Mapping[str, float]) -> Iterator[Check]:
    mine, others = measured(report), measured(report, LIVE)
    coverage, its_coverage = mine.get("coverage"), others.get("coverage")
    if "coverage_kept" in limits and its_coverage is not None:
        yield _least("Coverage", coverage, limits["coverage_kept"] * its_coverage, form="share")
    overlap, its_overlap = mine.get("overlap"), others.get("overlap")
    if "overlap" in limits:
        yield _most("Overlap", overlap, limits["overlap"], form="share")
    if "overlap_added" in limits and its_overlap is not None:
        yield _most("Overlap, beside live", overlap, its_overlap + limits["overlap_added"], form="share")
    for key, what, unit in (
        ("latency_p99_ms", "An answer takes, p99", " ms"),
        ("size_mib", "Size", " MiB"),
    ):
        if key in limits:
            yield _most(what, _number(_at(report, key)), limits[key], unit=unit)
    different, tried = _number(_at(report, "served", "different")), _number(_at(report, "served", "tried"))
    if different is not None and tried is not None:
        said = f"{different:,.0f} of {tried:,.0f}"
        yield Check("Readers whom serving answers differently", said, "none", different == 0)


def _least(what: str, value: float | None, limit: float, *, form: Form = "count") -> Check:
    holds = None if value is None else value >= limit
    return Check(what, formed(value, form), f"at least {formed(limit, form)}", holds)


def _most(what: str, value: float | None, limit: float, *, form: Form = "count", unit: str = "") -> Check:
    holds = None if value is None else value <= limit
    return Check(what, formed(value, form) + unit, f"at most {formed(limit, form)}{unit}", holds)


def formed(value: float | None, form: Form) -> str:
    if value is None:
        return "–"
    return {"number": f"{value:.4f}", "share": f"{value:.1%}", "count": f"{value:,.0f}"}[form]


# --- many, without reading them whole ---


def within(*keys: str) -> KeyTransform:
    """The value in a release's report that these keys lead to, for `annotate`: reports are long."""
    found: Any = "report"
    for key in keys:
        found = KeyTransform(key, found)
    found.output_field = JSONField()
    return found


# --- reading what may not be there ---


def _at(report: Mapping[str, Any], *keys: str) -> Any:
    found: Any = report
    for key in keys:
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return found


def _dict(report: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    found = _at(report, *keys)
    return found if isinstance(found, dict) else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.1%}"
