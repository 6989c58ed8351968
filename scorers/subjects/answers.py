"""Whether alarms were right (A9): each that is told is answered once, and who has left was told before or missed.

An alarm about a customer is answered by the first purchase after it, or at the end of its horizon if there was none: what it warned of
came true. One about a case is answered at its deadline: breached if it still stands then. The answers are figures of the base.
"""

from scorers.alarms.act_by import act_by
from scorers.alarms.catalogue import CATALOGUE
from scorers.alarms.render import proposed_treatment
from scorers.alarms.risk.reported import reported_horizon
from scorers.contract.events import DAY, SECOND, Micros
from scorers.customer.open_time import closed_for
from scorers.customer.state import Customer
from scorers.customer.told import MAX_TOLD, Told
from scorers.customer.value import margin_within
from scorers.in_force import live_quality, uplift
from scorers.in_force.closures import open_until
from scorers.in_force.context import Context
from scorers.in_force.figures import Contribution
from scorers.in_force.live_quality import ARMS, place_of
from scorers.in_force.uplift import TREATMENTS, code_of
from scorers.policy.hold_out import is_held_out
from scorers.timeline.episodes import NEVER, Episode
from scorers.timeline.kinds import Kind
from scorers.timeline.subjects import Effects

_DAY = DAY // SECOND
_TOLD, _HELD_OUT, _ACTED = range(len(ARMS))


def key_of(alarm_id: str) -> int:
    """The first 32 bits of an alarm's id."""
    return int(alarm_id[:8], 16)


BY_CODE: dict[int, Kind] = {code_of(kind.name): kind for kind in CATALOGUE}


def note(c: Customer, kind: Kind, e: Episode, ctx: Context, effects: Effects) -> None:
    """Note an alarm that has just been raised, to be answered later; one that is raised again is answered once."""
    at, key = e.at // SECOND, key_of(e.alarm_id)
    if any(told.key == key for told in c.told):
        return
    horizon = reported_horizon(c, ctx.policy)
    by = act_by(kind, c, e, ctx) if kind.is_case else open_until(closed_for(c, ctx), e.at, horizon)
    assert by is not None  # only a change of state has no deadline, and is not raised by its condition
    share = ctx.policy.hold_out.share
    on_trial = bool(share) and not kind.is_case and e.severity != "critical"
    told = Told(
        key,
        code_of(kind.name),
        at,
        int(by) // SECOND,
        place_of(c.tiering.tier, c.life.stage),
        on_trial and is_held_out(c.id, ctx.zone.day(e.at), share),
    )
    if on_trial:
        told.treatment = TREATMENTS.index(proposed_treatment(kind, c))
        told.margin = 0 if told.held_out else margin_within(c, e.at, int(by) - e.at, ctx)
    if not kind.is_case and c.purchases.last // SECOND > at:  # bought between that instant and now
        _count(c, told, c.purchases.last // SECOND > told.until, c.purchases.last // SECOND, effects.counts)
        return
    kept = [*c.told, told]
    if len(kept) > MAX_TOLD and kept.pop(1).until:  # not the first: it says how long before a loss it was told
        c.forget("told")
    c.told = tuple(kept)


def bought(c: Customer, at: Micros, counts: list[Contribution]) -> None:
    """A purchase, before alarms are compared: it answers those about the customer, and ends the silence."""
    second, kept = at // SECOND, []
    for told in c.told:
        if BY_CODE[told.kind].is_case or second <= told.at:
            if told.until:
                kept.append(told)
        elif told.until:
            _count(c, told, second > told.until, second, counts)
    c.told = tuple(kept)


def follow(c: Customer, at: Micros, now: Micros, counts: list[Contribution]) -> None:
    """After alarms were compared: note who has acted, and answer what has come true or ended by now."""
    standing = {key_of(e.alarm_id): e for e in c.open if e.status == "open"}
    for told in c.told:
        if not told.until:
            continue
        e = standing.get(told.key)
        if e is not None:
            told.acted = e.was_acted_on
        if (told.until + 1) * SECOND <= now:
            _count(c, told, True, told.until, counts)
        elif e is None and BY_CODE[told.kind].is_case:
            _count(c, told, False, at // SECOND, counts)


def next_instant(c: Customer) -> Micros:
    """The next instant at which an alarm has its answer though nothing happens: the end of its last second."""
    until = min([told.until for told in c.told if told.until], default=0)
    return (until + 1) * SECOND - 1 if until else NEVER


def left(c: Customer, at: Micros, place: int, said: bool, counts: list[Contribution]) -> None:
    """The customer leaves now, before alarms are compared; `place` is that before."""
    before = [told for told in c.told if c.purchases.last // SECOND <= told.at < at // SECOND]
    day = at // DAY
    counts.append(live_quality.has_left(day, place, said, not before))
    if before and not said:
        first: dict[str, int] = {}
        for told in before:
            for kind in ("", BY_CODE[told.kind].name):
                first[kind] = min(first.get(kind, told.at), told.at)
        counts += [live_quality.led(day, kind, at - since * SECOND) for kind, since in first.items()]


def _count(c: Customer, told: Told, hit: bool, second: int, counts: list[Contribution]) -> None:
    """Count the answer of an alarm, once."""
    arm = _HELD_OUT if told.held_out else _ACTED if told.acted else _TOLD
    day, kind = second // _DAY, BY_CODE[told.kind].name
    counts.append(live_quality.answered(day, kind, told.place, arm, hit))
    if told.treatment >= 0:
        counts.append(uplift.trial(day, kind, told.treatment, told.held_out, not hit))
        if told.margin > 0:
            counts.append(uplift.margin(day, c.spending.currency, kind, told.treatment, told.margin))
    told.until = 0
