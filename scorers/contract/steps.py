"""The order of the steps of one case within a second.

Systems cut milliseconds off, and ids say nothing about an order: an answer may carry the second, and even the instant, of its question.
So a step of a case counts at the second in which it happened, and steps of one second fold in the order of a case's life.
"""

from scorers.contract.events import (
    AnyEvent,
    ComplaintAcknowledged,
    ComplaintOpened,
    ComplaintReopened,
    ComplaintResolved,
    ContactMade,
    ContactReceived,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
)

OPEN, ANSWER, CLOSE, REOPEN = range(4)

_STEPS: dict[type, int] = {
    ComplaintOpened: OPEN,
    ComplaintAcknowledged: ANSWER,
    ComplaintResolved: CLOSE,
    ComplaintReopened: REOPEN,
    PromiseMade: OPEN,
    PromiseKept: CLOSE,
    PromiseBroken: CLOSE,
    ContactReceived: OPEN,
    ContactMade: ANSWER,
}
_CONTACTS = (ContactReceived, ContactMade)
_REQUESTS: dict[str | None, int] = {"open": OPEN, "answered": ANSWER, "closed": CLOSE}


def step_of(event: AnyEvent) -> int | None:
    """Which step of a case an event is; None if it is no step of a case."""
    step = _STEPS.get(type(event))
    if step is not None and isinstance(event, _CONTACTS):
        return None if event.request_id is None else _REQUESTS.get(event.request_status, step)
    return step
