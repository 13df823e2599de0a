"""What jobs compute and web processes take over between releases: vectors of new items, standing orders of items."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from catalog.models import Item
from feedback.models import RealField
from recsite.models.releases import Release


class ItemVector(models.Model):
    """An item that was published or changed after a release was trained, as that release's candidate tower sees it.

    vector: float32, little-endian, as wide as the release's. of_version: the item's `updated_at` that it was made of.
    """

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="item_vectors")
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="+")
    vector = models.BinaryField()
    of_version = models.DateTimeField()
    made_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["release", "item"], name="item_vector_once")]

    def __str__(self) -> str:
        return f"item {self.item_id} for release {self.release_id}"


class SourceSnapshot(models.Model):
    """What a source that is the same for everybody said at a moment: "popular", "trending".

    `as_of` is that of the count snapshot taken with it. Arrays run parallel, the best first.
    """

    as_of = models.DateTimeField()
    source = models.CharField(max_length=20)
    item_ids = ArrayField(models.BigIntegerField())
    scores = ArrayField(RealField())

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["as_of", "source"], name="source_snapshot_once")]

    def __str__(self) -> str:
        return f"{self.source} as of {self.as_of:%Y-%m-%d %H:%M}"
