"""How often one address, or one account, may try something.

Counts live in Redis for an hour at most, under a keyed hash: neither addresses nor e-mails are kept. Without Redis
the limits
fail open, counted: a site where nobody can sign in is worse than one where guessing is slowed by password hashing
alone.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from dataclasses import dataclass
from typing import cast

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

from recsite.metrics import CACHE_FAILURES, RATE_LIMITED
from recsite.redis_cache import CountingRedisCache

logger = logging.getLogger(__name__)
HOUR_S = 3600


@dataclass(frozen=True)
class RateLimit:
    """`allowed` attempts in `window_s` seconds for one key."""

    action: str
    allowed: int
    window_s: int

    def __post_init__(self) -> None:
        if not 0 < self.window_s <= HOUR_S:
            raise ValueError(f"window_s is {self.window_s}; counts are kept for an hour at most.")

    def key(self, subject: str) -> str:
        message = f"{self.action}\0{subject}".encode()
        return f"limit:{hmac.new(settings.SECRET_KEY.encode(), message, hashlib.sha256).hexdigest()}"

    def exceeded(self, subject: str, *, attempts: int = 1) -> bool:
        """Count an attempt by `subject`, or several at once, and say whether that was too many."""
        try:
            count = cast(CountingRedisCache, cache).count(self.key(subject), by=attempts, window_s=self.window_s)
        except RedisError as error:
            CACHE_FAILURES.labels("rate limit").inc()
            logger.warning("rate limit not counted: Redis does not answer", extra={"reason": str(error)})
            return False
        if count > self.allowed:
            RATE_LIMITED.labels(self.action).inc()
            return True
        return False


LOGIN_BY_ADDRESS = RateLimit("login by address", allowed=20, window_s=600)
LOGIN_BY_ACCOUNT = RateLimit("login by account", allowed=10, window_s=600)
SIGNUP_BY_ADDRESS = RateLimit("sign-up by address", allowed=10, window_s=HOUR_S)
RESET_BY_ADDRESS = RateLimit("reset by address", allowed=10, window_s=HOUR_S)
RESET_BY_ACCOUNT = RateLimit("reset by account", allowed=3, window_s=HOUR_S)
EVENTS_BY_READER = RateLimit("events by reader", allowed=600, window_s=60)
