"""The store as a subject: it raises no alarms, but reports to its customers how many complaints there are about it."""

import hashlib

from scorers.contract.events import AnyEvent, ComplaintOpened, Micros
from scorers.groups import store as stores
from scorers.groups.store import Store
from scorers.in_force.context import Context
from scorers.in_force.figures import in_force, last_day
from scorers.timeline.facts import Ref, short
from scorers.timeline.retained_fields import RetainedFields
from scorers.timeline.subjects import Effects, Report, SubjectType

_RETAINED = RetainedFields(
    (ComplaintOpened,), {ComplaintOpened: {"complaint_id": "-", "sku": None, "lot": None, "reason": None}}
)


class StoreType(SubjectType[Store]):
    """How a store changes."""

    reports = True

    def __init__(self) -> None:
        super().__init__("store", Store)

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
        """Count a complaint, or close the days that ended the allowed lateness ago; then set the next deadline."""
        if isinstance(event, ComplaintOpened):
            stores.count(store, event)
            stores.first_seen(store, at)
        else:
            stores.close(store, last_day(at, ctx.policy), at, ctx.policy.stores.complaint_window)
        day = stores.next_close(store)
        store.due = 0 if day is None else in_force(day, ctx.policy)

    def retires(self, store: Store, ctx: Context) -> Micros:
        """The first day that was closed without any complaint in its window."""
        return store.reported_at if stores.next_close(store) is None else 0

    def report(self, store: Store) -> Report | None:
        """The count of complaints in the window that ends with the newest closed day, under the id that customers keep."""
        if not store.reported_at:
            return None
        return Report("store", short(store.id), store.reported_at, {"complaints": store.reported})

    def absorb(self, store: Store, event: AnyEvent, ref: Ref) -> bool:
        """Count a complaint of any age; one before the window is forgotten when the next day is closed."""
        if not isinstance(event, ComplaintOpened):
            return False
        stores.count(store, event)
        return True


STORE = StoreType()
