"""Django's cache in Redis, with the one thing more that rate limits need, and cheaper to ask."""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis import ConnectionPool, Redis


class KeptClients(RedisCacheClient):
    """Django's makes a client for every call, which copies a table of some 300 callbacks each time: more work than the
    call itself. A client may be shared by threads; connections come from its pool."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._clients: dict[ConnectionPool, Redis] = {}

    def get_client(self, key: str | None = None, *, write: bool = False) -> Redis:  # type: ignore[override]
        pool = self._get_connection_pool(write)  # type: ignore[attr-defined] # the stubs leave it out
        client = self._clients.get(pool)
        if client is None:
            client = self._clients[pool] = Redis(connection_pool=pool)
        return client


class CountingRedisCache(RedisCache):
    """`incr` of Django's own asks whether the key is there and then adds: two trips, and a key that runs out in between
    comes back without an end."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = KeptClients

    def count(self, key: str, *, by: int, window_s: int) -> int:
        """Add to a count that begins at 0 and ends `window_s` seconds after its first addition. One round trip."""
        full_key = self.make_and_validate_key(key)
        pipeline = self._cache.get_client(full_key, write=True).pipeline(transaction=True)
        pipeline.set(full_key, 0, ex=window_s, nx=True)
        pipeline.incrby(full_key, by)
        return int(pipeline.execute()[1])
