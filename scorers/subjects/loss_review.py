"""The loss review (A4): how each customer left, who was told before, and which rule could have fired, and when.

What it needs of the moment of leaving is kept in the state until the next purchase; the rest follows from the state itself.
"""

from collections.abc import Iterator
from typing import Any, get_args
from zlib import crc32

from scorers.contract.alarms import Stage
from scorers.contract.events import DAY, EXIT_REASONS, HOUR, SECOND, CustomerEvent, Micros
from scorers.contract.rfc3339 import rfc3339
from scorers.customer.lifecycle import is_first_time, quiet_after
from scorers.customer.open_time import closed_for
from scorers.customer.parts.told import LAST_EVENTS, Loss, Told
from scorers.customer.parts.verdicts import RISK_SCALE
from scorers.customer.state import Customer
from scorers.in_force import live_quality
from scorers.in_force.closures import open_until
from scorers.in_force.context import Context
from scorers.in_force.figures import Contribution
from scorers.in_force.live_quality import place_of
from scorers.subjects.answers import BY_CODE

_UNKNOWN = EXIT_REASONS.index("unknown")
_OTHER = len(EXIT_REASONS)


_BITS = 11
_MASK = (1 << _BITS) - 1
_TYPES: dict[type, int] = {
    event: crc32(str(event.__struct_config__.tag).encode()) & _MASK for event in get_args(CustomerEvent)
}
"""The types of facts in a few bits, which no change of the contract changes; a test finds two that are alike."""
TAGS = {_TYPES[event]: str(event.__struct_config__.tag) for event in get_args(CustomerEvent)}


def remember(c: Customer, at: Micros, event: type) -> None:
    """Keep when and of what type a fact was, among the newest ones; what comes after a loss explains it no more."""
    c.lately = (*c.lately[1 - LAST_EVENTS :], at // HOUR << _BITS | _TYPES[event])


def leave(c: Customer, at: Micros, before: Stage, counts: list[Contribution]) -> None:
    """The customer leaves now, before alarms are compared; `before` is the stage until now."""
    said, day = bool(c.exit.at), at // DAY
    risk = round(RISK_SCALE * c.risk.last) if c.risk.last >= 0.0 else -1
    c.life.won_back = 0
    c.loss = Loss(at // SECOND, before, c.tiering.tier, said, risk, _reason(c))
    told = _told_before(c, at // SECOND)
    counts.append(live_quality.has_left(day, place_of(c.tiering.tier, before), said, not told))
    counts.append(live_quality.why(day, c.loss.reason, 1))
    if told and not said:
        first: dict[str, int] = {}
        for one in told:
            for kind in ("", BY_CODE[one.kind].name):
                first[kind] = min(first.get(kind, one.at), one.at)
        counts += [live_quality.led(day, kind, at - since * SECOND) for kind, since in first.items()]


def explained(c: Customer, at: Micros, counts: list[Contribution]) -> None:
    """A customer who has left says why, or says another reason."""
    assert c.loss is not None
    reason = _reason(c)
    if reason != c.loss.reason:
        counts += [live_quality.why(at // DAY, c.loss.reason, -1), live_quality.why(at // DAY, reason, 1)]
        c.loss.reason = reason


def approached(c: Customer, at: Micros, counts: list[Contribution]) -> None:
    """Note the first effort to win back a customer who has left."""
    loss = c.loss
    if loss is not None and not loss.approached and c.contacts.acted > loss.at:
        loss.approached = True
        counts.append(live_quality.win_back(at // DAY, live_quality.APPROACHED))


def came_back(c: Customer, at: Micros, counts: list[Contribution]) -> None:
    """A customer who had left buys again, before the loss is forgotten."""
    c.life.won_back = at // SECOND
    if c.loss is not None:
        how = live_quality.WON_AFTER if c.loss.approached else live_quality.WON_ALONE
        counts.append(live_quality.win_back(at // DAY, how))


def review(c: Customer, ctx: Context) -> dict[str, Any] | None:
    """The record of how the customer left; None for one who has not."""
    loss = c.loss
    if loss is None:
        return None
    told = sorted(_told_before(c, loss.at), key=lambda one: one.at)
    return {
        "left_at": rfc3339(loss.at * SECOND),
        "how": "goodbye" if loss.said else "silence",
        "reason": c.exit.reason or "unknown",
        "stage": loss.stage,
        "tier": loss.tier,
        "risk": loss.risk / RISK_SCALE if loss.risk >= 0 else None,
        "win_back": "approached" if loss.approached else "lost",
        "interview": "due" if loss.reason == _UNKNOWN else "done",
        "missed": not told,
        "lead_days": round((loss.at - told[0].at) * SECOND / DAY, 2) if told else None,
        "events": [{"type": TAGS[one & _MASK], "at": rfc3339((one >> _BITS) * HOUR)} for one in c.lately],
        "alarms": [{"kind": BY_CODE[one.kind].name, "at": rfc3339(one.at * SECOND)} for one in told],
        "rules": list(_rules(c, loss, told, ctx)),
    }


def _reason(c: Customer) -> int:
    reason = c.exit.reason
    return EXIT_REASONS.index(reason) if reason in EXIT_REASONS else _OTHER if reason else _UNKNOWN


def _told_before(c: Customer, second: int) -> list[Told]:
    """The alarms that were told in the silence that ended in the loss, before it."""
    return [told for told in c.told if c.purchases.last // SECOND <= told.at < second]


def _rules(c: Customer, loss: Loss, told: list[Told], ctx: Context) -> Iterator[dict[str, Any]]:
    """The rules that were nearest, with the instant at which each could fire; that may lie after the loss."""
    raised = {BY_CODE[one.kind].name for one in told}
    if c.rhythm.occasions:
        if is_first_time(c):
            overdue = open_until(closed_for(c, ctx), c.rhythm.first, c.purchases.second_limit)
            yield _rule("second-purchase-overdue", overdue, raised)
        else:
            yield _rule("gone-quiet", quiet_after(c, closed_for(c, ctx)), raised)
        high = next((one.at * SECOND for one in told if BY_CODE[one.kind].name == "risk-high"), None)
        yield {**_rule("risk-high", high, raised), "threshold": ctx.policy.risk.threshold.of(loss.tier)}
    for case in c.complaints.open:
        yield {**_rule("complaint-overdue", case.rectify_by, raised), "case": case.id}
    for request in c.contacts.requests:
        yield {**_rule("request-unattended", request.answer_by, raised), "case": request.id}


_YEAR_10000: Micros = 253_402_300_800 * SECOND  # a limit that is never reached lies behind it


def _rule(rule: str, at: Micros | None, raised: set[str]) -> dict[str, Any]:
    return {
        "rule": rule,
        "could_fire_at": None if at is None or at >= _YEAR_10000 else rfc3339(at // SECOND * SECOND),
        "fired": rule in raised,
    }
