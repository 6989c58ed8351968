"""The rhythm, the silence and the baskets of two ids that were one customer.

Occasions are not kept one by one. If one id ended before the other began, its sums go on. Else the rhythm is made again of the days
with purchases of the last year, of which a day of both ids is one occasion, and older gaps are taken to be like those.
"""

from math import log

from msgspec.structs import replace

from scorers.contract.events import DAY, HOUR, SECOND, Micros
from scorers.customer import silences
from scorers.customer.facts.baskets import KEPT
from scorers.customer.open_time import MAX_OTHER_STORES
from scorers.customer.parts.buying import Baskets, Purchases, Visit
from scorers.customer.rhythm import MEMORY, Pace, Rhythm, silence_limit
from scorers.customer.state import Customer
from scorers.in_force.base_rhythm import SHORTEST_DAYS
from scorers.in_force.context import Context
from scorers.in_force.figures import Contribution
from scorers.timeline.facts import NO_FACT

_NOON = 12 * HOUR


def rhythm(own: Customer, other: Customer) -> Rhythm:
    """The occasions of both."""
    if not (own.rhythm.occasions and other.rhythm.occasions):
        return own.rhythm if own.rhythm.occasions else other.rhythm
    early, late = sorted((own.rhythm, other.rhythm), key=lambda one: (one.first, one.last))
    if early.last // DAY < late.first // DAY:
        return _in_a_row(early, late)
    return _of_days(early, late, *[purchase_days(one) for one in (own, other)])


def _in_a_row(early: Rhythm, late: Rhythm) -> Rhythm:
    """One rhythm after the other, with the gap between them."""
    gap = max((late.first - early.last) / DAY, SHORTEST_DAYS)
    gaps = late.occasions - 1
    found = replace(
        early,
        occasions=early.occasions + late.occasions,
        last=late.last,
        last_gap=late.last_gap if gaps else gap,
        longest=max(early.longest, gap, late.longest),
        squares=early.squares + gap * gap + late.squares,
        logs=early.logs + log(gap) + late.logs,
        uneven=early.uneven + late.uneven,
        known=(MEMORY * early.known + 1.0) * MEMORY**gaps + late.known,
        paced=(MEMORY * early.paced + gap) * MEMORY**gaps + late.paced,
        closed=early.closed + late.closed,
        renewed=late.renewed or _extended(early.renewed, gap, late),
    )
    if early.occasions > 1:
        found.uneven += _uneven(early.last_gap, gap)
    if gaps:
        found.uneven += _uneven(gap, late.mean_gap() or gap)
    found.returned, found.survived = (), ()
    between = (int(gap * DAY), late.first)
    for silence, end in (*_survived(early), between, *_survived(late)):
        found.survive(silence, end)
    return found


def _extended(pace: Pace | None, gap: float, late: Rhythm) -> Pace | None:
    """The rhythm since a comeback, with the occasions of another id after it."""
    if pace is None:
        return None
    gaps = late.occasions - 1
    uneven = pace.uneven + late.uneven + (_uneven(pace.last_gap, gap) if pace.gaps else 0.0)
    return Pace(
        since=pace.since,
        gaps=pace.gaps + 1 + gaps,
        last_gap=late.last_gap if gaps else gap,
        uneven=uneven + (_uneven(gap, late.mean_gap() or gap) if gaps else 0.0),
        known=(MEMORY * pace.known + 1.0) * MEMORY**gaps + late.known,
        paced=(MEMORY * pace.paced + gap) * MEMORY**gaps + late.paced,
        closed=pace.closed + late.closed,
    )


def _uneven(gap: float, following: float) -> float:
    return (gap / (gap + following) - 0.5) ** 2


def _survived(one: Rhythm) -> list[tuple[int, Micros]]:
    return [(length * SECOND, end * SECOND) for length, end in zip(one.survived, one.returned, strict=True)]


def purchase_days(c: Customer) -> set[int]:
    """The days with purchases of the last year, in all currencies."""
    return set(c.spending.days).union(*[purse.days for purse in c.spending.others])


