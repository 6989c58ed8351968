"""What two ids that were one customer said and are to us: opinion, bonds, names, and the verdicts in force.

Where both know something, the newer counts, and of what has no date that of the id which goes on. Stage, tier, loyalty type and risk
are judged anew at the next instant, from the verdicts that stand here.
"""

from msgspec.structs import replace

from scorers.customer import lifecycle
from scorers.customer.open_time import closed_for
from scorers.customer.parts.experience import MARK_BITS, MAX_MARKS, Exit, Opinion, Ties
from scorers.customer.parts.verdicts import Attitude, Life, RiskReading, Tiering
from scorers.customer.state import Customer, Profile
from scorers.customer.tiers import RANK
from scorers.in_force.context import Context


def opinion(own: Customer, other: Customer) -> Opinion:
    """The marks of both, and the newest judgement of the owner."""
    mine, theirs = own.opinion, other.opinion
    marks = mine.marks + theirs.marks
    newer, older = (theirs, mine) if _marked(theirs) > _marked(mine) or not mine.marks else (mine, theirs)
    judged = max((mine, theirs), key=lambda one: (one.owners_view.at if one.owners_view else 0, one.owner != 0))
    lately = sorted([*mine.marks_lately, *theirs.marks_lately])[-MAX_MARKS:]
    return Opinion(
        marks=marks,
        marks_sum=mine.marks_sum + theirs.marks_sum,
        mark=newer.mark,
        mood=(mine.mood * mine.marks + theirs.mood * theirs.marks) / marks if marks else 0.0,
        survey=newer.survey or older.survey,
        recommends=newer.recommends if newer.recommends >= 0 else older.recommends,
        referrals=mine.referrals + theirs.referrals,
        referral=mine.referral or theirs.referral,
        owner=judged.owner,
        competitors=mine.competitors + theirs.competitors,
        competitor_at=max(mine.competitor_at, theirs.competitor_at),
        owners_view=judged.owners_view,
        marks_lately=tuple(lately),
        told=max(mine.told, theirs.told),
    )


def _marked(one: Opinion) -> int:
    """The second of the last mark."""
    return one.marks_lately[-1] >> MARK_BITS if one.marks_lately else 0


def ties(own: Customer, other: Customer) -> Ties:
    """The rewards and bonds of both; a bond that one id has is not cut."""
    mine, theirs = own.ties, other.ties
    bonds = [*mine.bonds, *[bond for bond in theirs.bonds if bond not in mine.bonds]]
    cuts = {cut.bond: cut for cut in sorted((*mine.cut, *theirs.cut), key=lambda cut: cut.at) if cut.bond not in bonds}
    begun = [one.rewards_since for one in (mine, theirs) if one.rewards_since]
    return replace(
        mine,
        rewards=mine.rewards + theirs.rewards,
        last_reward=max(mine.last_reward, theirs.last_reward),
        bonds=bonds,
        cut=tuple(cuts.values()),
        visits=mine.visits + theirs.visits,
        rewarded=mine.rewarded + theirs.rewarded,
        covered=mine.covered + theirs.covered,
        rewards_since=min(begun, default=0),
    )


def exit_of(own: Customer, other: Customer) -> Exit:
    """The goodbye that no purchase of either id has followed."""
    last = max(own.purchases.last, other.purchases.last)
    said = [c.exit for c in (own, other) if c.exit.at > last]
    return max(said, key=lambda one: one.at) if said else Exit()


def profile(own: Customer, other: Customer) -> Profile:
    """The names of the id that goes on, and of the other what it lacks. Who has refused offers under one id has refused them."""
    mine, theirs = own.profile, other.profile
    newest = theirs if other.purchases.last > own.purchases.last else mine
    return Profile(
        name=mine.name or theirs.name,
        locale=mine.locale or theirs.locale,
        owner_id=mine.owner_id or theirs.owner_id,
        store_id=newest.store_id or mine.store_id or theirs.store_id,
        refuses_offers=mine.refuses_offers or theirs.refuses_offers,
        party=mine.party or theirs.party,
    )


def life(own: Customer, other: Customer) -> Life:
    """When the life as a customer began; `stage` gives the stage."""
    mine, theirs = own.life, other.life
    first = theirs if 0 < other.rhythm.first < (own.rhythm.first or other.rhythm.first + 1) else mine
    known_since = [one.customer_since for one in (mine, theirs) if one.customer_since]
    return replace(
        first,
        core_before=mine.core_before or theirs.core_before,
        customer_since=min(known_since, default=0),
        known=mine.known or theirs.known,
    )


def stage(c: Customer, mine: Life, theirs: Life, now: int, ctx: Context) -> None:
    """Set the stage of both as it follows from the facts, since when the first of them was in it, else since now."""
    c.life.stage = "prospect"
    c.life.stage = lifecycle.judge(c, now, ctx.policy, closed_for(c, ctx) if ctx.closures.are_known else None)[0]
    same = [one.since for one in (mine, theirs) if one.stage == c.life.stage and one.since]
    c.life.since = min(same, default=now)


def tiering(own: Customer, other: Customer) -> Tiering:
    """The higher tier of both; a fall begins anew."""
    mine, theirs = own.tiering, other.tiering
    if not (own.purchases.count and other.purchases.count):
        return mine if own.purchases.count else theirs
    higher = theirs if RANK[theirs.tier] > RANK[mine.tier] else mine
    return Tiering(tier=higher.tier, ranked=mine.ranked or theirs.ranked)


def attitude(own: Customer, other: Customer) -> Attitude:
    """The type of the id that has said more."""
    return other.attitude if other.opinion.marks > own.opinion.marks else own.attitude


def risk(own: Customer, other: Customer) -> RiskReading:
    """The readings of the id that goes on, if it has any: questions that were asked about half a customer teach nothing."""
    mine, theirs = own.risk, other.risk
    if not own.purchases.count:
        return theirs
    if not other.purchases.count:
        return mine
    reviews = [one.next_review for one in (mine, theirs) if one.next_review]
    return replace(mine, last=-1.0, next_review=min(reviews, default=0))
