"""What staff put into the feed by hand."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from catalog.models import Item


class PinnedItem(models.Model):
    """An item that stands at one position of everybody's home feed for a while. Rows are kept: they are the record.

    position: from 0, of a scroll.  until: null for until it is taken down.
    """

    MOST = 8
    """Positions that may be pinned: beyond the first screens nobody would notice."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="+")
    position = models.SmallIntegerField()
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)
    by = models.CharField(max_length=150)
    reason = models.TextField()
    taken_down_at = models.DateTimeField(null=True)
    taken_down_by = models.CharField(max_length=150, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["position"], condition=Q(taken_down_at=None), name="one_pin_a_position"),
            models.UniqueConstraint(fields=["item"], condition=Q(taken_down_at=None), name="one_pin_an_item"),
            models.CheckConstraint(name="pin_on_the_first_page", condition=Q(position__gte=0, position__lt=8)),
        ]

    def __str__(self) -> str:
        return f"item {self.item_id} at position {self.position}"


class StaffAction(models.Model):
    """What staff did that readers or jobs feel, who and why: the trail beside that of releases. Rows never change.

    about: what it was done to, such as "item 12" or "job retrain-retriever".
    """

    at = models.DateTimeField()
    by = models.CharField(max_length=150)
    action = models.CharField(max_length=40)
    about = models.CharField(max_length=120)
    reason = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-at", "-pk"]
        indexes: ClassVar = [models.Index(fields=["about"], name="staff_action_about")]

    def __str__(self) -> str:
        return f"{self.action} {self.about} by {self.by}"
