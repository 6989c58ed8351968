"""Verdicts at one instant, and what changed since the last: stage, tier, loyalty type, risk, and the alarms.

`instant` is the heart of the monitor: a fact is folded or time lapses, the verdicts are judged, and the conditions that
now hold are compared with the alarms that stand. What follows is noted in a `Log`; nothing leaves from here.
"""

import hashlib
from zlib import crc32

from msgspec import Struct, field

from scorers.alarms.conditions import KEEP, Finding, due, ends_after, findings
from scorers.alarms.kinds import KINDS, severity_for
from scorers.contract.alarms import Outcome, Severity
from scorers.contract.events import DAY, SECOND, AnyEvent, Duration, Instant, Micros, Purchase
from scorers.contract.lessons import Lesson
from scorers.customer import lifecycle, loyalty, tiers
from scorers.customer.evolve import EVOLVE, lapse
from scorers.customer.lifecycle import LEFT, RETURNS_FROM
from scorers.customer.state import MAX_EVIDENCE, MAX_QUESTIONS, MILLION, NOBODY, Customer, Episode, Question, Ref
from scorers.customer.tiers import RANK
from scorers.in_force.context import Context
from scorers.in_force.figures import YEARS, Contribution, value_bucket
from scorers.policy.tables import Risk
from scorers.risk.columns import FEATURES_VERSION, pack_features, pack_floats, unpack_features, unpack_floats
from scorers.risk.features import features
from scorers.risk.rules import rules_risk


class Log(Struct, gc=False):
    """What happened in one or more instants of a customer."""

    touched: dict[str, Episode] = field(default_factory=dict)
    counts: list[Contribution] = field(default_factory=list)
    lessons: list[Lesson] = field(default_factory=list)


def instant(c: Customer, at: Micros, event: AnyEvent | None, ref: Ref, ctx: Context, log: Log) -> None:
    """Fold a fact, or let time pass the deadline `at`; judge, compare, and set the next deadline.

    A deadline is judged a microsecond after it, so that a fact at its very instant was in time.
    """
    if event is not None:
        now = at
        EVOLVE[type(event)](c, event, ref, ctx, log.counts)
        if not c.first_seen:
            c.first_seen = at
        c.last_fact = at
    else:
        now = at + 1
        lapse(c, now, ctx)
    reviewing = event is not None or c.next_review == at
    bought = isinstance(event, Purchase)
    _stage(c, at, now, ref, bought, ctx, log)
    if c.purchases and (reviewing or c.next_question == at or (c.tier_low_since and event is None)):
        _tier(c, at, now, ctx, log)
    _loyalty(c, at, ref, ctx, log)
    if c.questions and event is None:
        _answer(c, now, ctx, log)
    if c.rhythm.occasions:
        _read_risk(c, at, event is None, reviewing, bought, ctx)
    if c.golden_by and c.golden_by < now:
        _tell(c, "golden-conversion", c.golden_by, c.first_purchase_ref, "", log)
        c.golden_by = 0
    compare(c, now, ref, ctx, log)
    c.due = due(c, now, ctx)


# --- verdicts ---------------------------------------------------------------------------------------------------


def _stage(c: Customer, at: Micros, now: Micros, ref: Ref, bought: bool, ctx: Context, log: Log) -> None:
    before, after = c.stage, lifecycle.judge(c, now, ctx.policy)
    if before == after:
        return
    lifecycle.move(before, after)
    c.stage, c.stage_since, c.core_before = after, at, before == "core_customer"
    opener = ref if ref is not NOBODY else c.last_purchase_ref
    _tell(c, "stage-changed", at, opener, f"{before} to {after}", log)
    if bought and before in RETURNS_FROM and after not in LEFT:
        _tell(c, "reactivated", at, opener, f"{before} to {after}", log)
    if after in LEFT:
        c.next_review, c.risk = 0, -1.0


