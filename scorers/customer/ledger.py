"""The ledger of experiences (X1): a bad experience adds a debt of twelve good ones, and the debt halves every year.

A purchase is a good experience if the week after it passes without a bad one. The debt is kept as a number and an instant.
"""

from math import log2

from scorers.contract.events import SECOND, Micros
from scorers.customer.state import MAX_PENDING, Customer
from scorers.policy.tables import Ledger


def debt(c: Customer, now: Micros, rules: Ledger) -> float:
    """How many good experiences are owed at an instant."""
    if not c.account.debt:
        return 0.0
    return float(c.account.debt * 0.5 ** ((now - c.account.debt_at) / rules.half_life))


def mature(c: Customer, now: Micros, rules: Ledger) -> None:
    """Enter the purchases whose week has passed as good experiences."""
    pending = c.account.pending
    while pending and pending[0] + rules.quiet_week < now:
        at = pending.pop(0) + rules.quiet_week
        if c.account.debt:
            _enter(c, at, -1.0, rules)


def good(c: Customer, at: Micros, rules: Ledger) -> None:
    """Enter a good experience: it reduces the debt by one."""
    mature(c, at, rules)
    if c.account.debt:
        _enter(c, at, -1.0, rules)


def bad(c: Customer, at: Micros, rules: Ledger) -> None:
    """Enter a bad experience: it adds to the debt, and the purchases of the week before it do not count as good."""
    mature(c, at, rules)
    _enter(c, at, rules.owed_per_negative, rules)
    c.account.pending.clear()


def bought(c: Customer, at: Micros, rules: Ledger) -> None:
    """Note a purchase, which becomes a good experience after a week."""
    mature(c, at, rules)
    pending = c.account.pending
    if len(pending) == MAX_PENDING:
        del pending[0]
    pending.append(at)


def settled_after(c: Customer, rules: Ledger) -> Micros:
    """When the debt falls below `debt_settled` by time alone, rounded up to the next second; 0 if it is below."""
    account = c.account
    if account.debt < rules.debt_settled:
        return 0
    return account.debt_at + int(rules.half_life * log2(account.debt / rules.debt_settled)) + SECOND


def _enter(c: Customer, at: Micros, owed: float, rules: Ledger) -> None:
    c.account.debt = max(0.0, debt(c, at, rules) + owed)
    c.account.debt_at = at
