"""The stages of a customer's life (L1-L6), and which may follow which.

Everything that decides a stage lives in this file. `TRANSITIONS` names each move that can happen; the diagram of the
docs is drawn from it. Two kinds of cause move a customer: a fact, or time that passes without one.
"""

from scorers.contract.alarms import Stage
from scorers.contract.events import Micros
from scorers.customer.state import Customer
from scorers.policy.tables import Policy

LEFT: frozenset[Stage] = frozenset({"defector", "core_defector"})

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
    return c.last_purchase + c.quiet_limit


def gone_after(c: Customer, policy: Policy) -> Micros:
    """The instant after which silence is past the point of likely return."""
    if c.rhythm.occasions == 1:
        return c.rhythm.first + round(policy.lifecycle.second_purchase_defected * c.second_limit)
    return c.last_purchase + round(policy.silence.defected_factor * c.quiet_limit)


def judge(c: Customer, now: Micros, policy: Policy) -> Stage:
    """The stage that the facts give at an instant; a deadline at that very instant has not passed yet.

    >>> judge(Customer("c1"), 0, Policy())
    'prospect'
    """
    occasions = c.rhythm.occasions
    if c.stage in LEFT and (c.exit_at or c.last_purchase < c.stage_since):
        return c.stage
    if not occasions:
        return "defector" if c.exit_at else "prospect"
    gone = gone_after(c, policy)
    if occasions == 1:
        return "defector" if c.exit_at or gone < now else "first_time_buyer"
    quiet = quiet_after(c)
    rules = policy.lifecycle
    core = (
        occasions >= rules.core_occasions
        and c.rhythm.first + rules.core_tenure < min(now, quiet + 1)
        and (not c.satisfaction_count or c.satisfaction_sum >= rules.core_satisfaction * c.satisfaction_count)
    )
    if c.exit_at or gone < now:
        return "core_defector" if core else "defector"
    if quiet < now:
        return "dormant"
    return "core_customer" if core else "early_repeat_buyer"


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