def _tier(c: Customer, at: Micros, now: Micros, ctx: Context, log: Log) -> None:
    figures, policy = ctx.figures(at), ctx.policy
    tiers.expire(c, now, policy)
    bucket = value_bucket(c.year_minor) if c.days else -1
    if bucket != c.year_bucket:
        day = at // DAY
        if c.year_bucket >= 0:
            log.counts.append((day, YEARS, c.year_bucket, -1))
        if bucket >= 0:
            log.counts.append((day, YEARS, bucket, 1))
        c.year_bucket = bucket
    before = c.tier
    after = tiers.place(c.year_minor, before if c.tier_ranked else "none", figures, policy)
    if RANK[after] >= RANK[before] or not c.tier_ranked:
        c.tier_low_since = 0
    elif not c.tier_low_since:
        c.tier_low_since, c.tier_low_opener = at, c.last_purchase_ref
        return
    elif c.tier_low_since + policy.tiers.dwell >= now:
        return
    else:
        at = c.tier_low_since + policy.tiers.dwell
        stands = any(e.kind == "tier-drop" and e.status == "open" for e in c.open)
        if c.stage not in LEFT and not stands:  # a further fall is the same alarm; who left falls unheard
            c.drop_from, c.drop_at, c.drop_opener = before, at, c.tier_low_opener
        c.tier_low_since = 0
    c.tier_ranked = figures.bounds is not None
    if after != before:
        c.tier = after
        _tell(c, "tier-changed", at, c.last_purchase_ref, f"{before} to {after}", log)
    if RANK[after] >= RANK[c.drop_from]:
        c.drop_from = "none"


def _loyalty(c: Customer, at: Micros, ref: Ref, ctx: Context, log: Log) -> None:
    before, after = c.loyalty, loyalty.judge(c, c.stage, ctx.policy)
    if before == after:
        return
    opener = ref if ref is not NOBODY else c.last_purchase_ref
    c.loyalty = after
    if after == "terrorist":
        c.terrorist_at, c.terrorist_opener = at, opener
    if after == "apostle":
        c.apostle_until = 0
    elif before == "apostle":
        c.apostle_until, c.apostle_opener = at, opener
    _tell(c, "loyalty-changed", at, opener, f"{before} to {after}", log)


# --- risk: reviews, questions and answers -------------------------------------------------------------------------


