"""A site with a small release, on which 200 readers of four tastes did all that readers do.

Items are in two languages, of four topics and ten authors. The release learned from the history before `OPENED`; what
comes after is served by it, through the site's own code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from catalog.models import Author, Item, ItemTopic, Reader, Topic
from feedback.buckets import reader_bucket
from feedback.models import Interaction, Slate, View
from ranking.artefact import RankerArtefact
from ranking.config import RankerConfig
from ranking.request import NONE
from ranking.train import train_ranker
from ranking.visits import ASSUMED_NEGATIVE, POSITIVE, Visits
from recsite.feed import FeedPage, next_page
from recsite.funnel.funnel import Funnel
from recsite.funnel.query import FunnelQuery
from recsite.funnel.sources import FEATURE_SET
from recsite.releases.catalogue_reading import read_catalogue, read_facts
from recsite.releases.live import Serving
from recsite.releases.snapshots import take_source_snapshots
from recsite.viewers import Viewer
from retrieval.config import TowerConfig, TrainingConfig, TwoTowerConfig
from retrieval.content import ITEM_CONTENT
from retrieval.interactions import Interactions
from retrieval.query_state import QueryState
from retrieval.stage import RetrievalStage
from retrieval.stage_training import fit_stage
from tests.recsite.funnel.world import boosted_ranker, fitted_once
from tests.recsite.released import FakeShelf, put_live
from tests.retrieval.worlds import POSITIVES_AND_STATES

ITEMS, READERS, TOPICS, AUTHORS, CHOICES = 160, 200, 4, 10, 8
FIRST = 1_000
OPENED = datetime(2026, 2, 1, 9, tzinfo=UTC)
RELEASE = 3
LANGUAGES = ("en", "sv")
_CONFIG = TwoTowerConfig(
    TowerConfig(dim=16, hidden=16, history_length=8, attention_length=8, word_buckets=64, author_buckets=64),
    TrainingConfig(epochs=1, batch_size=256, learning_rate=0.01, half_life_days=None),
)


def item_rows() -> list[dict[str, Any]]:
    """`ITEM_CONTENT`: an item's number tells its topic, its author and its language."""
    return [
        {
            "item_id": FIRST + number,
            "title": f"Number {number}",
            "summary": f"About {number % TOPICS}",
            "topics": [1 + number % TOPICS],
            "author": 1 + number % AUTHORS,
            "language": LANGUAGES[number % 3 == 0],
            "published_at": OPENED - timedelta(days=2 + number % 19, minutes=number),
        }
        for number in range(ITEMS)
    ]


def item_ids() -> range:
    return range(FIRST, FIRST + ITEMS)


def choices() -> list[list[tuple[int, datetime]]]:
    """Of each reader, from 1: what they liked before the site opened, mostly of the topic that their number tells."""
    rng = np.random.default_rng(0)
    chosen = []
    for number in range(1, READERS + 1):
        own = np.arange(number % TOPICS, ITEMS, TOPICS)
        items = FIRST + rng.permutation(own)[:CHOICES]
        items[0] = FIRST + rng.integers(ITEMS)
        minutes = np.sort(rng.integers(60, 20 * 1_440, CHOICES))[::-1]
        at = [OPENED - timedelta(minutes=int(minute), seconds=number) for minute in minutes]
        chosen.append(list(zip(dict.fromkeys(items.tolist()), at, strict=False)))
    return chosen


@lru_cache(maxsize=1)
def stage() -> RetrievalStage:
    """Learned from the choices before the site opened."""
    rows = []
    for reader, chosen in enumerate(choices(), start=1):
        for place, (item, at) in enumerate(chosen):
            before = chosen[:place]
            rows.append(
                {
                    "reader_id": reader,
                    "item_id": item,
                    "happened_at": at,
                    "weight": 1.0,
                    "state_at": at,
                    "history": [one for one, _ in before],
                    "history_kinds": ["like"] * len(before),
                    "history_ages_s": [(at - then).total_seconds() for _, then in before],
                }
            )
    table = pa.Table.from_pylist(rows, schema=POSITIVES_AND_STATES)
    times_s = table["happened_at"].cast(pa.int64()).to_numpy() / 1e6
    interactions = Interactions.in_order(table["reader_id"].to_numpy(), table["item_id"].to_numpy(), times_s)
    items = pa.Table.from_pylist(item_rows(), schema=ITEM_CONTENT)
    return fitted_once(
        "planted", lambda: fit_stage([table], items, interactions, _CONFIG, until=OPENED), __file__
    ).ready()


