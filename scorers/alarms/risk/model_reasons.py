"""Reasons from the model's contributions: one sentence for each column of the features."""

from scorers.alarms.words import days, every, silence, times
from scorers.contract.alarms import Reason
from scorers.contract.events import DAY, Micros
from scorers.customer.open_time import closed_for
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.risk.features import features
from scorers.risk.rules import rules_risk
from scorers.timeline.episodes import Episode

_MOST = 4  # reasons of one alarm
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
        if weight > _LEAST:
            text = _sentence(name, c, now, ctx)
            first = found.get(text)
            found[text] = Reason(first.code if first else name, round(weight + (first.weight if first else 0), 3), text)
    top = sorted(found.values(), key=lambda reason: (-reason.weight, reason.code))[:_MOST]
    return top or [Reason("silence", 1.0, _pace(c, now, ctx))]


def unproven(c: Customer, e: Episode, ctx: Context) -> list[Reason]:
    """Says of an alarm about the risk that the base has not shown yet how true such risks are (J5); empty where it has."""
    if ctx.figures(e.at).is_proven(c.risk.last):
        return []
    text = "It is not known yet how true such risks are; too few could be compared with what followed."
    return [Reason("unproven", 0.0, text)]


def _pace(c: Customer, now: Micros, ctx: Context) -> str:
    """The silence; if that is shorter than the usual gap, how few or far apart the purchases are."""
    gap = c.rhythm.mean_gap()
    if (now - c.purchases.last) / DAY >= gap:
        return silence(c, now, ctx)
    return (
        f"Bought on {times(c.rhythm.occasions, 'day')} within {days((now - c.rhythm.first) / DAY)}, about {every(gap)}."
    )


def _sentence(name: str, c: Customer, now: Micros, ctx: Context) -> str:
    """The sentence for a column of the features."""
    count, pace = c.rhythm.occasions, _pace(c, now, ctx)
    sentences = {
        "discount_share": f"{round(100 * c.spending.discounted / max(c.purchases.count, 1))} % of the purchases "
        "were at a discount.",
        "complaints": f"{times(c.complaints.count, 'complaint')} so far.",
        "complaints_open": f"{times(len(c.complaints.open), 'complaint')} still open.",
        "complaints_overdue": "A complaint is past its deadline.",
        "refunds": f"{times(c.spending.refunds, 'refund')} so far.",
        "satisfaction": f"Satisfaction has been {c.opinion.mood:.1f} of 5.",
        "satisfaction_last": f"Last satisfaction was {c.opinion.mark} of 5.",
        "debt": "Bad experiences are not yet made good.",
        "trouble": "A bad experience since the last purchase.",
        "season_sin": "At this time of the year fewer come back.",
        "season_cos": "At this time of the year fewer come back.",
        "breadth_trend": "Buys from fewer departments than before.",
        "breadth": "Buys from few departments.",
        "spend_trend": "Spends less per visit than before.",
        "spent": "Has spent little with us so far.",
        "basket": "Small baskets.",
        "unanswered": f"Has not answered our last {times(len(c.contacts.outreach), 'message')}.",
        "contacts_in": "Rarely contacts us.",
        "contacts_out": "Is contacted by us at an unusual rate.",
        "competitor_lately": "Spoke of a competitor lately.",
        "requests_open": f"{times(len(c.contacts.requests), 'request')} without an answer.",
        "promises_broken": f"{times(c.promises.broken, 'promise')} broken.",
        "occasions": f"Has bought on {times(count, 'day')}.",
        "tenure": f"Customer for {days((now - c.rhythm.first) / DAY)}.",
        "rules": pace,
    }
    return sentences.get(name, pace)
