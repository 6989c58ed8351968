"""The catalogue of alarm kinds that the core raises, as one table.

A kind states how grave it is, what it is about, how it ends well, which business rules it serves and which treatment it
proposes. When it becomes true stands in `conditions`, how it is told in `reasons`.
"""

from msgspec import Struct

from scorers.contract.alarms import SEVERITIES, Outcome, Severity, Skill, SubjectType, Tier, Treatment


class Kind(Struct, frozen=True):
    """One row of the catalogue."""

    name: str
    severity: Severity
    rules: tuple[str, ...]
    treatment: Treatment
    subject: SubjectType = "customer"
    outcome: Outcome = "saved"
    fixed: bool = False  # the severity is the same for every tier
    skill: Skill = "retention"
    code: str = ""  # the reason's code, where it is not the kind itself

    @property
    def is_case(self) -> bool:
        """Complaints, requests and promises outlive the customer's leaving."""
        return self.subject in ("complaint", "request", "promise")


_CATALOGUE = (
    Kind("prospect-cooling", "warning", ("L2",), "privileged_information", skill="sales"),
    Kind("second-purchase-overdue", "warning", ("L3", "L9"), "special_offer"),
    Kind("single-failure", "error", ("L3",), "help"),
    Kind("small-mishap", "warning", ("L4",), "help"),
    Kind("major-problem", "error", ("L5",), "faster_attention", "complaint", "resolved", skill="service"),
    Kind("complaint-unacknowledged", "warning", ("X6",), "faster_attention", "complaint", "resolved", skill="service"),
    Kind(
        "complaint-overdue", "error", ("X6", "L5", "L6"), "faster_attention", "complaint", "resolved", skill="service"
    ),
    Kind("request-unattended", "warning", ("X7", "L6"), "faster_attention", "request", "resolved", skill="service"),
    Kind("gone-quiet", "warning", ("L1", "Q6"), "incentive"),
    Kind("defected", "error", ("L1", "L6"), "special_offer"),
    Kind("risk-high", "error", ("A5", "A7"), "preferential_treatment"),
    Kind("tier-drop", "warning", ("T2",), "tailored_service"),
    Kind("apostle-lost", "error", ("Q3",), "participation"),
    Kind("hostage", "warning", ("Q5",), "faster_attention", skill="service"),
    Kind("terrorist", "critical", ("Q4",), "trust", fixed=True, skill="de_escalation"),
    Kind("experience-debt", "warning", ("X1",), "preferential_treatment"),
    Kind("promise-broken", "warning", ("X11",), "trust", "promise", "resolved", skill="service"),
    Kind("stage-changed", "info", ("L1", "L7"), "tailored_service", fixed=True),
    Kind("tier-changed", "info", ("T2",), "tailored_service", fixed=True),
    Kind("loyalty-changed", "info", ("Q1",), "tailored_service", fixed=True),
    Kind("reactivated", "info", ("L1",), "participation", fixed=True),
    Kind("golden-conversion", "info", ("L2",), "participation", fixed=True),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _CATALOGUE}
STATE_CHANGES = frozenset({"stage-changed", "tier-changed", "loyalty-changed", "reactivated", "golden-conversion"})

_STEPS_DOWN: dict[Tier, int] = {"platinum": 0, "gold": 0, "iron": 1, "none": 1, "lead": 2}


def severity_for(severity: Severity, tier: Tier) -> Severity:
    """A severity as the tier carries it: iron one step lower, lead two, never under info.

    >>> severity_for("error", "iron"), severity_for("warning", "lead")
    ('warning', 'info')
    """
    return SEVERITIES[min(SEVERITIES.index(severity) + _STEPS_DOWN[tier], len(SEVERITIES) - 1)]
