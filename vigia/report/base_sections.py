"""The sections of the report about the figures of `base.json`: what customers bring with time, and which deadlines were met."""

from collections.abc import Sequence

from scorers.contract.inert import inert
from vigia.report import drawing
from vigia.report.base import LostAndWon, Tenure
from vigia.report.drawing import AMBER, BLUE, GOOD, Bar
from vigia.report.figures import MIN_AT_RISK, Figures, Share
from vigia.report.section import Picture, Section
from vigia.report.words import Words

DEADLINES = ("acknowledge", "rectify", "answer")
TIERS = ("platinum", "gold", "iron", "lead", "none")
MOST_STORES = 12
_FOUR_WEEKS = 28


def flow_heads(w: Words) -> list[str]:
    """The heads of the table of who was lost and won."""
    return [w.say(key) for key in ("whom", "lost", "won", "gap", "last_lost")]


def flow_rows(f: Figures, w: Words) -> list[Sequence[str]]:
    """The base, its tiers, and the stores with the greatest gaps."""
    stores = [flow for flow in f.base.flows if flow.flow.startswith("store:")]
    most = sorted(stores, key=lambda flow: (-flow.gap_minor, flow.flow))[:MOST_STORES]
    shown = [flow for flow in f.base.flows if flow not in stores] + most
    return [
        (
            _whom(flow, w),
            w.number(flow.lost),
            w.number(flow.won),
            w.amount(flow.gap_minor, flow.currency) if flow.currency and flow.gap_minor else "",
            _last_lost(f, flow, w),
        )
        for flow in shown
        if flow.lost or flow.won
    ]


def _whom(flow: LostAndWon, w: Words) -> str:
    sort, _, name = flow.flow.partition(":")
    if not name:
        return w.say("whole_base")
    return w.name(name) if sort == "tier" else w.say("store", name=inert(name, 40))


def _last_lost(f: Figures, flow: LostAndWon, w: Words) -> str:
    days = f.base.days_since_lost.get(flow.flow.removeprefix("tier:"))
    return "" if days is None else w.say("days_ago", n=w.number(days))


def tenure(f: Figures, w: Words) -> Section:
    """What a customer spends in four weeks, by how long they have been one (P7)."""
    known = [
        one
        for one in f.base.tenure
        if one.from_day
        and one.active_days >= MIN_AT_RISK * _FOUR_WEEKS
        and (f.currency or "") in one.spent_in_28_days_minor
    ]
    title = w.say("tenure")
    if not known:
        return Section(title, [], w.say("not_measured", why=w.say("too_few", n=MIN_AT_RISK)), w.say("tenure_do"))
    amounts = [one.spent_in_28_days_minor[f.currency or ""] for one in known]
    bars = [
        Bar(_days(one, w), amount, w.amount(amount, f.currency)) for one, amount in zip(known, amounts, strict=True)
    ]
    costs = [one.cost_in_28_days_minor.get(f.currency or "") for one in known]
    rows = [
        (_days(one, w), w.amount(amount, f.currency), w.amount(cost, f.currency))
        for one, amount, cost in zip(known, amounts, costs, strict=True)
        if cost is not None
    ]
    how = "more" if amounts[-1] > amounts[0] else "less"
    shows = w.say(
        "tenure_shows",
        first=w.amount(amounts[0], f.currency),
        first_days=_days(known[0], w),
        last=w.amount(amounts[-1], f.currency),
        last_days=_days(known[-1], w),
        how=w.say(how),
    )
    heads = [w.say(key) for key in ("since_first", "spends", "costs")]
    return Section(title, [Picture("", drawing.bars(title, bars))], shows, w.say("tenure_do"), heads, rows)


def _days(one: Tenure, w: Words) -> str:
    if one.to_day is None:
        return w.say("days_from", begin=one.from_day)
    return w.say("days", begin=one.from_day, end=one.to_day)


def deadlines(f: Figures, w: Words) -> Section:
    """Which deadlines of complaints and questions were met (X6)."""
    title, found = w.say("deadlines"), f.base.deadlines
    shares = {
        name: Share(
            sum(one.met for one in found if one.deadline == name),
            sum(one.met + one.missed for one in found if one.deadline == name),
        )
        for name in DEADLINES
    }
    told = {name: share for name, share in shares.items() if share.of}
    if not told:
        return Section(title, [], w.say("not_measured", why=w.say("no_cases")), w.say("deadlines_do_none"))
    bars = [
        Bar(w.say(name), share.some / share.of, f"{w.number(share.some)} / {w.number(share.of)}", _colour(share))
        for name, share in told.items()
    ]
    rows = [
        (w.say(one.deadline), w.name(one.tier), w.number(one.met), w.number(one.missed))
        for one in sorted(found, key=lambda one: (DEADLINES.index(one.deadline), TIERS.index(one.tier)))
    ]
    worst = max(told, key=lambda name: told[name].of - told[name].some)
    missed = told[worst].of - told[worst].some
    all_met, of = sum(share.some for share in told.values()), sum(share.of for share in told.values())
    shows = w.say("deadlines_shows", met=w.number(all_met), n=w.number(of), worst=w.say(worst), missed=w.number(missed))
    do = w.say("deadlines_do" if missed else "deadlines_do_none")
    heads = [w.say(key) for key in ("deadline", "tier", "met", "missed")]
    return Section(title, [Picture("", drawing.bars(title, bars))], shows, do, heads, rows)


def _colour(share: Share) -> str:
    return GOOD if share.some == share.of else AMBER if 2 * share.some >= share.of else BLUE
