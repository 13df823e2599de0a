from __future__ import annotations

import pytest
from django.core.cache import cache
from prometheus_client import REGISTRY
from pytest_django.fixtures import Settings

from recsite.rate_limits import HOUR_S, RateLimit

pytestmark = pytest.mark.django_db
LIMIT = RateLimit("test", allowed=3, window_s=60)


@pytest.fixture
def redis_gone(settings: Settings) -> None:
    settings.CACHES = {
        "default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"},
    }


def failures() -> float:
    return REGISTRY.get_sample_value("recsite_cache_failures_total", {"use": "rate limit"}) or 0.0


def test_one_attempt_too_many_is_refused_and_others_are_not_touched() -> None:
    assert [LIMIT.exceeded("203.0.113.9") for _ in range(4)] == [False, False, False, True]
    assert not LIMIT.exceeded("203.0.113.10")


def test_several_attempts_count_at_once() -> None:
    assert [LIMIT.exceeded("a", attempts=2), LIMIT.exceeded("a", attempts=1)] == [False, False]
    assert LIMIT.exceeded("a")


def test_a_window_ends_however_often_it_is_counted() -> None:
    for _ in range(3):
        LIMIT.exceeded("a")
    client = cache._cache.get_client()
    assert 0 < client.ttl(cache.make_key(LIMIT.key("a"))) <= LIMIT.window_s


def test_what_is_kept_names_nobody() -> None:
    LIMIT.exceeded("203.0.113.9")
    assert "203.0.113.9" not in LIMIT.key("203.0.113.9")
    assert cache.get(LIMIT.key("203.0.113.9")) == 1


def test_no_count_is_kept_longer_than_an_hour() -> None:
    with pytest.raises(ValueError, match="an hour at most"):
        RateLimit("too long", allowed=1, window_s=HOUR_S + 1)


def test_without_redis_limits_fail_open_and_are_counted(redis_gone: None) -> None:
    before = failures()
    assert [LIMIT.exceeded("203.0.113.9") for _ in range(5)] == [False] * 5
    assert failures() == before + 5
