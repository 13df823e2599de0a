"""What the log adds up to by hour and by day, kept by a job: staff pages read these few rows, never the log itself.

All leave out what was excluded when it was logged: staff, bots, previews, readers without personalisation.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

PARTS = 16
"""Readers are counted in so many groups, `reader_bucket % PARTS`: what differs between the groups says how sure a rate
is, where slots of one reader are anything but independent."""


class FeedHour(models.Model):
    """Slates served in an hour, and what became of their slots, whenever that was.

    release: 0 where none served.  fallback: "" where the release that should have.
    viewed, clicks, likes, saves, dismissals: slots with at least one that stands; explored: of branch pool or outside.
    unwanted: viewed, and neither chosen nor dismissed.
    """

    hour = models.DateTimeField()
    surface = models.CharField(max_length=10)
    release = models.IntegerField()
    fallback = models.CharField(max_length=40)
    part = models.SmallIntegerField(help_text="Which group of readers, from 0.")
    slates = models.IntegerField()
    slots = models.IntegerField()
    explored = models.IntegerField()
    viewed = models.IntegerField()
    clicks = models.IntegerField()
    likes = models.IntegerField()
    saves = models.IntegerField()
    dismissals = models.IntegerField()
    unwanted = models.IntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["hour", "surface", "release", "fallback", "part"], name="feed_hour_once"),
        ]

    def __str__(self) -> str:
        return f"{self.surface} at {self.hour:%Y-%m-%d %H}:00"


class ItemDay(models.Model):
    """How often an item was shown on a day (UTC) at one place of pages, and what became of it.

    place: of `PLACES`.  The other columns are those of `FeedHour`.
    """

    PLACES = (0, 4, 12, 24)
    """Where each place begins: positions 0 to 3, 4 to 11, 12 to 23, 24 and more."""

    day = models.DateField()
    item_id = models.BigIntegerField()
    place = models.SmallIntegerField()
    served = models.IntegerField()
    viewed = models.IntegerField()
    clicks = models.IntegerField()
    likes = models.IntegerField()
    dismissals = models.IntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["item_id", "day", "place"], name="item_day_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["day"], name="item_day_by_day")]

    def __str__(self) -> str:
        return f"item {self.item_id} on {self.day}"


class LabelDay(models.Model):
    """Labels that visits begun on a day (UTC) teach, by the release that served and the kind that decided.

    release: 0 where none served.  label: of `feedback.labels.LABELS`.  kind: of a positive, else "".
    """

    day = models.DateField()
    release = models.IntegerField()
    label = models.CharField(max_length=12)
    kind = models.CharField(max_length=20)
    slots = models.IntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["day", "release", "label", "kind"], name="label_day_once"),
        ]

    def __str__(self) -> str:
        return f"{self.label} on {self.day}"


class FoundDay(models.Model):
    """What readers opened on a day (UTC) by any way, and how near their feed had come to showing it.

    release: of the last home slate of the same visit before the click, 0 for none.  way: the surface of the click.
    topic_id: the item's first topic, 0 for none.  is_cold: nobody had chosen it before the release was trained.
    """

    class Outcome(models.TextChoices):
        SHOWN = "shown"
        RANKED_LOW = "ranked low", "retrieved, ranked low"
        REMOVED = "removed", "retrieved, removed by a filter"
        NOT_RETRIEVED = "not retrieved"
        UNKNOWN = "unknown", "not known: the slate's candidates were not kept"

    day = models.DateField()
    release = models.IntegerField()
    way = models.CharField(max_length=10)
    topic_id = models.BigIntegerField()
    is_cold = models.BooleanField()
    outcome = models.CharField(max_length=13, choices=Outcome)
    clicks = models.IntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["day", "release", "way", "topic_id", "is_cold", "outcome"], name="found_day_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} on {self.day}"


class CountedUntil(models.Model):
    """How far a count of the log has come: everything before `until` was counted at least once."""

    name = models.CharField(max_length=20, primary_key=True)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} until {self.until:%Y-%m-%d %H:%M}"
