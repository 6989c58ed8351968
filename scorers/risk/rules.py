"""The risk by rules, which need no training: silence against the customer's own rhythm, moved by what is known of them."""

from scorers.contract.events import DAY, Duration, Micros
from scorers.customer.state import Customer
from scorers.in_force.base_rhythm import BaseRhythm
from scorers.in_force.closures import Closed
from scorers.risk.log_odds import logit, sigmoid
from scorers.risk.prior import no_purchase, strangers

RISK_OF_EXIT = 0.97  # of a customer who said that they left


def rules_risk(c: Customer, now: Micros, horizon: Duration, base: BaseRhythm, closed: Closed | None = None) -> float:
    """P(no purchase within the horizon) for a customer with at least one purchase, by the rules alone.

    `closed` is when the customer could not come; the horizon is open time.
    """
    if c.exit.at:
        return RISK_OF_EXIT
    rhythm = c.rhythm
    last = rhythm.last
    silence = 0.0 if now <= last else (now - last if closed is None else closed.open_between(last, now)) / DAY
    gaps = float(max(rhythm.occasions - 1, 0))
    age = (last - rhythm.first) / DAY - rhythm.closed
    own = rhythm.known, rhythm.paced, silence, horizon / DAY, rhythm.shape(base.shape), gaps, age
    p = no_purchase(*strangers(base.first_mean), *own)
    moved = _moved(c, now, horizon)
    return sigmoid(logit(p) + min(moved, 2.0)) if moved else p


def _moved(c: Customer, now: Micros, horizon: Duration) -> float:
    """What satisfaction, complaints, referrals and competitors add to the log-odds."""
    moved = 0.0
    opinion = c.opinion
    if opinion.marks:
        moved -= 0.3 * (opinion.mood - 3.0)
    for case in c.complaints.open:
        moved += 0.8 if case.rectify_by < now else 0.3
    if c.account.trouble is not None:
        moved += 0.3
    if opinion.referral:
        moved -= 0.3 * opinion.referral
    if opinion.competitors and now - opinion.competitor_at < horizon:
        moved += 0.5
    return moved
