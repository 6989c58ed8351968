"""When each alarm is true: conditions on a customer's facts at one instant.

Every kind of the catalogue is here exactly once, as a condition that holds or not; none keeps state of its own. What
changes between two instants is found by `compare`. A deadline has passed only when the instant lies after it, so a fact
at the very instant of a deadline is in time.
"""

from collections.abc import Iterator

from msgspec import Struct

from scorers.contract.alarms import Severity, SubjectType
from scorers.contract.events import Micros
from scorers.customer import ledger
from scorers.customer.lifecycle import LEFT, gone_after, quiet_after
from scorers.customer.state import Customer, Ref
from scorers.customer.tiers import RANK
from scorers.in_force.context import Context


class Finding(Struct, frozen=True, gc=False):
    """A condition that holds, since when, and the fact that opened the episode."""

    kind: str
    subject: SubjectType
    subject_id: str  # "" for the customer
    at: Micros
    opener: Ref
    severity: Severity
    evidence: tuple[Ref, ...] = ()  # beyond the opener


def _customer(c: Customer, kind: str, at: Micros, opener: Ref, severity: Severity, *evidence: Ref) -> Finding:
    return Finding(kind, "customer", "", at, opener, severity, evidence)


def findings(c: Customer, now: Micros, ctx: Context) -> list[Finding]:
    """All conditions that hold at an instant, for a customer whose verdicts are up to date.

    At most instants of most customers none does, so nobody is asked who can have nothing to say.
    """
    found: list[Finding] = []
    if c.cases:
        found.extend(_complaints(c, now, ctx))
    if c.requests:
        found.extend(_requests(c, now))
    if c.promises:
        found.extend(_promises(c))
    if c.loyalty == "terrorist":
        found.append(_customer(c, "terrorist", c.terrorist_at, c.terrorist_opener, "critical"))
    if c.cases or c.debt or c.apostle_until or c.drop_from != "none":
        found.extend(_lasting(c, now, ctx))
    if c.stage in LEFT:
        found.append(_defected(c, ctx))
        return found
    if c.stage == "prospect":
        found.extend(_prospect(c, now, ctx))
    elif c.rhythm.occasions == 1 or c.stage == "dormant":
        found.extend(_silent(c, now))
    if c.risk >= 0 and (risky := _at_risk(c, now, ctx)) is not None:
        found.append(risky)
    if c.trouble is not None:
        kind, severity = _TROUBLE[c.trouble.stage]
        found.append(_customer(c, kind, c.trouble.at, c.trouble.opener, severity, *c.trouble.evidence))
    return found


def _lasting(c: Customer, now: Micros, ctx: Context) -> Iterator[Finding]:
    """What may outlast the customer's leaving: told before, it is not told again on the way back."""
    held = [case for case in c.cases if case.hostage_at]
    if held:
        case = min(held, key=lambda case: case.hostage_at)
        new = _customer(c, "hostage", case.hostage_at, case.opener, "warning", c.last_purchase_ref)
        yield _standing(c, "hostage") or new  # one of several solved leaves the customer a hostage of the rest
    if RANK[c.tier] < RANK[c.drop_from]:
        yield _customer(c, "tier-drop", c.drop_at, c.drop_opener, "warning")
    if c.apostle_until and c.apostle_until + ctx.policy.loyalty.apostle_dwell < now:
        at = c.apostle_until + ctx.policy.loyalty.apostle_dwell
        yield _customer(c, "apostle-lost", at, c.apostle_opener, "error")
    if c.debt:
        owed = ledger.debt(c, now, ctx.policy.ledger)
        standing = _standing(c, "experience-debt")
        if owed > ctx.policy.ledger.debt_limit and standing is None:
            yield _customer(c, "experience-debt", c.debt_at, c.last_bad_ref, "warning")
        elif standing is not None and owed >= ctx.policy.ledger.debt_settled:
            yield standing


_TROUBLE: dict[str, tuple[str, Severity]] = {
    "first_time_buyer": ("single-failure", "error"),
    "early_repeat_buyer": ("small-mishap", "warning"),
}


def _standing(c: Customer, kind: str) -> Finding | None:
    """The finding behind an alarm that stands: for conditions with two thresholds."""
    for e in c.open:
        if e.kind == kind:
            return Finding(kind, e.subject, e.subject_id, e.at, e.opener, KEEP, tuple(e.evidence))
    return None


KEEP: Severity = "info"
"""What a standing finding says of its severity; `compare` keeps the one told."""


def _complaints(c: Customer, now: Micros, ctx: Context) -> Iterator[Finding]:
    for case in c.cases:
        ref = case.opener
        if case.severity != "minor":
            severity: Severity = "error" if case.severity == "major" else "critical"
            since, fact = (case.grave_since, case.grave_ref) if case.grave_since else (case.opened, ref)
            yield Finding("major-problem", "complaint", case.id, since, fact, severity)
        if not case.acknowledged and not case.exempt and case.acknowledge_by < now:
            yield Finding("complaint-unacknowledged", "complaint", case.id, case.acknowledge_by, ref, "warning")
        if case.breached:
            yield Finding("complaint-overdue", "complaint", case.id, case.rectify_by, ref, "error")


