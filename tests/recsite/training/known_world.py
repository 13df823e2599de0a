"""The small world of `tests.retrieval.worlds` as rows of the database, with the stage that `tests.recsite.funnel.world`
fitted to it: rounds of training are tested without training towers each time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from catalog.models import Author, Item, Reader, Topic
from feedback.models import Interaction
from ranking.artefact import RankerArtefact
from recsite.training.bootstrap import fusion_ranker
from recsite.training.examples import History
from retrieval.stage import FittedStage
from tests.factories import make_item, make_reader
from tests.recsite.funnel.world import small_fitted
from tests.retrieval.worlds import START, UNTIL, catalogue, positives


def plant(*, imported: bool = True) -> None:
    """Items, readers and choices, under the ids that they have there."""
    content = catalogue().to_pylist()
    for topic in sorted({topic for item in content for topic in item["topics"]}):
        Topic.objects.create(pk=topic, name=f"Topic {topic}", slug=f"topic-{topic}")
    for author in sorted({item["author"] for item in content}):
        Author.objects.create(pk=author, name=f"Author {author}", slug=f"author-{author}")
    for item in content:
        row = make_item(
            item["title"],
            pk=item["item_id"],
            summary=item["summary"],
            language=item["language"],
            published_at=item["published_at"],
        )
        row.author_id = item["author"]
        row.save()
        row.topics.add(*item["topics"])
    told = positives().select(["reader_id", "item_id", "happened_at"]).to_pylist()
    for reader in sorted({choice["reader_id"] for choice in told}):
        make_reader(pk=reader, external_id=str(reader))
    kind = "click" if imported else "save"
    Interaction.objects.bulk_create(
        choice_of(one["reader_id"], one["item_id"], one["happened_at"], kind=kind, imported=imported) for one in told
    )


def come_back(*, since: datetime = UNTIL, each: int = 3) -> None:
    """Every reader saves `each` more items of her own kind on the site itself, one an hour from `since` on."""
    for reader in Reader.objects.all():
        known = set(Interaction.objects.filter(reader=reader).values_list("item_id", flat=True))
        new = [pk for pk in Item.objects.values_list("pk", flat=True).order_by("pk") if pk not in known]
        hers = [pk for pk in new if pk % 2 == reader.pk % 2]
        Interaction.objects.bulk_create(
            choice_of(reader.pk, pk, since + timedelta(hours=place, seconds=reader.pk), kind="save")
            for place, pk in enumerate(hers[:each])
        )


def choice_of(
    reader_id: int, item_id: int, at: datetime, *, kind: str = "click", imported: bool = False
) -> Interaction:
    return Interaction(
        reader_id=reader_id,
        reader_bucket=0,
        kind=kind,
        item_id=item_id,
        happened_at=at,
        received_at=at,
        imported_at=UNTIL if imported else None,
    )


def fused(*_of_a_lesson: Any) -> RankerArtefact:
    """In place of `recsite.training.pair.train_bootstrap`: no reranking, so that orders are alike to the last place."""
    return fusion_ranker("A test.")


def trained_in_no_time(
    _history: History, until: datetime, _size: str, _say: Any, *, shadow: FittedStage | None = None, on_step: Any = None
) -> FittedStage:
    """In place of `recsite.training.pair.train_stage`: what `small_fitted` learned, said to be of before `until`."""
    fitted = small_fitted()
    since = min(START, until)
    return replace(fitted, artefact=replace(fitted.artefact, trained_from=since, trained_until=until))
