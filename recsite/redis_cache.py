"""Django's cache in Redis, with the one thing more that rate limits need."""

from __future__ import annotations

from django.core.cache.backends.redis import RedisCache


class CountingRedisCache(RedisCache):
    """`incr` of Django's own asks whether the key is there and then adds: two trips, and a key that runs out in between
    comes back without an end."""

    def count(self, key: str, *, by: int, window_s: int) -> int:
        """Add to a count that begins at 0 and ends `window_s` seconds after its first addition. One round trip."""
        full_key = self.make_and_validate_key(key)
        pipeline = self._cache.get_client(full_key, write=True).pipeline(transaction=True)
        pipeline.set(full_key, 0, ex=window_s, nx=True)
        pipeline.incrby(full_key, by)
        return int(pipeline.execute()[1])
