"""Reviews of the risk, and the questions that become lessons: asked now, answered once the horizon has passed."""

from bisect import bisect_right
from zlib import crc32

from scorers.alarms.risk.reported import reported_risk
from scorers.contract.alarms import SEVERITIES, Severity
from scorers.contract.events import DAY, SECOND, Duration, Instant, Micros
from scorers.contract.lessons import Lesson
from scorers.customer.lifecycle import LEFT
from scorers.customer.open_time import closed_for, closed_time
from scorers.customer.parts.verdicts import MAX_QUESTIONS, MILLION, Question
from scorers.customer.state import Customer
from scorers.customer.value import expected_within
from scorers.in_force.context import Context
from scorers.in_force.counted.danger import TOLD, is_present, told_bucket
from scorers.in_force.counted.realised import realised
from scorers.in_force.figures import Contribution
from scorers.in_force.proven_risk import ANSWERS, answer_bucket
from scorers.risk.columns import FEATURES_VERSION, pack_features, pack_floats, unpack_features, unpack_floats
from scorers.risk.features import features
from scorers.risk.rules import rules_risk
from scorers.subjects import rises
from scorers.subjects.assessment import purchase_risk
from scorers.timeline.episodes import NEVER
from scorers.timeline.kinds import Kind
from scorers.timeline.subjects import Effects


