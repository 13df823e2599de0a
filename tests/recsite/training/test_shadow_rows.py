"""Visits of the log with the scores of a shadow in place of those with which they were served."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from pytest_django.fixtures import Settings

from feedback.kinds import Kind
from feedback.models import Interaction, Slate, SlateDetail
from ranking.config import RankerConfig
from ranking.visits import LeakError
from recsite.funnel.sources import FEATURE_SET
from recsite.training.impressions import LoggedVisits, train_on_impressions, visits_of_log
from recsite.training.shadow_rows import with_scores_of
from recsite.training.slate_questions import SlateQuestions
from tests.recsite.planted_site import OPENED, RELEASE, Site, readers, stage

pytestmark = pytest.mark.django_db(transaction=True)
SCORE = FEATURE_SET.names.index("two_tower_score")


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Site:
    settings.EXPLORATION_SHARE = 0.4
    return Site.open(monkeypatch)


def visits(site: Site, *, count: int) -> None:
    """Of a page each, all of it seen; what is of the reader's own topic is liked, half of the time."""
    rng = np.random.default_rng(2)
    everybody = readers()
    for number in range(count):
        site.pass_time(minutes=2)
        reader = everybody[number % len(everybody)]
        page = site.page(reader)
        site.pass_time(seconds=10)
        site.see(page, 12)
        for entry in page.slate.entries:
            if entry.item_id % 4 == reader.pk % 4 and rng.random() < 0.5:
                origin = {"slate_id": page.slate.id, "visit_id": page.slate.visit_id, "position": entry.position}
                site.act(reader, Kind.LIKE, entry.item_id, surface="home", **origin)
    site.pass_time(hours=1)


def long_ago(items: np.ndarray) -> np.ndarray:
    return np.zeros(len(items))


def logged(site: Site, *, trained_until: datetime = OPENED) -> LoggedVisits:
    found = visits_of_log(
        since=OPENED, until=site.now, trained_until_of={RELEASE: trained_until}, first_chosen_s=long_ago
    )
    assert found is not None
    return found


def by_shadow(site: Site, *, trained_until: datetime = OPENED, but: Collection[int] = ()) -> LoggedVisits:
    assert site.shelf.live is not None
    return with_scores_of(
        replace(stage(), trained_until=trained_until),
        logged(site),
        site.shelf.live.funnel.catalogue,
        SlateQuestions.read(until=site.now),
        long_ago,
        but=but,
    )


def test_the_stage_that_served_says_what_was_logged(site: Site) -> None:
    """Also of what explored, of second pages, and of what was seen before."""
    visits(site, count=6)
    reader = readers()[0]
    first = site.page(reader)
    site.see(first, 5)
    site.pass_time(seconds=30)
    assert first.next_cursor is not None
    site.see(site.page(reader, cursor=first.next_cursor), 12)
    site.pass_time(hours=1)
    was, is_now = logged(site).visits, by_shadow(site).visits
    assert was.num_rows > 80
    np.testing.assert_allclose(is_now.features, was.features, rtol=1e-5, atol=1e-6)
    assert is_now.trained_until_s.tolist() == [OPENED.timestamp()] * is_now.num_rows


def test_what_does_not_come_from_a_retriever_is_taken_as_it_was_logged(site: Site) -> None:
    """Counts and orders of that moment are gone by the time of training."""
    visits(site, count=2)
    for detail in SlateDetail.objects.all():
        rows = np.frombuffer(detail.features or b"", "<f4").reshape(-1, len(FEATURE_SET)).copy()
        rows[:, FEATURE_SET.names.index("click_rate_day")] = 0.25
        rows[:, SCORE] = 99
        rows[:, FEATURE_SET.names.index("popular_rank")] = 7
        rows[:, FEATURE_SET.names.index("num_sources")] = -1
        detail.features = rows.tobytes()
        detail.save()
    features = by_shadow(site).visits.features
    assert (features[:, FEATURE_SET.names.index("click_rate_day")] == 0.25).all()
    assert not (features[:, SCORE] == 99).any()
    ranks = features[:, [place for place, name in enumerate(FEATURE_SET.names) if name.endswith("_rank")]]
    named = ~np.isnan(ranks)
    assert (features[:, FEATURE_SET.names.index("num_sources")] == named.sum(axis=1)).all()
    fusion = np.where(named, 1 / (61 + ranks), 0).sum(axis=1)
    np.testing.assert_allclose(features[:, FEATURE_SET.names.index("fusion")], fusion, rtol=1e-6)


def test_what_the_same_retriever_served_keeps_the_scores_that_were_logged(site: Site) -> None:
    visits(site, count=2)
    for detail in SlateDetail.objects.all():
        rows = np.frombuffer(detail.features or b"", "<f4").reshape(-1, len(FEATURE_SET)).copy()
        rows[:, SCORE] = 99
        detail.features = rows.tobytes()
        detail.save()
    assert (by_shadow(site, but=[RELEASE]).visits.features[:, SCORE] == 99).all()
    assert not (by_shadow(site, but=[RELEASE + 1]).visits.features[:, SCORE] == 99).any()


def test_a_shadow_that_knew_the_visits_is_refused(site: Site) -> None:
    visits(site, count=2)
    with pytest.raises(LeakError, match="a retriever that learned from what came after"):
        train_on_impressions(
            by_shadow(site, trained_until=site.now), RankerConfig(click_model=None), since=OPENED, until=site.now
        )


def memorise(site: Site) -> None:
    """In the log, the retriever that served gave 1 to what was going to be chosen, and noise to all else."""
    rng = np.random.default_rng(3)
    chosen = set(Interaction.objects.exclude(slate_id=None).values_list("slate_id", "item_id"))
    features = dict(SlateDetail.objects.values_list("slate_id", "features"))
    for slate_id, item_ids in Slate.objects.values_list("id", "items"):
        rows = np.frombuffer(features[slate_id] or b"", "<f4").reshape(len(item_ids), -1).copy()
        rows[:, SCORE] = [(slate_id, item_id) in chosen for item_id in item_ids]
        rows[:, SCORE] += rng.normal(size=len(item_ids)) / 10
        SlateDetail.objects.filter(slate_id=slate_id).update(features=rows.astype("<f4").tobytes())


def trust(site: Site, found: LoggedVisits) -> float:
    """Of what a ranker of these visits says of them, the share that comes from the score of the towers."""
    config = RankerConfig(num_trees=20, num_leaves=7, learning_rate=0.3, min_rows_in_leaf=20, click_model=None)
    ranker = train_on_impressions(found, config, since=OPENED, until=site.now)
    said = np.abs(ranker.order.contributions(found.visits.features)[:, :-1]).sum(axis=0)
    return float(said[SCORE] / said.sum())


def test_a_ranker_does_not_come_to_trust_a_retriever_that_memorised_its_labels(site: Site) -> None:
    """It does, by what was logged, where nobody says how much the retriever knew."""
    visits(site, count=120)
    memorise(site)
    assert trust(site, logged(site)) > 0.5
    assert trust(site, by_shadow(site)) < 0.2