def phase(customer_id: str, period: int) -> Micros:
    """Where in a period this customer's own instants lie: spread evenly, the same in every run."""
    return (crc32(customer_id.encode()) % (period // SECOND)) * SECOND


def _on_grid(after: Micros, period: int, customer_id: str) -> Micros:
    """The first of the customer's own instants after the given one."""
    start = phase(customer_id, period)
    return after - (after - start) % period + period


def _read_risk(c: Customer, at: Micros, lapsed: bool, reviewing: bool, bought: bool, ctx: Context) -> None:
    rules = ctx.policy.risk
    asking = lapsed and c.next_question == at
    reading = reviewing and c.stage not in LEFT
    if asking or reading:
        base, model = ctx.figures(at).base, ctx.model(at)
        by_rules = rules_risk(c, at, rules.horizon, base)
        x = features(c, at, rules.horizon, base) if asking or model.is_trained else []
        risk = model.risk(x, by_rules)
        if reading:
            c.risk, c.risk_at = risk, at
        if asking and len(c.questions) < MAX_QUESTIONS:
            asked = pack_features(x), 0, round(risk * MILLION), round(by_rules * MILLION), model.version
            c.questions.append(Question(at, *asked, pack_floats(model.member_log_odds(x))))
    if asking or not c.next_question:
        period = (rules.horizon + ctx.policy.time.allowed_lateness) // rules.questions_per_horizon // SECOND * SECOND
        c.next_question = _on_grid(at, period, c.id)
    if c.stage not in LEFT and (bought or c.next_review <= at):
        c.next_review = _on_grid(at + _review_wait(c, bought, rules) - DAY, DAY, c.id)


def _review_wait(c: Customer, bought: bool, rules: Risk) -> Duration:
    """Risk moves on the scale of the own gaps; where it can raise nothing, only the tier is looked at, rarely."""
    if c.rhythm.occasions < rules.occasions_at_least or any(e.kind == "risk-high" for e in c.open):
        return rules.review_at_most
    gaps = rules.review_from_gap if bought else rules.review_share_of_gap
    return max(min(max(int(c.rhythm.mean_gap() * DAY * gaps), rules.review_at_least), rules.review_at_most), DAY)


def _answer(c: Customer, now: Micros, ctx: Context, log: Log) -> None:
    horizon = ctx.policy.risk.horizon
    wait = horizon + ctx.policy.time.allowed_lateness
    while c.questions and c.questions[0].asked + wait < now:
        q = c.questions.pop(0)
        after = q.answered - q.asked if q.answered else None
        log.lessons.append(
            Lesson(
                customer_id=c.id,
                asked_at=Instant(q.asked),
                answered_at=Instant(q.asked + wait),
                horizon=horizon,
                features=tuple(unpack_features(q.features)),
                inactive=after is None or after > horizon,
                bought_after=after,
                rules=q.rules / MILLION,
                predicted=q.risk / MILLION,
                voices=unpack_floats(q.voices),
                model_version=q.model_version,
                features_version=FEATURES_VERSION,
            )
        )


# --- alarms ---------------------------------------------------------------------------------------------------------


def alarm_id(subject: str, subject_id: str, kind: str, opener: Ref, more: str = "") -> str:
    """The identity of an episode: its subject, its kind and the fact that opened it."""
    told = "\x1f".join((subject, subject_id, kind, opener.source, opener.id, more))
    return hashlib.blake2b(told.encode(), digest_size=10).hexdigest()


def _tell(c: Customer, kind: str, at: Micros, opener: Ref, detail: str, log: Log) -> None:
    """A state change: told once, born settled."""
    name = alarm_id("customer", c.id, kind, opener, detail)
    log.touched[name] = Episode(name, kind, "customer", "", at, opener, "info", "told", detail=detail)


def compare(c: Customer, now: Micros, ref: Ref, ctx: Context, log: Log) -> None:
    """Raise what newly holds, update what changed, settle what ended: the difference of two sets of conditions."""
    holding = findings(c, now, ctx)
    if not holding and not c.open:
        return
    found = {(f.kind, f.subject_id): f for f in holding}
    standing: list[Episode] = []
    for e in c.open:
        f = found.get((e.kind, e.subject_id))
        if f is None or f.opener != e.opener:
            if e.status == "open":
                _settle(c, e, "settled", _outcome(c, e), now, ref, log)
            continue
        del found[e.kind, e.subject_id]
        standing.append(e)
        if e.status == "open":
            _update(c, e, f, now, ctx, log)
    standing.extend(_raise(c, f, log) for f in found.values())
    c.open = standing


def _outcome(c: Customer, e: Episode) -> Outcome:
    kind = KINDS[e.kind]
    return "lost" if c.stage in LEFT and not kind.is_case else kind.outcome


def _settle(c: Customer, e: Episode, status: str, outcome: Outcome, now: Micros, ref: Ref, log: Log) -> None:
    e.status = "spent" if status == "spent" else "settled"
    e.outcome, e.ended = outcome, now
    if ref is not NOBODY:
        e.cause = [ref]
    log.touched[e.alarm_id] = e


def _update(c: Customer, e: Episode, f: Finding, now: Micros, ctx: Context, log: Log) -> None:
    if ends_after(e.kind, e.at, ctx) < now:
        bought_on = c.last_purchase > e.at and c.stage not in RETURNS_FROM
        outcome: Outcome = "lost" if e.kind == "defected" else "false" if bought_on else "expired"
        _settle(c, e, "spent", outcome, now, NOBODY, log)
    elif c.stage in LEFT and c.stage_since >= now - 1 and e.kind != "defected" and not KINDS[e.kind].is_case:
        _settle(c, e, "spent", "lost", now, NOBODY, log)
    else:
        severity = e.severity if f.severity == KEEP else _severity(c, f)
        evidence = list(f.evidence[:MAX_EVIDENCE])
        if f.at != e.at or len(evidence) > len(e.evidence) or _graver(severity, e):
            e.at, e.evidence = f.at, evidence
            if _graver(severity, e):
                e.severity = severity
            log.touched[e.alarm_id] = e


def _graver(severity: str, e: Episode) -> bool:
    return e.kind == "major-problem" and severity == "critical" != e.severity


def _severity(c: Customer, f: Finding) -> Severity:
    fixed = KINDS[f.kind].fixed or f.severity == "critical"
    return f.severity if fixed else severity_for(f.severity, c.tier)


def _raise(c: Customer, f: Finding, log: Log) -> Episode:
    name = alarm_id(f.subject, f.subject_id or c.id, f.kind, f.opener)
    e = Episode(
        name, f.kind, f.subject, f.subject_id, f.at, f.opener, _severity(c, f), evidence=list(f.evidence[:MAX_EVIDENCE])
    )
    log.touched[name] = e
    return e
