"""Why an alarm is raised, told so that a shop manager understands it (A7), and what would put it right.

Each kind has one function that turns facts into weighted sentences. Risk alarms take their weights from the model;
all others are certain of their cause. Sentences hold no customer's own words: nothing hostile can pass through them.
"""

from collections.abc import Callable

from scorers.alarms.kinds import KINDS
from scorers.contract.alarms import Reason, Treatment
from scorers.contract.events import DAY, HOUR, Duration, Instant, Micros
from scorers.contract.rfc3339 import rfc3339
from scorers.customer import ledger
from scorers.customer.lifecycle import gone_after, quiet_after
from scorers.customer.state import Case, Customer, Episode
from scorers.in_force.context import Context
from scorers.risk.features import features
from scorers.risk.rules import rules_risk

_TOP = 4


def _span(duration: Duration) -> str:
    """A length of time in words."""
    if duration < 2 * HOUR:
        return f"{max(1, round(duration / (HOUR / 60)))} minutes"
    if duration < 2 * DAY:
        return f"{round(duration / HOUR)} hours"
    return f"{round(duration / DAY)} days"


def _days(n: float) -> str:
    return "1 day" if round(n) == 1 else f"{round(n)} days"


def _date(at: Micros) -> str:
    return rfc3339(at)[:10]


def _times(n: int, what: str) -> str:
    return f"1 {what}" if n == 1 else f"{n} {what}s"


def _rhythm(c: Customer) -> str:
    gap = c.rhythm.mean_gap()
    return f"usually comes every {_days(max(gap, 1))}" if gap else "bought once"