def _of_days(one: Rhythm, two: Rhythm, days: set[int], more: set[int]) -> Rhythm:
    """A rhythm of the days of both, of which a comeback begins none: the customer had not been away."""
    first, last = min(one.first, two.first), max(one.last, two.last)
    ends = {first // DAY: first, last // DAY: last}
    both = sorted({*days, *more, *ends})
    found = Rhythm()
    for day in both:
        found.visit(ends.get(day, day * DAY + _NOON))
    occasions = max(one.occasions + two.occasions - len(days & more), len(both))
    if older := occasions - len(both):
        gaps = len(both) - 1
        if gaps > 1:
            scale = (occasions - 1) / gaps
        else:
            mean = (last - first) / DAY / (occasions - 1)
            scale = float(occasions - 1)
            found.squares, found.logs, found.last_gap, found.longest = mean * mean, log(mean), mean, mean
            found.paced = found.known * mean
        found.squares, found.logs, found.uneven = found.squares * scale, found.logs * scale, found.uneven * scale
        found.occasions += older
    for silence, end in sorted([*_alone(one, two), *_alone(two, one)], key=lambda kept: kept[1]):
        found.survive(silence, end)
    return found


def _alone(one: Rhythm, other: Rhythm) -> list[tuple[int, Micros]]:
    """The survived silences of one id in which the other certainly did not buy."""
    return [(length, end) for length, end in _survived(one) if end - length >= other.last or end <= other.first]


def purchases(own: Customer, other: Customer, counts: list[Contribution], ctx: Context) -> Purchases:
    """The purchases of both, and the silence since the last of them. What the base has learnt of a silence that was none is taken back.

    The rhythm of both stands in `own` already; `limits` sets what follows from it.
    """
    mine, theirs = own.purchases, other.purchases
    if not (mine.count and theirs.count):
        return mine if mine.count else theirs
    newest, older = (other, own) if theirs.last > mine.last else (own, other)
    silences.take_back(older, ctx, counts)
    last = newest.purchases
    stores = [one for one in (*last.other_stores, *older.purchases.other_stores) if one[0] != newest.profile.store_id]
    if older.profile.store_id and older.profile.store_id != newest.profile.store_id:
        stores.append((older.profile.store_id, older.purchases.last // SECOND))
    seen = dict(sorted(stores, key=lambda one: one[1]))
    return replace(
        last,
        count=mine.count + theirs.count,
        first_ref=(other if other.rhythm.first < own.rhythm.first else own).purchases.first_ref,
        second_limit=max(mine.second_limit, theirs.second_limit),
        other_stores=tuple(sorted(seen.items(), key=lambda one: -one[1])[:MAX_OTHER_STORES]),
    )


def limits(c: Customer, ctx: Context) -> None:
    """Set the limits of silence that follow from the rhythm of both, by the figures at the last occasion."""
    figures = ctx.figures(c.rhythm.last)
    if c.rhythm.occasions > 1 or c.life.known:
        limit = silence_limit(c.rhythm, figures.base, ctx.policy.silence.false_a_year, figures.second_limit)
        c.purchases.quiet_limit = limit // SECOND * SECOND
    silences.watch(c, ctx)


def baskets(own: Customer, other: Customer) -> Baskets:
    """What both bought. The categories by blocks of four weeks are those of the id that bought first, whose blocks go on."""
    mine, theirs = own.baskets, other.baskets
    if not (mine.visits and theirs.visits):
        return mine if mine.visits else theirs
    masks: dict[int, int] = {}
    for visit in (*mine.visits, *theirs.visits):
        masks[visit.hour] = masks.get(visit.hour, 0) | visit.categories
    weights = len(mine.visits), len(theirs.visits)
    return replace(
        theirs if other.rhythm.first < own.rhythm.first else mine,
        variety=mine.variety | theirs.variety,
        breadth_fast=mean(mine.breadth_fast, theirs.breadth_fast, weights),
        breadth_slow=mean(mine.breadth_slow, theirs.breadth_slow, weights),
        visits=tuple([Visit(hour, masks[hour]) for hour in sorted(masks)][-KEPT:]),
        bored_at=0,
        bored_ref=NO_FACT,
        bored_from=0.0,
    )


def mean(one: float, other: float, weights: tuple[int, int]) -> float:
    """The weighted mean of two averages, of which 0 is unknown."""
    if not (one and other):
        return one or other
    return (one * weights[0] + other * weights[1]) / sum(weights)
