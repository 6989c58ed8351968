"""The features of the risk model: numbers about a customer at an instant.

Each is a logarithm, a share or a small count, and 0 if nothing is known, so that a shop without complaints, surveys or
coupons pays nothing for their columns. Only facts of the row and the instant itself are read: nothing later can leak in.
Values are rounded to 16 bits here, a thousandth of each, so that a score is the same from a row and from a packed question.
"""

import struct
from bisect import bisect_right
from collections.abc import Sequence
from math import cos, exp, expm1, log, log1p, pi, sin, sqrt

from scorers.contract.events import DAY, Duration, Micros
from scorers.customer.rhythm import Rhythm
from scorers.customer.state import Customer
from scorers.in_force.base_rhythm import BaseRhythm
from scorers.in_force.closures import Closed
from scorers.risk import columns as col
from scorers.risk.columns import SIGNALS, WIDTH

_YEAR = 365.2425 * DAY
_TURN = 2.0 * pi / _YEAR
_DEBT_HALF_LIFE = 365 * DAY


_ALL_16 = struct.Struct(f"<{WIDTH}e")
_NO_SIGNALS = (0.0,) * (SIGNALS.stop - SIGNALS.start)
_QUIET_16 = struct.Struct(f"<{WIDTH - len(_NO_SIGNALS)}e")


def features(
    c: Customer, now: Micros, horizon: Duration, base: BaseRhythm, closed: Closed | None = None
) -> list[float]:
    """The columns of `NAMES` for a customer with at least one purchase, at an instant not before their last fact.

    `closed` is when the customer could not come: no closure counts as silence, and windows reach back over it.
    """
    x = [0.0] * WIDTH
    _fill_timing(x, c.rhythm, now, horizon, base, closed)
    days = c.spending.days
    if c.spending.others:  # a purchase day counts in whatever currency
        days = sorted({*days, *(day for purse in c.spending.others for day in purse.days)})
    if days:
        _fill_counts(x, days, now, horizon, closed)
    _fill_spending(x, c)
    season = _TURN * (now % _YEAR)
    x[col.SEASON_SIN] = sin(season)
    x[col.SEASON_COS] = cos(season)
    if _has_signals(c):
        _fill_signals(x, c, now, horizon)
        return list(_ALL_16.unpack(_ALL_16.pack(*x)))
    del x[SIGNALS]  # rounding zeros would take a tenth of the time
    x = list(_QUIET_16.unpack(_QUIET_16.pack(*x)))
    x[SIGNALS.start : SIGNALS.start] = _NO_SIGNALS
    return x


def _fill_timing(
    x: list[float], rhythm: Rhythm, now: Micros, horizon: Duration, base: BaseRhythm, closed: Closed | None
) -> None:
    n = rhythm.occasions
    h = horizon / DAY
    last = rhythm.last
    survived = rhythm.open_days()
    silence = 0.0 if now <= last else (now - last if closed is None else closed.open_between(last, now)) / DAY
    tenure = survived + silence
    x[col.HORIZON] = log(h)
    x[col.SURVIVED_DAYS] = log1p(survived)
    x[col.SILENCE] = log1p(silence)
    x[col.TENURE] = log1p(tenure)
    if n:
        x[col.OCCASIONS] = log(n)
        x[col.RATE] = log((n - 0.7) / (tenure / h + 0.4))
    if n > 1:
        gaps = n - 1
        mean = survived / gaps
        longest = rhythm.longest
        x[col.PACED_GAPS] = log1p(rhythm.known)
        x[col.PACED_DAYS] = log1p(rhythm.paced)
        x[col.REGULARITY] = log(rhythm.shape(base.shape))
        x[col.MEAN_GAP] = log1p(mean)
        x[col.GAP_SPREAD] = log1p(sqrt(max(rhythm.squares / gaps - mean * mean, 0.0)))
        x[col.LAST_GAP] = log1p(rhythm.last_gap)
        x[col.LONGEST_GAP] = log1p(longest)
        x[col.OVERDUE] = log((silence + 3.0) / (mean + 3.0))
        x[col.OVERDUE_LONGEST] = log((silence + 3.0) / (longest + 3.0))
    else:
        x[col.REGULARITY] = log(base.shape)
        x[col.ONE_TIME] = 1.0


def _fill_counts(x: list[float], days: Sequence[int], now: Micros, horizon: Duration, closed: Closed | None) -> None:
    """Count the days with a purchase in windows that end now; `days` are day numbers, ascending."""
    today, h = now // DAY, horizon / DAY
    total = len(days)
    starts = today - 4.0 * h, today - 2.0 * h, today - h, today - 0.5 * h
    if closed is not None:
        oldest, older, old, half = [closed.since(today * DAY, round((today - at) * DAY)) / DAY for at in starts]
        starts = oldest, older, old, half
    first = bisect_right(days, starts[0])
    if first < total:
        x[col.BOUGHT_FOUR_HORIZONS] = log1p(total - first)
        first = bisect_right(days, starts[1], first)
        x[col.BOUGHT_TWO_HORIZONS] = log1p(total - first)
        first = bisect_right(days, starts[2], first)
        x[col.BOUGHT_HORIZON] = log1p(total - first)
        x[col.BOUGHT_HALF_HORIZON] = log1p(total - bisect_right(days, starts[3], first))


