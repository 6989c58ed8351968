"""Between an `Instant` and the standard library's datetime, for time zones and mail headers."""

from datetime import UTC, datetime, timedelta

from scorers.contract.events import Instant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_datetime(at: Instant) -> datetime:
    """The instant as an aware datetime in UTC."""
    return EPOCH + timedelta(microseconds=at)


def as_instant(at: datetime) -> Instant:
    """The aware datetime as an instant."""
    return Instant((at - EPOCH) // timedelta(microseconds=1))
