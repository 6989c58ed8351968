"""What the sentences of reasons are made of: dates, the usual gap, causes by name, and what may explain a silence.

Only `says`, and the topics of requests and promises, quote a customer's text; all of it is one inert line.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from statistics import median
from typing import Literal

from scorers.alarms.english import ENGLISH
from scorers.alarms.speech import Value
from scorers.contract.alarms import Reason
from scorers.contract.events import DAY, HOUR, Duration, Micros
from scorers.contract.rfc3339 import rfc3339
from scorers.customer.facts.bundles import is_reward_only
from scorers.customer.open_time import closed_for, closed_time
from scorers.customer.parts.cases import Case
from scorers.customer.parts.experience import Cause
from scorers.customer.state import Customer
from scorers.groups.staff import HUNDREDTHS, SCORE
from scorers.in_force.context import Context

USUAL_GAPS = 3  # with fewer gaps nothing is called usual
_REFUNDS = {
    "faulty": "faulty",
    "defect": "faulty",
    "defective": "faulty",
    "damaged": "damaged",
    "broken": "broken",
    "wrong": "wrong",
    "wrong_item": "wrong",
    "not_as_described": "not_as_described",
    "late": "late",
    "quality": "quality",
}


def told(
    code: str, weight: float, sentence: str, now: Micros, ctx: Context, values: dict[str, Value] | None = None
) -> Reason:
    """A reason with its sentence in English, and what other languages need to say the same."""
    # a length of time is an int of a type of its own, which the contract does not know
    found = {} if values is None else {k: int(v) if isinstance(v, int) else v for k, v in values.items()}
    return Reason(code, weight, ENGLISH.say(sentence, found, date(now, ctx)), sentence, found)


def date(at: Micros, ctx: Context) -> str:
    """The date of an instant, as the calendar of the business has it (`time.zone`)."""
    return _date((at + ctx.zone.offset(at)) // DAY)


@lru_cache(maxsize=4096)
def _date(day: int) -> str:
    return rfc3339(day * DAY)[:10]


def times(n: int, what: str) -> str:
    """A count with its noun.

    >>> times(1, "complaint"), times(2, "complaint")
    ('1 complaint', '2 complaints')
    """
    return f"1 {what}" if n == 1 else f"{n:,} {what}s"


def span(duration: Duration) -> str:
    """A length of time in words."""
    return ENGLISH.span(duration)


def usual_gap(c: Customer) -> float:
    """The middle one of the newest gaps of the present rhythm, in days; 0.0 where fewer than `USUAL_GAPS` are known."""
    since = c.rhythm.renewed.since // HOUR if c.rhythm.renewed is not None else 0
    hours = [visit.hour for visit in c.baskets.visits if visit.hour >= since]
    gaps = [(later - before) * HOUR / DAY for before, later in pairwise(hours)]
    return median(gaps) if len(gaps) >= USUAL_GAPS else 0.0


def silence(c: Customer, weight: float, now: Micros, ctx: Context) -> Reason:
    """How long the customer has not bought, and what is usual; days as a reader counts them, from date to date."""
    silent = ctx.zone.day(now) - ctx.zone.day(c.purchases.last)
    values: dict[str, Value] = {
        "silent": silent,
        "last": date(c.purchases.last, ctx),
        "closed": round(closed_time(closed_for(c, ctx), c.purchases.last, now) / DAY),
    }
    if usual := usual_gap(c):
        sentence = "silence_usual" if silent else "came_usual"
        return told("silence", weight, sentence, now, ctx, values | {"usual": round(usual, 1)})
    came_back = c.rhythm.renewed is not None and not c.rhythm.renewed.gaps
    sentence = "came" if not silent else "silence_after_comeback" if came_back else "silence"
    return told("silence", weight, sentence, now, ctx, values)


def background(c: Customer, now: Micros, ctx: Context) -> list[Reason]:
    """Reasons that may explain a silence: open complaints and requests, low satisfaction, competitors, complaints about the store, a staff that is not content."""
    found = []
    if cases := c.complaints.open:
        sentence, values = open_cases("complaint", [case.opened for case in cases], ctx)
        found += [told("unrectified_defect", 0.5, sentence, now, ctx, values), *says(cases[0], now, ctx)]
    if requests := c.contacts.requests:
        sentence, values = open_cases("request", [request.opened for request in requests], ctx)
        found.append(told("unattended_service", 0.4, sentence, now, ctx, values))
    if c.opinion.mark and c.opinion.mark <= 2:
        found.append(_low_mark(c, now, ctx))
    if c.opinion.competitors and c.opinion.competitor_at > c.purchases.last - 60 * DAY:
        found.append(told("competitor", 0.3, "competitor", now, ctx, {"at": date(c.opinion.competitor_at, ctx)}))
    if c.ties.rewards_since and is_reward_only(c, now, ctx.policy.bonds):
        share = round(100 * c.ties.rewarded / c.ties.visits)
        values = {"share": share, "within": int(ctx.policy.bonds.reward_within)}
        found.append(told("reward_only", 0.2, "reward_only", now, ctx, values))
    rules = ctx.policy.stores
    group = ctx.group("store", c.profile.store_id, now)
    complaints = group.get("complaints", 0)
    if complaints >= rules.mention_from:
        values = {"found": complaints, "within": int(rules.complaint_window)}
        found.append(told("store_complaints", 0.2, "store_complaints", now, ctx, values))
    if (score := group.get(SCORE, 0)) and score <= HUNDREDTHS * ctx.policy.staff.mention_to:
        values = {"mood": score / HUNDREDTHS, "within": int(ctx.policy.staff.answers_within)}
        found.append(told("store_staff", 0.2, "store_staff", now, ctx, values))
    return found


def open_cases(
    what: Literal["complaint", "request"], opened: Sequence[Micros], ctx: Context
) -> tuple[str, dict[str, Value]]:
    """The sentence that says that cases are open, and its values."""
    values: dict[str, Value] = {"opened": date(min(opened), ctx)}
    return (f"{what}_open", values) if len(opened) == 1 else (f"{what}s_open", values | {"open": len(opened)})


def _low_mark(c: Customer, now: Micros, ctx: Context) -> Reason:
    bad = c.account.last_bad
    if bad is not None and bad.what == "mark" and bad.word == str(c.opinion.mark):
        values: dict[str, Value] = {"mark": bad.word, "at": date(bad.at, ctx)}
        return told("service_quality", 0.3, "was_mark", now, ctx, values)
    return told("service_quality", 0.3, "mark_low", now, ctx, {"mark": c.opinion.mark})


def says(case: Case, now: Micros, ctx: Context) -> list[Reason]:
    """What the customer wrote, in quotes that the text cannot end; empty if nothing is known of it."""
    return [told("complaint_says", 0.0, "complaint_says", now, ctx, {"says": quoted(case.says)})] if case.says else []


def quoted(text: str) -> str:
    """A text that cannot end the quotes that it stands in; a code such as `order_status` is read as words."""
    plain = text.replace('"', "'")
    return plain if " " in plain else plain.replace("_", " ")


def named(c: Customer, cause: Cause, code: str, weight: float, now: Micros, ctx: Context) -> list[Reason]:
    """A bad experience by its name and date, and what the customer wrote where it was a complaint that is still known."""
    on: dict[str, Value] = {"at": date(cause.at, ctx)}
    match cause.what:
        case "complaint":
            known = [one for one in (*c.complaints.open, *c.complaints.closed) if one.id == cause.word]
            quote = says(known[0], now, ctx) if known else []
            return [told(code, weight, "was_complaint", now, ctx, on), *quote]
        case "mark":
            return [told(code, weight, "was_mark", now, ctx, on | {"mark": cause.word})]
        case "refund":
            known_as = _REFUNDS.get(cause.word.strip().casefold())
            on["thing"] = quoted(cause.thing)
            if known_as is None:
                return [told(code, weight, "was_refund", now, ctx, on | {"reason": quoted(cause.word)})]
            return [told(code, weight, f"was_refund_{known_as}", now, ctx, on)]
        case "promise":
            if cause.word:
                return [told(code, weight, "promise_broken_about", now, ctx, on | {"topic": quoted(cause.word)})]
            return [told(code, weight, "promise_broken", now, ctx, on)]
        case "request":
            return [request(cause.at, cause.word, code, weight, now, ctx)]


def request(opened: Micros, topic: str, code: str, weight: float, now: Micros, ctx: Context) -> Reason:
    """A request that has had no answer."""
    values: dict[str, Value] = {"opened": date(opened, ctx)}
    if topic:
        return told(code, weight, "request_unattended_about", now, ctx, values | {"topic": quoted(topic)})
    return told(code, weight, "request_unattended", now, ctx, values)
