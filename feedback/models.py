"""What people did."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from catalog.models import Author, Item, Reader, Topic


class InteractionQuerySet(models.QuerySet["Interaction"]):
    def standing(self) -> InteractionQuerySet:
        """Those that were not taken back."""
        return self.filter(undone_at=None)


class Interaction(models.Model):
    """One thing a reader did. It is never deleted by undo, only marked: what was taken back is a fact too."""

    class Kind(models.TextChoices):
        CLICK = "click"
        SAVE = "save"
        FOLLOW = "follow"

    reader = models.ForeignKey(Reader, on_delete=models.CASCADE, related_name="interactions", db_index=False)
    kind = models.CharField(max_length=20, choices=Kind)
    item = models.ForeignKey(Item, on_delete=models.CASCADE, null=True, blank=True, db_index=False)
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE, null=True, blank=True)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, null=True, blank=True)
    happened_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)

    objects = InteractionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="interaction_names_what_its_kind_needs",
                condition=(
                    Q(kind__in=["click", "save"], item__isnull=False, topic=None, author=None)
                    | Q(kind="follow", item=None, topic__isnull=False, author=None)
                    | Q(kind="follow", item=None, topic=None, author__isnull=False)
                ),
            ),
            models.CheckConstraint(
                name="interaction_undone_after_it_happened",
                condition=Q(undone_at=None) | Q(undone_at__gte=models.F("happened_at")),
            ),
            models.UniqueConstraint(
                fields=["reader", "item"], condition=Q(kind="save", undone_at=None), name="item_saved_once"
            ),
            models.UniqueConstraint(
                fields=["reader", "topic"], condition=Q(kind="follow", undone_at=None), name="topic_followed_once"
            ),
            models.UniqueConstraint(
                fields=["reader", "author"], condition=Q(kind="follow", undone_at=None), name="author_followed_once"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["reader", "kind", "-happened_at"], name="interaction_of_reader"),
            models.Index(fields=["item", "happened_at"], name="interaction_of_item"),
            models.Index(fields=["happened_at"], name="interaction_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.reader_id} at {self.happened_at:%Y-%m-%d %H:%M}"
