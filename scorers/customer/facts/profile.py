"""The customer's names, rewards and bonds (P5)."""

from datetime import date

from scorers.contract.events import DAY, BondEnded, BondStarted, CustomerDescribed, RewardGranted
from scorers.customer import serving, silences
from scorers.customer.facts import bundles, purchases
from scorers.customer.parts.experience import Cut
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.in_force.figures import Contribution
from scorers.timeline.facts import Ref
from scorers.timeline.retained_fields import MARKETING

_EPOCH = date(1970, 1, 1)


def described(c: Customer, e: CustomerDescribed, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """Names and attributes; a field that is left out is not changed, and a date ahead is ignored."""
    c.profile.name = e.name or c.profile.name
    c.profile.locale = e.locale or c.profile.locale
    c.profile.owner_id = e.owner_id or c.profile.owner_id
    if e.party_type is not None:
        c.profile.party = "" if e.party_type == "final" else e.party_type
    if e.consent is not None and (consents := e.consent.get(MARKETING)) is not None:
        c.profile.refuses_offers = not consents
    if e.customer_since is not None and (since := (e.customer_since - _EPOCH).days * DAY) <= e.time:
        c.life.customer_since = max(since, 1)
        if c.rhythm.occasions and not c.life.known:
            purchases.recognise(c, e.time, ctx)
            silences.watch(c, ctx)
            silences.lapse(c, e.time, ctx, counts)


def reward(c: Customer, e: RewardGranted, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """A coupon, a gift or an honour."""
    c.ties.rewards += 1
    bundles.rewarded(c, e.time, ctx.policy.bonds)
    serving.spend(c, e.value_minor, e.time, ref, ctx.policy, counts)


def bond_started(c: Customer, e: BondStarted, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """A bond begins."""
    if e.bond not in c.ties.bonds:
        c.ties.bonds.append(e.bond)
    if c.ties.cut:
        c.ties.cut = tuple(cut for cut in c.ties.cut if cut.bond != e.bond)


def bond_ended(c: Customer, e: BondEnded, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """A bond ends. One that was not in use is no news."""
    if e.bond in c.ties.bonds:
        c.ties.bonds.remove(e.bond)
        c.ties.cut += (Cut(e.bond, e.time, ref),)
