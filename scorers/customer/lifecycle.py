"""The stages of a customer's life (L1-L6), and which may follow which.

Everything that decides a stage lives in this file. `TRANSITIONS` names each move that can happen; the diagram of the
docs is drawn from it. Two kinds of cause move a customer: a fact, or time that passes without one.
"""

from scorers.contract.alarms import Stage
from scorers.contract.events import Micros
from scorers.customer.state import Customer
from scorers.policy.tables import Policy
from scorers.timeline.episodes import NEVER

LEFT: frozenset[Stage] = frozenset({"defector", "core_defector"})
PRESENT: frozenset[Stage] = frozenset(
    {"prospect", "first_time_buyer", "early_repeat_buyer", "core_customer", "dormant"}
)

TRANSITIONS: dict[Stage, dict[Stage, str]] = {
    "prospect": {
        "first_time_buyer": "first purchase",
        "defector": "said goodbye",
    },
    "first_time_buyer": {
        "early_repeat_buyer": "second occasion",
        "core_customer": "repeated, content, long enough",
        "defector": "second purchase far overdue, or said goodbye",
    },
    "early_repeat_buyer": {
        "core_customer": "repeated, content, long enough",
        "dormant": "silent beyond the own rhythm",
        "defector": "said goodbye",
    },
    "core_customer": {
        "early_repeat_buyer": "satisfaction under the gate",
        "dormant": "silent beyond the own rhythm",
        "core_defector": "said goodbye",
        "defector": "said goodbye, discontent",
    },
    "dormant": {
        "early_repeat_buyer": "bought again",
        "core_customer": "bought again",
        "defector": "silent past likely return, or said goodbye",
        "core_defector": "silent past likely return, or said goodbye",
    },
    "defector": {
        "first_time_buyer": "won back",
        "early_repeat_buyer": "won back",
        "core_customer": "won back",
        "dormant": "won back, then silent before the monitor read it",
    },
    "core_defector": {
        "early_repeat_buyer": "won back",
        "core_customer": "won back",
        "dormant": "won back, then silent before the monitor read it",
    },
}
"""From stage, to stage: what must have happened."""

RETURNS_FROM: frozenset[Stage] = frozenset({"dormant", "defector", "core_defector"})


class IllegalTransition(ValueError):
    """Two stages that can never follow each other; a fault of the core, never of the data."""


def quiet_after(c: Customer) -> Micros:
    """The instant after which a repeat buyer's silence is longer than the own rhythm allows."""
    return c.purchases.last + c.purchases.quiet_limit


def gone_after(c: Customer, policy: Policy) -> Micros:
    """The instant after which silence is past the point of likely return."""
    if c.rhythm.occasions == 1:
        return c.rhythm.first + round(policy.lifecycle.second_purchase_defected * c.purchases.second_limit)
    return c.purchases.last + round(policy.silence.defected_factor * c.purchases.quiet_limit)


def judge(c: Customer, now: Micros, policy: Policy) -> tuple[Stage, Micros]:
    """The stage that the facts give at an instant, and when time alone may change it.

    A deadline at that very instant has not passed yet.

    >>> judge(Customer("c1"), 0, Policy())[0]
    'prospect'
    """
    occasions, exited = c.rhythm.occasions, c.exit.at
    if c.life.stage in LEFT and (exited or c.purchases.last < c.life.since):
        return c.life.stage, NEVER
    if not occasions:
        return ("defector" if exited else "prospect"), NEVER
    gone = gone_after(c, policy)
    if occasions == 1:
        return ("defector", NEVER) if exited or gone < now else ("first_time_buyer", gone)
    quiet, rules, opinion = quiet_after(c), policy.lifecycle, c.opinion
    ripe = c.rhythm.first + rules.core_tenure if occasions >= rules.core_occasions else NEVER
    core = ripe < min(now, quiet + 1) and (
        not opinion.marks or opinion.marks_sum >= rules.core_satisfaction * opinion.marks
    )
    if exited or gone < now:
        return ("core_defector" if core else "defector"), NEVER
    until = gone if ripe < now else min(gone, ripe)
    if quiet < now:
        return "dormant", until
    return ("core_customer" if core else "early_repeat_buyer"), min(until, quiet)


def move(before: Stage, after: Stage) -> str:
    """What a move means; raises IllegalTransition where the table knows none.

    >>> move("dormant", "core_customer")
    'bought again'
    """
    try:
        return TRANSITIONS[before][after]
    except KeyError:
        raise IllegalTransition(f"no customer goes from {before} to {after}") from None


def diagram() -> str:
    """The table as a Mermaid state diagram, for the docs."""
    lines = ["stateDiagram-v2", "    [*] --> prospect"]
    lines += [f"    {before} --> {after}: {why}" for before, row in TRANSITIONS.items() for after, why in row.items()]
    return "\n".join(lines)
