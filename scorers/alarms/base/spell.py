"""The condition of kinds about a flow: what its counts have begun lasts until they end it."""

from operator import attrgetter

from scorers.contract.events import Micros
from scorers.contract.rfc3339 import rfc3339
from scorers.groups.flow import Flow, Spell
from scorers.in_force.context import Context
from scorers.in_force.counted.flows import end_of
from scorers.timeline.episodes import NEVER, Answer, Episode, Finding
from scorers.timeline.facts import Ref
from scorers.timeline.kinds import Condition


def condition_of(name: str) -> Condition:
    """The condition that is true while a spell of the flow lasts."""
    spell_of = attrgetter(name)

    def condition(flow: Flow, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
        spell: Spell = spell_of(flow)
        return Finding(spell.at, opener(flow, spell)) if spell.since else NEVER

    return condition


def opener(flow: Flow, spell: Spell) -> Ref:
    """What names the episode: the end of the one before, so that a late fact that moves the beginning leaves the id as it is."""
    return Ref(flow.id, rfc3339(end_of(spell.over)) if spell.over else "first")
