"""Promises made to the customer, kept or broken (X11)."""

from scorers.contract.events import Micros, PromiseBroken, PromiseKept, PromiseMade
from scorers.customer.facts import contradictions
from scorers.customer.facts.experiences import negative
from scorers.customer.parts.cases import MAX_OPEN_CASES, Promise
from scorers.customer.parts.experience import Cause
from scorers.customer.state import Customer, keep_newest
from scorers.in_force.context import Context
from scorers.in_force.figures import Contribution
from scorers.timeline.facts import Ref


def made(c: Customer, e: PromiseMade, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """A promise; one with a due date is broken when that passes."""
    known = _find(c, e.promise_id)
    if known is None:
        due = int(max(e.due, e.time)) if e.due else 0
        _add(c, Promise(e.promise_id, e.time, ref, due, topic=e.topic or ""))
    elif e.due and not known.broken:
        known.due = int(max(e.due, e.time))


def kept(c: Customer, e: PromiseKept, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """A promise is kept, in time or late."""
    if _find(c, e.promise_id) is None:
        contradictions.note(c, "unknown_promise", e.time, counts)
    c.promises.open = [p for p in c.promises.open if p.id != e.promise_id]


def broken(c: Customer, e: PromiseBroken, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """A promise is reported as broken, whether or not it was reported as made."""
    promise = _find(c, e.promise_id)
    if promise is None:
        promise = Promise(e.promise_id, e.time, ref, topic=e.topic or "")
        _add(c, promise)
    if not promise.broken:
        _break(c, promise, e.time, ref, ctx)


def lapse(c: Customer, now: Micros, ctx: Context) -> None:
    """Mark promises whose due date has passed as broken."""
    for promise in c.promises.open:
        if not promise.broken and promise.due and promise.due < now:
            _break(c, promise, promise.due, promise.opener, ctx)


def _find(c: Customer, promise_id: str) -> Promise | None:
    return next((p for p in c.promises.open if p.id == promise_id), None)


def _add(c: Customer, promise: Promise) -> None:
    c.promises.open.append(promise)
    keep_newest(c, "promise", c.promises.open, MAX_OPEN_CASES)


def _break(c: Customer, promise: Promise, at: Micros, ref: Ref, ctx: Context) -> None:
    promise.broken, promise.breaker = at, ref
    c.promises.broken += 1
    negative(c, at, ref, Cause("promise", at, promise.topic), ctx, "service")
