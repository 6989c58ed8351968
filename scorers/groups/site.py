"""A site and its staff (P2): when the staff were last asked how they are, what they have answered since, and when they were last thanked."""

from msgspec import Struct, field

from scorers.contract.events import Micros, StaffPulse
from scorers.timeline.facts import NO_FACT, Ref
from scorers.timeline.subjects import State


class Pulse(Struct, array_like=True, gc=False):
    """The last pulse of one sort; the first fact about the site until there is one."""

    at: Micros = 0
    ref: Ref = NO_FACT


class Site(State, array_like=True, gc=False):
    """The state of a site."""

    asked: Pulse = field(default_factory=Pulse)
    thanked: Pulse = field(default_factory=Pulse)
    answers: int = 0  # since they were last asked,
    scores: dict[int, int] = field(default_factory=dict)  # of these by score,
    codes: dict[str, int] = field(default_factory=dict)  # and by what they name


def fold(site: Site, e: StaffPulse, ref: Ref) -> None:
    """Note that the staff were asked or thanked. The first pulse of a site, of any sort, starts both times."""
    if e.pulse == "answered":
        site.answers += 1
        if e.score is not None:
            site.scores[e.score] = site.scores.get(e.score, 0) + 1
        for code in e.codes or ():
            site.codes[code] = site.codes.get(code, 0) + 1
    if not site.first_seen:
        site.asked = Pulse(e.time, ref)
        site.thanked = Pulse(e.time, ref)
    elif e.pulse == "asked":
        site.asked = Pulse(e.time, ref)
        site.answers, site.scores, site.codes = 0, {}, {}
    elif e.pulse == "thanked":
        site.thanked = Pulse(e.time, ref)
