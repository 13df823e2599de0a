"""Why an item is shown, or is not: facts of one item, and what they say in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.timesince import timesince

from catalog.languages import language_name
from catalog.models import Item
from feedback.kinds import WEIGHTS
from feedback.models import Interaction
from recsite.models import ItemVector, PinnedItem, Release
from recsite.releases.live import Serving
from recsite.staff.item_counts import Counts, ItemCounts
from recsite.staff.item_neighbours import has_vector, is_in_graph
from recsite.staff.item_sample import ANY_LANGUAGE, Nearness, Outcome, Sample
from recsite.staff.tables import in_zone

MOST_POSITIVES = 1_000
"""Choices are counted so far: more of them would say nothing new."""
MANY_REFUSALS = 5
"""Fewer dismissals say nothing of an item."""

_CHOICES = [str(kind) for kind, weights in WEIGHTS.items() if weights.retriever]


@dataclass(frozen=True)
class Choices:
    """Clicks, likes and saves that stand, of readers who count. number: at most `MOST_POSITIVES`."""

    number: int = 0
    first_at: datetime | None = None

    @property
    def text(self) -> str:
        return f"{self.number:,} or more" if self.number >= MOST_POSITIVES else f"{self.number:,}"


@dataclass(frozen=True)
class Held:
    """What the live release knows of the item. vector_made_at: None where the vector is of its training.
    first_choice_known: whether it learned from somebody who chose the item."""

    release_id: int
    learned_until: datetime
    has_vector: bool = False
    vector_made_at: datetime | None = None
    in_graph: bool = False
    first_choice_known: bool = False


@dataclass(frozen=True)
class Facts:
    """held: None where no release is live in this process.  pin: that holds now.
    usual_dismiss_rate: of all items lately, None where it is not known."""

    item: Item
    now: datetime
    counts: ItemCounts = field(default_factory=ItemCounts)
    choices: Choices = field(default_factory=Choices)
    sample: Sample = field(default_factory=Sample)
    held: Held | None = None
    pin: PinnedItem | None = None
    usual_dismiss_rate: float | None = None


@dataclass(frozen=True)
class Check:
    """One thing that decides whether an item is shown. good: False where it is in the way, None where it decides
    neither way or is not known. Of a step from cold to known: whether it was reached."""

    name: str
    words: str
    good: bool | None = None


# --- reading ---


def choices_of(item_id: int) -> Choices:
    """By the index of the item, and never more than `MOST_POSITIVES` of them."""
    chosen = Interaction.objects.standing().filter(item=item_id, kind__in=_CHOICES, excluded=None)
    first = chosen.order_by("happened_at").values_list("happened_at", flat=True).first()
    return Choices(0 if first is None else chosen.order_by()[:MOST_POSITIVES].count(), first)


def held_by(serving: Serving, release: Release, item_id: int, choices: Choices) -> Held:
    """serving: of that release."""
    made = ItemVector.objects.filter(release__retriever_sha256=release.retriever_sha256, item=item_id)
    return Held(
        release_id=release.pk,
        learned_until=release.retriever_until,
        has_vector=has_vector(serving.funnel, item_id),
        vector_made_at=made.order_by("-made_at").values_list("made_at", flat=True).first(),
        in_graph=is_in_graph(serving.funnel, item_id),
        first_choice_known=choices.first_at is not None and choices.first_at < release.retriever_until,
    )


def pin_of(item_id: int, *, now: datetime) -> PinnedItem | None:
    """That holds now."""
    standing = PinnedItem.objects.filter(item=item_id, taken_down_at=None).first()
    return standing if standing is not None and (standing.until is None or now < standing.until) else None


# --- saying ---


def verdict(facts: Facts) -> str:
    """One sentence, the title of the item's page."""
    item, week = facts.item, facts.counts.week
    name = f"“{item}”"
    if item.hidden:
        return f"{name} is hidden: nobody is shown it."
    if item.published_at > facts.now:
        return f"{name} is not out yet. It is shown from {in_zone(item.published_at)} on."
    if facts.pin is not None:
        return f"{name} is pinned at position {facts.pin.position + 1} of the home feed."
    if week.served:
        return f"{name} was shown {_times(week.served)} in the last 7 days and opened {_times(week.clicks)}."
    return f"{name} was not shown in the last 7 days. {_why_not(facts)}"


def checks(facts: Facts) -> list[Check]:
    """Everything that decides, in the order in which it does."""
    return list(_checks(facts))


def _checks(facts: Facts) -> Iterator[Check]:
    item = facts.item
    yield Check("Hidden", "Staff hid it." if item.hidden else "No.", not item.hidden)
    yield _published(facts)
    if facts.pin is not None:
        until = "it is taken down" if facts.pin.until is None else in_zone(facts.pin.until)
        yield Check("Pinned", f"At position {facts.pin.position + 1}, until {until}.", True)
    yield _vector(facts)
    yield _graph(facts)
    yield _language(facts)
    yield _refused(facts)
    yield from _nearness(facts.sample.nearness)


def _published(facts: Facts) -> Check:
    if facts.item.published_at > facts.now:
        return Check("Published", f"Not yet: on {in_zone(facts.item.published_at)}.", False)
    return Check("Published", f"{_ago(facts.item.published_at, facts.now)} ago.", True)


