"""What the staff of a site have answered since they were last asked (P2): reasons of the alarms about them."""

from scorers.alarms.speech import Value
from scorers.alarms.words import told
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.groups.site import Site
from scorers.in_force.context import Context


def said(site: Site, now: Micros, ctx: Context) -> list[Reason]:
    """How content they are, and what they name most often; nothing without answers."""
    found = []
    if site.scores:
        mean = sum(score * count for score, count in site.scores.items()) / sum(site.scores.values())
        found.append(told("staff_score", 0.5, "staff_score", now, ctx, {"mood": mean}))
    if site.codes:
        code = min(site.codes, key=lambda code: (-site.codes[code], code))
        values: dict[str, Value] = {"code": code, "times": site.codes[code], "answers": site.answers}
        found.append(told("staff_codes", 0.5, "staff_codes", now, ctx, values))
    return found
