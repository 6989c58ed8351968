"""The connection that writes a read model into a Redis: who writes, what is sent together, and up to where everything was read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, cast
from uuid import uuid4

from redis import Redis
from redis.client import Pipeline

from vigia.readmodel.store.redis_store import scripts
from vigia.readmodel.store.redis_store.index import Index
from vigia.readmodel.store.redis_store.keys import FORM, HOLD_MS, Meta, joined, pack
from vigia.readmodel.store.redis_store.reaching import reachable
from vigia.readmodel.store.tables import Unavailable

AT_ONCE = 500  # writes that are sent together
RENEW_EVERY = 3600.0  # seconds
TABLES = ("customers", "alarms", "changes", "actions", "told", "worklist", "letters")


class Connection:
    """The connection that writes, while this console is the one that does; `ttl` is how many seconds a key lives."""

    def __init__(self, redis: Redis, start: str, ttl: int) -> None:
        self._redis, self._start, self._ttl = redis, start, ttl
        self._mine, self._born = uuid4().hex, b""
        self._index = {table: Index(redis, start, table) for table in TABLES}
        sources = {"put": scripts.PUT, "add": scripts.ADD, "change": scripts.CHANGE, "people": scripts.PEOPLE}
        sources |= {"hash": scripts.HASH, "offsets": scripts.OFFSETS}
        self._scripts = {
            name: redis.register_script(f"local ttl = {ttl}\n{source}") for name, source in sources.items()
        }
        self._pipe: Pipeline = redis.pipeline(transaction=False)
        self._erased: dict[str, int] = {}
        self._renewed = 0.0  # by the monotonic clock

    # --- the whole ---

    def hold(self) -> bool:
        """Become, or stay, the console that writes; False while another one is."""
        with reachable():
            key = f"{self._start}writer"
            if not self._redis.set(key, self._mine, nx=True, px=HOLD_MS):
                if self._redis.get(key) != self._mine.encode():
                    return False
                self._redis.pexpire(key, HOLD_MS)
            if not self._born:
                self._begin()
            return True

    def _begin(self) -> None:
        facts = f"{self._start}facts"
        if self._redis.hget(facts, "form") != FORM.encode():
            self._clear()
            self._put_hash("facts", {"form": FORM, "born": uuid4().hex})
            self._flush()
        self._born = cast(bytes, self._redis.hget(facts, "born"))
        found = cast("dict[bytes, bytes]", self._redis.hgetall(f"{self._start}erased"))
        self._erased = {mark.decode(): int(at) for mark, at in found.items()}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is queued is sent at the end; what fails is taken again, as the offsets are not noted."""
        with reachable():
            try:
                yield
                self._flush()
            except BaseException:
                self._pipe.reset()
                raise

    def empty(self) -> None:
        """Remove everything, and begin again."""
        with reachable():
            self._clear()
            self._born = b""
            self._begin()

    def _clear(self) -> None:
        self._pipe.reset()
        for key in self._redis.scan_iter(match=f"{self._start}*", count=1000):
            if not key.endswith(b":writer"):
                self._redis.unlink(key)

    def offsets(self) -> dict[tuple[str, int], int]:
        """The next offset of each partition."""
        with reachable():
            found = cast("dict[bytes, bytes]", self._redis.hgetall(f"{self._start}offsets"))
        places = {place.decode().partition("\0"): int(offset) for place, offset in found.items()}
        return {(topic, int(partition)): offset for (topic, _, partition), offset in places.items()}

    def put_offsets(self, following: Mapping[tuple[str, int], int]) -> None:
        """Note the next offsets, after all rows. Raises `Unavailable` if this Redis was emptied meanwhile, or another console writes."""
        self._flush()
        fields = [part for where, offset in following.items() for part in (joined(*where), offset)]
        if not self._run("offsets", self._born, *fields):
            self._born = b""
            raise Unavailable("Redis was emptied: the read model is built again")

    def overwrite(self) -> bool:
        """Redis keeps no old bytes in its memory; those of its own files are its operator's matter."""
        return True

    def note_current(self, at: float) -> None:
        """Note when everything was read, and each hour let all keys live on."""
        with reachable():
            self._put_hash("facts", {"current": at})
            self._flush()
            if monotonic() - self._renewed > RENEW_EVERY or not self._renewed:
                self._renew()

    def _renew(self) -> None:
        """Every key lives `ttl` seconds more, so that what no console keeps up to date does not stay."""
        for key in self._redis.scan_iter(match=f"{self._start}*", count=1000):
            if not key.endswith(b":writer"):
                self._redis.expire(key, self._ttl)
        self._renewed = monotonic()

    def noted_current(self) -> float | None:
        """When everything was read, as the console that writes has noted it."""
        with reachable():
            found = cast("bytes | None", self._redis.hget(f"{self._start}facts", "current"))
        return None if found is None else float(found)

    def close(self) -> None:
        """Let another console write, and disconnect."""
        with suppress(Unavailable), reachable():
            key = f"{self._start}writer"
            if self._redis.get(key) == self._mine.encode():
                self._renew()
                self._redis.delete(key)
        self._redis.close()

    # --- how it is written ---

    def _put(self, table: str, row_id: str, meta: Meta, row: bytes) -> None:
        self._queue("put", table, row_id, pack(meta), row)

    def _drop(self, table: str, row_id: str) -> None:
        self._queue("put", table, row_id, b"", b"")

    def _put_hash(self, name: str, fields: Mapping[str, Any]) -> None:
        self._queue("hash", name, *(part for field in fields.items() for part in field))

    def _queue(self, script: str, *arguments: Any) -> None:
        self._scripts[script](self._keys, (self._mine, *arguments), client=self._pipe)
        if len(self._pipe) >= AT_ONCE:
            self._flush()

    def _run(self, script: str, *arguments: Any) -> Any:
        self._flush()
        return self._scripts[script](self._keys, (self._mine, *arguments))

    def _flush(self) -> None:
        if len(self._pipe):
            self._pipe.execute()

    @property
    def _keys(self) -> tuple[str, str]:
        return f"{self._start}writer", self._start
