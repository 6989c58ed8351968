"""The theme as a subject: what a complaint about it, or time, changes."""

import hashlib

from msgspec.structs import replace

from scorers.alarms.catalogue import watched_by
from scorers.alarms.render import render
from scorers.contract.alarms import Alarm, Change
from scorers.contract.events import DAY, AnyEvent, ComplaintOpened, Micros
from scorers.groups import theme as themes
from scorers.groups.theme import Theme, named
from scorers.groups.usual import YEAR
from scorers.in_force.context import Context
from scorers.timeline.compare import compare
from scorers.timeline.episodes import NEVER, Episode
from scorers.timeline.facts import NO_FACT, Ref
from scorers.timeline.kinds import plan
from scorers.timeline.retained_fields import RetainedFields
from scorers.timeline.subjects import AlarmingType, Effects

_KINDS = watched_by("theme")
_PLAN = plan(_KINDS)
_UNREAD = ("severity", "subject", "sku", "lot", "store_id", "formality", "public", "reason")
_RETAINED = RetainedFields((ComplaintOpened,), {ComplaintOpened: dict.fromkeys(_UNREAD)})


class ThemeType(AlarmingType[Theme]):
    """How a theme changes."""

    max_recent = 256  # partitions may be read days apart, and a fact is small

    def __init__(self) -> None:
        super().__init__("theme", Theme, _KINDS)

    def retained(self, event: AnyEvent) -> AnyEvent:
        """The instant, and a hash of the case, whose id may contain the customer's: an erasure does not reach the rows of themes."""
        assert isinstance(event, ComplaintOpened)
        digest = hashlib.blake2b(event.complaint_id.encode(), digest_size=8).hexdigest()
        return _RETAINED.of(replace(event, complaint_id=digest))

    def advance(
        self, theme: Theme, at: Micros, event: AnyEvent | None, ref: Ref, ctx: Context, effects: Effects
    ) -> None:
        """Count a complaint, or judge a deadline; then compare with the open alarm and set the next deadline."""
        if event is None and at >= self.retires(theme, ctx):
            theme.clear()  # the partition deletes it once all facts before are known
            return
        now = at + 1
        if isinstance(event, ComplaintOpened):
            now = at
            if themes.count(theme, event, ctx):
                themes.judge(theme, at, now, ref, ctx)
        else:
            themes.judge(theme, at, now, NO_FACT, ctx)
        soon = compare(self, theme, _PLAN, now, ref, ctx, effects)
        theme.due = min(soon, themes.next_instant(theme, now, ctx) or NEVER, self.retires(theme, ctx))

    def retires(self, theme: Theme, ctx: Context) -> Micros:
        """Two windows after the last complaint; with so many that it could rise, once no season of its own is known any more."""
        rules = ctx.policy.themes
        matters = sum(theme.counts) >= rules.at_least
        return theme.last_fact + (max(themes.lasts(ctx), YEAR * DAY) if matters else 0) + 2 * rules.window

    def render(
        self, theme: Theme, episode: Episode, change: Change, time: Micros, cause: tuple[Ref, ...], ctx: Context
    ) -> Alarm:
        """One change in the life of an alarm as a record of the topic `alarms`, under the name of the reason, article or store."""
        kind, parts = self.kinds[episode.kind], named(theme.id)
        store = parts.thing if parts.by == "store" else None
        own = {"customer_id": None, "skill": kind.skill, "store_id": store, "name": parts.thing.replace("_", " ")}
        return render(kind, theme, episode, change, time, cause, ctx, own)


THEME = ThemeType()
