"""Dates as the calendar of the business has them."""

from scorers.contract.rfc3339 import parse_instant, rfc3339
from scorers.policy.business_zone import BusinessZone, business_zone

UTC = business_zone("UTC")


def local_date(instant: str | None, zone: BusinessZone) -> str | None:
    """The date of an instant on the wire; None for none.

    >>> local_date("2024-07-01T22:30:00Z", UTC), local_date("2024-07-01T22:30:00Z", business_zone("Europe/Madrid"))
    ('2024-07-01', '2024-07-02')
    """
    if instant is None:
        return None
    at = parse_instant(instant)
    return rfc3339(at + zone.offset(at))[:10]
