"""The store, and the thing that is bought, as subjects: they raise no alarms, but report what is voiced there, and how the staff is.

Alarms about customers mention it, and the console shows it of each store.
"""

import hashlib
from typing import Literal

from scorers.contract.events import (
    AnyEvent,
    ComplaintOpened,
    Contact,
    ContactMade,
    ContactReceived,
    Micros,
    StaffPulse,
    SurveyAnswered,
)
from scorers.groups import store as stores
from scorers.groups.iceberg import COMPLAINTS, FORMAL, LOW, SATISFIED
from scorers.groups.store import Store
from scorers.in_force.context import Context
from scorers.in_force.exposures import EXPOSED, IMPLIED
from scorers.in_force.figures import in_force, last_day
from scorers.timeline.facts import Ref, short
from scorers.timeline.retained_fields import RetainedFields
from scorers.timeline.subjects import Effects, Report, SubjectType

_VOICES = (ComplaintOpened, Contact, SurveyAnswered)
_COUNTED = (*_VOICES, StaffPulse)
_OF_CONTACT = ("purpose", "topic", "request_id", "request_status", "staff_id", "store_id", "tone", "cost_minor")
_RETAINED = RetainedFields(
    (ComplaintOpened, ContactReceived, ContactMade, SurveyAnswered, StaffPulse),
    {
        ComplaintOpened: {"complaint_id": "-", "sku": None, "lot": None, "reason": None},
        SurveyAnswered: {"would_recommend": None, "store_id": None},
        StaffPulse: {"codes": None, "store_id": "-"},
        Contact: {"channel": "-", **dict.fromkeys(_OF_CONTACT)},
    },
)


class StoreType(SubjectType[Store]):
    """How a store, or a thing, changes."""

    reports = True

    def __init__(self, name: Literal["store", "thing"]) -> None:
        super().__init__(name, Store)

    def retained(self, event: AnyEvent) -> AnyEvent:
        """The event with the fields that a store's row keeps."""
        return _RETAINED.of(event)

    @staticmethod
    def reference(ref: Ref) -> Ref:
        """The reference with a hash of the id, which may contain the customer's: an erasure does not reach the rows of stores."""
        name = hashlib.blake2b(ref.id.encode(), digest_size=8).hexdigest()
        return Ref(short(ref.source), name, ref.topic, ref.partition, ref.offset)

    def advance(
        self, store: Store, at: Micros, event: AnyEvent | None, ref: Ref, ctx: Context, effects: Effects
    ) -> None:
        """Count a complaint, a mark or a pulse, or close the days that ended the allowed lateness ago; then set the next deadline."""
        if isinstance(event, _COUNTED):
            stores.count(store, event)
            stores.seen(store, at, is_voice=isinstance(event, _VOICES))
        else:
            stores.close(store, last_day(at, ctx.policy), at, ctx.policy)
        day = stores.next_close(store, ctx.policy)
        store.due = 0 if day is None else in_force(day, ctx.policy)

    def retires(self, store: Store, ctx: Context) -> Micros:
        """The first day that was closed without any complaint in its window, and with nothing known of the staff."""
        return store.reported_at if stores.next_close(store, ctx.policy) is None else 0

    def report(self, store: Store) -> Report | None:
        """What was voiced in the window that ends with the newest closed day, and how the staff is, under the id that customers keep.

        Of a store that was never heard only the staff; of a thing only whether customers are exposed to it, once they have been.
        """
        if not store.reported_at:
            return None
        values = {EXPOSED: store.exposed, IMPLIED: store.implied} if store.exposed else {}
        if self.name == "store":
            values = {**_voiced(store), **values, **store.staff.values()}
        elif not store.exposed:
            if not store.was_exposed:
                return None
            values = {EXPOSED: 0}
        return Report(self.name, short(store.id), store.reported_at, values)

    def absorb(self, store: Store, event: AnyEvent, ref: Ref) -> bool:
        """Count a complaint of any age; one before the window is forgotten when the next day is closed."""
        if not isinstance(event, _COUNTED):
            return False
        stores.count(store, event)
        return True


def _voiced(store: Store) -> dict[str, int]:
    if not store.was_heard:
        return {}
    voices = store.voices
    more = {FORMAL: voices.formal, LOW: voices.informal + voices.bad, SATISFIED: voices.good}
    return {COMPLAINTS: store.reported, **{name: count for name, count in more.items() if count}}


STORE, THING = StoreType("store"), StoreType("thing")
