"""Folds records of the topics into the tables of a store. It knows the contract, not Kafka: a record has the fields of a consumer's.

Topics are read side by side, so nothing here depends on the order between two of them: what people did is joined to its alarm
whichever came first, and an erasure keeps out older records that are read after it.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from alerts.pipeline.incident import BY_PEOPLE, ENDINGS, Incident, decode_incident
from scorers.alarms.catalogue import STATE_CHANGES
from scorers.contract.alarms import SEVERITIES, Alarm
from scorers.contract.events import DAY, AlarmAction, Instant
from scorers.contract.rejection import Rejection
from scorers.contract.wire import decode_alarm
from scorers.contract.worklist import DATE, decode_entry
from scorers.groups.iceberg import COMPLAINTS
from scorers.in_force.control import GroupInForce, Tick, decode_control
from streams.records.actions import UNTYPED, read_action
from vigia.readmodel.alarm_summary import CustomerRow
from vigia.readmodel.collation import plain
from vigia.readmodel.store.items import STANDING, DeliveryRow, StoreReport
from vigia.readmodel.store.people import People, people, people_by_changes
from vigia.readmodel.store.tables import AlarmColumns, AlarmKeys, CustomerColumns, Tables
from vigia.runtime import dead_letter
from vigia.runtime.dead_letter import Letter
from vigia.runtime.erasures import read_erasure
from vigia.runtime.privacy.keyed_hash import KeyedHash

HELD_BACK = ("stopped", "failed")
KEPT = 400 * DAY
"""How long an alarm that has ended, and a worklist, are kept."""
MAX_SORT, MAX_WORDS, SHOWN = 80, 12, 4_000

_row = msgspec.json.Decoder(CustomerRow).decode
_words = re.compile(r"[^\W_]+")


class Folding:
    """Folds into tables; the caller opens the transaction.

    `now` gives the time by which snoozes end, in microseconds. `erasures` grows with each customer erased.
    """

    def __init__(self, tables: Tables, hashes: KeyedHash, now: Callable[[], int]) -> None:
        self.tables, self._hashes, self.now = tables, hashes, now
        self.erasures = 0
        self._folds: dict[str, Callable[[Any], object]] = {
            "customers": self._customer,
            "alarms": lambda record: self.alarm(record.value),
            "worklist": self._entry,
            "notifications": self._incident,
            "dead-letters": self._letter,
            "alarm-actions": self._action,
            "feedback": self._feedback,
            "clock": self._control,
        }

    def take(self, topic: str, record: Any) -> None:
        """Fold one record of a topic, named without prefix; what cannot be read is passed over."""
        self._folds[topic](record)

    # --- customers ----------------------------------------------------------------------------------------------

    def _customer(self, record: Any) -> None:
        if record.value is None:
            self.erase(_text(record.key))
        else:
            self.customer(record.value)

    def customer(self, raw: bytes) -> None:
        """Put the row of a customer in place of the one before."""
        try:
            row = _row(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        name = row.name or ""
        words = {*_words.findall(plain(name))[:MAX_WORDS], plain(row.customer_id)}
        self.tables.put_customer(
            CustomerColumns(
                id=row.customer_id,
                name=name,
                sort=plain(name or row.customer_id)[:MAX_SORT],
                stage=row.stage,
                tier=row.tier,
                type=row.loyalty_type,
                store=row.store_id or "",
                risk=row.risk,
                value=row.value_at_risk_minor,
                currency=row.currency or "",
                loss=round(row.risk * row.value_at_risk_minor),
                last=row.last_purchase or "",
                words=frozenset(word for word in words if word),
                raw=raw,
            )
        )

    # --- alarms -------------------------------------------------------------------------------------------------

    def alarm(self, raw: bytes | None) -> None:
        """Fold one record of `alarms`."""
        alarm = decode_alarm(raw or b"")
        if isinstance(alarm, Rejection) or self._is_erased(alarm.customer_id, alarm.time, alarm.cause):
            return
        row = None if alarm.type in BY_PEOPLE or alarm.type == "alarm.escalated" else _columns(alarm)
        if self.tables.add_change(alarm, raw or b"", row):
            self._judge(alarm.alarm_id)

    def _judge(self, alarm_id: str) -> None:
        """Work out where people stand with an alarm."""
        row = self.tables.alarm(alarm_id)
        if row is None:
            return  # its record comes later
        known = self._people(alarm_id, row)
        state, snoozed = row.state, known.snoozed_until
        if state in STANDING:
            asleep = snoozed is not None and snoozed > self.now()
            state = "snoozed" if asleep else "acknowledged" if known.taken_by else "open"
            snoozed = snoozed if asleep else None
        if known.deeds or known.taken_by or row.taken_by or state != row.state:
            self.tables.put_people(alarm_id, state, known.taken_by, snoozed, known)

    def _people(self, alarm_id: str, row: AlarmKeys) -> People:
        """What people did about an alarm since it was raised last."""
        since = min(row.raised, int(row.newest.at))
        actions = self.tables.actions_since(alarm_id, since)
        if not actions:
            return people_by_changes(self.tables.change_types(alarm_id, row.raised))
        ended = None if row.state in STANDING else row.newest.time
        begun = row.raised
        if any(one.action == "undo" for one in actions) and any(one.time < begun for one in actions):
            raised = self.tables.raised_at(
                alarm_id, begun
            )  # what was done before it went on under another id may be undone
            begun = since if raised is not None and raised.continues is not msgspec.UNSET else begun
        return people(row.newest, Instant(begun), ended, actions)

    def _action(self, record: Any) -> None:
        action = read_action(record)
        if action is not None:
            self.action(action)

    def action(self, action: AlarmAction) -> None:
        """Fold what somebody did about an alarm, or about an entry of a worklist."""
        if self._is_erased(action.customer_id, action.time):
            return
        self.tables.add_action(action)
        if action.alarm_id is not None:
            self._judge(action.alarm_id)

    def _incident(self, record: Any) -> None:
        """Fold what the notifier decided and delivered of an alarm."""
        alarm_id = _text(record.key)
        if record.value is None:
            self.tables.drop_told(alarm_id)
            return
        try:
            incident = decode_incident(record.value)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # the notifier keeps other things there too
        if self._is_erased(incident.alarm.customer_id, incident.raised_at):
            return
        told = [one for one in incident.deliveries if one.change not in ENDINGS and one.rule != "bookkeeping"]
        reached = any(one.state in ("sent", "waiting") for one in told)
        rules = [one.rule for one in told if one.state in HELD_BACK]
        rule = rules[0] if rules and not reached else None
        shown = [
            DeliveryRow(
                change=one.change,
                channel=one.channel,
                state=one.state,
                rule=one.rule,
                time=int(one.time),
                detail=one.detail,
                done=None if one.done is None else int(one.done),
            )
            for one in incident.deliveries
        ]
        self.tables.put_told(alarm_id, incident.alarm.customer_id, rule, int(incident.raised_at), shown)
        if incident.continues:
            self._move_actions(incident)

    def _move_actions(self, incident: Incident) -> None:
        """What people did about an alarm is theirs about the one that goes on from it: of the old id nothing stays."""
        alarm = incident.alarm
        for entry in incident.audit:
            one = entry.action
            self.tables.move_action(
                AlarmAction(
                    id=one.id,
                    source=one.source or UNTYPED,
                    time=entry.done_at,
                    customer_id=alarm.customer_id,
                    alarm_id=alarm.alarm_id,
                    action=one.action,
                    by=one.by,
                    until=one.until,
                    reason=one.reason,
                    treatment=one.treatment,
                )
            )
        self._judge(alarm.alarm_id)

    def wake(self) -> None:
        """End the snoozes whose time has come."""
        for alarm_id in self.tables.snoozes_due(self.now()):
            self._judge(alarm_id)

    # --- worklists, dead letters, what is in force -----------------------------------------------------------------

    def _entry(self, record: Any) -> None:
        if record.value is not None:
            self.entry(record.value)
            return
        date = dict(record.headers or ()).get(DATE)
        self.tables.drop_entries(_text(record.key), None if date is None else _text(date))

    def entry(self, raw: bytes) -> None:
        """Put an entry of a worklist."""
        try:
            entry = decode_entry(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        if not self._is_erased(entry.customer_id, entry.at):
            self.tables.put_entry(entry, raw)

    def _letter(self, record: Any) -> None:
        found = dead_letter.read(record)
        if isinstance(found, Letter):
            self.letter(found)
        elif found is not None:
            self.tables.sent_back(found)

    def letter(self, letter: Letter) -> None:
        """Put a rejected record, cut to what is shown."""
        self.tables.put_letter(letter, None if letter.value is None else letter.value[:SHOWN])

    def _control(self, record: Any) -> None:
        """Note what is in force. It is shown and judges nothing, so signatures are not verified here."""
        control = decode_control(record.value or b"")
        if isinstance(control, Tick):
            if not control.groups:
                self.note("tick", str(int(control.until)))
                self.note("tick_written", str(record.timestamp))
        elif not isinstance(control, Rejection):
            if isinstance(control, GroupInForce):
                if control.subject.type == "store":
                    self.store(control.subject.id, int(control.reported), control.values)
                return
            self.in_force(str(control.__struct_config__.tag), Instant(control.in_force), record.value)

    def store(self, store: str, reported: int, values: dict[str, int]) -> None:
        """Put what a store reports."""
        self.tables.put_store(store, StoreReport(reported, values, COMPLAINTS in values))

    def in_force(self, kind: str, since: Instant, raw: bytes) -> None:
        """Note a policy, figures or a model, by the type of its control record."""
        self.tables.put_in_force(kind, since, raw)

    def note(self, name: str, value: str) -> None:
        """Note a fact about the read model itself."""
        self.tables.note(name, value)

    # --- erasures --------------------------------------------------------------------------------------------------

    def _feedback(self, record: Any) -> None:
        found = read_erasure(record)
        if found is None:
            return
        mark = self._hashes.of(found.customer_id)
        self.tables.mark_erased((mark, f"{mark} {self._hashes.of(found.event_id)}"), int(found.at))
        self.erase(found.customer_id)

    def erase(self, customer: str) -> None:
        """Remove everything of a customer."""
        self.erasures += 1
        self.tables.erase(customer)

    def _is_erased(self, customer: str | None, at: int, cause: Iterable[str] = ()) -> bool:
        """Whether a record of this time belongs to what was erased, or follows from the erasure."""
        if customer is None:
            return False
        for mark in self._hashes.all(customer):
            found = self.tables.erased_at(mark)
            if found is not None and (found >= at or self._follows(mark, cause)):
                return True
        return False

    def _follows(self, mark: str, cause: Iterable[str]) -> bool:
        return any(
            self.tables.erased_at(f"{mark} {hashed}") is not None
            for event in cause
            for hashed in self._hashes.all(event)
        )

    def prune(self, now: int) -> None:
        """Remove what ended long ago."""
        self.tables.prune(now - KEPT)


def _columns(alarm: Alarm) -> AlarmColumns:
    """The row of an alarm, as its newest record from the core has it."""
    about = alarm.subject
    is_change = alarm.kind in STATE_CHANGES
    over = "withdrawn" if alarm.type == "alarm.withdrawn" else "settled"
    return AlarmColumns(
        id=alarm.alarm_id,
        customer=alarm.customer_id,
        subject=about.id,
        about=about.type,
        kind=alarm.kind,
        severity=SEVERITIES.index(alarm.severity),
        tier=alarm.tier,
        stage=alarm.stage,
        store=alarm.store_id or (about.id if about.type in ("store", "site") else None),
        outcome=alarm.outcome,
        at=int(alarm.at),
        changed=int(alarm.time),
        loss=round((alarm.value_at_risk_minor or 0) * (1.0 if alarm.risk is None else alarm.risk)),
        is_change=is_change,
        state=over if is_change or alarm.type in ENDINGS else "open",
        raised=int(alarm.time),
    )


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")
