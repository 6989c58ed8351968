"""Fetches what deliveries only name, after they were answered.

What is to be fetched is on disk, so it survives a restart. A fetch is bounded in time and bytes, follows no redirects, and is tried again
with growing waits for three days.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

import aiohttp

from scorers.contract.events import DAY, HOUR, SECOND, Micros
from streams.hooks.catalogue import Hook
from streams.hooks.sales import Fetch

LOGGER = logging.getLogger("vigia.hooks")
SECONDS = 10.0
MOST_BYTES = 1024 * 1024
SIDE_BY_SIDE = 4
GIVE_UP = 3 * DAY
GONE = (404, 410)

Take = Callable[[Hook, bytes], Awaitable[None]]
"""Takes a fetched object."""


class Failed(RuntimeError):
    """An object cannot be fetched now; the text says why."""


class Gone(RuntimeError):
    """The object is no more."""


async def fetch(session: aiohttp.ClientSession, hook: Hook, one: Fetch) -> bytes:
    """The object, as JSON. Raises `Failed` and `Gone`."""
    assert hook.adapter.request is not None
    headers = {"Authorization": f"Bearer {token_of(hook.tokens, one.merchant)}", "Accept": "application/json"}
    limit = aiohttp.ClientTimeout(total=SECONDS)
    url = hook.adapter.request(hook.settings, one)  # type: ignore[arg-type]  # it has merchant and id
    try:
        async with session.get(url, headers=headers, timeout=limit, allow_redirects=False) as answer:
            if answer.status in GONE:
                raise Gone
            if answer.status != 200:
                raise Failed(f"the vendor answers {answer.status}")
            body = bytearray()
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise Gone
            return bytes(body)
    except (aiohttp.ClientError, TimeoutError, OSError) as fault:
        raise Failed(type(fault).__name__) from None


def token_of(tokens: tuple[str, ...], merchant: str) -> str:
    """The token for a merchant: its own, else one that stands for all.

    >>> token_of(("M1:abc", "def"), "M1"), token_of(("M1:abc", "def"), "M2")
    ('abc', 'def')
    """
    pairs = {name: token for name, colon, token in (one.partition(":") for one in tokens) if colon}
    return pairs.get(merchant) or next((one for one in tokens if ":" not in one), "")


def next_try(one: Fetch, now: Micros) -> Micros | None:
    """When a fetch that failed is tried again: after as long as it has been tried, at least 5 seconds, at most an hour; None never.

    >>> next_try(Fetch("h", "m", "i", since=0, due=0), 60 * SECOND) // SECOND
    120
    """
    waited = now - one.since
    return None if waited > GIVE_UP else now + min(max(waited, 5 * SECOND), HOUR)


async def one_round(
    session: aiohttp.ClientSession,
    hooks: Mapping[str, Hook],
    due: list[Fetch],
    take: Take,
) -> list[tuple[Fetch, Micros | None]]:
    """Fetch some objects; for each, when it is tried again, None if it is done with."""
    results = await asyncio.gather(*[_tried(session, hooks.get(one.hook), one, take) for one in due])
    return list(zip(due, results, strict=True))


async def _tried(session: aiohttp.ClientSession, hook: Hook | None, one: Fetch, take: Take) -> Micros | None:
    now = time.time_ns() // 1000
    if hook is None:
        return next_try(one, now)  # its table may come back
    try:
        await take(hook, await fetch(session, hook, one))
    except Failed as fault:
        again = next_try(one, now)
        LOGGER.warning("hook %s: an object is not fetched%s: %s", hook.name, "" if again else " and given up", fault)
        return again
    except Gone:
        LOGGER.warning("hook %s: an object is no more, or too large", hook.name)
    return None
