"""A site and its staff (P2): when the staff were last asked how they are, and last thanked."""

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


def fold(site: Site, e: StaffPulse, ref: Ref) -> None:
    """Note that the staff were asked or thanked. The first pulse of a site, of any sort, starts both times."""
    if not site.first_seen:
        site.asked = Pulse(e.time, ref)
        site.thanked = Pulse(e.time, ref)
    elif e.pulse == "asked":
        site.asked = Pulse(e.time, ref)
    elif e.pulse == "thanked":
        site.thanked = Pulse(e.time, ref)
