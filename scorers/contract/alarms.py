"""The alarms of the contract: each record is one change of an alarm.

An alarm is raised, may be updated, and ends settled or withdrawn, always under the same `alarm_id`. The id depends on
the subject, the kind and the fact that opened the episode, never on offsets or clocks, so that all runners give it the
same id.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from scorers.contract.events import Instant

Severity = Literal["critical", "error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "error", "warning", "info")
Outcome = Literal["returned", "saved", "false", "lost", "resolved", "expired"]
Stage = Literal[
    "prospect", "first_time_buyer", "early_repeat_buyer", "core_customer", "dormant", "defector", "core_defector"
]
Tier = Literal["platinum", "gold", "iron", "lead", "none"]
LoyaltyType = Literal["apostle", "loyal", "mercenary", "hostage", "defector", "terrorist", "unknown"]
_SPOKEN = {"terrorist": "speaks against us"}
SubjectType = Literal[
    "customer", "complaint", "request", "promise", "site", "theme", "store", "tier", "base", "policy", "feed"
]
Treatment = Literal[
    "preferential_treatment",
    "faster_attention",
    "special_offer",
    "tailored_service",
    "privileged_information",
    "participation",
    "help",
    "incentive",
    "trust",
    "do_not_spend",
]
Matter = Literal["silence", "trouble", ""]
"""Kinds of one group that begin with one fact are one matter for people (J9): a silence, or a trouble such as a complaint."""
Skill = Literal["de_escalation", "retention", "sales", "service", "owner_of_cause"]
Change = Literal[
    "alarm.raised",
    "alarm.updated",
    "alarm.withdrawn",
    "alarm.settled",
    "alarm.acknowledged",
    "alarm.acted",
    "alarm.snoozed",
    "alarm.resolved",
    "alarm.dismissed",
    "alarm.escalated",
]


class Subject(Struct, frozen=True):
    """What the alarm is about."""

    type: SubjectType
    id: str


class Reason(Struct, frozen=True, omit_defaults=True, gc=False):
    """One cause: its code, its signed share, and a sentence for a shop manager.

    `sentence` and `values` are what the text was made from, so that other languages say the same: the name of the sentence, and
    numbers, texts, and dates like 2024-05-12.
    """

    code: str
    weight: float
    text: str
    sentence: str = ""
    values: dict[str, int | float | str] = {}


class Evidence(Struct, frozen=True, omit_defaults=True, gc=False):
    """The position of a fact in its topic; in a replay the file name, 0 and the line number."""

    topic: str
    partition: int
    offset: int
    event_id: str


class Alarm(Struct, frozen=True, kw_only=True, gc=False):
    """One record of the topic `alarms`.

    Where a person did something about the alarm, `by` is who, `time` when, `reason` why, `until` the end of a snooze, and
    `treatment` what was done, if they said so. `history` marks one that became true before the instant from which alarms are wanted:
    it is recorded, and sent to nobody. Where ids were merged, `merged` marks a withdrawal after which the alarm may go on under
    the other id, and `continues` on a raised alarm the one that it goes on from: what people did about that one stands for this one.
    """

    type: Change
    alarm_id: str
    dedup_key: str
    subject: Subject
    customer_id: str | None
    kind: str
    severity: Severity
    time: Instant
    at: Instant
    outcome: Outcome | None = None
    cause: tuple[str, ...] = ()
    stage: Stage | None = None
    tier: Tier | None = None
    loyalty_type: LoyaltyType | None = None
    risk: float | None = None
    horizon_days: float | None = None
    value_at_risk_minor: int | None = None
    priority_minor: int | UnsetType = UNSET  # chance x value x chance to save - cost (A5); left out where not known
    currency: str | None = None
    reasons: tuple[Reason, ...] = ()
    treatment: Treatment | None = None
    deadline: Instant | None = None
    counterfactual: str | None = None
    name: str | None = None
    store_id: str | None = None
    owner_id: str | None = None
    locale: str | None = None
    skill: Skill | None = None
    evidence: tuple[Evidence, ...] = ()
    by: str | None = None
    reason: str | None = None
    until: Instant | None = None
    history: bool | UnsetType = UNSET
    merged: bool | UnsetType = UNSET
    continues: str | UnsetType = UNSET
    policy_version: str
    figures_version: str
    model_version: str
    schema_version: int = 1


def spoken(code: str) -> str:
    """A code, such as a kind or a loyalty type, as people may read it: of a customer nobody says "terrorist" (Q4).

    >>> spoken("terrorist"), spoken("loyal"), spoken("unknown to terrorist")
    ('speaks against us', 'loyal', 'unknown to speaks against us')
    """
    for name, words in _SPOKEN.items():
        code = code.replace(name, words)
    return code