def _vector(facts: Facts) -> Check:
    held = facts.held
    if held is None:
        return Check("Vector", "No release is live, so the feed goes by what is followed, popular and new.", None)
    if held.has_vector:
        since = "since it was trained" if held.vector_made_at is None else f"since {in_zone(held.vector_made_at)}"
        return Check("Vector", f"Release {held.release_id} has one {since}: its towers can find the item.", True)
    why = "of a hidden item there is none" if facts.item.hidden else "a worker makes one within a minute or two"
    return Check(
        "Vector",
        f"Release {held.release_id} has none yet ({why}). Until then only the fresh, popular and followed sources "
        "can name the item.",
        False,
    )


def _graph(facts: Facts) -> Check:
    held = facts.held
    if held is None:
        return Check("Co-visitation", "No release is live.", None)
    if held.in_graph:
        return Check("Co-visitation", "Readers chose it near other items, so these sources can name it.", True)
    return Check("Co-visitation", f"Nobody had chosen it near another item by {in_zone(held.learned_until)}.", None)


def _language(facts: Facts) -> Check:
    name, slates = language_name(facts.item.language), facts.sample.slates
    if not slates:
        return Check("Language", f"{name}. There are no home pages lately to say who reads it.", None)
    reading = {group.name: group.slates for group in facts.sample.groups if group.kind == "Reads"}
    share = min(1.0, (reading.get(name, 0) + reading.get(ANY_LANGUAGE, 0)) / slates)
    words = f"{name}. {share:.0%} of the last {slates:,} home pages were for readers of it, or of any language."
    return Check("Language", words, share > 0)


def _refused(facts: Facts) -> Check:
    ever, usual = facts.counts.ever, facts.usual_dismiss_rate
    if not ever.viewed:
        return Check("Dismissed", "Nobody has seen it yet.", None)
    rate = ever.dismiss_rate
    words = f"{_times(ever.dismissals)} of {ever.viewed:,} views: {rate.text}."
    if usual is None or rate.lower is None:
        return Check("Dismissed", words, None)
    many = ever.dismissals >= MANY_REFUSALS and rate.lower > usual
    than = "More often than usual" if many else "Not more often than usual"
    return Check("Dismissed", f"{words} {than} ({usual:.1%} of all items).", not many)


def _nearness(nearness: Nearness) -> Iterator[Check]:
    if not nearness.slates:
        yield Check("Lately", "No home page whose candidates were kept: nothing says how near it came.", None)
        return
    of_all = f"of the last {nearness.slates:,} home pages whose candidates were kept"
    shown, missed = nearness.count(Outcome.SHOWN), nearness.count(Outcome.NOT_RETRIEVED)
    low, removed = nearness.count(Outcome.RANKED_LOW), nearness.count(Outcome.REMOVED)
    yield Check("Shown lately", f"On {shown:,} {of_all}.", shown > 0)
    yield Check("Not retrieved", f"On {missed:,} {of_all} no source named it.", missed < nearness.slates)
    if low and nearness.median_rank is not None:
        rank = f"in the middle at rank {round(nearness.median_rank) + 1:,}"
        yield Check("Ranked low", f"On {low:,} it was named, {rank}, and others stood above it.", None)
    if removed:
        reasons = ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in nearness.reasons.items())
        yield Check("Removed", f"On {removed:,} a filter took it out: {reasons}.", None)


def _why_not(facts: Facts) -> str:
    nearness = facts.sample.nearness
    if facts.held is not None and not facts.held.has_vector:
        return "It has no vector yet."
    if not nearness.slates:
        return "No home page was served lately that says why."
    commonest = max(nearness.outcomes, key=nearness.count)
    if commonest == Outcome.NOT_RETRIEVED:
        return "No source names it."
    if commonest == Outcome.RANKED_LOW and nearness.median_rank is not None:
        return f"It is retrieved, but others rank above it (in the middle at {round(nearness.median_rank) + 1:,})."
    if commonest == Outcome.REMOVED:
        return f"Filters remove it: {next(iter(nearness.reasons)).replace('_', ' ')}."
    return "Its days are counted within some minutes."


def warming_up(facts: Facts) -> Sequence[Check]:
    """How far it has come from an item that nobody knows."""
    counts, held = facts.counts, facts.held
    shown = "Not yet." if counts.first_day is None else f"On {counts.first_day:%Y-%m-%d} (UTC)."
    return (
        Check("First shown", shown, counts.first_day is not None),
        Check("Seen", _seen(counts.ever), counts.ever.viewed > 0),
        Check("Chosen", _chosen(facts.choices), facts.choices.number > 0),
        Check("Known", *_known(held)),
    )


def _seen(ever: Counts) -> str:
    return f"{_times(ever.viewed).capitalize()}, of {ever.served:,} slots that were served."


def _chosen(choices: Choices) -> str:
    if choices.first_at is None:
        return "By nobody yet."
    return f"{choices.text} times, by clicks, likes and saves; first at {in_zone(choices.first_at)}."


def _known(held: Held | None) -> tuple[str, bool | None]:
    if held is None:
        return "No release is live to know it.", None
    until = f"release {held.release_id} learned until {in_zone(held.learned_until)}"
    if held.first_choice_known:
        return f"Yes: {until}, and somebody had chosen it by then.", True
    return f"No, it is cold: {until}, and nobody had chosen it by then.", False


def _times(number: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number:,} times")


def _ago(moment: datetime, now: datetime) -> str:
    return timesince(moment, now, depth=1).replace("\xa0", " ")
