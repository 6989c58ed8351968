"""The stages of a customer's life cycle (L1-L6) and the transitions between them.

Everything that decides a stage is in this file. `TRANSITIONS` names each transition that can happen; the diagram in the docs is made
from it. A transition is caused by a fact, or by time that passes without one.
"""

from typing import Literal

from scorers.contract.alarms import Stage
from scorers.contract.events import SECOND, Micros
from scorers.customer.parts.experience import MARK_BITS
from scorers.customer.state import Customer
from scorers.in_force.closures import Closed, open_until
from scorers.policy.tables import Policy
from scorers.timeline.episodes import NEVER

WinBack = Literal["lost", "approached", "won_back"]
LEFT: frozenset[Stage] = frozenset({"defector", "core_defector"})
PRESENT: frozenset[Stage] = frozenset(
    {"prospect", "first_time_buyer", "early_repeat_buyer", "core_customer", "dormant"}
)

TRANSITIONS: dict[Stage, dict[Stage, str]] = {
    "prospect": {
        "first_time_buyer": "first purchase",
        "early_repeat_buyer": "first purchase that was seen of a customer of before",
        "defector": "explained exit",
    },
    "first_time_buyer": {
        "early_repeat_buyer": "second occasion, or known as a customer of before",
        "core_customer": "repeated, content, long enough",
        "defector": "given up by the record, or explained exit",
    },
    "early_repeat_buyer": {
        "core_customer": "repeated, content, long enough",
        "dormant": "silent beyond the own rhythm",
        "defector": "explained exit",
    },
    "core_customer": {
        "early_repeat_buyer": "satisfaction under the gate",
        "dormant": "silent beyond the own rhythm",
        "core_defector": "explained exit",
        "defector": "explained exit, satisfaction under the gate",
    },
    "dormant": {
        "early_repeat_buyer": "bought again",
        "core_customer": "bought again",
        "defector": "given up by the record, or explained exit",
        "core_defector": "given up by the record, or explained exit",
    },
    "defector": {
        "first_time_buyer": "won back",
        "early_repeat_buyer": "won back",
        "core_customer": "won back",
        "dormant": "won back, then silent before that was read",
    },
    "core_defector": {
        "early_repeat_buyer": "won back",
        "core_customer": "won back",
        "dormant": "won back, then silent before that was read",
    },
}
"""By the stage before and the stage after: what causes the transition."""

RETURNS_FROM: frozenset[Stage] = frozenset({"dormant", "defector", "core_defector"})


class IllegalTransition(ValueError):
    """A transition that `TRANSITIONS` does not have; a fault of the core, never of the data."""


def win_back(c: Customer) -> WinBack | None:
    """How far winning back is (L6): nobody has tried, somebody has, or it succeeded; None for one who has not left."""
    if c.loss is not None:
        return "approached" if c.loss.approached else "lost"
    return "won_back" if c.life.won_back else None


def quiet_after(c: Customer, closed: Closed | None) -> Micros:
    """The instant after which a repeat buyer's silence is longer than their own rhythm allows, given when they could not come."""
    bought = c.purchases  # asked for nearly every fact: no call without closures
    due = bought.last + bought.quiet_limit
    return due if closed is None else closed.until(bought.last, bought.quiet_limit)


def is_first_time(c: Customer) -> bool:
    """Whether the one purchase that was seen is the customer's first (J5)."""
    return c.rhythm.occasions == 1 and not c.life.known


def gone_after(c: Customer, policy: Policy, closed: Closed | None) -> Micros:
    """The instant after which the customer has been silent for long, whatever the base's record of comebacks says."""
    if is_first_time(c):
        limit = round(policy.lifecycle.second_purchase_defected * c.purchases.second_limit)
        return open_until(closed, c.rhythm.first, max(limit, policy.risk.horizon))
    limit = round(policy.silence.defected_factor * c.purchases.quiet_limit)
    return open_until(closed, c.purchases.last, max(limit, policy.risk.horizon))


def judge(c: Customer, now: Micros, policy: Policy, closed: Closed | None = None) -> tuple[Stage, Micros]:
    """The stage at an instant, and the next instant at which time alone may change it (`NEVER` if none).

    A deadline at exactly `now` has not passed yet. `closed` is when the customer could not come.

    >>> judge(Customer("c1"), 0, Policy())[0]
    'prospect'
    """
    occasions, exited, gone = c.rhythm.occasions, c.exit.at, c.purchases.gone
    if c.life.stage in LEFT and (exited or c.purchases.last < c.life.since):
        return c.life.stage, NEVER
    if not occasions:
        return ("defector" if exited else "prospect"), NEVER
    if occasions == 1 and not c.life.known:
        return ("defector", NEVER) if exited or 0 < gone < now else ("first_time_buyer", gone or NEVER)
    rules, quiet = policy.lifecycle, quiet_after(c, closed)
    ripe = (c.life.customer_since or c.rhythm.first) + rules.core_tenure if occasions >= rules.core_occasions else NEVER
    core = ripe < now and ripe <= quiet
    fades = NEVER
    if core and c.opinion.marks_lately:
        core, fades = is_content(c, now, policy)
    if now <= quiet and not exited:
        until = quiet if ripe < now or quiet < ripe else ripe
        return ("core_customer" if core else "early_repeat_buyer"), min(until, fades)
    if exited or 0 < gone < now:
        return ("core_defector" if core else "defector"), NEVER
    return "dormant", min(gone or NEVER, ripe if now <= ripe else NEVER)


def answers(c: Customer, now: Micros, policy: Policy) -> tuple[list[int], Micros]:
    """The satisfaction marks of the last year (Q2), oldest first, and the instant after which the oldest is none of them."""
    within = policy.loyalty.answers_within
    given = [packed for packed in c.opinion.marks_lately if now <= (packed >> MARK_BITS) * SECOND + within]
    fades = (given[0] >> MARK_BITS) * SECOND + within if given else NEVER
    return [packed % (1 << MARK_BITS) for packed in given], fades


def is_content(c: Customer, now: Micros, policy: Policy) -> tuple[bool, Micros]:
    """Whether the mean mark of the last year is not under the gate, and until when; too few marks make nobody discontent."""
    marks, fades = answers(c, now, policy)
    if len(marks) < policy.loyalty.answers_at_least:
        return True, NEVER
    return sum(marks) >= policy.lifecycle.core_satisfaction * len(marks), fades


def is_still_judging(c: Customer, now: Micros, policy: Policy) -> bool:
    """Whether a buyer who is not core yet may still leave for one mishap: who comes so often has judged, unless they are discontent (L4, L5)."""
    return c.rhythm.occasions < policy.lifecycle.judging_below or not is_content(c, now, policy)[0]


def move(before: Stage, after: Stage) -> str:
    """The cause of a transition. Raises IllegalTransition if `TRANSITIONS` does not have it.

    >>> move("dormant", "core_customer")
    'bought again'
    """
    try:
        return TRANSITIONS[before][after]
    except KeyError:
        raise IllegalTransition(f"there is no transition from {before} to {after}") from None


def diagram() -> str:
    """The table as a Mermaid state diagram, for the docs."""
    lines = ["stateDiagram-v2", "    [*] --> prospect"]
    lines += [f"    {before} --> {after}: {why}" for before, row in TRANSITIONS.items() for after, why in row.items()]
    return "\n".join(lines)
