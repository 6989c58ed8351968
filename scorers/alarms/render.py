"""From an episode to the record that is sent: the alarm as the wire contract states it."""

from scorers.alarms.kinds import KINDS
from scorers.alarms.reasons import counterfactual, deadline, reasons, treatment
from scorers.contract.alarms import Alarm, Change, Evidence, Subject
from scorers.contract.events import DAY, SECOND, Instant, Micros
from scorers.customer.state import Customer, Episode, Ref
from scorers.customer.value import value_at_risk
from scorers.in_force.context import Context


def record(c: Customer, e: Episode, change: Change, time: Micros, cause: tuple[Ref, ...], ctx: Context) -> Alarm:
    """One change in the life of an alarm, with the customer as seen at the time."""
    kind = KINDS[e.kind]
    about = e.subject_id or c.id
    ended = change in ("alarm.settled", "alarm.withdrawn")
    why = () if ended else reasons(c, e, time, ctx)
    by = None if ended else deadline(c, e, ctx)
    skill = "de_escalation" if c.tone or c.loyalty == "terrorist" else kind.skill
    return Alarm(
        type=change,
        alarm_id=e.alarm_id,
        dedup_key=f"{e.kind}:{e.subject}:{about}",
        subject=Subject(e.subject, about),
        customer_id=c.id,
        kind=e.kind,
        severity=e.severity,
        time=Instant(time // SECOND * SECOND),
        at=Instant(e.at // SECOND * SECOND),
        outcome=e.outcome if change == "alarm.settled" else None,
        cause=tuple(ref.id for ref in cause),
        stage=c.stage,
        tier=c.tier,
        loyalty_type=c.loyalty,
        risk=round(c.risk, 6) if c.risk >= 0 else None,
        horizon_days=ctx.policy.risk.horizon / DAY,
        value_at_risk_minor=value_at_risk(c, time, ctx.policy),
        currency=c.currency or None,
        reasons=why,
        treatment=None if ended else treatment(c, e),
        deadline=Instant(by // SECOND * SECOND) if by else None,
        counterfactual=None if ended else counterfactual(e, by),
        name=c.name or None,
        store_id=c.store_id or None,
        owner_id=c.owner_id or None,
        locale=c.locale or None,
        skill=skill,
        evidence=tuple([Evidence(r.topic, r.partition, r.offset, r.id) for r in (e.opener, *e.evidence)]),
        policy_version=ctx.policy_version,
        figures_version=ctx.figures(time).version,
        model_version=ctx.model(time).version,
    )
