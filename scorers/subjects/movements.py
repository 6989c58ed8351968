"""What the base's counts learn of a customer: who is lost and won (L8), who moves between stages and tiers, and who stays (L7)."""

from msgspec import Struct

from scorers.contract.alarms import Stage, Tier
from scorers.contract.events import DAY, SECOND, Micros, Purchase
from scorers.customer.lifecycle import LEFT
from scorers.customer.parties import STAFF
from scorers.customer.parts.cohort import Counted
from scorers.customer.parts.told import Loss
from scorers.customer.state import Customer
from scorers.customer.tiers import RANK
from scorers.in_force.context import Context
from scorers.in_force.counted import base_counts, flows
from scorers.in_force.counted.flows import STAGES
from scorers.in_force.figures import Contribution
from scorers.in_force.live_quality import place_of
from scorers.subjects.reviews import on_grid
from scorers.timeline.episodes import NEVER

_PLACES: dict[Stage, int] = {stage: place for place, stage in enumerate(STAGES)}


class Before(Struct, frozen=True, gc=False):
    """A customer before an instant."""

    stage: Stage
    tier: Tier
    loss: Loss | None
    occasions: int
    last: Micros  # when the last occasion began


def follow(c: Customer, before: Before, at: Micros, bought: bool, ctx: Context, counts: list[Contribution]) -> None:
    """Count how a customer has moved at an instant.

    Of final customers (P1); moves between stages are those of distributors too. Who never bought is not lost, and who was a customer before the first purchase that was seen is not won. Who turns out not to have
    left, because of a closure, is taken back on the day of the loss.
    """
    if c.life.stage != before.stage and c.profile.party != STAFF:
        counts.append(base_counts.moved(at // DAY, before.stage, c.life.stage))
    if not c.rhythm.occasions or c.profile.party:
        return
    day, after, store, currency = at // DAY, c.life.stage, c.profile.store_id, c.spending.currency
    is_new = bought and c.purchases.count == 1 and not c.life.known
    if is_new or (bought and before.stage in LEFT and after not in LEFT):
        counts += flows.won(day, currency, c.tiering.tier, store, spend(c, at, ctx))
    elif after in LEFT and c.loss is not None and before.loss is None:
        c.loss.spend_minor = spend(c, at, ctx)
        counts += flows.lost(day, currency, c.loss.tier, store, c.loss.spend_minor)
        counts += base_counts.left(day, _since(c), c.rhythm.last, _number(c), c.loss.tier)
    elif before.stage in LEFT and after not in LEFT and (loss := before.loss) is not None:
        day = loss.at * SECOND // DAY
        counts += flows.lost(day, currency, loss.tier, store, loss.spend_minor, -1)
        counts += base_counts.left(day, _since(c), c.rhythm.last, _number(c), loss.tier, -1)
    elif RANK[c.tiering.tier] > RANK[before.tier] > RANK["none"]:
        counts += flows.entered(day, currency, c.tiering.tier, spend(c, at, ctx))


def bought(c: Customer, e: Purchase, before: Before, counts: list[Contribution]) -> None:
    """Count a purchase of a final customer by tenure (P7), and the occasion that it begins (L9)."""
    if c.profile.party:
        return
    day, since = e.time // DAY, _since(c)
    counts.append(base_counts.spent(day, e.currency, e.time - since, e.amount_minor))
    if c.rhythm.occasions > before.occasions:
        last = before.last if before.occasions else 0
        counts += base_counts.came(day, since, last, e.time, _number(c), absent=before.stage in LEFT)


def place(c: Customer, at: Micros, counts: list[Contribution]) -> None:
    """Count the customer with the yearly value under the present tier and stage (T2)."""
    counted, spending = c.counted, c.spending
    now = -1 if c.profile.party else place_of(c.tiering.tier, c.life.stage)
    if (now, spending.year_minor, spending.currency) == (counted.place, counted.minor, counted.currency):
        return
    day = at // DAY
    if counted.place >= 0:
        if now == counted.place and spending.currency == counted.currency:
            counts.append((day, base_counts.MONEY + spending.currency, now, spending.year_minor - counted.minor))
            counted.minor = spending.year_minor
            return
        counts += base_counts.placed(day, counted.currency, counted.place, counted.minor, -1)
    if now >= 0:
        counts += base_counts.placed(day, spending.currency, now, spending.year_minor, 1)
    c.counted = Counted(now, spending.year_minor, spending.currency)


def forgotten(c: Customer, at: Micros) -> list[Contribution]:
    """What takes the customer out of the counts by tier and stage."""
    held = c.counted
    return [] if held.place < 0 else list(base_counts.placed(at // DAY, held.currency, held.place, held.minor, -1))


def _since(c: Customer) -> Micros:
    """From when tenure counts."""
    return c.life.customer_since or c.rhythm.first


def _number(c: Customer) -> int:
    """How often the customer has come; 0 where they came before the first purchase that was seen."""
    return 0 if c.life.known else c.rhythm.occasions


def spend(c: Customer, at: Micros, ctx: Context) -> int:
    """What a customer spends in a window at the own pace: a usual purchase for each usual gap, or the base's usual first gap."""
    gap = c.rhythm.mean_gap() or ctx.figures(at).base.first_mean
    return round(c.spending.slow * (ctx.policy.base.window / DAY) / max(gap, 1.0))


def begin(c: Customer, at: Micros, fact: bool, ctx: Context, counts: list[Contribution]) -> None:
    """Before a fact is folded or a deadline judged: count the horizons that are over. A fact at the very end of one belongs to it.

    Called only where `cohort.until` is before a fact, or not after a deadline: most instants lie within the horizon.
    """
    cohort = c.cohort
    ends = at if fact else at + 1
    horizon = ctx.policy.risk.horizon // SECOND * SECOND
    if cohort.until:
        if cohort.stage >= 0:
            counts.append(flows.kept(cohort.until // DAY, cohort.stage, cohort.bought))
        cohort.stage = -1 if c.profile.party else _PLACES.get(c.life.stage, -1)
    cohort.bought, cohort.until = False, on_grid(ends - 1, horizon, c.id)


def next_instant(c: Customer) -> Micros:
    """The end of the present horizon, where it counts or the next one may."""
    return c.cohort.until if c.cohort.stage >= 0 or c.life.stage in _PLACES else NEVER
