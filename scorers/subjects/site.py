"""The site as a subject."""

from scorers.alarms.catalogue import watched_by
from scorers.alarms.render import render
from scorers.contract.alarms import Alarm, Change
from scorers.contract.events import AnyEvent, Micros, StaffPulse
from scorers.groups.site import Site, fold
from scorers.in_force.context import Context
from scorers.timeline.compare import compare
from scorers.timeline.episodes import Episode
from scorers.timeline.facts import Ref
from scorers.timeline.kinds import plan
from scorers.timeline.retained_fields import RetainedFields
from scorers.timeline.subjects import AlarmingType, Effects

_KINDS = watched_by("site")
_PLAN = plan(_KINDS)
_RETAINED = RetainedFields((StaffPulse,), {})


class SiteType(AlarmingType[Site]):
    """How a site changes."""

    def __init__(self) -> None:
        super().__init__("site", Site, _KINDS)

    def retained(self, event: AnyEvent) -> AnyEvent:
        """The event with the fields that a site's row keeps."""
        return _RETAINED.of(event)

    def advance(self, site: Site, at: Micros, event: AnyEvent | None, ref: Ref, ctx: Context, effects: Effects) -> None:
        """Fold a pulse, or judge a deadline; then compare with the open alarms and set the next deadline."""
        if event is None and at >= self.retires(site, ctx):
            site.clear()  # the partition deletes it once all facts before are known
            return
        now = at + 1
        if isinstance(event, StaffPulse):
            now = at
            fold(site, event, ref)
            site.first_seen = site.first_seen or at
            site.last_fact = at
        soon = compare(self, site, _PLAN, now, ref, ctx, effects)
        site.due = min(soon, self.retires(site, ctx))

    def retires(self, site: Site, ctx: Context) -> Micros:
        """So long after the newest fact."""
        return site.last_fact + ctx.policy.retention.silent

    def render(
        self, site: Site, episode: Episode, change: Change, time: Micros, cause: tuple[Ref, ...], ctx: Context
    ) -> Alarm:
        """One change in the life of an alarm as a record of the topic `alarms`."""
        kind = self.kinds[episode.kind]
        own = {"customer_id": None, "skill": kind.skill, "store_id": site.id}
        return render(kind, site, episode, change, time, cause, ctx, own)


SITE = SiteType()
