"""The pipeline of one customer (A1): analyze, understand, profile, segment, target, activate, retain; one line for each step."""

from collections.abc import Iterator, Sequence

from alerts.wording.formats import percent
from alerts.wording.message import cause
from alerts.wording.playbooks import TREATMENTS
from scorers.alarms.catalogue import STATE_CHANGES
from scorers.contract.alarms import SEVERITIES, Alarm, spoken
from vigia.readmodel.alarm_summary import AlarmSummary, CustomerRow
from vigia.readmodel.amounts import counted, without_cents

_ACTIVATE = {
    "prospect": "has not bought yet",
    "dormant": "dormant: silent beyond the own rhythm",
    "lost": "has left; nobody has tried to win them back since",
    "approached": "has left; somebody has tried to win them back",
    "won_back": "won back after having left",
}


def pipeline(c: CustomerRow, alarms: Sequence[Alarm]) -> Iterator[tuple[str, str]]:
    """Yield each step with what is known of it."""
    summary = AlarmSummary()
    for alarm in alarms:
        summary.add(alarm)
    standing = sorted((a for a in summary.open() if a.kind not in STATE_CHANGES), key=_gravest)
    gap = c.rhythm.gap_days if c.rhythm else None
    usual = f", usually every {counted(round(gap), 'day')}" if gap else ""
    yield "analyze", f"{counted(c.occasions, 'visit')}{usual}; {_engagement(c)}"
    why = [text for text in map(cause, standing) if text]
    yield "understand", why[0] if why else "nothing stands out"
    yield "profile", f"{percent(c.risk)} of customers like this one buy no more within the horizon"
    yield (
        "segment",
        f"{c.tier}, {spoken(c.loyalty_type)}, {without_cents(c.value_at_risk_minor, c.currency)} at risk{_budget(c)}",
    )
    treatment = next((a.treatment for a in standing if a.treatment is not None), None)
    yield "target", TREATMENTS[treatment] if treatment else "no action proposed"
    state = c.win_back if c.win_back else c.stage
    yield "activate", _ACTIVATE.get(state, "not needed: buys")
    ties = ", ".join(bond.replace("_", " ") for bond in c.bonds) or "no bond is known"
    yield "retain", ties + ("; comes nearly only for rewards" if c.reward_only else "")


def _gravest(alarm: Alarm) -> tuple[int, int]:
    return SEVERITIES.index(alarm.severity), -int(alarm.at)


def _engagement(c: CustomerRow) -> str:
    return f"{'active' if c.active else 'passive'} (engagement {c.engagement:.2f})"


def _budget(c: CustomerRow) -> str:
    cost = c.cost_to_serve_minor
    return f"; serving cost {without_cents(cost, c.currency)} lately" if cost and c.currency else ""
