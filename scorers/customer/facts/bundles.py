"""Bundles that are no longer bought, and loyalty to rewards alone (P5).

A bundle is what nearly every visit contained: at least two categories, in all but one of the earlier visits. It is cut when none of the three
newest visits contained two of them any more, and is back with the first visit that does.
"""

from collections import Counter

from scorers.contract.events import SECOND, Micros
from scorers.customer.facts.baskets import EARLIER, KEPT
from scorers.customer.parts.experience import Cut
from scorers.customer.state import Customer
from scorers.policy.tables import Bonds
from scorers.timeline.facts import Ref

BUNDLE = "bundle"
_TOGETHER = 2  # categories


def judge(c: Customer, at: Micros, ref: Ref) -> None:
    """When an occasion begins, judge the completed ones before it. Without known categories nothing is judged."""
    visits = c.baskets.visits
    if BUNDLE not in c.ties.bonds or len(visits) < KEPT or not all(visit.categories for visit in visits):
        return
    bundle = _bundle([visit.categories for visit in visits[:EARLIER]])
    if bundle and not any(_contains(visit.categories, bundle) for visit in visits[EARLIER:]):
        c.ties.bonds.remove(BUNDLE)
        c.ties.cut += (Cut(BUNDLE, at, ref, bundle),)


def back(c: Customer) -> None:
    """Take a bundle up again that the present visit contains."""
    now = c.baskets.visits[-1].categories
    for cut in c.ties.cut:
        if cut.bundle and _contains(now, cut.bundle):
            c.ties.bonds.append(BUNDLE)
            c.ties.cut = tuple([other for other in c.ties.cut if other is not cut])
            return


def rewarded_visit(c: Customer, at: Micros, rules: Bonds) -> None:
    """Count an occasion since the first reward, and whether a reward came shortly before it."""
    c.ties.visits += 1
    c.ties.rewarded += at - c.ties.last_reward <= rules.reward_within


def rewarded(c: Customer, at: Micros, rules: Bonds) -> None:
    """A reward begins; the time after it, up to the next one, counts as covered by rewards."""
    ties = c.ties
    if ties.last_reward:
        ties.covered += min(rules.reward_within, at - ties.last_reward) // SECOND
    ties.rewards_since = ties.rewards_since or at // SECOND
    ties.last_reward = at


def is_reward_only(c: Customer, now: Micros, rules: Bonds) -> bool:
    """Whether the customer comes nearly only after rewards, although most of the time none is near: so chance does not explain it."""
    ties = c.ties
    if ties.visits < rules.visits_at_least or ties.rewarded < rules.reward_only_from * ties.visits:
        return False
    covered = ties.covered + min(rules.reward_within, now - ties.last_reward) // SECOND
    return covered <= rules.covered_at_most * (now // SECOND - ties.rewards_since)


def _bundle(visits: list[int]) -> int:
    """The categories of all visits but one, as a mask; 0 if these are fewer than two."""
    found = Counter(bit for mask in visits for bit in range(mask.bit_length()) if mask >> bit & 1)
    mask = sum(1 << bit for bit, count in found.items() if count >= len(visits) - 1)
    return mask if mask.bit_count() >= _TOGETHER else 0


def _contains(categories: int, bundle: int) -> bool:
    return (categories & bundle).bit_count() >= _TOGETHER