def picky_ranker(funnel: Funnel) -> RankerArtefact:
    """Trees that look at many features, also at how candidates stand to each other: chosen is what lies high by a sum
    of all that is known. funnel: that is asked for the rows."""
    rng = np.random.default_rng(4)
    weights = rng.normal(size=len(FEATURE_SET))
    parts, served_s = [], []
    for number, chosen in enumerate(choices()[:80]):
        at = OPENED + timedelta(minutes=number)
        features = funnel.ranked(_asked(chosen, at)).features
        known = np.nan_to_num(features)
        said = (known - known.mean(axis=0)) / (known.std(axis=0) + 1e-9) @ weights
        parts.append((features, said >= np.quantile(said, 0.8)))
        served_s.append(at.timestamp())
    sizes = np.array([len(features) for features, _ in parts])
    is_chosen = np.concatenate([chosen for _, chosen in parts])
    rows_s = np.repeat(served_s, sizes)
    visits = Visits(
        features=np.concatenate([features for features, _ in parts]),
        visit_ids=np.arange(len(sizes)),
        visit_sizes=sizes,
        labels=np.where(is_chosen, POSITIVE, ASSUMED_NEGATIVE).astype(np.int8),
        gains=is_chosen.astype(np.int16),
        positions=np.full(len(is_chosen), NONE, np.int32),
        columns=np.zeros(len(is_chosen), np.int16),
        served_s=rows_s,
        known_until_s=rows_s,
        trained_until_s=rows_s,
        cold=np.zeros(len(is_chosen), bool),
    )
    config = RankerConfig(num_leaves=15, num_trees=60, learning_rate=0.2, min_rows_in_leaf=10, patience=60)
    until = OPENED + timedelta(days=1)
    return train_ranker([visits], config, since=OPENED, until=until, feature_set=FEATURE_SET)


def _asked(chosen: list[tuple[int, datetime]], at: datetime) -> FunnelQuery:
    history = np.array([item_id for item_id, _ in chosen], np.int64)
    ages_s = np.array([(at - then).total_seconds() for _, then in chosen], np.float32)
    return FunnelQuery(QueryState(at, history, ("like",) * len(history), ages_s), exclude=history)


@dataclass
class Site:
    """Its rows, its live release, its time. ranker: of the release."""

    shelf: FakeShelf
    ranker: RankerArtefact = field(default_factory=boosted_ranker)
    now: datetime = OPENED

    @classmethod
    def open(cls, monkeypatch: pytest.MonkeyPatch) -> Site:
        _write_rows()
        site = cls(put_live(monkeypatch, FakeShelf()))
        site.count()
        return site

    def count(self) -> None:
        """Take counts and orders of this moment, and serve with them, as jobs and web processes do every minute."""
        take_source_snapshots(now=self.now)
        catalogue = read_catalogue(now=self.now, facts=read_facts())
        self.shelf.live = Serving(RELEASE, Funnel.of(stage(), self.ranker, catalogue))

    def pass_time(self, **time: float) -> datetime:
        self.now += timedelta(**time)
        return self.now

    def page(self, reader: Reader | None, *, cursor: str = "", **viewer: Any) -> FeedPage:
        """By default in all languages."""
        values: dict[str, Any] = {"languages": frozenset(), "columns": 3} | viewer
        if reader is not None:
            values["public_id"] = reader.public_id
        return next_page(viewer=Viewer(reader=reader, **values), cursor=cursor, now=self.now, limit=12)

    def see(self, page: FeedPage, slots: int) -> None:
        """The first so many cards."""
        slate = page.slate
        assert slate.id is not None
        View.objects.bulk_create(
            View(
                slate_id=slate.id,
                position=entry.position,
                item_id=entry.item_id,
                viewed_at=self.now,
                received_at=self.now,
            )
            for entry in slate.entries[:slots]
        )

    def act(self, reader: Reader, kind: str, item_id: int | None = None, **fields: Any) -> Interaction:
        values = {
            "reader_bucket": reader_bucket(reader.public_id),
            "happened_at": self.now,
            "received_at": self.now,
        } | fields
        return Interaction.objects.create(reader=reader, kind=kind, item_id=item_id, **values)


def readers() -> list[Reader]:
    return list(Reader.objects.order_by("pk"))


def slate_ids() -> list[Any]:
    return list(Slate.objects.order_by("id").values_list("id", flat=True))


def _write_rows() -> None:
    long_ago = OPENED - timedelta(days=40)
    Topic.objects.bulk_create([Topic(pk=1 + n, name=f"Topic {n}", slug=f"topic-{n}") for n in range(TOPICS)])
    Author.objects.bulk_create([Author(pk=1 + n, name=f"Author {n}", slug=f"author-{n}") for n in range(AUTHORS)])
    rows = item_rows()
    Item.objects.bulk_create(
        Item(
            pk=row["item_id"],
            external_id=f"world-{row['item_id']}",
            slug=f"number-{row['item_id']}",
            title=row["title"],
            summary=row["summary"],
            language=row["language"],
            author_id=row["author"],
            published_at=row["published_at"],
            created_at=long_ago,
            updated_at=long_ago,
        )
        for row in rows
    )
    ItemTopic.objects.bulk_create(ItemTopic(item_id=row["item_id"], topic_id=row["topics"][0]) for row in rows)
    made = Reader.objects.bulk_create(
        Reader(
            pk=number,
            created_at=OPENED - timedelta(days=21),
            languages=[["en"], ["en", "sv"], []][number % 3],
            country="SE" if number % 4 == 0 else "",
            attributes={"age": "25-34"} if number % 5 == 0 else {},
        )
        for number in range(1, READERS + 1)
    )
    Interaction.objects.bulk_create(
        Interaction(
            reader=reader,
            reader_bucket=reader_bucket(reader.public_id),
            kind="like",
            item_id=item_id,
            happened_at=at,
            received_at=at,
        )
        for reader, chosen in zip(made, choices(), strict=True)
        for item_id, at in chosen
    )
