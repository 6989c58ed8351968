"""State changes: raised once on the topic `alarms`, never settled, sent to no channel by default."""

from scorers.contract.alarms import Reason, Treatment, spoken
from scorers.contract.events import Micros
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import Episode
from scorers.timeline.kinds import Kind


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """The values before and after."""
    text = spoken(e.detail).replace("_", " ") or e.kind.replace("-", " ")
    return [Reason(e.kind.replace("-", "_"), 1.0, text)]


def _change(name: str, rules: tuple[str, ...], headline: str, example: str, treatment: Treatment) -> Kind:
    return Kind(
        name=name,
        rules=rules,
        headline=headline,
        example=example,
        treatment=treatment,
        fixed=True,
        reasons=reasons,
    )


STAGE_CHANGED = _change(
    "stage-changed",
    ("L1", "L7"),
    "{who} entered another stage",
    "Ana bought a second time: first_time_buyer to early_repeat_buyer.",
    "tailored_service",
)
TIER_CHANGED = _change(
    "tier-changed", ("T2",), "{who} entered another tier", "Otto's margin puts him in gold.", "tailored_service"
)
LOYALTY_CHANGED = _change(
    "loyalty-changed", ("Q1",), "{who} changed in loyalty", "Jon recommended us: loyal to apostle.", "tailored_service"
)
REACTIVATED = _change(
    "reactivated", ("L1",), "{who} came back", "Ana bought again after three quiet months.", "participation"
)
GOLDEN_CONVERSION = _change(
    "golden-conversion",
    ("L2",),
    "{who} became a customer without any problem",
    "Pia bought within a month of her first question, and her first week went well.",
    "participation",
)
