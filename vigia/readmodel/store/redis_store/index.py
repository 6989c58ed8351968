"""Reads rows and indexes of a table: ids in an order, those that fit several filters, and counts.

How a filtered list is read, so that no question is slow for all and none holds Redis for long:

- one filter, in the order of its own scores: the rank is the page;
- few rows fit (`FEW`): they are fetched and sorted here;
- many fit: the order is walked in steps of `STEP` rows, and each step is compared with the filters, until the page is full.

So the first pages are fast; a page far down a filtered list, in an order that is not the filter's own, costs a walk up to there.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, cast

import msgspec
from redis import Redis

from vigia.readmodel.store.items import start_of
from vigia.readmodel.store.redis_store import scripts
from vigia.readmodel.store.redis_store.keys import GROUPS, Meta, owner

FEW, STEP = 3_000, 5_000
SEARCHED = 5_000  # words of one step of a search


class Order(NamedTuple):
    """An index that gives an order; `is_text` if its members are texts that end in ids, `is_own` if filters have its scores."""

    name: str
    backwards: bool = False
    is_text: bool = False
    is_own: bool = False


class Index:
    """The indexes of one table."""

    def __init__(self, redis: Redis, start: str, table: str) -> None:
        self._redis, self._at = redis, f"{start}{table}:"
        self._walk, self._search = redis.register_script(scripts.WALK), redis.register_script(scripts.SEARCH)
        self._sums = redis.register_script(scripts.SUMS)

    def key(self, name: str) -> str:
        """The key of an index or hash of the table."""
        return self._at + name

    def rows(self, ids: Sequence[str]) -> list[bytes | None]:
        """The rows with these ids."""
        return cast("list[bytes | None]", self._redis.hmget(self.key("rows"), list(ids))) if ids else []

    def row(self, row_id: str) -> bytes | None:
        """The row with this id."""
        return self.rows([row_id])[0]

    def count(self, filters: Sequence[str]) -> int:
        """How many rows fit all filters, of which there is at least one."""
        if len(filters) == 1:
            return self._redis.zcard(self.key(filters[0]))
        return self._redis.zintercard(len(filters), [self.key(one) for one in filters])

    def page(self, order: Order, filters: Sequence[str], page: int, size: int) -> tuple[list[str], int]:
        """The ids of a page, and how many rows fit."""
        total = self.count(filters or [order.name])
        start = start_of(page, size, total)
        if start is None:
            return [], total
        if not filters or (order.is_own and len(filters) == 1):
            name = filters[0] if filters else order.name
            return self._ranks(order._replace(name=name), start, start + size - 1), total
        return list(islice(self.all(order, filters, total), start, start + size)), total

    def all(self, order: Order, filters: Sequence[str], total: int | None = None) -> Iterator[str]:
        """The ids of all rows that fit, in order."""
        total = self.count(filters or [order.name]) if total is None else total
        if filters and total <= FEW:
            found = self._redis.zinter([self.key(one) for one in filters])
            yield from self.sorted(order, [_text(one) for one in cast("list[bytes]", found)])
            return
        keys = [self.key(order.name), *(self.key(one) for one in filters)]
        start, left = 0, total
        while left > 0:
            arguments = (int(order.backwards), start, start + STEP - 1, int(order.is_text))
            read, *ids = cast("list[Any]", self._walk(keys, arguments))
            yield from map(_text, ids)
            start, left = start + STEP, left - len(ids)
            if not read:
                return

    def _ranks(self, order: Order, first: int, last: int) -> list[str]:
        found = self._redis.zrange(self.key(order.name), first, last, desc=order.backwards)
        texts = [_text(one) for one in cast("list[bytes]", found)]
        return [text.partition("\0")[2] for text in texts] if order.is_text else texts

    def sorted(self, order: Order, ids: Sequence[str]) -> list[str]:
        """Some ids in an order; those that are not in it are left out."""
        places: list[Any] = []
        for first in range(0, len(ids), STEP):
            some = list(ids[first : first + STEP])
            if order.is_text:
                metas = cast("list[bytes | None]", self._redis.hmget(self.key("meta"), some))
                places += [None if meta is None else dict(_meta(meta).lexes)[order.name].encode() for meta in metas]
            else:
                places += self._redis.zmscore(self.key(order.name), some)
        found = sorted((place, one) for place, one in zip(places, ids, strict=True) if place is not None)
        return [one for _, one in (reversed(found) if order.backwards else found)]

    def among(self, ids: Sequence[str], filters: Sequence[str]) -> list[str]:
        """Those of some ids that fit all filters."""
        left = list(ids)
        for one in filters:
            left = self.sorted(Order(one), left)
        return left

    def of(self, name: str, whose: str, most: int = -1, *, newest_first: bool = False) -> list[str]:
        """What belongs to a customer, an alarm or a date in an index of texts: each text behind the owner's name."""
        first, last = f"[{owner(whose)}".encode(), f"[{owner(whose)}".encode() + b"\xff"
        bounds = (last, first) if newest_first else (first, last)
        found = self._redis.zrange(
            self.key(name),
            *bounds,
            bylex=True,
            desc=newest_first,
            offset=0,
            num=most,
        )
        skipped = len(owner(whose))
        return [_text(one)[skipped:] for one in cast("list[bytes]", found)]

    def search(self, words: Sequence[str]) -> list[str]:
        """The ids of the rows that have a word with each of these beginnings."""
        counted = [(self._redis.zlexcount(self.key("words"), *_words(word)), word) for word in words]
        _, rarest = min(counted)
        first, last = _words(rarest)
        parts = [f" {word}" for word in words]
        found: dict[str, None] = {}
        while True:
            keys = [self.key("words"), self.key("text")]
            read, newest, *ids = cast("list[Any]", self._search(keys, (first, last, SEARCHED, *parts)))
            found.update(dict.fromkeys(map(_text, ids)))
            if read < SEARCHED:
                return list(found)
            first = b"(" + newest

    def groups(self, places: Sequence[int], summed: str = GROUPS) -> dict[tuple[str, ...], list[int]]:
        """The sums of the groups by some parts of their names, counted from 1: Redis adds them up."""
        sums: dict[tuple[str, ...], list[int]] = {}
        found = iter(cast("list[bytes]", self._sums([self.key(summed)], list(places))))
        for name, number in sorted(zip(found, found, strict=True)):
            _, *parts = _text(name).split("\0")
            sums.setdefault(tuple(parts), []).append(int(number))
        return sums


_meta = msgspec.msgpack.Decoder(Meta).decode


def _words(word: str) -> tuple[bytes, bytes]:
    return b"[" + word.encode(), b"[" + word.encode() + b"\xff"


def _text(raw: bytes) -> str:
    return raw.decode()
