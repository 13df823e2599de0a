"""What is served is what was measured, and what was recorded can be built again from the log."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from pytest_django.fixtures import Settings

from catalog.models import Item
from feedback.kinds import Kind
from feedback.models import Interaction, Slate
from recsite.funnel.as_of import HistoryCatalogues
from recsite.funnel.catalogue import Catalogue
from recsite.funnel.funnel import Funnel
from recsite.training import parity
from recsite.training.asking import FunnelInTime, ask
from recsite.training.examples import read_history
from recsite.training.parity import compare_with_serving
from recsite.training.rebuilding import Rebuilt, compare_with_recorded
from tests.recsite import planted_site
from tests.recsite.planted_site import RELEASE, Site, readers, slate_ids, stage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Site:
    settings.EXPLORATION_SHARE = 0.4
    return Site.open(monkeypatch)


def rebuilt(site: Site) -> Rebuilt:
    def funnel_of(release: int, catalogue: Catalogue) -> Funnel | None:
        return Funnel.of(stage(), site.ranker, catalogue) if release == RELEASE else None

    return compare_with_recorded(slate_ids(), funnel_of, until=site.now)


def live(site: Site, *, visits: int) -> None:
    """So many visits of readers drawn at random, with all that readers do. Counts are taken every few of them."""
    rng = np.random.default_rng(1)
    everybody = readers()
    for number in range(visits):
        site.pass_time(minutes=float(rng.uniform(0.1, 9)))
        if number % 10 == 0:
            site.count()
        reader = everybody[rng.integers(len(everybody) // 8)]
        wishes = frozenset(reader.languages) or [frozenset(), frozenset({"en"})][number % 2]
        cursor = ""
        for _ in range(rng.integers(1, 4)):
            page = site.page(reader, cursor=cursor, languages=wishes)
            site.pass_time(seconds=5.25)
            site.see(page, int(rng.integers(0, 12)))
            for entry in page.slate.entries[: rng.integers(0, 4)]:
                site.pass_time(seconds=float(rng.uniform(0, 3)))
                kind = rng.choice([Kind.CLICK, Kind.LIKE, Kind.DISMISS, Kind.ALREADY_SEEN, Kind.OUTBOUND])
                undone = site.now + timedelta(minutes=2) if rng.random() < 0.2 else None
                site.act(reader, kind, entry.item_id, undone_at=undone, undo_received_at=undone)
            cursor = page.next_cursor or ""
        if number % 3 == 0:
            site.act(reader, Kind.SEARCH, query=f"number {number}")
        if number % 7 == 0:
            hidden = site.now + timedelta(hours=2)
            site.act(reader, Kind.HIDE_TOPIC, topic_id=1 + number % 4, undone_at=hidden, undo_received_at=hidden)


def test_features_built_again_from_the_log_are_those_that_were_recorded(site: Site) -> None:
    live(site, visits=70)
    found = rebuilt(site)
    assert found.slates == Slate.objects.count() > 100
    assert found.equal_share >= 0.999, found
    assert found.unexplained == 0, found


def test_200_readers_are_served_the_50_items_that_were_measured_for_them(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity, "TRIED", planted_site.READERS)
    site.pass_time(days=1)
    for number, reader in enumerate(readers()):
        known = set(Interaction.objects.filter(reader=reader).values_list("item_id", flat=True))
        new = [item_id for item_id in planted_site.item_ids() if item_id not in known]
        site.act(reader, Kind.SAVE, new[number * 7 % len(new)])
    history = read_history(now=site.pass_time(hours=1))
    assert site.shelf.live is not None
    ranker = planted_site.picky_ranker(site.shelf.live.funnel)
    funnel_at = FunnelInTime(stage(), ranker, HistoryCatalogues(history.items, history.interactions()))
    positives = history.between(planted_site.OPENED, site.now)
    compared = compare_with_serving(funnel_at, positives)
    assert compared.different == 0, compared.examples
    assert compared.tried == planted_site.READERS
    # What staff hide while a training runs is served to nobody, and that is no difference.
    served = recommend_first(funnel_at, positives)
    Item.objects.filter(pk__in=served).update(hidden=True)
    compared = compare_with_serving(funnel_at, positives)
    assert compared.different == 0, compared.examples


def recommend_first(funnel_at: FunnelInTime, positives: pa.Table) -> set[int]:
    """What stands first for those who were asked about."""
    return {int(ranked.item_ids()[0]) for _, _, ranked in ask(funnel_at, positives)}
