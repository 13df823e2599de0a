"""An imported history with a known answer: readers of an even number choose items of even numbers, the others odd."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from catalog.models import Item, Reader
from feedback.buckets import reader_bucket
from feedback.models import Interaction
from tests.factories import NOW, make_item, make_reader

ITEMS, READERS, CHOICES, DAYS = 120, 90, 20, 20


def plant(*, until: datetime = NOW, seed: int = 0) -> tuple[list[Reader], list[Item]]:
    """`READERS` who chose `CHOICES` items each of their own parity, at any time of the `DAYS` before `until`."""
    rng = np.random.default_rng(seed)
    items = [
        make_item(f"Story {number}", topics=[("cooking", "climbing")[number % 2]], age_days=DAYS + 1)
        for number in range(ITEMS)
    ]
    readers = [make_reader(external_id=f"planted:{number}") for number in range(READERS)]
    rows = []
    for number, reader in enumerate(readers):
        own = items[number % 2 :: 2]
        times_s = np.sort(rng.integers(1, DAYS * 86_400, CHOICES))[::-1]
        for place, before_s in zip(rng.permutation(len(own))[:CHOICES], times_s, strict=True):
            rows.append(choice(reader, own[place], until - timedelta(seconds=int(before_s)), imported_at=until))
    Interaction.objects.bulk_create(rows)
    return readers, items


def choose(readers: list[Reader], items: list[Item], *, each: int, since: datetime, until: datetime, seed: int) -> None:
    """The same readers come back to the site itself: `each` saves, of their own parity, of what they have not yet."""
    rng = np.random.default_rng(seed)
    rows = []
    for number, reader in enumerate(readers):
        known = set(Interaction.objects.filter(reader=reader).values_list("item_id", flat=True))
        new = [item for item in items[number % 2 :: 2] if item.pk not in known]
        for place in rng.permutation(len(new))[:each]:
            at = since + timedelta(seconds=float(rng.uniform(0, (until - since).total_seconds())))
            rows.append(choice(reader, new[place], at, kind="save"))
    Interaction.objects.bulk_create(rows)


def choice(
    reader: Reader, item: Item, at: datetime, *, kind: str = "click", imported_at: datetime | None = None
) -> Interaction:
    return Interaction(
        reader=reader,
        reader_bucket=reader_bucket(reader.public_id),
        kind=kind,
        item=item,
        happened_at=at,
        received_at=at,
        imported_at=imported_at,
    )