def _requests(c: Customer, now: Micros) -> Iterator[Finding]:
    for request in c.requests:
        if request.breached:
            ref = request.opener
            yield Finding("request-unattended", "request", request.id, request.answer_by, ref, "warning")


def _promises(c: Customer) -> Iterator[Finding]:
    for promise in c.promises:
        if promise.broken:
            evidence = () if promise.breaker == promise.opener else (promise.breaker,)
            yield Finding("promise-broken", "promise", promise.id, promise.broken, promise.opener, "warning", evidence)


def _prospect(c: Customer, now: Micros, ctx: Context) -> Iterator[Finding]:
    cools = cooling_after(c, ctx)
    if c.first_contact and cools < now:
        yield _customer(c, "prospect-cooling", cools, c.first_contact_ref, "warning")


def cooling_after(c: Customer, ctx: Context) -> Micros:
    """When a prospect's window has run so far that it cools."""
    rules = ctx.policy.prospects
    return c.first_contact + round(rules.cooling_share * rules.conversion_window)


def _silent(c: Customer, now: Micros) -> Iterator[Finding]:
    if c.rhythm.occasions == 1:
        overdue = c.rhythm.first + c.second_limit
        if overdue < now:
            yield _customer(c, "second-purchase-overdue", overdue, c.first_purchase_ref, "warning")
    else:
        severity: Severity = "error" if c.core_before else "warning"
        yield _customer(c, "gone-quiet", quiet_after(c), c.last_purchase_ref, severity)


def _at_risk(c: Customer, now: Micros, ctx: Context) -> Finding | None:
    rules = ctx.policy.risk
    threshold = rules.threshold.of(c.tier)
    standing = _standing(c, "risk-high") if c.open else None
    if standing is not None:
        return standing if c.risk >= threshold - rules.hysteresis or c.last_purchase <= standing.at else None
    read_now = c.risk_at >= now - 1  # a reading of the past does not turn grave when the threshold falls
    if read_now and c.risk >= threshold and c.rhythm.occasions >= rules.occasions_at_least:
        return _customer(c, "risk-high", c.risk_at, c.last_purchase_ref, "error")
    return None


def _defected(c: Customer, ctx: Context) -> Finding:
    if c.rhythm.occasions:
        gone = gone_after(c, ctx.policy)
        if not c.exit_at or gone < c.exit_at:
            return _customer(c, "defected", gone, c.last_purchase_ref, "error")
    return _customer(c, "defected", c.exit_at, c.exit_ref, "error")


def due(c: Customer, now: Micros, ctx: Context) -> Micros:
    """The next instant at which something may change without a fact; 0 if there is none."""
    policy = ctx.policy
    soon = c.next_review or _NEVER
    if c.next_question and c.next_question < soon:
        soon = c.next_question
    if c.questions:
        answer = c.questions[0].asked + policy.risk.horizon + policy.time.allowed_lateness
        soon = min(soon, answer)
    occasions = c.rhythm.occasions
    if c.stage not in LEFT:
        if not occasions:
            if c.first_contact:
                soon = _sooner(soon, cooling_after(c, ctx), now)
        elif occasions == 1:
            soon = _sooner(soon, c.rhythm.first + c.second_limit, now)
            soon = _sooner(soon, gone_after(c, policy), now)
        else:
            soon = _sooner(soon, quiet_after(c), now)
            soon = _sooner(soon, gone_after(c, policy), now)
            if occasions >= policy.lifecycle.core_occasions:
                soon = _sooner(soon, c.rhythm.first + policy.lifecycle.core_tenure, now)
    if c.golden_by:
        soon = _sooner(soon, c.golden_by, now)
    for case in c.cases:
        if not case.acknowledged and not case.exempt:
            soon = _sooner(soon, case.acknowledge_by, now)
        if not case.breached:
            soon = _sooner(soon, case.rectify_by, now)
    for request in c.requests:
        if not request.breached:
            soon = _sooner(soon, request.answer_by, now)
    for promise in c.promises:
        if promise.due and not promise.broken:
            soon = _sooner(soon, promise.due, now)
    if c.tier_low_since:
        soon = _sooner(soon, c.tier_low_since + policy.tiers.dwell, now)
    if c.apostle_until:
        soon = _sooner(soon, c.apostle_until + policy.loyalty.apostle_dwell, now)
    for episode in c.open:
        if episode.status == "open":
            soon = _sooner(soon, ends_after(episode.kind, episode.at, ctx), now)
            if episode.kind == "experience-debt":
                soon = _sooner(soon, ledger.settled_after(c, policy.ledger), now)
                if c.pending:
                    soon = _sooner(soon, c.pending[0] + policy.ledger.quiet_week, now)
    return 0 if soon == _NEVER else soon


_NEVER = 1 << 62


def _sooner(soon: Micros, deadline: Micros, now: Micros) -> Micros:
    return deadline if now <= deadline < soon else soon


def ends_after(kind: str, at: Micros, ctx: Context) -> Micros:
    """When an alarm that stands is given up: two horizons, one for a defector who may still come back."""
    return at + (1 if kind == "defected" else 2) * ctx.policy.risk.horizon
