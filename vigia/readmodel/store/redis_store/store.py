"""A read model in a Redis: the client of those who read, and the one that writes."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis

from vigia.readmodel.redis_address import RedisAddress
from vigia.readmodel.store.redis_store.keys import start_of_keys
from vigia.readmodel.store.redis_store.queries import RedisQueries
from vigia.readmodel.store.redis_store.reaching import reachable
from vigia.readmodel.store.redis_store.tables import RedisTables

LEAST_TTL = 60  # seconds


class RedisStore:
    """The read model of one business, which `prefix` names, in a Redis."""

    def __init__(self, address: RedisAddress, prefix: str) -> None:
        self.address, self._start = address, start_of_keys(prefix)
        self._redis: Redis = address.blocking_client()
        self._queries = RedisQueries(self._redis, self._start)

    @contextmanager
    def snapshot(self) -> Iterator[RedisQueries]:
        """Questions; each sees what is there when it asks. Raises `Unavailable`."""
        with reachable():
            yield self._queries

    def tables(self) -> RedisTables:
        """The connection that writes."""
        return RedisTables(self.address.blocking_client(), self._start, max(LEAST_TTL, self.address.seconds))

    def remove(self) -> None:
        """Remove everything, so that it is built again."""
        with reachable():
            for key in self._redis.scan_iter(match=f"{self._start}*", count=1000):
                if not key.endswith(b":writer"):
                    self._redis.unlink(key)

    def close(self) -> None:
        """Disconnect."""
        self._redis.close()
