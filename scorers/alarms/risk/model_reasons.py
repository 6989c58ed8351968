"""Reasons from the model's contributions: one sentence for each column of the features."""

from msgspec.structs import replace

from scorers.alarms.speech import Value
from scorers.alarms.words import date, open_cases, silence, told, usual_gap
from scorers.contract.alarms import Reason
from scorers.contract.events import DAY, SECOND, Micros
from scorers.customer.open_time import closed_for
from scorers.customer.parts.verdicts import RISK_SCALE
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.risk.features import features
from scorers.risk.rules import rules_risk
from scorers.timeline.episodes import Episode

_MOST = 4  # reasons of one alarm
GOOD = 4  # a mark from this one on explains no risk
_LEAST = 0.005  # the smallest contribution to the log-odds that becomes a reason


def strongest(c: Customer, now: Micros, ctx: Context) -> list[Reason]:
    """The columns that raise the risk most; those with the same sentence add up. If there is none, the pace."""
    horizon = ctx.policy.risk.horizon
    base = ctx.figures(now).base
    closed = closed_for(c, ctx)
    x = features(c, now, horizon, base, closed)
    shares = ctx.model(now).contributions(x, rules_risk(c, now, horizon, base, closed))
    found: dict[str, Reason] = {}  # by sentence
    for name, weight in sorted(shares, key=lambda share: (-share[1], share[0])):
        if weight > _LEAST and not _is_odd(name, c):
            reason = _reason(name, round(weight, 3), c, now, ctx)
            if (first := found.get(reason.text)) is not None:
                reason = replace(first, weight=round(weight + first.weight, 3))
            found[reason.text] = reason
    top = sorted(found.values(), key=lambda reason: (-reason.weight, reason.code))[:_MOST]
    return top or [_pace(c, 1.0, "silence", now, ctx)]


def explained(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """Why the risk is high, how it has changed since the last alarm, and that such risks are not proven where they are not."""
    first, *others = strongest(c, now, ctx)
    return [first, *since_last(c, e, now, ctx), *others, *unproven(c, e, now, ctx)]


def changes(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """What is said beside the contributions: the change since the last alarm, and that such risks are not proven."""
    return [*since_last(c, e, now, ctx), *unproven(c, e, now, ctx)]


def since_last(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """How the risk has changed since the last alarm about the customer before this one; empty for a first alarm."""
    for at, before in reversed([*zip(c.risk.said[::2], c.risk.said[1::2], strict=True)]):
        if at < e.at // SECOND:
            values: dict[str, Value] = {"at": date(at * SECOND, ctx), "before": _percent(before / RISK_SCALE)}
            return [told("since_last", 0.0, "since_last", now, ctx, values | {"risk": _percent(c.risk.last)})]
    return []


def _percent(risk: float) -> int:
    return min(max(round(100 * risk), 1), 99)


def unproven(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """Says of an alarm about the risk that the base has not shown yet how true such risks are (J5); empty where it has."""
    if ctx.figures(e.at).is_proven(c.risk.last):
        return []
    return [told("unproven", 0.0, "unproven", now, ctx)]


def _pace(c: Customer, weight: float, code: str, now: Micros, ctx: Context) -> Reason:
    """The silence; if that is shorter than the mean gap, how few or far apart the purchases are."""
    if (now - c.purchases.last) / DAY >= c.rhythm.mean_gap():
        found = silence(c, weight, now, ctx)
        return Reason(code, weight, found.text, found.sentence, found.values)
    values: dict[str, Value] = {
        "visits": c.rhythm.occasions,
        "within": round((now - c.rhythm.first) / DAY),
        "last": date(c.purchases.last, ctx),
    }
    if usual := usual_gap(c):
        return told(code, weight, "pace_usual", now, ctx, values | {"usual": round(usual, 1)})
    return told(code, weight, "pace", now, ctx, values)


_PLAIN = {
    "complaints_overdue": "complaint_past_deadline",
    "debt": "debt_open",
    "trouble": "trouble",
    "season_sin": "season",
    "season_cos": "season",
    "breadth_trend": "fewer_departments",
    "breadth": "few_departments",
    "spend_trend": "spends_less",
    "spent": "spent_little",
    "basket": "small_baskets",
    "contacts_in": "rarely_contacts",
    "contacts_out": "contacted_unusually",
}
"""The sentences of columns that need no number."""


def _counted(name: str, c: Customer, now: Micros, ctx: Context) -> tuple[str, dict[str, Value]] | None:
    """The sentence of a column that needs numbers, with these; None if the column has none of its own."""
    match name:
        case "discount_share":
            return "discounts", {"share": round(100 * c.spending.discounted / max(c.purchases.count, 1))}
        case "complaints":
            return "complaints_so_far", {"found": c.complaints.count}
        case "refunds":
            return "refunds_so_far", {"found": c.spending.refunds}
        case "satisfaction":
            return "satisfaction", {"mood": round(c.opinion.mood, 1)}
        case "satisfaction_last":
            return "mark_low", {"mark": c.opinion.mark}
        case "unanswered":
            return "unanswered", {"sent": len(c.contacts.outreach)}
        case "competitor_lately":
            return "competitor", {"at": date(c.opinion.competitor_at, ctx)}
        case "promises_broken":
            return "promises_broken", {"found": c.promises.broken}
        case "occasions":
            return "visits", {"visits": c.rhythm.occasions}
        case "tenure":
            return "tenure", {"tenure": round((now - c.rhythm.first) / DAY)}
        case "complaints_open" if c.complaints.open:
            return open_cases("complaint", [case.opened for case in c.complaints.open], ctx)
        case "requests_open" if c.contacts.requests:
            return open_cases("request", [request.opened for request in c.contacts.requests], ctx)
    return None


def _is_odd(name: str, c: Customer) -> bool:
    """Whether people would not see why this raises a risk: a good mark, or something that never happened."""
    match name:
        case "satisfaction":
            return c.opinion.mood >= GOOD or not c.opinion.marks
        case "satisfaction_last":
            return c.opinion.mark >= GOOD or not c.opinion.mark
        case "complaints" | "refunds" | "unanswered" | "promises_broken" | "discount_share":
            return not {
                "complaints": c.complaints.count,
                "refunds": c.spending.refunds,
                "unanswered": len(c.contacts.outreach),
                "promises_broken": c.promises.broken,
                "discount_share": c.spending.discounted,
            }[name]
    return False


def _reason(name: str, weight: float, c: Customer, now: Micros, ctx: Context) -> Reason:
    """The reason for a column of the features."""
    if (plain := _PLAIN.get(name)) is not None:
        return told(name, weight, plain, now, ctx)
    if (counted := _counted(name, c, now, ctx)) is not None:
        return told(name, weight, counted[0], now, ctx, counted[1])
    return _pace(c, weight, name, now, ctx)