def _cooling(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    since = _span(max(now, e.at) - c.first_contact)
    return [Reason("window_running_out", 1.0, f"First contact was {since} ago, and nothing has been bought yet.")]


def _second(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    text = f"Bought once, on {_date(c.rhythm.first)}; most who return have returned within {_span(c.second_limit)}."
    return [Reason("second_purchase_overdue", 1.0, text)]


def _trouble(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    count = c.trouble.count if c.trouble else 1
    who = "a first-time buyer" if e.kind == "single-failure" else "a customer who is still judging us"
    return [Reason("negative_experience", 1.0, f"{_times(count, 'bad experience')} of {who} since the last purchase.")]


def _find(c: Customer, e: Episode) -> Case | None:
    return next((case for case in (*c.cases, *c.closed) if case.id == e.subject_id), None)


def _case(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    case = _find(c, e)
    if case is None:
        return []
    about = f" about a {case.subject}" if case.subject in ("product", "service") else ""
    opened = f"A {case.severity} complaint{about}, opened on {_date(case.opened)}"
    text = {
        "major-problem": f"{opened}.",
        "complaint-unacknowledged": f"{opened}, has not been acknowledged in the time promised to this tier.",
        "complaint-overdue": f"{opened}, has not been put right in the time promised to this tier.",
    }[e.kind]
    return [Reason(e.kind.replace("-", "_"), 1.0, text)]


def _request(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    request = next((r for r in c.requests if r.id == e.subject_id), None)
    if request is None:
        return []
    return [Reason("unattended_service", 1.0, f"A request of {_date(request.opened)} has had no answer.")]


def _promise(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    return [Reason("broken_promise", 1.0, f"Something promised to this customer was not kept by {_date(e.at)}.")]


def _quiet(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    silence = _days((max(now, e.at) - c.last_purchase) / DAY)
    return [Reason("silence", 1.0, f"No purchase for {silence}; {_rhythm(c)}."), *_context(c, now, ctx)]


def _gone(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    if c.exit_at and c.exit_at <= e.at:
        return [Reason(c.exit_reason or "unknown", 1.0, f"Said goodbye on {_date(c.exit_at)}.")]
    return _quiet(c, e, now, ctx)


def _context(c: Customer, now: Micros, ctx: Context) -> list[Reason]:
    """What happened before a silence and may explain it."""
    told = []
    if c.cases:
        told.append(Reason("unrectified_defect", 0.5, f"{_times(len(c.cases), 'complaint')} still open."))
    if c.requests:
        told.append(Reason("unattended_service", 0.4, f"{_times(len(c.requests), 'request')} without an answer."))
    if c.satisfaction_last and c.satisfaction_last <= 2:
        told.append(Reason("service_quality", 0.3, f"Last satisfaction was {c.satisfaction_last} of 5."))
    if c.last_competitor > c.last_purchase - 60 * DAY and c.competitor_mentions:
        told.append(Reason("competitor", 0.3, "Spoke of a competitor lately."))
    return told


def _risk(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    horizon = ctx.policy.risk.horizon
    base = ctx.figures(now).base
    x = features(c, now, horizon, base)
    shares = ctx.model(now).contributions(x, rules_risk(c, now, horizon, base))
    told: dict[str, Reason] = {}  # by sentence: columns that say the same to a reader add up
    for name, weight in sorted(shares, key=lambda share: (-share[1], share[0])):
        if weight > 0.005:
            text = _sentence(name, c, now)
            first = told.get(text)
            told[text] = Reason(first.code if first else name, round(weight + (first.weight if first else 0), 3), text)
    strongest = sorted(told.values(), key=lambda reason: (-reason.weight, reason.code))[:_TOP]
    return strongest or _quiet(c, e, now, ctx)[:1]


def _sentence(name: str, c: Customer, now: Micros) -> str:
    """What a column of the model says of this customer."""
    count = c.rhythm.occasions
    gone, gap = (now - c.last_purchase) / DAY, c.rhythm.mean_gap()
    silence = f"No purchase for {_days(gone)}; {_rhythm(c)}."
    if gone < gap:  # no silence to speak of: the visits are few or far between
        silence = f"Has come on {_times(count, 'day')} in {_days((now - c.rhythm.first) / DAY)}, {_days(gap)} apart."
    words = {
        "discount_share": f"{round(100 * c.discounted / max(c.purchases, 1))} % of the purchases were at a discount.",
        "complaints": f"{_times(c.complaints, 'complaint')} so far.",
        "complaints_open": f"{_times(len(c.cases), 'complaint')} still open.",
        "complaints_overdue": "A complaint lies past its deadline.",
        "refunds": f"{_times(c.refunds, 'refund')} so far.",
        "satisfaction": f"Satisfaction has been {c.satisfaction_mood:.1f} of 5.",
        "satisfaction_last": f"Last satisfaction was {c.satisfaction_last} of 5.",
        "debt": "Bad experiences are not yet made good.",
        "trouble": "A bad experience since the last purchase.",
        "season_sin": "At this time of the year fewer come back.",
        "season_cos": "At this time of the year fewer come back.",
        "breadth_trend": "Buys from fewer departments than before.",
        "breadth": "Buys from few departments.",
        "spend_trend": "Spends less per visit than before.",
        "spent": "Has spent little with us so far.",
        "basket": "Small baskets.",
        "unanswered": f"Has not answered our last {_times(len(c.outreach), 'message')}.",
        "contacts_in": "Rarely contacts us.",
        "contacts_out": "Is contacted by us at an unusual rate.",
        "competitor_lately": "Spoke of a competitor lately.",
        "requests_open": f"{_times(len(c.requests), 'request')} without an answer.",
        "promises_broken": f"{_times(c.promises_broken, 'promise')} broken.",
        "occasions": f"Has bought on {_times(count, 'day')}.",
        "tenure": f"Customer for {_days((now - c.rhythm.first) / DAY)}.",
        "rules": silence,
    }
    return words.get(name, silence)


def _tier_drop(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    days = _span(ctx.policy.tiers.dwell)
    return [Reason("tier_drop", 1.0, f"Fell from {c.drop_from} to {c.tier} and has stayed there for {days}.")]


def _apostle(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    return [Reason("apostle_lost", 1.0, f"Used to recommend us; not any more since {_date(c.apostle_until)}.")]


def _hostage(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    return [Reason("unrectified_defect", 1.0, "Keeps buying although a complaint lies past its deadline.")]


def _terrorist(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    how = (
        "complained in public"
        if c.complaints_public
        else "warns others"
        if c.referral_last < 0
        else "gave the lowest mark"
    )
    return [Reason("bad_word_of_mouth", 1.0, f"{_times(c.bad_experiences, 'bad experience')}, and {how}.")]


def _debt(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    owed = ledger.debt(c, now, ctx.policy.ledger)
    return [Reason("experience_debt", 1.0, f"{round(owed)} good experiences still owed for bad ones.")]


def _change(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    return [Reason(e.kind.replace("-", "_"), 1.0, e.detail.replace("_", " ") or e.kind.replace("-", " "))]


_WHY: dict[str, Callable[[Customer, Episode, Micros, Context], list[Reason]]] = {
    "prospect-cooling": _cooling,
    "second-purchase-overdue": _second,
    "single-failure": _trouble,
    "small-mishap": _trouble,
    "major-problem": _case,
    "complaint-unacknowledged": _case,
    "complaint-overdue": _case,
    "request-unattended": _request,
    "gone-quiet": _quiet,
    "defected": _gone,
    "risk-high": _risk,
    "tier-drop": _tier_drop,
    "apostle-lost": _apostle,
    "hostage": _hostage,
    "terrorist": _terrorist,
    "experience-debt": _debt,
    "promise-broken": _promise,
}


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> tuple[Reason, ...]:
    """The reasons of an alarm, strongest first."""
    return tuple(_WHY.get(e.kind, _change)(c, e, now, ctx))


def deadline(c: Customer, e: Episode, ctx: Context) -> Instant | None:
    """Until when something can still be done, where that is known."""
    if e.kind == "prospect-cooling":
        return Instant(c.first_contact + ctx.policy.prospects.conversion_window)
    if e.kind in ("second-purchase-overdue", "gone-quiet", "single-failure", "small-mishap") and c.rhythm.occasions:
        return Instant(gone_after(c, ctx.policy))
    if e.kind == "risk-high":
        return Instant(quiet_after(c) if c.stage != "dormant" else gone_after(c, ctx.policy))
    if e.subject == "complaint" and e.kind != "complaint-overdue" and (case := _find(c, e)) is not None:
        return Instant(case.rectify_by)
    return None


_MENDS = {
    "prospect-cooling": "A first purchase by {by} settles this.",
    "second-purchase-overdue": "A second purchase by {by} settles this.",
    "single-failure": "A next purchase settles this; a solved complaint alone does not.",
    "small-mishap": "A next purchase settles this.",
    "major-problem": "A solution accepted by the customer settles this.",
    "complaint-unacknowledged": "One call that says the complaint is known settles this.",
    "complaint-overdue": "A solution accepted by the customer settles this.",
    "request-unattended": "One answer settles this.",
    "gone-quiet": "One purchase by {by} settles this.",
    "defected": "One purchase wins this customer back.",
    "risk-high": "One purchase by {by} would bring the risk down.",
    "hostage": "A solution to the open complaint settles this.",
    "promise-broken": "Keeping the promise, be it late, settles this.",
    "experience-debt": "Good experiences repay this one by one.",
}


def counterfactual(e: Episode, by: Instant | None) -> str | None:
    """One line that says what would put the alarm right."""
    text = _MENDS.get(e.kind)
    if text is None or ("{by}" in text and by is None):
        return None
    return text.format(by=_date(by)) if by is not None else text


def treatment(c: Customer, e: Episode) -> Treatment:
    """The proposed treatment; on customers who cost more than they bring nothing is spent."""
    kind = KINDS[e.kind]
    return "do_not_spend" if c.tier == "lead" and not kind.is_case and not kind.fixed else kind.treatment
