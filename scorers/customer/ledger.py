"""The ledger of experiences (X1): a bad experience adds a debt of twelve good ones, and the debt halves every year.

A purchase is a good experience if the week after it passes without a bad one. The debt is kept as a number and an instant.
"""

from math import log2

from scorers.contract.events import SECOND, Micros
from scorers.customer.parts.experience import MAX_PENDING, Account
from scorers.customer.state import Customer
from scorers.policy.tables import Ledger


def debt(c: Customer, now: Micros, rules: Ledger) -> float:
    """How many good experiences are owed at an instant."""
    if not c.account.debt:
        return 0.0
    return float(c.account.debt * 0.5 ** ((now - c.account.debt_at) / rules.half_life))


def mature(c: Customer, now: Micros, rules: Ledger) -> None:
    """Enter the purchases whose week has passed as good experiences."""
    account = c.account
    pending = account.pending
    while pending and pending[0] + rules.quiet_week < now:
        at = pending.pop(0) + rules.quiet_week
        good = 1 + account.merged[0] if account.merged else 1
        account.merged = account.merged[1:]
        if account.debt:
            _enter(c, at, -float(good), rules)


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
    c.account.merged = ()


def bought(c: Customer, at: Micros, rules: Ledger) -> None:
    """Note a purchase, which becomes a good experience after a week."""
    mature(c, at, rules)
    account = c.account
    account.pending.append(at)
    if account.merged:
        account.merged = (*account.merged, 0)
    if len(account.pending) > MAX_PENDING:
        merge_nearest(account)


def settled_after(c: Customer, rules: Ledger) -> Micros:
    """When the debt falls below `debt_settled` by time alone, rounded up to the next second; 0 if it is below."""
    account = c.account
    if account.debt < rules.debt_settled:
        return 0
    return account.debt_at + int(rules.half_life * log2(account.debt / rules.debt_settled)) + SECOND


def merge_nearest(account: Account) -> None:
    """Let one instant, the later, stand for the two that are nearest to each other, so that no purchase is lost."""
    pending = account.pending
    merged = list(account.merged) or [0] * len(pending)
    n = min(range(1, len(pending)), key=lambda n: pending[n] - pending[n - 1])
    merged[n] += merged[n - 1] + 1
    del pending[n - 1], merged[n - 1]
    account.merged = tuple(merged)


def _enter(c: Customer, at: Micros, owed: float, rules: Ledger) -> None:
    c.account.debt = max(0.0, debt(c, at, rules) + owed)
    c.account.debt_at = at
