"""Who is away and who stands in: for some days what would go to one channel goes to another, so nothing waits or is lost."""

from collections.abc import Iterator, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from msgspec import Struct

from alerts.settings.datetimes import as_datetime
from scorers.contract.events import Instant


class Away(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From its first day to its last, both included, a channel is muted and its deputy gets what would go there."""

    channel: str
    deputy: str
    first: date
    last: date


def stand_in(away: Sequence[Away], channel: str, now: Instant, zone: ZoneInfo) -> str:
    """The channel that gets what would go to this one today: itself, its deputy, or the deputy's deputy.

    >>> from scorers.contract.events import DAY
    >>> holiday = [Away(channel="eva", deputy="bob", first=date(1970, 1, 2), last=date(1970, 1, 3))]
    >>> [stand_in(holiday, "eva", Instant(day * DAY), ZoneInfo("UTC")) for day in range(4)]
    ['eva', 'bob', 'bob', 'eva']
    """
    return stand_in_on(away, channel, as_datetime(now).astimezone(zone).date())


def stand_in_on(away: Sequence[Away], channel: str, today: date) -> str:
    """The channel that gets what would go to this one on a date."""
    return [channel, *_deputies(away, channel, today)][-1]


def mistakes(away: Sequence[Away]) -> Iterator[tuple[int, str, str]]:
    """What is wrong with an entry: its number, the key, and the fault with its correction."""
    for number, one in enumerate(away):
        if one.last < one.first:
            yield number, "last", "comes before first; give the last day of the absence"
        elif any(_nobody(away, one, other.first) for other in away):
            yield (
                number,
                "deputy",
                f"{one.deputy!r} is away as well, with nobody left to stand in; name another channel",
            )


def _nobody(away: Sequence[Away], one: Away, today: date) -> bool:
    """Whether on a date of its absence the deputies of a channel lead back to it."""
    return one.first <= today <= one.last and one.channel in _deputies(away, one.channel, today)


def _deputies(away: Sequence[Away], channel: str, today: date) -> Iterator[str]:
    for _ in away:
        deputy = next((one.deputy for one in away if one.channel == channel and one.first <= today <= one.last), None)
        if deputy is None:
            return
        yield deputy
        channel = deputy
