"""The present silence of a buyer in multiples of the own limit: what the base's record learns from it, and when it says enough (J8)."""

from scorers.contract.events import Duration, Micros
from scorers.customer.lifecycle import gone_after, is_first_time
from scorers.customer.state import Customer
from scorers.in_force import comebacks
from scorers.in_force.comebacks import MULTIPLES
from scorers.in_force.context import Context
from scorers.in_force.figures import Contribution


def watch(c: Customer) -> None:
    """Set the instant at which the silence reaches its next class; 0 if it has reached the last."""
    bought = c.purchases
    since, limit = _clock(c)
    bought.next_class = since + MULTIPLES[bought.reached] * limit if bought.reached < len(MULTIPLES) else 0


def lapse(c: Customer, now: Micros, ctx: Context, counts: list[Contribution]) -> None:
    """Count the classes that the silence has reached, and give up whom the record, or the last class, says to give up."""
    bought = c.purchases
    if not bought.next_class and not bought.reached:
        watch(c)  # a row of a former build
    once = is_first_time(c)
    while 0 < (at := bought.next_class) < now:
        counts.append(comebacks.reached(at, bought.reached, once, ctx.policy))
        multiple, known = MULTIPLES[bought.reached], ctx.figures(at).given_up[once]
        if not bought.gone and (multiple >= known > 0 or multiple == MULTIPLES[-1]):
            bought.gone = at if known and not once else max(at, gone_after(c, ctx.policy))
        bought.reached += 1
        watch(c)


def end(c: Customer, at: Micros, ctx: Context, counts: list[Contribution]) -> None:
    """A purchase ends the silence: count it for the classes that were reached not long before."""
    bought = c.purchases
    since, limit = _clock(c)
    once = is_first_time(c)
    for number in range(bought.reached):
        then = since + MULTIPLES[number] * limit
        if at - then <= ctx.policy.silence.given_up_within:
            counts.append(comebacks.came_back(then, number, once, ctx.policy))
    bought.reached = bought.gone = 0


def _clock(c: Customer) -> tuple[Micros, Duration]:
    """Since when a silence counts, and the own limit: of a first-time buyer that of the second purchase."""
    bought = c.purchases
    return (c.rhythm.first, bought.second_limit) if is_first_time(c) else (bought.last, bought.quiet_limit)
