"""The hours of event time: feeds are told and judged at their ends."""

from scorers.contract.events import HOUR, Micros


def hour_end(at: Micros) -> Micros:
    """The first end of an hour that is not before an instant.

    >>> hour_end(3 * HOUR) // HOUR, hour_end(3 * HOUR + 1) // HOUR
    (3, 4)
    """
    return -(-at // HOUR) * HOUR


def last_hour(at: Micros) -> Micros:
    """The last end of an hour that is not after an instant."""
    return at // HOUR * HOUR
