"""Random histories of a few customers, with many facts at or next to a deadline."""

import json
from typing import Any

from hypothesis import strategies as st

from scorers.contract.events import DAY, HOUR, SECOND, Micros
from scorers.contract.rfc3339 import parse_instant, rfc3339
from scorers.customer import lifecycle
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.risk.columns import NAMES
from scorers.risk.model import KNOTS, UNTRAINED, LinearModel, Model
from scorers.subjects.customer import CUSTOMER
from scorers.timeline.episodes import NEVER, Answer, Finding
from tests.support.driver import Driver, record

START = int(parse_instant("2024-01-01T09:00:00Z"))

_COEFFICIENTS = {"silence": 0.4, "complaints": 0.8, "satisfaction": -0.5, "trouble": 0.3}
FIXED = Model(
    "fixed",
    weights=(0.2, 0.3, 0.5),
    population=UNTRAINED.population,
    champion=LinearModel(
        intercept=-0.1,
        bends=tuple(0.1 for _ in KNOTS),
        coefficients=tuple(_COEFFICIENTS.get(name, 0.0) for name in NAMES),
    ),
    means=tuple(0.0 for _ in NAMES),
)
"""A trained model, the same for all tests."""

SHAPES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("purchase.completed", {"amount_minor": 1500, "currency": "EUR"}),
    ("purchase.completed", {"amount_minor": 1500, "currency": "EUR"}),
    ("purchase.completed", {"amount_minor": 1500, "currency": "EUR"}),
    ("purchase.completed", {"amount_minor": 1500, "currency": "EUR"}),
    ("purchase.completed", {"amount_minor": 90000, "currency": "EUR", "margin_minor": -200, "discount_minor": 10}),
    ("purchase.refunded", {"amount_minor": 700, "currency": "EUR"}),
    ("contact.received", {"channel": "phone", "request_id": "R1", "request_status": "open"}),
    ("contact.received", {"channel": "phone", "tone": "rude", "satisfaction": 2}),
    ("contact.made", {"channel": "phone", "request_id": "R1", "request_status": "answered"}),
    ("contact.made", {"channel": "mail", "purpose": "marketing"}),
    ("complaint.opened", {"complaint_id": "K1"}),
    ("complaint.opened", {"complaint_id": "K2", "severity": "major"}),
    ("complaint.opened", {"complaint_id": "K1", "severity": "critical", "public": True}),
    ("complaint.acknowledged", {"complaint_id": "K1"}),
    ("complaint.resolved", {"complaint_id": "K1"}),
    ("complaint.resolved", {"complaint_id": "K2"}),
    ("complaint.reopened", {"complaint_id": "K1"}),
    ("survey.answered", {"satisfaction": 5, "would_recommend": 10}),
    ("survey.answered", {"satisfaction": 5, "would_recommend": 10}),
    ("survey.answered", {"satisfaction": 1, "would_recommend": 0}),
    ("referral.made", {"positive": True}),
    ("referral.made", {"positive": False}),
    ("owner.judged", {"good": True}),
    ("exit.explained", {"reason": "price"}),
    ("competitor.mentioned", {"competitor": "Other"}),
    ("promise.made", {"promise_id": "P1", "due": 3 * DAY}),
    ("promise.made", {"promise_id": "P1", "due": 0}),
    ("promise.kept", {"promise_id": "P1"}),
    ("promise.broken", {"promise_id": "P1"}),
    ("reward.granted", {"reward": "financial"}),
    ("bond.started", {"bond": "bundle"}),
    ("bond.ended", {"bond": "bundle"}),
    ("lead.created", {}),
    ("customer.described", {"name": "Ada"}),
    ("customer.described", {"customer_since": "2020-02-29"}),
)

GAPS = (0, 1, SECOND, HOUR, DAY, 7 * DAY, 14 * DAY, 30 * DAY, 200 * DAY)
SPAN = 700 * DAY  # the base's figures are known for two years back, and no history is longer


def deadlines(c: Customer, ctx: Context) -> list[Micros]:
    """Every instant at which something may change for this customer, by the kinds and the stage."""
    now = max(c.last_fact, c.due - 1)
    found = [
        c.due,
        c.risk.next_question,
        c.life.golden_by,
        lifecycle.judge(c, now, ctx.policy)[1],
        c.purchases.next_class or NEVER,
    ]
    for kind in CUSTOMER.kinds.values():
        if kind.stages is not None and c.life.stage not in kind.stages:
            continue
        cases = kind.part(c)
        if kind.condition is not None and cases:
            found.append(_until(kind.condition(c, now, ctx, None)))
        elif kind.case_condition is not None:
            found += [_until(kind.case_condition(c, case, now, ctx, None)) for case in cases]
    found += [bought + ctx.policy.ledger.quiet_week for bought in c.account.pending]
    found += [CUSTOMER.expires(c, CUSTOMER.kinds[e.kind], e, ctx) for e in c.open]
    found += [(told.at + told.span + 1) * SECOND - 1 for told in c.told if told.span]
    if c.tiering.low_since:
        found.append(c.tiering.low_since + ctx.policy.tiers.dwell)
    return [at for at in found if at < NEVER]


def _until(answer: Answer) -> Micros:
    return answer.until if isinstance(answer, Finding) else answer


@st.composite
def histories(draw: st.DrawFn, most: int = 24, names: int = 3, erase: bool = False) -> list[bytes]:
    """Records in the order of their time."""
    customers = [f"C{n}" for n in range(draw(st.integers(1, names)))]
    driver = Driver()
    now = START
    records: list[bytes] = []
    for n in range(draw(st.integers(2, most))):
        customer = draw(st.sampled_from(customers))
        timeline = driver.timelines.get(customer)
        near = [at for at in deadlines(timeline.state, driver.ctx) if now <= at < START + SPAN] if timeline else []
        if near and draw(st.booleans()):
            at = near[draw(st.integers(0, len(near) - 1))] + draw(st.sampled_from((-SECOND, -1, 0, 0, 0, 1, SECOND)))
            now = max(now, at)
        else:
            gap = draw(st.sampled_from(GAPS))
            now += gap if now + gap < START + SPAN else HOUR
        kind, own = draw(st.sampled_from(SHAPES))
        if erase and draw(st.integers(0, 15)) == 0:
            kind, own = "customer.erased", {}
        if "due" in own:
            own = {**own, "due": rfc3339(now + own["due"])}
        raw = record(kind, now, customer, id=f"e{draw(st.integers(0, 9))}{n}", **own)
        records.append(raw)
        driver.feed(raw)
    return records


def time_of(raw: bytes) -> Micros:
    """The instant of a record."""
    return int(parse_instant(json.loads(raw)["time"]))


def customer_of(raw: bytes) -> str:
    """The customer of a record."""
    return str(json.loads(raw)["customer_id"])
