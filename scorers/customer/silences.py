"""The present silence of a buyer in multiples of the own limit: what the base's record learns from it, and when it says enough (J8)."""

from scorers.contract.events import Duration, Micros
from scorers.customer.lifecycle import LEFT, gone_after, is_first_time
from scorers.customer.open_time import closed_for
from scorers.customer.state import Customer
from scorers.in_force import comebacks
from scorers.in_force.closures import Closed, open_between, open_until
from scorers.in_force.comebacks import MULTIPLES, WAITS
from scorers.in_force.context import Context
from scorers.in_force.figures import Contribution


def watch(c: Customer, ctx: Context) -> None:
    """Set the instant at which the silence reaches its next class; 0 if it has reached the last."""
    bought = c.purchases
    bought.next_class = _reaches(c, bought.reached, closed_for(c, ctx)) if bought.reached < len(MULTIPLES) else 0


def lapse(c: Customer, now: Micros, ctx: Context, counts: list[Contribution]) -> None:
    """Count the classes that the silence has reached, and give up whom the record, or the last class, says to give up."""
    bought = c.purchases
    if not bought.next_class and not bought.reached:
        watch(c, ctx)  # a row of a former build
    elif ctx.closures.are_known:
        _correct(c, now, ctx)
    once = is_first_time(c)
    while 0 < (at := bought.next_class) < now:
        counts.append(comebacks.reached(at, bought.reached, once, ctx.policy))
        multiple, known = MULTIPLES[bought.reached], ctx.figures(at).given_up[once]
        if not bought.gone and (multiple >= known > 0 or multiple == MULTIPLES[-1]):
            bought.gone = at if known > 0 and not once else max(at, _given_up_after(c, known, ctx))
        bought.reached += 1
        watch(c, ctx)


def end(c: Customer, at: Micros, ctx: Context, counts: list[Contribution]) -> None:
    """A purchase ends the silence: count it for the classes that were reached not long before."""
    bought = c.purchases
    once, closed = is_first_time(c), closed_for(c, ctx)
    for number in range(bought.reached):
        then = _reaches(c, number, closed)
        if open_between(closed, then, at) <= ctx.policy.silence.given_up_within:
            counts.append(comebacks.came_back(then, number, once, ctx.policy))
    bought.reached = bought.gone = 0


def take_back(c: Customer, ctx: Context, counts: list[Contribution]) -> None:
    """Take back what was counted of the present silence, which was none: the customer bought under another id (`customer.merged`)."""
    once, closed = is_first_time(c), closed_for(c, ctx)
    for number in range(c.purchases.reached):
        day, name, bucket, count = comebacks.reached(_reaches(c, number, closed), number, once, ctx.policy)
        counts.append((day, name, bucket, -count))
    c.purchases.reached = c.purchases.gone = 0


def _correct(c: Customer, now: Micros, ctx: Context) -> None:
    """Set the instants again: closures may have been found, or withdrawn, since they were set.

    Who was given up for a time that was closed has not left.
    """
    bought, closed = c.purchases, closed_for(c, ctx)
    reached = bought.reached
    while bought.reached and _reaches(c, bought.reached - 1, closed) >= now:
        bought.reached -= 1
    if bought.reached < reached and bought.gone:
        bought.gone = 0
        if c.life.stage in LEFT and not c.exit.at:
            c.life.since = 0
    watch(c, ctx)


def _reaches(c: Customer, number: int, closed: Closed | None) -> Micros:
    """When the silence reaches a class."""
    since, limit = _clock(c)
    return open_until(closed, since, MULTIPLES[number] * limit)


def _given_up_after(c: Customer, known: int, ctx: Context) -> Micros:
    """The least instant of giving up without a record, or by that of first-time buyers; later in a base that waits for its record."""
    closed, (since, _) = closed_for(c, ctx), _clock(c)
    long = gone_after(c, ctx.policy, closed)
    return max(long, open_until(closed, since, ctx.policy.silence.given_up_after)) if known == WAITS else long


def _clock(c: Customer) -> tuple[Micros, Duration]:
    """Since when a silence counts, and the own limit: of a first-time buyer that of the second purchase."""
    bought = c.purchases
    return (c.rhythm.first, bought.second_limit) if is_first_time(c) else (bought.last, bought.quiet_limit)
