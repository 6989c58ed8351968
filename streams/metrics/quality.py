"""The metrics of live quality (A9): how good the alarms were, and what they brought, from the figures of a worker's partitions."""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from itertools import product

from prometheus_client.core import Metric

from scorers.alarms.catalogue import KINDS, STATE_CHANGES
from scorers.in_force import live_quality, uplift
from vigia.runtime.metrics.table import gauges, histograms

ANSWER = {True: "right", False: "wrong"}
LEADS = (1, 2, 3, 5, 7, 10, 14, 21, 28, 42, 60, 90, 120, 180, 270, 365)  # days


def of_quality(partitions: Iterable[live_quality.Counts]) -> Iterator[Metric]:
    """How good the alarms were (A9), of the partitions of this worker, from the first alarm to the last closed day."""
    total: dict[str, Tally[int]] = {}
    for counts in list(partitions):
        for name in filter(live_quality.is_of_quality, list(counts)):
            total.setdefault(name, Tally()).update(dict(counts[name]))
    kinds = [kind for kind in KINDS if kind not in STATE_CHANGES]
    arms = gauges("vigia_alarms_answered")
    for kind in kinds:
        by_arm = live_quality.by_arm(total, kind)
        for arm, right in product(live_quality.ARMS, (True, False)):
            arms.add_metric([kind, arm, ANSWER[right]], by_arm.get((arm, right), 0))
    yield arms
    places = gauges("vigia_alarms_answered_leaving")
    by_place = live_quality.by_place(total, live_quality.LEAVING)
    for tier, stage, right in product(live_quality.TIERS, live_quality.STAGES, (True, False)):
        places.add_metric([tier, stage, ANSWER[right]], by_place.get((tier, stage, right), 0))
    yield places
    yield from _of_the_hold_out(total)
    yield from _of_leavers(total)
    odd = gauges("vigia_contradictions")
    for place, what in enumerate(live_quality.CONTRADICTION_NAMES):
        odd.add_metric([what], total.get(live_quality.CONTRADICTIONS, Tally())[place])
    yield odd


def _of_leavers(total: live_quality.Counts) -> Iterator[Metric]:
    """Who has left, why, and how long before an alarm was told."""
    left = live_quality.leavers(total)
    gone = gauges("vigia_leavers")
    for what, told, missed in (
        ("silence", left.told_before, left.missed),
        ("goodbye", left.said_so - left.said_so_missed, left.said_so_missed),
    ):
        gone.add_metric([what, "told"], told)
        gone.add_metric([what, "missed"], missed)
    yield gone
    reasons = gauges("vigia_leavers_by_reason")
    for reason in live_quality.REASONS:
        reasons.add_metric([reason], left.reasons.get(reason, 0))
    yield reasons
    back = gauges("vigia_leavers_back")
    for state, number in (
        ("approached", left.approached),
        ("won_back", left.won_back),
        ("by_themselves", left.came_back),
    ):
        back.add_metric([state], number)
    yield back
    leads = histograms("vigia_lead_days")
    for kind in ("any", *live_quality.LEAVING):
        days = live_quality.leads(total, "" if kind == "any" else kind)
        bounds = [(str(float(most)), sum(n for lead, n in days.items() if lead <= most)) for most in LEADS]
        leads.add_metric([kind], [*bounds, ("+Inf", sum(days.values()))], sum(lead * n for lead, n in days.items()))
    yield leads


def _of_the_hold_out(total: live_quality.Counts) -> Iterator[Metric]:
    """What became of those told and those held out; the uplift of several workers follows from the sums."""
    answers: Tally[tuple[str, str, str]] = Tally()
    for treatment, one in uplift.firsts(total).items():
        for arm, number, back in (("told", one.told, one.told_back), ("held_out", one.held_out, one.held_out_back)):
            answers[treatment, arm, "returned"] += back
            answers[treatment, arm, "away"] += number - back
    alarms = gauges("vigia_trial_alarms")
    for labels in product(uplift.TREATMENTS, ("told", "held_out"), ("returned", "away")):
        alarms.add_metric(labels, answers[labels])
    yield alarms
    margins = gauges("vigia_trial_margin_minor")
    for (treatment, currency), minor in uplift.margins(total).items():
        margins.add_metric([treatment, currency], minor)
    yield margins
