"""Who of the staff gets the credit for a customer that came back (P6)."""

from scorers.contract.events import DAY, SECOND, Micros
from scorers.customer.parts.told import Saved
from scorers.customer.state import Customer
from scorers.in_force.counted import credit
from scorers.in_force.figures import Contribution
from scorers.timeline.episodes import Episode

UP_TO = 365  # days after the comeback


def came_back(c: Customer, before: list[Episode], at: Micros, counts: list[Contribution]) -> None:
    """After a purchase was compared: credit who acted first on an alarm that ended as saved; several alarms are one save."""
    for e in before:
        if e.outcome == "saved" and e.ended == at and (by := e.first_actor):
            c.saved = Saved(by, at // SECOND, at // SECOND)
            counts.append(credit.saved(at // DAY, by))
            return


def stays(c: Customer, at: Micros, counts: list[Contribution]) -> None:
    """A purchase of a customer who was saved: the days since the last one are gained, for a year."""
    kept = c.saved
    if kept is None:
        return
    until = min(at // SECOND, kept.at + UP_TO * (DAY // SECOND))
    days = until * SECOND // DAY - kept.counted * SECOND // DAY
    if days > 0:
        counts.append(credit.stayed(at // DAY, kept.by, days))
        kept.counted = until
    if until < at // SECOND:
        c.saved = None
