"""Invent the service desk that the baskets lack: names, requests, complaints, surveys and promises, labelled `simulated`.

The data set has neither names nor complaints. From a seed and a household's real purchases this module invents some, so
that part of the real silences follow a neglected complaint or request; most complaints are resolved in time and precede
no silence. Measurements of quality never use these events.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from zlib import crc32

from scorers.contract.events import (
    DAY,
    HOUR,
    AnyEvent,
    ComplaintAcknowledged,
    ComplaintOpened,
    ComplaintResolved,
    ComplaintSeverity,
    ComplaintSubject,
    ContactReceived,
    CustomerDescribed,
    ExitExplained,
    Instant,
    Micros,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    ReferralMade,
    SurveyAnswered,
)

SOURCE = "simulated"
SEVERITIES: tuple[ComplaintSeverity, ...] = ("minor", "major", "critical")
SUBJECTS: tuple[ComplaintSubject, ...] = ("product", "service", "service")
TEXTS: dict[ComplaintSubject, tuple[str, ...]] = {
    "product": ("The milk was sour.", "The bread was mouldy.", "Half of the eggs were broken."),
    "service": ("I waited twenty minutes at the till.", "The delivery came a day late.", "I was charged twice."),
}
GIVEN = (
    *("Abigail", "Adrián", "Amara", "Beatriz", "Bruno", "Camille", "Carlos", "Dolores", "Edith", "Emil", "Farah"),
    *("Felipe", "Grace", "Hannah", "Hector", "Ingrid", "Iván", "Jasmine", "Joaquín", "Kofi", "Lena", "Luz", "Malik"),
    *("Marta", "Nadia", "Noel", "Olga", "Oscar", "Paloma", "Quentin", "Rosa", "Ruth", "Samuel", "Sofía", "Tomás"),
    *("Úrsula", "Vera", "Walter", "Ximena", "Yusuf", "Zoe"),
)
FAMILY = (
    *("Alder", "Amador", "Birch", "Brook", "Castaño", "Cedar", "Dale", "Encina", "Farrow", "Finch", "Garza", "Glen"),
    *("Hazel", "Heath", "Iris", "Juniper", "Kestrel", "Lark", "Linden", "Lucero", "Marsh", "Martin", "Nogal", "Oakes"),
    *("Olmo", "Pardo", "Pine", "Quill", "Ribera", "Rowan", "Sauce", "Sorrel", "Teal", "Thorn", "Umber", "Vale"),
    *("Verdugo", "Willow", "Wren", "Yarrow", "Zarza"),
)


@dataclass(frozen=True, slots=True)
class Habits:
    """Events a household has in a year, and how well the desk works."""

    complaints: float = 0.15
    requests: float = 0.4
    surveys: float = 0.8
    promises: float = 0.06
    referrals: float = 0.10
    neglected: float = 0.06  # share of ordinary cases that miss every deadline
    caused: float = 0.30  # share of real silences with an invented cause
    explained: float = 0.10  # share of these with a stated reason for leaving


HABITS = Habits()


class Desk:
    """Invents the events of one household; they do not depend on other households."""

    def __init__(self, household: str, seed: int, end: Micros, habits: Habits = HABITS) -> None:
        self._id = household
        self._end = end
        self._habits = habits
        self._rng = Random(f"vigia demo {seed} {household}")
        self._count = 0

    def events_of(self, visits: Sequence[Micros]) -> Iterator[AnyEvent]:
        """Yield the invented events of the household, given the instants of its real purchases."""
        invented = [self._name(visits[0]), *self._ordinary(visits)]
        for last, back in silences(visits, self._end):
            if self._rng.random() < self._habits.caused:
                invented += self._cause(last, back)
        return (event for event in invented if event.time < self._end)

    def _name(self, first: Micros) -> AnyEvent:
        name = f"{self._rng.choice(GIVEN)} {self._rng.choice(FAMILY)}"
        return CustomerDescribed(**self._fact(first), name=name, party_type="final", attributes={"name": "invented"})

    def _ordinary(self, visits: Sequence[Micros]) -> Iterator[AnyEvent]:
        """Yield ordinary cases, nearly all handled in time."""
        habits, rng = self._habits, self._rng
        cases = (
            (habits.complaints, self._complaint),
            (habits.requests, self._request),
            (habits.promises, self._promise),
            (habits.surveys, self._survey),
            (habits.referrals, self._referral),
        )
        for yearly, make in cases:
            while rng.random() < yearly / (1.0 + yearly):  # a geometric number of times, `yearly` on average
                at = rng.choice(visits) + self._between(1, 40)
                yield from make(at, rng.random() < habits.neglected)

    def _cause(self, last: Micros, back: Micros) -> Iterator[AnyEvent]:
        """Invent the neglected case that precedes a real silence."""
        rng = self._rng
        at = last + self._between(2, 30)
        make = rng.choices((self._complaint, self._request, self._survey, self._promise), (5, 3, 2, 1))[0]
        yield from make(at, True)
        if back >= self._end and rng.random() < self._habits.explained:
            reason = rng.choice(("unrectified_defect", "unattended_service", "service_quality", "competitor", "price"))
            yield ExitExplained(**self._fact(at + self._between(150, 500)), reason=reason)

    def _complaint(self, at: Micros, neglected: bool) -> Iterator[AnyEvent]:
        rng = self._rng
        case = f"K{self._id}-{self._count}"
        severity = rng.choices(SEVERITIES, (70, 25, 5) if neglected else (88, 11, 1))[0]
        public = neglected and rng.random() < 0.15
        subject = rng.choice(SUBJECTS)
        opened = ComplaintOpened(
            **self._fact(at),
            complaint_id=case,
            severity=severity,
            subject=subject,
            public=public,
            reason=TEXTS[subject][crc32(case.encode()) % len(TEXTS[subject])],
        )
        yield opened
        if not neglected:
            yield ComplaintAcknowledged(**self._fact(at + self._between(0.1, 0.9)), complaint_id=case)
            yield ComplaintResolved(**self._fact(at + self._between(2, 22)), complaint_id=case)
        elif rng.random() < 0.5:
            yield ComplaintResolved(**self._fact(at + self._between(150, 600)), complaint_id=case)

    def _request(self, at: Micros, neglected: bool) -> Iterator[AnyEvent]:
        request = f"R{self._id}-{self._count}"
        asked: dict[str, Any] = {
            "channel": self._rng.choice(("phone", "web", "shop")),
            "purpose": "service",
            "request_id": request,
        }
        yield ContactReceived(**self._fact(at), **asked, request_status="open")
        if not neglected:
            answered = self._fact(at + self._between(0.2, 3.5))
            yield ContactReceived(**answered, **asked, request_status="answered")

    def _survey(self, at: Micros, neglected: bool) -> Iterator[AnyEvent]:
        stars = self._rng.choices((1, 2, 3, 4, 5), (30, 60, 10, 0, 0) if neglected else (0, 2, 10, 48, 40))[0]
        yield SurveyAnswered(**self._fact(at), satisfaction=stars)

    def _promise(self, at: Micros, neglected: bool) -> Iterator[AnyEvent]:
        promise, due = f"P{self._id}-{self._count}", Instant(at + 7 * DAY)
        yield PromiseMade(**self._fact(at), promise_id=promise, due=due, topic="delivery")
        if neglected:
            yield PromiseBroken(**self._fact(at + self._between(24, 160)), promise_id=promise)
        else:
            yield PromiseKept(**self._fact(at + self._between(24, 160)), promise_id=promise)

    def _referral(self, at: Micros, neglected: bool) -> Iterator[AnyEvent]:
        yield ReferralMade(**self._fact(at), positive=not neglected)

    def _between(self, least: float, most: float) -> int:
        """Draw a number of hours, in microseconds of whole seconds."""
        return round(self._rng.uniform(least, most) * 3600) * 1_000_000

    def _fact(self, at: Micros) -> dict[str, Any]:
        self._count += 1
        return {"id": f"desk-{self._id}-{self._count}", "source": SOURCE, "time": Instant(at), "customer_id": self._id}


def silences(visits: Sequence[Micros], end: Micros) -> Iterator[tuple[Micros, Micros]]:
    """Yield each silence: the last visit before it and the next one, or `end` if there is none.

    A silence lasts at least three weeks and at least five times the mean gap before it.

    >>> list(silences([0, 7 * DAY, 14 * DAY, 21 * DAY, 28 * DAY], 90 * DAY)) == [(28 * DAY, 90 * DAY)]
    True
    """
    gaps: list[int] = []
    for last, back in zip(visits, [*visits[1:], end], strict=True):
        gap = back - last
        if len(gaps) >= 4 and gap >= max(21 * DAY, 5 * sum(gaps) // len(gaps)):
            yield last, back
        elif gap > 12 * HOUR:
            gaps.append(gap)
