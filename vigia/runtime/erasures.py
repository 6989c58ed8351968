"""Who asks to be forgotten on the topic `feedback`: what the notifier and the cards in Redis read of events.

The worker judges by the same signs. What follows from an erasure is everybody's own business.
"""

from typing import Any, NamedTuple

from scorers.contract.events import CustomerErased, Instant
from scorers.contract.wire import decode

MILLISECOND = 1_000


class Erasure(NamedTuple):
    """Whose, as of when, and under which id the worker names it as a cause."""

    customer_id: str
    at: Instant
    event_id: str


def read_erasure(record: Any) -> Erasure | None:
    """The erasure that a record of `feedback` asks for; None for any other record.

    A null value asks for it as well, as of when it was written; the worker names it by its offset.
    """
    if record.value is None:
        try:
            name = (record.key or b"").decode()
        except UnicodeDecodeError:
            return None
        at = Instant(record.timestamp * MILLISECOND)
        return Erasure(name, at, f"null-{record.offset}") if name and not name.startswith("\x00") else None
    if b"customer.erased" not in record.value:
        return None
    event = decode(record.value)
    if not isinstance(event, CustomerErased) or not event.customer_id or record.key != event.customer_id.encode():
        return None
    return Erasure(event.customer_id, event.time, event.id)
