"""What people did about an alarm, from the records of `alarm-actions`: by the notifier's own rules, so both say the same."""

from collections.abc import Collection, Iterable

import msgspec
from msgspec import Struct

from alerts.pipeline.incident import BY_PEOPLE, Action, ActionRejected, Incident, apply_action
from scorers.contract.alarms import Alarm
from scorers.contract.events import ActionName, AlarmAction, Instant

SOMEBODY = "somebody"
"""Who acted, where only the notifier's record of it is known."""


class Deed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One action, and whether it was taken back or refused."""

    action: ActionName
    by: str
    time: int
    until: int | None = None
    reason: str | None = None
    treatment: str | None = None
    undone: bool = False
    refused: str = ""  # why it has no effect


class People(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where people stand with an alarm: who has taken it, until when it is snoozed, and all that was done."""

    taken_by: str | None = None
    snoozed_until: int | None = None
    is_done: bool = False  # somebody has recorded that the work is done, or that the alarm is false
    deeds: tuple[Deed, ...] = ()


def people(alarm: Alarm, raised: Instant, ended: Instant | None, actions: Iterable[AlarmAction]) -> People:
    """What the actions come to, in the order of their time, those of one instant in the order given; what was done since `raised` may be undone.

    An action that does not fit, such as one after the end, is kept with the reason and has no effect.
    """
    incident = Incident(alarm=alarm, raised_at=raised, true_since=alarm.at, made_at=raised)
    deeds: list[Deed] = []
    places: dict[str, int] = {}
    for given in sorted(actions, key=lambda one: one.time):
        deed = Deed(
            action=given.action,
            by=given.by,
            time=int(given.time),
            until=None if given.until is None else int(given.until),
            reason=given.reason,
            treatment=given.treatment,
        )
        incident = msgspec.structs.replace(incident, ended=ended is not None and given.time >= ended)
        action = Action(
            alarm_id=alarm.alarm_id,
            action=given.action,
            by=given.by,
            until=given.until,
            reason=given.reason,
            id=given.id,
        )
        try:
            incident = apply_action(incident, action, given.time)
        except ActionRejected as fault:
            deed = msgspec.structs.replace(deed, refused=str(fault))
        places[given.id] = len(deeds)
        deeds.append(deed)
    for entry in incident.audit:
        if entry.undone and (place := places.get(entry.action.id)) is not None:
            deeds[place] = msgspec.structs.replace(deeds[place], undone=True)
    in_effect = [one for one in deeds if not one.undone and not one.refused]
    return People(
        taken_by=incident.acked_by,
        snoozed_until=None if incident.snoozed_until is None else int(incident.snoozed_until),
        is_done=any(one.action in ("resolve", "dismiss") for one in in_effect),
        deeds=tuple(deeds),
    )


def people_by_changes(types: Collection[str]) -> People:
    """Where people stand where only the notifier's records are known, because the actions are older than what is kept of them."""
    if BY_PEOPLE.isdisjoint(types):
        return People()
    return People(taken_by=SOMEBODY, is_done=not {"alarm.resolved", "alarm.dismissed"}.isdisjoint(types))