def phase(customer_id: str, period: int) -> Micros:
    """The offset of a customer's own instants in a period: spread evenly over customers, the same in every run."""
    return (crc32(customer_id.encode()) % (period // SECOND)) * SECOND


def read_risk(
    c: Customer, at: Micros, lapsed: bool, reviewing: bool, bought: bool, ctx: Context, counts: list[Contribution]
) -> None:
    """Compute the risk at a review, ask a question if one is due, and set the next review and question."""
    rules, risk, left = ctx.policy.risk, c.risk, c.life.stage in LEFT
    asking = lapsed and risk.next_question == at
    reading = reviewing and not left
    if asking or reading:
        risk_now = _read(c, at, asking, reading, ctx)
        if asking and not left and _is_compared(c, at, ctx):
            reported = risk.last if reading else reported_risk(c, at, ctx, risk_now)
            counts.append((at // DAY, TOLD, told_bucket(reported), 1))
        if reading:
            rises.follow(c, at, bought, ctx)
    if asking or not risk.next_question:
        period = (rules.horizon + ctx.policy.time.allowed_lateness) // rules.questions_per_horizon // SECOND * SECOND
        risk.next_question = on_grid(at, period, c.id)
    if not left and (bought or risk.next_review <= at):
        risk.next_review = on_grid(at + _review_wait(c, at, bought, ctx) - DAY, DAY, c.id)


def current_risk(c: Customer, now: Micros, ctx: Context) -> float:
    """The reported risk of a buyer now; it is computed unless that was done at this instant. Who said goodbye has risk 1."""
    risk = c.risk
    if c.exit.at:
        risk.last, risk.at = 1.0, now
    elif risk.last < 0.0 or risk.at < now - 1:
        risk.last, risk.at = reported_risk(c, now, ctx, purchase_risk(c, now, ctx)), now
    return risk.last


def severity(risk: float, c: Customer, kind: Kind, at: Micros, ctx: Context) -> Severity:
    """The severity of an alarm about silence or risk, raised at an instant, before the tier's step."""
    rules = ctx.policy.risk
    found: Severity = "info" if risk < rules.warning_from else "warning" if risk < rules.error_from else "error"
    if kind.unproven is None or c.exit.at or ctx.figures(at).is_proven(risk):
        return found
    return max(found, kind.unproven, key=SEVERITIES.index)


def answer(c: Customer, now: Micros, ctx: Context, effects: Effects) -> None:
    """Turn the questions whose horizon and allowed lateness have passed into lessons, and count how true the risks were.

    One over a closure is dropped.
    """
    horizon = ctx.policy.risk.horizon
    wait = horizon + ctx.policy.time.allowed_lateness
    questions = c.risk.questions
    while questions and questions[0].asked + wait < now:
        q = questions.pop(0)
        if _was_closed(c, q.asked, ctx):
            continue
        after = q.answered - q.asked if q.answered else None
        inactive, reported = after is None or after > horizon, q.risk / MILLION
        effects.counts.append((now // DAY, ANSWERS, answer_bucket(reported, inactive), 1))
        _count_money(c, q, now, ctx, effects)
        effects.lessons.append(
            Lesson(
                customer_id=c.id,
                asked_at=Instant(q.asked),
                answered_at=Instant(q.asked + wait),
                horizon=horizon,
                features=tuple(unpack_features(q.features)),
                inactive=inactive,
                bought_after=after,
                rules=q.rules / MILLION,
                predicted=reported,
                voices=unpack_floats(q.voices),
                model_version=q.model_version,
                features_version=FEATURES_VERSION,
            )
        )


def _count_money(c: Customer, q: Question, now: Micros, ctx: Context, effects: Effects) -> None:
    """Count what the customer brought within the horizon of a question, of what was expected when it was asked (J11)."""
    horizon, money = ctx.policy.risk.horizon, c.spending
    kept_for = ctx.policy.tiers.window - ctx.policy.time.allowed_lateness
    if not q.expected or q.currency != money.currency or horizon >= kept_for:
        return  # longer ago than purchase days are kept
    since, until = bisect_right(money.days, q.asked // DAY), bisect_right(money.days, (q.asked + horizon) // DAY)
    came = sum(money.takings[since:until])
    effects.counts += realised(now // DAY, q.currency, q.occasions, q.expected, came)


def _was_closed(c: Customer, asked: Micros, ctx: Context) -> bool:
    """Whether closures make up so much of a question's window that its answer would teach that a closure is a loss (J3)."""
    closed = closed_for(c, ctx)
    if closed is None:
        return False
    rules = ctx.policy.risk
    return closed_time(closed, asked, asked + rules.horizon) > rules.closed_at_most * rules.horizon


def next_instant(c: Customer, ctx: Context) -> Micros:
    """The instant of the next review, question or answer."""
    risk = c.risk
    soon = risk.next_review or NEVER
    if risk.next_question and risk.next_question < soon:
        soon = risk.next_question
    if risk.questions:
        answered = risk.questions[0].asked + ctx.policy.risk.horizon + ctx.policy.time.allowed_lateness
        if answered < soon:
            soon = answered
    return soon


def _is_compared(c: Customer, at: Micros, ctx: Context) -> bool:
    """Whether the customer is one of the present repeat buyers, whose risks make the danger line."""
    is_repeat = c.rhythm.occasions >= ctx.policy.risk.occasions_at_least
    return is_repeat and is_present(c.purchases.last, at, ctx.policy)


def _read(c: Customer, at: Micros, asking: bool, reading: bool, ctx: Context) -> float:
    """Compute the risk within the policy's horizon, keep the reported one, and ask the question."""
    base, model, horizon = ctx.figures(at).base, ctx.model(at), ctx.policy.risk.horizon
    closed = closed_for(c, ctx)
    by_rules = rules_risk(c, at, horizon, base, closed)
    x = features(c, at, horizon, base, closed) if asking or model.is_trained else []
    risk = model.risk(x, by_rules)
    if reading:
        c.risk.last, c.risk.at = reported_risk(c, at, ctx, risk), at
    if asking and len(c.risk.questions) < MAX_QUESTIONS:
        asked = pack_features(x), 0, round(risk * MILLION), round(by_rules * MILLION), model.version
        voices, money = pack_floats(model.member_log_odds(x)), expected_within(c, at, horizon, ctx)
        c.risk.questions.append(Question(at, *asked, voices, c.rhythm.occasions, money, c.spending.currency))
    return risk


def on_grid(after: Micros, period: int, customer_id: str) -> Micros:
    """The first of the customer's own instants after a given one."""
    start = phase(customer_id, period)
    return after - (after - start) % period + period


def _review_wait(c: Customer, at: Micros, bought: bool, ctx: Context) -> Duration:
    """The time to the next review: a share of the mean gap, or the longest if the risk can raise no alarm now."""
    rules = ctx.policy.risk
    if c.rhythm.occasions < rules.occasions_at_least or (
        c.open and any(e.kind in ("risk-high", "distributor-risk") for e in c.open)
    ):
        return rules.review_at_most
    gaps = rules.review_from_gap if bought else rules.review_share_of_gap
    usual = c.rhythm.mean_gap() or ctx.figures(at).base.first_mean  # unknown after a comeback
    return max(min(max(int(usual * DAY * gaps), rules.review_at_least), rules.review_at_most), DAY)
