"""What the adapters of vendors share: a delivery, the events drafted from it, and how money, times, ids and texts are read.

An adapter declares the fields of a body that it uses as a struct, so that a body of another shape is told with the path that is
wrong, and returns drafts, or a sentence that says why nothing is taken.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple, TypeVar

import msgspec

from scorers.contract.currencies import minor_digits
from scorers.contract.events import MAX_MINOR, SECOND, Micros
from scorers.contract.rfc3339 import rfc3339
from streams.hooks.settings import HookSettings, Table
from streams.hooks.signing import Scheme

T = TypeVar("T")
Fields = dict[str, Any]
Id = str | int
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLIS = 10**11  # a number of seconds above it would lie after the year 5000
_DIGITS = 24  # of an amount of money, before and after the point


class Unusable(ValueError):
    """A body that is not what the vendor says; the text says where."""


class Delivery(NamedTuple):
    """One request of a vendor, its signature accepted."""

    headers: Mapping[str, str]  # names in any case
    body: bytes
    settings: HookSettings
    now: Micros


class Draft(NamedTuple):
    """The fields of an event, without its source; `sale` is the id of the sale that knows the customer where this does not."""

    fields: Fields
    sale: str = ""


Drafts = list[Draft] | str
"""The events of a delivery, or why it gives none."""


class Wanted(NamedTuple):
    """An object that a delivery only names, to be fetched from the vendor."""

    merchant: str
    id: str


def no_ping(headers: Mapping[str, str], body: bytes) -> bool:
    """Of vendors that send nothing unsigned."""
    return False


def no_check(table: Table) -> None:
    """Of vendors whose options need none."""


class Adapter(NamedTuple):
    """A vendor: how it signs (None: not at all), what it sends, and which options its table in gateway.toml has."""

    read: Callable[[Delivery], Drafts]
    types: tuple[str, ...]
    signature: Scheme | None = None
    options: tuple[str, ...] = ()
    header: str = "Authorization"  # of verify = "header"
    is_ping: Callable[[Mapping[str, str], bytes], bool] = no_ping
    """Whether a request is the unsigned one with which a vendor tries the address; it is answered 200."""
    check: Callable[[Table], None] = no_check
    """Raises `UsageError` for options that cannot be used."""
    wants: Callable[[Delivery], list[Wanted] | str] | None = None
    """Of vendors whose deliveries only name objects: which ones. `read` then reads a fetched object."""
    request: Callable[[HookSettings, Wanted], str] | None = None
    """The address of a wanted object."""


def parsed(body: bytes, kind: type[T]) -> T:
    """The body as the struct of what is used of it. Raises `Unusable`."""
    try:
        return msgspec.json.decode(body, type=kind, strict=False)
    except (msgspec.MsgspecError, ValueError, RecursionError) as fault:
        raise Unusable(str(fault) or "the body is nested too deeply") from None


def draft(type: str, id: str, time: str, sale: str = "", **fields: Any) -> Draft:
    """An event without the fields that are None or empty."""
    kept = {name: value for name, value in fields.items() if value is not None and value != "" and value != []}
    return Draft({"type": type, "id": id, "time": time, **kept}, sale)


def text_id(value: Id | None) -> str | None:
    """An id as text; None if there is none."""
    return None if value is None or value == "" else str(value)


def text(value: str | None, most: int = 512) -> str | None:
    """A text of the vendor in one line, cut; None if nothing is left.

    >>> text(" too\\nsmall "), text("\\x00"), text(None)
    ('too small', None, None)
    """
    return _CONTROL.sub(" ", value or "").strip()[:most].strip() or None


def instant(value: str | float, unit: Micros = SECOND) -> str:
    """A vendor's time as RFC 3339: seconds (or another unit) since 1970, or ISO 8601, in UTC where it names no zone. Raises `Unusable`.

    >>> instant(1_714_979_289), instant("2024-05-06T09:08:09.123+0200"), instant("2024-05-06 07:08:09")
    ('2024-05-06T07:08:09Z', '2024-05-06T07:08:09.123000Z', '2024-05-06T07:08:09Z')
    """
    try:
        if not isinstance(value, str):
            return rfc3339(int(value * unit))
        at = datetime.fromisoformat(value.removesuffix(" UTC"))
        since = (at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH
        return rfc3339((since.days * 86_400 + since.seconds) * SECOND + since.microseconds)
    except (ValueError, ArithmeticError):
        raise Unusable("a time is neither ISO 8601 nor a number of seconds") from None


def money(amount: Decimal | None, currency: str) -> int | None:
    """Major units as minor units, halves away from zero. Raises `Unusable`.

    >>> money(Decimal("409.94"), "USD"), money(Decimal("5000"), "JPY"), money(Decimal("1.2345"), "KWD")
    (40994, 5000, 1235)
    """
    return None if amount is None else _whole(amount, minor_digits(currency))


def minor_of(amount: int, currency: str, digits: int) -> int:
    """An amount in the vendor's minor units of so many decimals as ours.

    >>> minor_of(500, "ISK", 2), minor_of(500, "MGA", 0)
    (5, 50000)
    """
    return _whole(Decimal(amount), minor_digits(currency) - digits)


def _whole(amount: Decimal, places: int) -> int:
    if not amount.is_finite() or amount.adjusted() > _DIGITS:
        raise Unusable(f"an amount of money is above {MAX_MINOR}")
    return int(amount.scaleb(places).to_integral_value(ROUND_HALF_UP)) if amount.adjusted() > -_DIGITS else 0
