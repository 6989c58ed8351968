"""Which record erases which customer, as the worker, the notifier and the read model agree.

A null value on a topic of events erases the customer of its key; so does a `customer.erased` event. The worker repeats
an erasure from another topic on `feedback`, so the others read that topic alone.
"""

from typing import Any, NamedTuple

from scorers.contract.events import CustomerErased, Instant
from scorers.contract.wire import decode

MILLISECOND = 1_000
ERASURES = "feedback"
"""The topic on which every erasure can be read."""


class Erasure(NamedTuple):
    """Who is erased, as of when, and the id under which the worker names it as a cause.

    An erasure acts when it arrives: a time after its record was written counts as that instant, so that one dated ahead hides
    no alarm of a customer who comes back.
    """

    customer_id: str
    at: Instant
    event_id: str


def customer_of(key: bytes | None) -> str:
    """The customer whom a null value with this key erases; empty if the key names nobody.

    Keys that begin with a smaller byte than any id are not those of customers.

    >>> customer_of(b"C1"), customer_of(b"\\xff"), customer_of(None)
    ('C1', '', '')
    """
    try:
        name = (key or b"").decode()
    except UnicodeDecodeError:
        return ""
    return "" if name < "\x02" else name


def null_id(topic: str, partition: int, offset: int) -> str:
    """The id of the erasure by a null value; `topic` is the plain name. A partition of `feedback` need not be named.

    >>> null_id("feedback", 3, 7), null_id("purchases", 3, 7)
    ('null-7', 'null-purchases-3-7')
    """
    return f"null-{offset}" if topic == ERASURES else f"null-{topic}-{partition}-{offset}"


def read_erasure(record: Any) -> Erasure | None:
    """The erasure that a record of `feedback` asks for; None for any other record.

    A null value erases as of when it was written.
    """
    if record.value is None:
        name = customer_of(record.key)
        at = Instant(record.timestamp * MILLISECOND)
        return Erasure(name, at, null_id(ERASURES, record.partition, record.offset)) if name else None
    if b"customer.erased" not in record.value:
        return None
    event = decode(record.value)
    if not isinstance(event, CustomerErased) or not event.customer_id or record.key != event.customer_id.encode():
        return None
    written = record.timestamp * MILLISECOND
    return Erasure(event.customer_id, Instant(min(event.time, written)) if written > 0 else event.time, event.id)
