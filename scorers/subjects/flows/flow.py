"""The flow of the base, a tier or a store as a subject: its counts are judged at the end of each day."""

from typing import Any

from msgspec.structs import replace

from scorers.alarms.catalogue import watched_by
from scorers.alarms.render import render
from scorers.contract.alarms import Alarm, Change, Subject
from scorers.contract.alarms import SubjectType as SubjectName
from scorers.contract.events import DAY, AnyEvent, Micros
from scorers.groups.flow import ByDay, Flow, tier_of, turns
from scorers.in_force.context import Context
from scorers.in_force.counted.flows import BASE, STORE, TIER, end_of
from scorers.in_force.figures import in_force
from scorers.timeline.compare import compare
from scorers.timeline.episodes import NEVER, Episode
from scorers.timeline.facts import NO_FACT, Ref
from scorers.timeline.kinds import Kind, plan
from scorers.timeline.subjects import AlarmingType, Effects

_KINDS = watched_by("base")
_PLAN = plan(_KINDS)


class FlowType(AlarmingType[Flow]):
    """How a flow changes: `FlowTimeline` keeps the counts that are told of it at the end of each day."""

    def __init__(self) -> None:
        super().__init__("base", Flow, _KINDS)

    def retained(self, event: AnyEvent) -> AnyEvent:
        """A flow keeps no event."""
        raise TypeError("events reach a flow as counts")

    def advance(self, flow: Flow, at: Micros, event: AnyEvent | None, ref: Ref, ctx: Context, effects: Effects) -> None:
        """Only counts change a flow."""
        raise TypeError("a flow advances by counts: see play")

    def play(self, flow: Flow, by_day: ByDay, until: int, ctx: Context, effects: Effects) -> None:
        """Judge the end of each day after the settled ones, up to one."""
        since = max(flow.settled + 1, by_day.first)
        for day in turns(flow, by_day, since, until, ctx.policy) if since <= until else ():
            compare(self, flow, _PLAN, end_of(day), NO_FACT, ctx, effects)
        flow.settled = until

    def retires(self, flow: Flow, ctx: Context) -> Micros:
        """So long after the newest counts that no window has any of them."""
        return in_force(flow.day + 2 * (ctx.policy.base.window // DAY) + 1, ctx.policy) if flow.day else 0

    def expires(self, flow: Flow, kind: Kind, episode: Episode, ctx: Context) -> Micros:
        """What these alarms say stays true until it is over."""
        return NEVER

    def render(
        self, flow: Flow, episode: Episode, change: Change, time: Micros, cause: tuple[Ref, ...], ctx: Context
    ) -> Alarm:
        """One change in the life of an alarm as a record of the topic `alarms`; counts have no single fact as evidence."""
        kind = self.kinds[episode.kind]
        subject = subject_of(flow.id) if kind.about == "base" else Subject(kind.about, kind.about)
        own: dict[str, Any] = {"customer_id": None, "skill": kind.skill, "name": name_of(flow.id)}
        own["tier"] = tier_of(flow.id)
        own["store_id"] = subject.id if subject.type == "store" else None
        if kind.about == "base":
            window = ByDay(flow).window(flow.day, ctx.policy.base.window // DAY)
            own |= {"value_at_risk_minor": window.gap_minor, "currency": window.currency or None}
        alarm = render(kind, flow, episode, change, time, cause, ctx, own)
        return replace(alarm, subject=subject, dedup_key=f"{kind.name}:{subject.type}:{subject.id}", evidence=())


def subject_of(flow_id: str) -> Subject:
    """What the alarms of a flow are about.

    >>> subject_of("base"), subject_of("tier:gold"), subject_of("store:S1")
    (Subject(type='base', id='base'), Subject(type='tier', id='gold'), Subject(type='store', id='S1'))
    """
    types: dict[str, SubjectName] = {TIER: "tier", STORE: "store"}
    for prefix, name in types.items():
        if flow_id.startswith(prefix):
            return Subject(name, flow_id.removeprefix(prefix))
    return Subject("base", flow_id)


def name_of(flow_id: str) -> str:
    """What people call it.

    >>> name_of("base"), name_of("tier:gold"), name_of("store:S1")
    ('all customers', 'tier gold', 'store S1')
    """
    subject = subject_of(flow_id)
    return "all customers" if flow_id == BASE else f"{subject.type} {subject.id}"


FLOW = FlowType()
