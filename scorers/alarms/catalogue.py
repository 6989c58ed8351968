"""The catalogue of all kinds of alarm, one line each, in the order in which they are asked and raised."""

from scorers.alarms.base import base_outflow, retention_order
from scorers.alarms.changes.changes import GOLDEN_CONVERSION, LOYALTY_CHANGED, REACTIVATED, STAGE_CHANGED, TIER_CHANGED
from scorers.alarms.complaints import (
    complaint_overdue,
    complaint_unacknowledged,
    experience_debt,
    exposed_silently,
    major_problem,
    promise_broken,
    request_unattended,
    single_failure,
    small_mishap,
)
from scorers.alarms.feeds import feed_silent
from scorers.alarms.loyalty import apostle_lost, bond_cut, boredom, contact_pressure, hostage, terrorist
from scorers.alarms.money import overserved, score_money_disagree, tier_drop, underserved, wallet_shrinking
from scorers.alarms.risk import distributor_risk, owner_disagrees, risk_high, risk_rising
from scorers.alarms.silence import defected, gone_quiet, prospect_cooling, second_purchase_overdue
from scorers.alarms.sites import staff_unasked, staff_unthanked
from scorers.alarms.themes import complaint_theme
from scorers.timeline.kinds import Kind

CATALOGUE: tuple[Kind, ...] = (
    major_problem.KIND,
    complaint_unacknowledged.KIND,
    complaint_overdue.KIND,
    request_unattended.KIND,
    promise_broken.KIND,
    terrorist.KIND,
    hostage.KIND,
    tier_drop.KIND,
    apostle_lost.KIND,
    experience_debt.KIND,
    exposed_silently.KIND,
    contact_pressure.KIND,
    boredom.KIND,
    bond_cut.KIND,
    wallet_shrinking.KIND,
    underserved.KIND,
    overserved.KIND,
    defected.KIND,
    prospect_cooling.KIND,
    second_purchase_overdue.KIND,
    gone_quiet.KIND,
    risk_high.KIND,
    distributor_risk.KIND,
    risk_rising.KIND,
    score_money_disagree.KIND,
    owner_disagrees.KIND,
    single_failure.KIND,
    small_mishap.KIND,
    staff_unasked.KIND,
    staff_unthanked.KIND,
    complaint_theme.KIND,
    feed_silent.KIND,
    base_outflow.KIND,
    retention_order.KIND,
    STAGE_CHANGED,
    TIER_CHANGED,
    LOYALTY_CHANGED,
    REACTIVATED,
    GOLDEN_CONVERSION,
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in CATALOGUE}
STATE_CHANGES = frozenset(kind.name for kind in CATALOGUE if kind.is_state_change)


def watched_by(subject: str) -> tuple[Kind, ...]:
    """The kinds that timelines of one type of subject raise, in the order of the catalogue."""
    return tuple(kind for kind in CATALOGUE if kind.watched == subject)
