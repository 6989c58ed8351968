"""Whether alarms were right (A9): each that is told is answered once, and who has left was told before or missed.

An alarm about a customer is answered by the first purchase after it, or at the end of its horizon if there was none: what it warned of
came true. One about a case is answered at its deadline: breached if it still stands then. The answers are figures of the base.
"""

from functools import lru_cache

from scorers.alarms.act_by import act_by
from scorers.alarms.catalogue import CATALOGUE
from scorers.alarms.render import proposed_treatment
from scorers.alarms.risk.reported import reported_horizon
from scorers.contract.events import DAY, SECOND, Duration, Micros
from scorers.customer.open_time import closed_for
from scorers.customer.parts.told import MAX_TOLD, Told
from scorers.customer.state import Customer
from scorers.customer.value import margin_within
from scorers.in_force import live_quality, uplift
from scorers.in_force.closures import Closed
from scorers.in_force.context import Context
from scorers.in_force.figures import Contribution
from scorers.in_force.live_quality import ARMS, place_of
from scorers.in_force.uplift import TREATMENTS, code_of
from scorers.policy.hold_out import is_held_out, quarter_of
from scorers.timeline.episodes import NEVER, Episode
from scorers.timeline.kinds import Kind
from scorers.timeline.subjects import Effects

_DAY = DAY // SECOND
_TOLD, _HELD_OUT, _ACTED = range(len(ARMS))


@lru_cache(maxsize=4096)
def key_of(alarm_id: str) -> int:
    """The first 32 bits of an alarm's id."""
    return int(alarm_id[:8], 16)


BY_CODE: dict[int, Kind] = {code_of(kind.name): kind for kind in CATALOGUE}
_OF_CASES = frozenset(code for code, kind in BY_CODE.items() if kind.is_case)


def note(c: Customer, kind: Kind, e: Episode, ctx: Context, effects: Effects) -> None:
    """Note an alarm that has just been raised, to be answered later; one that is raised again is answered once."""
    at, key = e.at // SECOND, key_of(e.alarm_id)
    if any(told.key == key for told in c.told):
        return
    span = reported_horizon(c, ctx.policy)
    if kind.is_case:
        by = act_by(kind, c, e, ctx)
        assert by is not None  # only a change of state has no deadline, and is not raised by its condition
        span = int(by) - e.at
    share = ctx.policy.hold_out.share
    is_sent = e.at >= ctx.history_before  # else nobody was told, and the trial has nothing to learn from it
    on_trial = bool(share) and is_sent and not kind.is_case and e.severity != "critical"
    told = Told(
        key,
        code_of(kind.name),
        at,
        span // SECOND,
        place_of(c.tiering.tier, c.life.stage),
        on_trial and is_held_out(c.id, ctx.zone.day(e.at), share),
    )
    if on_trial:
        _try(c, told, kind, span, e.at, ctx)
    last = c.purchases.last // SECOND
    if not kind.is_case and last > at:  # bought between that instant and now
        _count(c, told, last > _until(told, closed_for(c, ctx)), last, effects.counts)
        return
    kept = [*c.told, told]
    if len(kept) > MAX_TOLD and kept.pop(1).span:  # not the first: it says how long before a loss it was told
        c.forget("told")
    c.told = tuple(kept)


def _try(c: Customer, told: Told, kind: Kind, span: Duration, at: Micros, ctx: Context) -> None:
    """Take the first alarm of a kind in a quarter for the trial, in which the customer is told of all alarms or of none.

    Later ones have the same answer more often than chance: counted too, they would pretend to be evidence and money.
    """
    quarter = quarter_of(ctx.zone.day(at))
    tried = c.tried if c.tried and c.tried[0] == quarter else (quarter,)
    if told.kind in tried[1:]:
        return
    told.treatment, told.first = TREATMENTS.index(proposed_treatment(kind, c, ctx.policy)), len(tried) == 1
    told.margin = 0 if told.held_out else margin_within(c, at, span, ctx)
    c.tried = (*tried, told.kind)


def bought(c: Customer, at: Micros, ctx: Context, counts: list[Contribution]) -> None:
    """A purchase, before alarms are compared: it answers those about the customer, and ends the silence."""
    second, closed, kept = at // SECOND, closed_for(c, ctx), []
    for told in c.told:
        if told.kind in _OF_CASES or second <= told.at:
            if told.span:
                kept.append(told)
        elif told.span:
            _count(c, told, second > _until(told, closed), second, counts)
    c.told = tuple(kept)


def follow(c: Customer, at: Micros, now: Micros, ctx: Context, counts: list[Contribution]) -> Micros:
    """After alarms were compared: note who has acted, and answer what has come true or ended by now.

    Return the next instant at which an alarm has its answer though nothing happens: the end of its last second.
    """
    pending = [told for told in c.told if told.span]
    if not pending:
        return NEVER
    standing = {key_of(e.alarm_id): e for e in c.open if e.status == "open"}
    closed, soon = closed_for(c, ctx), NEVER
    for told in pending:
        e = standing.get(told.key)
        if e is not None:
            told.acted = e.was_acted_on
        until = _until(told, closed)
        if (until + 1) * SECOND <= now:
            _count(c, told, True, until, counts)
        elif e is None and told.kind in _OF_CASES:
            _count(c, told, False, at // SECOND, counts)
        elif (until + 1) * SECOND <= soon:
            soon = (until + 1) * SECOND - 1
    return soon


def _until(told: Told, closed: Closed | None) -> int:
    """The second in which the answer of an alarm is known at the latest: a closure stops the horizon, and not the deadline of a case."""
    if closed is None or told.kind in _OF_CASES:
        return told.at + told.span
    return closed.until(told.at * SECOND, told.span * SECOND) // SECOND


def _count(c: Customer, told: Told, hit: bool, second: int, counts: list[Contribution]) -> None:
    """Count the answer of an alarm, once."""
    arm = _HELD_OUT if told.held_out else _ACTED if told.acted else _TOLD
    day, kind = second // _DAY, BY_CODE[told.kind].name
    counts.append(live_quality.answered(day, kind, told.place, arm, hit))
    if told.treatment >= 0:
        for name in (kind, uplift.ANY) if told.first else (kind,):
            counts.append(uplift.trial(day, name, told.treatment, told.held_out, not hit))
            if told.margin > 0:
                counts.append(uplift.margin(day, c.spending.currency, name, told.treatment, told.margin))
    told.span = 0
