"""Open matters of two ids that were one customer: cases, requests, promises, contacts, and the ledger of experiences.

A case that both ids know is one case, as the id knows it that closed it, else as the one does that goes on.
"""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from msgspec.structs import replace

from scorers.customer import ledger
from scorers.customer.parts.cases import (
    MAX_CLOSED_CASES,
    MAX_OPEN_CASES,
    MAX_OUTREACH,
    Complaints,
    Contacts,
    Promises,
)
from scorers.customer.parts.experience import MAX_CAUSES, MAX_PENDING, Account, Trouble
from scorers.customer.state import Customer, keep_newest
from scorers.policy.tables import Policy
from scorers.timeline.episodes import MAX_EVIDENCE
from scorers.timeline.subjects import Bound


class _Known(Protocol):
    id: str


K = TypeVar("K", bound=_Known)


def _once(*lists: Iterable[K]) -> list[K]:
    """All of these, of each id the one that comes first."""
    found: dict[str, K] = {}
    for one in lists:
        for known in one:
            found.setdefault(known.id, known)
    return list(found.values())


def complaints(own: Customer, other: Customer) -> Complaints:
    """The complaints of both; those beyond the bounds are forgotten and counted."""
    mine, theirs = own.complaints, other.complaints
    closed = sorted(_once(mine.closed, theirs.closed), key=lambda case: case.resolved)
    ended = {case.id for case in closed}
    unended = [case for case in _once(mine.open, theirs.open) if case.id not in ended]
    shared = {case.id for case in (*mine.open, *mine.closed)} & {case.id for case in (*theirs.open, *theirs.closed)}
    found = Complaints(
        open=sorted(unended, key=lambda case: case.opened),
        closed=closed,
        count=mine.count + theirs.count - len(shared),
        public=mine.public + theirs.public,
        last=max(mine.last, theirs.last),
    )
    _bound(own, "complaint", found.open, MAX_OPEN_CASES)
    _bound(own, "closed_complaint", found.closed, MAX_CLOSED_CASES)
    return found


def promises(own: Customer, other: Customer) -> Promises:
    """The promises to both."""
    found = Promises(
        open=sorted(_once(own.promises.open, other.promises.open), key=lambda promise: promise.made),
        broken=own.promises.broken + other.promises.broken,
    )
    _bound(own, "promise", found.open, MAX_OPEN_CASES)
    return found


def contacts(own: Customer, other: Customer) -> Contacts:
    """The contacts with both."""
    mine, theirs = own.contacts, other.contacts
    first = min((mine, theirs), key=lambda one: (not one.first, one.first))
    latest = theirs if theirs.last_received > mine.last_received else mine
    sent = theirs if theirs.outreach[-1:] > mine.outreach[-1:] else mine
    outreach = sorted([*mine.outreach, *theirs.outreach])
    answered = latest.last_received
    outreach = [at for at in outreach if at > answered] if mine.outreach and theirs.outreach else outreach
    if len(outreach) > MAX_OUTREACH:
        own.forget("outreach", len(outreach) - MAX_OUTREACH)
    found = Contacts(
        first=first.first,
        first_ref=first.first_ref,
        received=mine.received + theirs.received,
        made=mine.made + theirs.made,
        last_received=latest.last_received,
        last_made=max(mine.last_made, theirs.last_made),
        outreach=outreach[-MAX_OUTREACH:],
        answered=mine.answered + theirs.answered,
        tone=latest.tone,
        requests=sorted(_once(mine.requests, theirs.requests), key=lambda request: request.opened),
        outreach_ref=sent.outreach_ref,
        acted=max(mine.acted, theirs.acted),
    )
    _bound(own, "request", found.requests, MAX_OPEN_CASES)
    return found


def _bound(own: Customer, about: Bound, cases: list[K], most: int) -> None:
    keep_newest(own, about, cases, most)


def account(own: Customer, other: Customer, policy: Policy) -> Account:
    """The debts of both at the later of their instants; troubles count since the last occasion of both."""
    mine, theirs = own.account, other.account
    at = max(mine.debt_at, theirs.debt_at)
    owed = sum(ledger.debt(c, at, policy.ledger) for c in (own, other))
    pending = sorted(
        (when, more)
        for account in (mine, theirs)
        for when, more in zip(account.pending, account.merged or (0,) * len(account.pending), strict=True)
    )
    worse = theirs if _bad_at(theirs) > _bad_at(mine) else mine
    found = Account(
        debt=owed,
        debt_at=at,
        pending=[when for when, _ in pending],
        bad=mine.bad + theirs.bad,
        last_bad_ref=worse.last_bad_ref,
        trouble=_trouble([a.trouble for a in (mine, theirs) if a.trouble], max(own.rhythm.last, other.rhythm.last)),
        merged=tuple([more for _, more in pending]) if any(more for _, more in pending) else (),
        about=_sums(mine.about, theirs.about),
        last_bad=worse.last_bad,
    )
    while len(found.pending) > MAX_PENDING:
        ledger.merge_nearest(found)
    return found


def _bad_at(account: Account) -> int:
    return account.last_bad.at if account.last_bad else 0


def _sums(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    if not (one and other):
        return one or other
    return tuple([a + b for a, b in zip(one, other, strict=True)])


def _trouble(troubles: list[Trouble], occasion: int) -> Trouble | None:
    """The troubles that began after the last occasion, as one."""
    since = sorted((one for one in troubles if one.at > occasion), key=lambda one: one.at)
    if len(since) < 2:
        return since[0] if since else None
    first, second = since
    return replace(
        first,
        count=first.count + second.count,
        evidence=[*first.evidence, second.opener, *second.evidence][:MAX_EVIDENCE],
        causes=(*first.causes[:1], *sorted((*first.causes[1:], *second.causes), key=lambda cause: cause.at))[
            -MAX_CAUSES:
        ],
    )