def _fill_spending(x: list[float], c: Customer) -> None:
    n, purchases, amount = c.rhythm.occasions, c.purchases.count, c.spending.amount_minor
    if amount and n:
        x[col.SPENT] = log1p(amount / 100.0)
        x[col.BASKET] = log1p(amount / (100.0 * n))
        x[col.SPEND_TREND] = log((c.spending.fast + 1.0) / (c.spending.slow + 1.0))
    if purchases > n > 0:
        x[col.TRIPS] = log(purchases / n)
    if c.baskets.variety:
        x[col.BREADTH] = log1p(c.baskets.variety.bit_count())
        x[col.BREADTH_TREND] = log((c.baskets.breadth_fast + 1.0) / (c.baskets.breadth_slow + 1.0))
    if c.spending.discounted:
        x[col.DISCOUNTED] = c.spending.discounted / purchases
        x[col.DISCOUNT_SHARE] = c.spending.discount_minor / (c.spending.discount_minor + amount + 1.0)
    if c.spending.refunds:
        x[col.REFUNDS] = log1p(c.spending.refunds)
        x[col.REFUND_SHARE] = min(c.spending.refund_minor / (amount + 1.0), 2.0)


def _has_signals(c: Customer) -> bool:
    """Whether any column of `SIGNALS` may differ from 0: most customers of most shops have none."""
    return bool(
        c.contacts.received
        or c.contacts.made
        or c.contacts.requests
        or c.ties.rewards
        or c.complaints.count
        or c.opinion.marks
        or c.opinion.recommends >= 0
        or c.opinion.referral
        or c.account.debt
        or c.account.trouble is not None
        or c.contacts.tone
        or c.promises.broken
        or c.opinion.competitors
        or c.exit.at
        or c.opinion.owner
        or c.ties.bonds
    )


def _fill_signals(x: list[float], c: Customer, now: Micros, horizon: Duration) -> None:
    if c.contacts.received:
        x[col.CONTACTS_IN] = log1p(c.contacts.received)
        x[col.CONTACT_IN_LATELY] = exp((c.contacts.last_received - now) / horizon)
    if c.contacts.made:
        x[col.CONTACTS_OUT] = log1p(c.contacts.made)
        x[col.CONTACT_OUT_LATELY] = exp((c.contacts.last_made - now) / horizon)
        x[col.UNANSWERED] = log1p(len(c.contacts.outreach))
        x[col.ANSWERED] = c.contacts.answered / c.contacts.made
    x[col.REQUESTS_OPEN] = log1p(len(c.contacts.requests))
    if c.ties.rewards:
        x[col.REWARDS] = log1p(c.ties.rewards)
        x[col.REWARD_LATELY] = exp((c.ties.last_reward - now) / horizon)
    if c.complaints.count:
        x[col.COMPLAINTS] = log1p(c.complaints.count)
        x[col.COMPLAINT_LATELY] = exp((c.complaints.last - now) / horizon)
        if c.complaints.open:
            x[col.COMPLAINTS_OPEN] = log1p(len(c.complaints.open))
            x[col.COMPLAINTS_OVERDUE] = log1p(sum(case.rectify_by < now for case in c.complaints.open))
    if c.opinion.marks:
        x[col.SATISFACTION] = c.opinion.mood - 3.0
        x[col.SATISFACTION_LAST] = c.opinion.mark - 3.0
    if c.opinion.recommends >= 0:
        x[col.RECOMMENDS] = (c.opinion.recommends - 7.0) / 3.0
    x[col.REFERRAL] = c.opinion.referral
    if c.account.debt:
        x[col.DEBT] = min(c.account.debt / 12.0, 1000.0) * 0.5 ** ((now - c.account.debt_at) / _DEBT_HALF_LIFE)
    if c.account.trouble is not None:
        x[col.TROUBLE] = log1p(c.account.trouble.count)
    x[col.TONE] = c.contacts.tone
    if c.promises.broken:
        x[col.PROMISES_BROKEN] = log1p(c.promises.broken)
    if c.opinion.competitors:
        x[col.COMPETITOR_LATELY] = exp((c.opinion.competitor_at - now) / horizon)
    if c.exit.at:
        x[col.SAID_GOODBYE] = 1.0
    x[col.OWNER_JUDGED] = c.opinion.owner
    if c.ties.bonds:
        x[col.BONDS] = log1p(len(c.ties.bonds))


def prior_arguments(x: Sequence[float]) -> tuple[float, float, float, float, float, float, float]:
    """The arguments of `Population.risk`, from features."""
    return (
        expm1(x[col.PACED_GAPS]),
        expm1(x[col.PACED_DAYS]),
        expm1(x[col.SILENCE]),
        exp(x[col.HORIZON]),
        exp(x[col.REGULARITY]),
        exp(x[col.OCCASIONS]) - 1.0,
        expm1(x[col.SURVIVED_DAYS]),
    )
