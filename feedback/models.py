"""What was shown, what was seen, and what people did.

Slates, their details and views are partitioned by month on the slate's id, a UUID of version 7: see
`feedback.partitions`. They refer to readers and items by plain values, so a deleted item leaves the log true.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from catalog.models import Author, Item, Reader, Topic
from feedback import kinds
from feedback.surfaces import Excluded, Surface


class RealField(models.FloatField):
    """float32, as models compute it; FloatField is double precision."""

    def db_type(self, _connection: object) -> str:
        return "real"


class Slate(models.Model):
    """One slate as it was sent: one row, an array element a slot.

    Slot i stood at position `first_position + i` of its scroll. `sources` names the bits of `slot_sources`;
    `source_scores` and `source_ranks` hold one element a set bit, by slot and then by bit.
    """

    id = models.UUIDField(primary_key=True)
    visit_id = models.UUIDField()
    reader_public_id = models.UUIDField(help_text="The cookie's reader: there may be no row of it.")
    reader_bucket = models.SmallIntegerField()
    served_at = models.DateTimeField()
    known_until = models.DateTimeField(help_text="Newest interaction that serving could know.")
    counts_as_of = models.DateTimeField(null=True, help_text="The count snapshot that serving used.")
    surface = models.CharField(max_length=10, choices=Surface)
    first_position = models.SmallIntegerField()
    columns = models.SmallIntegerField(null=True, help_text="Cards side by side on the screen, where the browser said.")
    release = models.IntegerField(null=True)
    fallback = models.CharField(max_length=40, null=True, help_text="Why no release served it.")
    policy = models.CharField(max_length=40)
    policy_parameters = models.JSONField()
    policy_version = models.CharField(max_length=40)
    seed = models.BigIntegerField(null=True)
    arm = models.CharField(max_length=40, null=True)
    experiments = models.JSONField(null=True, help_text="Assignments, {experiment: arm}.")
    excluded = models.CharField(max_length=20, choices=Excluded, null=True)
    items = ArrayField(models.BigIntegerField())
    sources = ArrayField(models.CharField(max_length=40))
    slot_sources = ArrayField(models.IntegerField(), help_text="Bits of `sources`, a slot.")
    source_scores = ArrayField(RealField(null=True))
    source_ranks = ArrayField(models.IntegerField())
    scores = ArrayField(RealField(null=True))
    greedy_items = ArrayField(models.BigIntegerField())
    propensities = ArrayField(models.FloatField(null=True))
    branches = ArrayField(models.SmallIntegerField(), help_text="Branch, a slot.")
    teams = ArrayField(models.SmallIntegerField(null=True), null=True)
    removed = models.JSONField(help_text="Candidates removed, {reason: count}.")
    detail_share = models.FloatField(help_text="Share of slates whose whole union was kept, chosen by hash.")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["reader_public_id", "id"], name="slate_of_reader")]

    class Branch(models.IntegerChoices):
        """What filled a slot."""

        FALLBACK = 0
        PINNED = 1
        GREEDY = 2
        POOL = 3
        OUTSIDE = 4

    def __str__(self) -> str:
        return f"{self.surface} slate {self.id}"


class SlateDetail(models.Model):
    """What a slate could have been: feature values as used, and for a share of slates every candidate.

    features: (slots, columns of the feature set) float32, little-endian, row by row; pool_features likewise.
    Arrays of all candidates are stored uncompressed: compressing them took four times as long as writing them.
    """

    slate_id = models.UUIDField(primary_key=True)
    feature_set = models.CharField(max_length=40, null=True)
    features = models.BinaryField(null=True)
    union_items = ArrayField(models.BigIntegerField(), null=True, help_text="All candidates in scored order.")
    union_scores = ArrayField(RealField(null=True), null=True)
    union_sources = ArrayField(models.SmallIntegerField(), null=True)
    removed_items = ArrayField(models.BigIntegerField(), null=True)
    removed_reasons = ArrayField(models.CharField(max_length=20), null=True)
    pool_items = ArrayField(models.BigIntegerField(), null=True)
    pool_scores = ArrayField(RealField(null=True), null=True)
    pool_cap_keys = ArrayField(ArrayField(models.BigIntegerField(null=True)), null=True)
    pool_features = models.BinaryField(null=True)
    outside_size = models.IntegerField(null=True)
    outside_rule = models.CharField(max_length=200, null=True)

    def __str__(self) -> str:
        return f"details of slate {self.slate_id}"


class View(models.Model):
    """One impression that a browser saw. It names no reader: the slate does."""

    pk = models.CompositePrimaryKey("slate_id", "position")
    slate_id = models.UUIDField()
    position = models.SmallIntegerField()
    item_id = models.BigIntegerField()
    viewed_at = models.DateTimeField()
    received_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"position {self.position} of slate {self.slate_id}"


class InteractionQuerySet(models.QuerySet["Interaction"]):
    def standing(self) -> InteractionQuerySet:
        """Those that were not taken back."""
        return self.filter(undone_at=None)


class Interaction(models.Model):
    """One thing a reader did. It is never deleted by undo, only marked: what was taken back is a fact too.

    `happened_at` is when it happened, `received_at` when the site could know. Imported history has the two equal, and
    `imported_at` says when the site really got it.
    """

    Kind = kinds.Kind

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="interactions", db_index=False)
    reader_bucket = models.SmallIntegerField()
    kind = models.CharField(max_length=20, choices=Kind)
    item = models.ForeignKey(Item, on_delete=models.CASCADE, null=True, blank=True, db_index=False)
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE, null=True, blank=True)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, null=True, blank=True)
    query = models.CharField(max_length=200, null=True, blank=True)
    dwell_ms = models.IntegerField(null=True, blank=True, help_text="Milliseconds of visible reading.")
    happened_at = models.DateTimeField()
    received_at = models.DateTimeField()
    imported_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    undo_received_at = models.DateTimeField(null=True, blank=True)
    event_id = models.UUIDField(null=True, blank=True, help_text="Made by the client: delivering twice counts once.")
    undo_event_id = models.UUIDField(null=True, blank=True)
    surface = models.CharField(max_length=10, choices=Surface, default=Surface.DIRECT)
    slate_id = models.UUIDField(null=True, blank=True)
    position = models.SmallIntegerField(null=True, blank=True)
    visit_id = models.UUIDField(null=True, blank=True)
    excluded = models.CharField(max_length=20, choices=Excluded, null=True, blank=True)

    objects = InteractionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="interaction_names_what_its_kind_needs",
                condition=(
                    Q(kind__in=sorted(kinds.OF_ITEM), item__isnull=False, topic=None, author=None)
                    | Q(kind__in=["follow", "hide_topic"], item=None, topic__isnull=False, author=None)
                    | Q(kind__in=["follow", "hide_author"], item=None, topic=None, author__isnull=False)
                    | Q(kind="search", item=None, topic=None, author=None, query__isnull=False)
                ),
            ),
            models.CheckConstraint(
                name="interaction_dwell_has_its_time",
                condition=Q(kind="dwell", dwell_ms__gte=0) | (~Q(kind="dwell") & Q(dwell_ms=None)),
            ),
            models.CheckConstraint(
                name="interaction_undone_after_it_happened",
                condition=Q(undone_at=None) | Q(undone_at__gte=models.F("happened_at")),
            ),
            models.CheckConstraint(
                name="interaction_undo_has_both_times",
                condition=Q(undone_at=None, undo_received_at=None)
                | Q(undone_at__isnull=False, undo_received_at__isnull=False),
            ),
            models.CheckConstraint(
                name="interaction_slate_has_position_and_visit",
                condition=Q(slate_id=None, position=None)
                | Q(slate_id__isnull=False, position__isnull=False, visit_id__isnull=False)
                # A search is about the whole slate that answered it.
                | Q(kind="search", slate_id__isnull=False, position=None, visit_id__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["reader", "event_id"],
                condition=Q(event_id__isnull=False),
                name="interaction_event_once_per_reader",
            ),
            models.UniqueConstraint(
                fields=["reader", "kind", "item"],
                condition=Q(kind__in=["like", "save", "dismiss", "already_seen"], undone_at=None),
                name="item_state_once",
            ),
            models.UniqueConstraint(
                fields=["reader", "kind", "topic"],
                condition=Q(topic__isnull=False, undone_at=None),
                name="topic_state_once",
            ),
            models.UniqueConstraint(
                fields=["reader", "kind", "author"],
                condition=Q(author__isnull=False, undone_at=None),
                name="author_state_once",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["reader", "kind", "-happened_at"], name="interaction_of_reader"),
            models.Index(fields=["item", "happened_at"], name="interaction_of_item"),
            models.Index(fields=["happened_at"], name="interaction_by_time"),
            models.Index(fields=["visit_id"], name="interaction_of_visit", condition=Q(visit_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.reader_id} at {self.happened_at:%Y-%m-%d %H:%M}"


class CountSnapshot(models.Model):
    """Views, clicks, likes and dismissals by item in one window before `as_of`, as the site knew them then.

    Arrays run parallel: element i of each belongs to `item_ids[i]`. Items without any count are left out.
    """

    class Window(models.TextChoices):
        HOUR = "hour"
        DAY = "day"
        WEEK = "week"

    as_of = models.DateTimeField()
    window = models.CharField(max_length=4, choices=Window)
    item_ids = ArrayField(models.BigIntegerField())
    views = ArrayField(models.IntegerField())
    clicks = ArrayField(models.IntegerField())
    likes = ArrayField(models.IntegerField())
    dismissals = ArrayField(models.IntegerField())

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["as_of", "window"], name="counts_once")]

    def __str__(self) -> str:
        return f"{self.window} counts as of {self.as_of:%Y-%m-%d %H:%M}"
