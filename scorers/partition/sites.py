"""When the staff of the sites of a partition were last asked and thanked, in memory: for metrics."""

from scorers.contract.events import Micros
from scorers.groups.site import Site
from scorers.in_force.context import Context
from scorers.subjects.site import SITE
from scorers.timeline.timeline import Timeline


class Sites:
    """The newest pulses of each site, by the name of its subject."""

    def __init__(self) -> None:
        self._pulses: dict[str, tuple[Micros, Micros]] = {}

    def put(self, name: str, site: Site) -> None:
        """Take what a site says now."""
        self._pulses[name] = site.asked.at, site.thanked.at

    def recover(self, name: str, row: bytes, ctx: Context) -> None:
        """Take what a site said from its stored row."""
        self.put(name, Timeline.decode(SITE, row, ctx).state)

    def remove(self, name: str) -> None:
        """A subject was deleted."""
        self._pulses.pop(name, None)

    def __len__(self) -> int:
        return len(self._pulses)

    def oldest(self) -> tuple[Micros, Micros] | None:
        """The instants since which the site that waits longest was not asked, and not thanked; None without sites.

        >>> from scorers.groups.site import Pulse
        >>> sites = Sites()
        >>> sites.put("north", Site("north", asked=Pulse(7), thanked=Pulse(9)))
        >>> sites.put("south", Site("south", asked=Pulse(8), thanked=Pulse(3)))
        >>> sites.oldest()
        (7, 3)
        """
        pulses = list(self._pulses.values())
        return (min(asked for asked, _ in pulses), min(thanked for _, thanked in pulses)) if pulses else None
