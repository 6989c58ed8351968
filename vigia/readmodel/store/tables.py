"""What is written of the topics, and where: the rows of a read model, and what each store can do with them.

A store may be told the same thing twice, as after a kill: it changes nothing the second time.
"""

from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from msgspec import Struct

from scorers.contract.alarms import Alarm
from scorers.contract.events import AlarmAction, Instant
from scorers.contract.worklist import WorklistEntry
from vigia.readmodel.store.items import DeliveryRow, StoreReport
from vigia.readmodel.store.people import People
from vigia.readmodel.store.queries import Queries
from vigia.runtime.dead_letter import Letter, Origin


class CustomerColumns(Struct, frozen=True, kw_only=True):
    """A customer as it is filtered, sorted and summed; `raw` is the row of `customers`, `words` those of a search."""

    id: str
    name: str
    sort: str
    stage: str
    tier: str
    type: str
    store: str
    risk: float
    value: int
    currency: str
    loss: int
    last: str
    words: frozenset[str]
    raw: bytes


class AlarmColumns(Struct, frozen=True, kw_only=True):
    """An alarm as it is filtered, sorted and counted, as its newest record from the core has it."""

    id: str
    customer: str | None
    subject: str
    about: str
    kind: str
    severity: int
    tier: str | None
    stage: str | None
    store: str | None
    outcome: str | None
    at: int
    raised: int
    changed: int
    loss: int
    is_change: bool
    state: str


class AlarmKeys(Struct, frozen=True):
    """What is needed to work out where people stand with an alarm; `newest` is its newest record from the core."""

    newest: Alarm
    state: str
    raised: int
    taken_by: str | None


def begins_anew(alarm: Alarm) -> bool:
    """Whether a record raises its alarm, so that what people did before is over; one about a case of merged customers goes on."""
    return alarm.type == "alarm.raised" and alarm.continues != alarm.alarm_id


class Tables(Protocol):
    """The one place in a process that writes a read model."""

    # --- the whole ---
    def hold(self) -> bool:
        """Become, or stay, the one that writes a store that several consoles share; False while another one is."""

    def note_current(self, at: float) -> None:
        """Note for the others when everything was read, in seconds since 1970."""

    def noted_current(self) -> float | None:
        """When everything was read, as the one that writes has noted it."""

    def transaction(self) -> AbstractContextManager[None]:
        """All changes of the block with the offsets in it, or none; a store without transactions takes the rest again later."""

    def empty(self) -> None:
        """Remove everything."""

    def offsets(self) -> dict[tuple[str, int], int]:
        """The next offset of each partition."""

    def put_offsets(self, following: Mapping[tuple[str, int], int]) -> None:
        """Note the next offsets."""

    def overwrite(self) -> bool:
        """Leave no old bytes of what was removed; False if it has to be tried again."""

    def prune(self, until: int) -> None:
        """Remove what ended before this instant."""

    def close(self) -> None:
        """Disconnect."""

    # --- customers ---
    def put_customer(self, row: CustomerColumns) -> None:
        """Put a customer in place of the row before."""

    def erase(self, customer: str) -> None:
        """Remove everything of a customer."""

    # --- alarms ---
    def add_change(self, alarm: Alarm, raw: bytes, row: AlarmColumns | None) -> bool:
        """Add a record of `alarms`, and put `row` in place of the alarm's row before; nothing if the record is there already.

        Of the row before, `raised` stays unless the record raises the alarm again. Returns False if nobody is known to have acted
        on the alarm, so that where people stand with it is clear.
        """

    def alarm(self, alarm_id: str) -> AlarmKeys | None:
        """What is known of an alarm; None if there is none."""

    def raised_at(self, alarm_id: str, at: int) -> Alarm | None:
        """The record of an instant that raised an alarm."""

    def change_types(self, alarm_id: str, since: int) -> Collection[str]:
        """The types of an alarm's records since an instant."""

    def put_people(
        self, alarm_id: str, state: str, taken_by: str | None, snoozed_until: int | None, people: People
    ) -> None:
        """Note where people stand with an alarm."""

    def snoozes_due(self, now: int) -> list[str]:
        """The alarms whose snooze has ended."""

    def add_action(self, action: AlarmAction) -> None:
        """Add what somebody did."""

    def move_action(self, action: AlarmAction) -> None:
        """Put what somebody did about an alarm that goes on under another id in place of what is there under its identity."""

    def actions_since(self, alarm_id: str, since: int) -> list[AlarmAction]:
        """What people did about an alarm since an instant, in the order in which it was read."""

    def put_told(
        self, alarm_id: str, customer: str | None, rule: str | None, raised: int, deliveries: Iterable[DeliveryRow]
    ) -> None:
        """Put what the notifier decided about an alarm."""

    def drop_told(self, alarm_id: str) -> None:
        """Remove it."""

    # --- the rest ---
    def put_entry(self, entry: WorklistEntry, raw: bytes) -> None:
        """Put an entry of a worklist."""

    def drop_entries(self, customer: str, date: str | None) -> None:
        """Remove a customer from the early edition of a date; from all editions without one."""

    def put_letter(self, letter: Letter, value: bytes | None) -> None:
        """Put a rejected record, with what is shown of it."""

    def sent_back(self, origin: Origin) -> None:
        """Note that a rejected record was sent back."""

    def put_in_force(self, kind: str, since: Instant, raw: bytes) -> None:
        """Put what is in force of a type."""

    def put_store(self, store: str, report: StoreReport) -> None:
        """Put what a store reports in place of what it reported before; one that was heard stays so."""

    def note(self, name: str, value: str) -> None:
        """Note a fact about the read model itself."""

    def mark_erased(self, marks: Iterable[str], at: int) -> None:
        """Note erasures by their keyed hashes."""

    def erased_at(self, mark: str) -> int | None:
        """The newest instant of a mark; None if it is not there."""


class Store(Protocol):
    """A read model where it lies. Raises `Unavailable` while it cannot be reached."""

    def snapshot(self) -> AbstractContextManager[Queries]:
        """Questions, all answered from one state if the store can keep one."""

    def tables(self) -> Tables:
        """The connection that writes; makes what is missing."""

    def remove(self) -> None:
        """Remove everything, so that it is built again."""

    def close(self) -> None:
        """Close the connections that only read."""


class Unavailable(RuntimeError):
    """The store cannot be reached; the message says which."""
