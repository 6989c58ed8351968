"""Actions of people, from pages and from the API: what fits the state of the alarm is recorded, what does not is refused."""

import hashlib

from scorers.contract.alarms import Alarm
from scorers.contract.events import ActionName, AlarmAction, Instant
from vigia.console.context import Console
from vigia.console.recording import an_action
from vigia.readmodel.store.items import AlarmItem
from vigia.readmodel.store.people import people
from vigia.readmodel.store.queries import Queries

LONGEST_REASON = 1_000
STANDING = ("open", "acknowledged", "snoozed")


class NotPossible(RuntimeError):
    """An action does not fit; `status` is that of HTTP."""

    def __init__(self, text: str, status: int = 409) -> None:
        super().__init__(text)
        self.status = status


async def act_on_alarm(
    console: Console,
    by: str,
    alarm_id: str,
    *,
    action: ActionName,
    until: Instant | None = None,
    reason: str | None = None,
    treatment: str | None = None,
    key: str = "",
) -> bool:
    """Record an action on an alarm; whether the read model shows it. Raises `NotPossible` and `NotRecorded`."""

    def ask(db: Queries) -> tuple[AlarmItem | None, list[AlarmAction]]:
        return db.alarms.one(alarm_id), db.alarms.actions(alarm_id)

    found, before = await console.model.ask(ask)
    if found is None:
        raise NotPossible("no such alarm", 404)
    now = console.model.now()
    check(action, until, reason, now)
    alarm = found.alarm
    wanted = an_action(
        max(now, found.raised),
        by,
        action,
        customer_id=alarm.customer_id,
        alarm_id=alarm_id,
        until=until,
        reason=reason,
        treatment=treatment,
        action_id=_id(by, alarm_id, key),
    )
    if any(one.id == wanted.id for one in before):
        return True  # the same request again
    refused = _refused(alarm, found, [one for one in before if one.time >= min(found.raised, alarm.at)], wanted)
    if refused:
        raise NotPossible(refused)
    return await console.recorder.act(wanted, alarm.customer_id or alarm.subject.id)


def _refused(alarm: Alarm, found: AlarmItem, before: list[AlarmAction], wanted: AlarmAction) -> str:
    """Why the notifier would refuse the action; empty if it would not."""
    ended = None if found.state in STANDING else alarm.time
    after = people(alarm, Instant(found.raised), ended, [*before, wanted])
    return after.deeds[-1].refused


async def act_on_entry(
    console: Console,
    by: str,
    date: str,
    customer: str,
    *,
    action: ActionName,
    until: Instant | None = None,
    reason: str | None = None,
    treatment: str | None = None,
    key: str = "",
) -> bool:
    """Record an action on an entry of a worklist. Raises `NotPossible` and `NotRecorded`."""
    found = await console.model.ask(lambda db: db.worklists.entry(date, customer))
    if found is None or found.held_out:
        raise NotPossible("no such entry of a worklist", 404)
    now = console.model.now()
    check(action, until, reason, now)
    wanted = an_action(
        now,
        by,
        action,
        customer_id=customer,
        date=date,
        until=until,
        reason=reason,
        treatment=treatment,
        action_id=_id(by, f"{date} {customer}", key),
    )
    return await console.recorder.act(wanted, customer)


def check(action: ActionName, until: Instant | None, reason: str | None, now: int) -> None:
    """Raise `NotPossible` for what no state allows."""
    if reason is not None and (len(reason) > LONGEST_REASON or "\x00" in reason):
        raise NotPossible(f"reason: give at most {LONGEST_REASON} characters", 400)
    if action == "snooze" and (until is None or until <= now):
        raise NotPossible("a snooze needs an end in the future: give until, like 2026-05-06T09:00:00Z", 400)
    if action == "snooze" and not (reason or "").strip():
        raise NotPossible("a snooze needs a reason: give reason", 400)
    if action == "note" and not (reason or "").strip():
        raise NotPossible("a note needs a text: give reason", 400)


def _id(by: str, about: str, key: str) -> str:
    """The id of an action: the same for one key of one person; new without a key."""
    return hashlib.sha256(f"{by}\0{about}\0{key}".encode()).hexdigest()[:32] if key else ""
