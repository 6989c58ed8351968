"""Writes the dashboards from a short list: `python deploy/grafana/generate.py`; a test holds that nobody edits the JSON.

A panel is a title, what it says, its unit and its queries; the grid, the variables and the rest are the same for all.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

OUT = Path(__file__).parent / "dashboards"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
MINE = '{job=~"$job", instance=~"$instance"}'
RAISED = 'change="raised", severity!="info"'  # without mere changes of state
ABOUT_LEAVING = 'kind=~"second-purchase-overdue|gone-quiet|risk-high|defected"'
RIGHT = 'answer="right"'
FUNDED = 'state="funded"'
WIDTH = 24


class Panel(NamedTuple):
    """A picture and what it is drawn from: queries as (expression, legend)."""

    title: str
    description: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    height: int = 8


def mine(more: str = "") -> str:
    """The labels of every query: this dashboard's jobs and instances, and more."""
    return MINE if not more else MINE[:-1] + f", {more}}}"


def quantile(q: float, name: str, by: str = "") -> str:
    """A quantile of a histogram over the rate interval."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({name}_bucket{MINE}[$__rate_interval])))"


def rate(name: str, by: str, more: str = "") -> str:
    """Events a second of a counter, by a label."""
    return f"sum by ({by}) (rate({name}{mine(more)}[$__rate_interval]))"


def share(name: str, by: str, of: str, part: str) -> str:
    """The share of a part of a gauge in the whole, by a label."""
    return f"sum by ({by}) ({name}{mine(of + ', ' + part)}) / sum by ({by}) ({name}{mine(of)})"


ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Customers",
        (
            Panel(
                "Customers at risk",
                "Customers with at least one open alarm.",
                ((f"sum(vigia_customers_at_risk{MINE})", "customers"),),
                kind="stat", width=6, height=5,
            ),
            Panel(
                "Value at risk",
                "What these customers are worth, each with the dearest of the open alarms, in units of the currency.",
                ((f"sum by (currency) (vigia_value_at_risk_minor{MINE}) / 100", "{{currency}}"),),
                kind="stat", width=6, height=5,
            ),
            Panel(
                "Raised in a day",
                "Alarms raised within 24 hours, without mere changes of state.",
                ((f"sum(increase(vigia_alarms_total{mine(RAISED)}[1d]))", "alarms"),),
                kind="stat", width=6, height=5,
            ),
            Panel(
                "Customers known",
                "All customers that the workers watch.",
                ((f"sum(vigia_customers{MINE})", "customers"),),
                kind="stat", width=6, height=5,
            ),
            Panel(
                "At risk by tier",
                "Customers with open alarms.",
                ((f"sum by (tier) (vigia_customers_at_risk{MINE})", "{{tier}}"),),
            ),
            Panel(
                "Value at risk by tier",
                "Expected margin of the customers with open alarms plus their replacement, in units of the currency.",
                ((f"sum by (tier, currency) (vigia_value_at_risk_minor{MINE}) / 100", "{{tier}} {{currency}}"),),
            ),
            Panel(
                "Customers by stage",
                "Customers by stage; a growing share of dormant ones announces losses.",
                ((f"sum by (stage) (vigia_customers{MINE})", "{{stage}}"),),
            ),
            Panel(
                "Open alarms by kind",
                "Why customers are at risk now.",
                ((f"sort_desc(sum by (kind) (vigia_alarms_open{MINE}))", "{{kind}}"),),
                kind="bargauge", height=9,
            ),
            Panel(
                "Raised by kind",
                "Alarms raised, an hour.",
                (("3600 * " + rate("vigia_alarms_total", "kind", RAISED), "{{kind}}"),),
                height=9,
            ),
            Panel(
                "Changes of alarms",
                "Raised, updated, settled and withdrawn, an hour. Many withdrawn ones mean that facts arrive late.",
                (("3600 * " + rate("vigia_alarms_total", "change", 'severity!="info"'), "{{change}}"),),
                height=9,
            ),
        ),
    ),
    (
        "Quality of the alarms",
        (
            Panel(
                "Right, by kind",
                "Share of the answered alarms about leaving whose customers bought nothing within the horizon, since the first alarm.",
                ((share("vigia_alarms_answered", "kind", ABOUT_LEAVING, RIGHT), "{{kind}}"),),
                unit="percentunit", width=6,
            ),
            Panel(
                "Told before",
                "Share of those who have left by silence of whom an alarm was told before, since the first alarm.",
                ((share("vigia_leavers", "type", 'type="silence"', 'state="told"'), "{{type}}"),),
                unit="percentunit", width=6,
            ),
            Panel(
                "Came back, told and held out",
                "Share that bought within the horizon, since the first alarm; the difference is what telling brings. Needs hold_out.share.",
                ((share("vigia_trial_alarms", "arm", 'arm=~".+"', 'answer="returned"'), "{{arm}}"),),
                unit="percentunit", width=6,
            ),
            Panel(
                "Days before the loss",
                "Median from the first alarm of a silence to the instant at which the customer is given up, by kind.",
                ((f"histogram_quantile(0.5, sum by (le, kind) (vigia_lead_days_bucket{MINE}))", "{{kind}}"),),
                unit="d", width=6,
            ),
        ),
    ),
    (
        "Worklist",
        (
            Panel(
                "To reach",
                "Customers with funds on the newest worklist.",
                ((f"sum(vigia_worklist_customers{mine(FUNDED)})", "customers"),),
                kind="stat", width=6, height=5,
            ),
            Panel(
                "For whom an effort pays",
                "Customers of the newest worklist: with funds, without, beyond its length, and held out.",
                ((f"sum by (state) (vigia_worklist_customers{MINE})", "{{state}}"),),
                width=6, height=5,
            ),
            Panel(
                "What the funded efforts bring",
                "Risk x worth x chance to save less the cost, of the newest worklist, in units of the currency.",
                ((f"sum by (currency) (vigia_worklist_funded_net_minor{MINE}) / 100", "{{currency}}"),),
                width=6, height=5,
            ),
            Panel(
                "Age of the newest worklist",
                "How long ago its date ended: a day and a little more, unless a partition or the clock is behind.",
                ((f"min(vigia_worklist_age_seconds{MINE})", "age"),),
                unit="s", kind="stat", width=6, height=5,
            ),
        ),
    ),
    (
        "Notifications",
        (
            Panel(
                "Deliveries",
                "Attempts a second, by channel and outcome.",
                ((rate("vigia_deliveries_total", "channel, outcome"), "{{channel}} {{outcome}}"),),
                unit="ops",
            ),
            Panel(
                "Waiting before channels",
                "Notifications not delivered yet; a digest waits on purpose.",
                ((f"sum by (channel) (vigia_notifications_waiting{MINE})", "{{channel}}"),),
            ),
            Panel(
                "Decisions of the notifier",
                "Decisions a second, by the rule that made them.",
                ((rate("vigia_notifications_decided_total", "state, rule"), "{{state}} {{rule}}"),),
                unit="ops",
            ),
        ),
    ),
    (
        "Running",
        (
            Panel(
                "Events folded",
                "Events a second, by topic.",
                ((rate("vigia_events_total", "topic"), "{{topic}}"),),
                unit="ops",
            ),
            Panel(
                "Records behind",
                "Records still to be read, by topic.",
                (
                    (f"sum by (topic) (vigia_lag_records{MINE})", "{{topic}}"),
                    (f"sum by (topic) (vigia_notifier_lag_records{MINE})", "{{topic}} (notifier)"),
                ),
            ),
            Panel(
                "Behind in event time",
                "How far the slowest partition's time lies back. Years while history is read.",
                ((f"max by (instance) (vigia_event_time_lag_seconds{MINE})", "{{instance}}"),),
                unit="s",
            ),
            Panel(
                "Folding one event",
                "Median and 99th percentile.",
                ((quantile(0.5, "vigia_step_seconds"), "p50"), (quantile(0.99, "vigia_step_seconds"), "p99")),
                unit="s",
            ),
            Panel(
                "Until durable",
                "Median and 99th percentile of what a chunk takes until all that follows from it is written.",
                ((quantile(0.5, "vigia_commit_seconds"), "p50"), (quantile(0.99, "vigia_commit_seconds"), "p99")),
                unit="s",
            ),
            Panel(
                "Rejected",
                "Rejected records and lines, a second, by reason.",
                (
                    (rate("vigia_rejects_total", "code") + " > 0", "{{code}}"),
                    (rate("vigia_gateway_rejects_total", "code") + " > 0", "{{code}} (gateway)"),
                ),
                unit="ops",
            ),
            Panel(
                "Results of events",
                "Folded, refolded because they were late, too late, duplicates: a second.",
                ((rate("vigia_fates_total", "fate"), "{{fate}}"),),
                unit="ops",
            ),
            Panel(
                "Gateway",
                "Requests a second, by status.",
                ((rate("vigia_gateway_requests_total", "status"), "{{status}}"),),
                unit="reqps",
            ),
            Panel(
                "Gateway: until acknowledged",
                "Median and 99th percentile of the wait for Kafka.",
                (
                    (quantile(0.5, "vigia_gateway_ack_seconds"), "p50"),
                    (quantile(0.99, "vigia_gateway_ack_seconds"), "p99"),
                ),
                unit="s",
            ),
        ),
    ),
)  # fmt: skip


def drawn(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    """A panel in its place."""
    options: dict[str, Any] = {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}}
    if panel.kind != "timeseries":
        options = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "orientation": "auto"}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": options,
        "targets": [
            {"refId": chr(65 + n), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
            | ({"instant": True, "range": False} if panel.kind == "bargauge" else {})
            for n, (expression, legend) in enumerate(panel.queries)
        ],
    }


def panels() -> list[dict[str, Any]]:
    """All rows and panels, each row from left to right."""
    found: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS:
        place = {"x": 0, "y": y, "w": WIDTH, "h": 1}
        found.append(
            {"id": len(found) + 1, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}
        )
        x, y = 0, y + 1
        for panel in row:
            if x + panel.width > WIDTH:
                x, y = 0, y + found[-1]["gridPos"]["h"]
            found.append(drawn(panel, len(found) + 1, x, y))
            x += panel.width
        y += found[-1]["gridPos"]["h"]
    return found


def variable(name: str, of: str) -> dict[str, Any]:
    """A choice of several values of a label."""
    return {
        "name": name, "label": name, "type": "query", "datasource": SOURCE, "query": of, "definition": of,
        "includeAll": True, "allValue": ".*", "multi": True, "refresh": 2, "sort": 1,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }  # fmt: skip


def dashboard() -> dict[str, Any]:
    """Customers at risk: who may leave, what it would cost, and whether Vigía itself is well."""
    source = {"name": "datasource", "label": "datasource", "type": "datasource", "query": "prometheus", "refresh": 1}
    return {
        "uid": "vigia-at-risk",
        "title": "Customers at risk",
        "description": "Who may leave, what it would cost, who was notified, and whether Vigía itself is well.",
        "tags": ["vigia"],
        "schemaVersion": 41,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [],
        "templating": {
            "list": [
                source,
                variable("job", 'label_values({__name__=~"vigia_.+"}, job)'),
                variable("instance", 'label_values({__name__=~"vigia_.+", job=~"$job"}, instance)'),
            ]
        },
        "panels": panels(),
    }


def text() -> str:
    """The file's content."""
    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    (OUT / "customers-at-risk.json").write_text(text(), encoding="utf-8")
