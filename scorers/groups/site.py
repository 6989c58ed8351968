"""A site and its staff (P2): when the staff were last asked whether they are content, and last thanked."""

from msgspec import Struct, field

from scorers.contract.events import Micros, StaffPulse
from scorers.timeline.facts import NO_FACT, Ref
from scorers.timeline.subjects import State


class Pulse(Struct, array_like=True, gc=False):
    """The last pulse of one sort; before the first one, the fact by which the site became known."""

    at: Micros = 0
    ref: Ref = NO_FACT


class Site(State, array_like=True, gc=False):
    """What is known of a site."""

    asked: Pulse = field(default_factory=Pulse)
    thanked: Pulse = field(default_factory=Pulse)


def fold(site: Site, e: StaffPulse, ref: Ref) -> None:
    """Staff were asked or thanked, or answered."""
    if not site.first_seen:
        site.asked = Pulse(e.time, ref)
        site.thanked = Pulse(e.time, ref)
    elif e.pulse == "asked":
        site.asked = Pulse(e.time, ref)
    elif e.pulse == "thanked":
        site.thanked = Pulse(e.time, ref)
