"""Renders an episode as a record of the topic `alarms`, with the current state of its subject."""

from typing import Any

from msgspec import UNSET

from scorers.alarms.act_by import act_by
from scorers.alarms.english import ENGLISH
from scorers.alarms.risk.reported import reported_horizon
from scorers.alarms.words import date
from scorers.contract.alarms import Alarm, Change, Evidence, Subject, Treatment
from scorers.contract.events import DAY, SECOND, Instant, Micros
from scorers.customer.lifecycle import LEFT
from scorers.customer.state import Customer
from scorers.customer.treatments import of_silence, suitable
from scorers.customer.value import value_at_risk
from scorers.in_force.context import Context
from scorers.policy.tables import Policy
from scorers.timeline.episodes import Episode
from scorers.timeline.facts import Ref
from scorers.timeline.kinds import Kind
from scorers.timeline.subjects import State


def render(
    kind: Kind,
    state: State,
    e: Episode,
    change: Change,
    time: Micros,
    cause: tuple[Ref, ...],
    ctx: Context,
    own: dict[str, Any],
) -> Alarm:
    """One change of an alarm as a record; `own` holds the attributes that only this type of subject has.

    A record that ends an alarm has no reasons, treatment, deadline or counterfactual.
    """
    about = e.subject_id or state.id
    if change in ("alarm.settled", "alarm.withdrawn"):
        own["treatment"] = None
    else:
        own.setdefault("treatment", kind.treatment)
        own["reasons"] = tuple(kind.reasons(state, e, time, ctx))
        by = act_by(kind, state, e, ctx)
        own["deadline"] = Instant(by // SECOND * SECOND) if by else None
        own["counterfactual"] = _remedy(kind, state, e, by, time, ctx)
    return Alarm(
        type=change,
        alarm_id=e.alarm_id,
        dedup_key=f"{e.kind}:{e.subject}:{about}",
        subject=Subject(e.subject, about),
        kind=e.kind,
        severity=e.severity,
        time=Instant(time // SECOND * SECOND),
        at=Instant(e.at // SECOND * SECOND),
        outcome=e.outcome if change == "alarm.settled" else None,
        cause=tuple([ref.id for ref in cause]),
        history=True if e.at < ctx.history_before else UNSET,
        evidence=tuple([Evidence(r.topic, r.partition, r.offset, r.id) for r in (e.opener, *e.evidence)]),
        policy_version=ctx.policy_version,
        figures_version=ctx.figures(time).version,
        model_version=ctx.model(time).version,
        **own,
    )


def render_customer(
    kind: Kind, c: Customer, e: Episode, change: Change, time: Micros, cause: tuple[Ref, ...], ctx: Context
) -> Alarm:
    """One change of an alarm about a customer, or about a customer's case, as a record."""
    tense = c.contacts.tone or c.attitude.type == "terrorist"
    risk, profile = c.risk.last, c.profile
    own: dict[str, Any] = {
        "customer_id": c.id,
        "stage": c.life.stage,
        "tier": c.tiering.tier,
        "loyalty_type": c.attitude.type,
        "risk": round(risk, 6) if risk >= 0 else None,
        "horizon_days": reported_horizon(c, ctx.policy) / DAY,
        "value_at_risk_minor": value_at_risk(c, time, ctx),
        "currency": c.spending.currency or None,
        "treatment": proposed_treatment(kind, c, ctx.policy),
        "name": profile.name or None,
        "store_id": profile.store_id or None,
        "owner_id": profile.owner_id or None,
        "locale": profile.locale or None,
        "skill": "de_escalation" if tense else kind.skill,
    }
    return render(kind, c, e, change, time, cause, ctx, own)


def proposed_treatment(kind: Kind, c: Customer, policy: Policy) -> Treatment:
    """The one that suits, or `do_not_spend` for the tier lead, whose customers cost more than they bring."""
    if c.tiering.tier == "lead" and not kind.is_case and not kind.fixed:
        return "do_not_spend"
    if kind.name == "defected" and c.life.stage in LEFT:
        return of_silence("participation", c, policy)  # why they left must be known before an offer makes sense
    return of_silence(kind.treatment, c, policy) if kind.matter == "silence" else suitable(kind.treatment, c)


def _remedy(kind: Kind, state: State, e: Episode, by: Instant | None, time: Micros, ctx: Context) -> str | None:
    """The counterfactual: one sentence about what would settle the alarm; None if the kind has none, or if it would not be true."""
    if kind.remedy is None or ("{by}" in kind.remedy and (by is None or by <= time)):
        return None
    if kind.suffices is not None and by is not None and not kind.suffices(state, e, by, ctx):
        return None
    if by is None:
        return kind.remedy
    on = date(by, ctx)
    return kind.remedy.format(by=ENGLISH.date(on, on))
