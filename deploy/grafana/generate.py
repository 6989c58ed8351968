"""Writes the dashboards: `python deploy/grafana/generate.py`; a test checks that nobody has edited the JSON.

`boards` says what stands on them; grid, variables, links and annotations are the same for all.
"""

import json
from pathlib import Path
from typing import Any

from boards import BOARDS
from panels import STEP, Panel, Rows, chosen

OUT = Path(__file__).parent / "dashboards"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24


def drawn(one: Panel, place: int, x: int, y: int) -> dict[str, Any]:
    """A panel in its place."""
    options: dict[str, Any] = {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}}
    if one.kind != "timeseries":
        options = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "orientation": "auto"}
    now = {"instant": True, "range": False} if one.kind == "bargauge" else {}
    targets = [{"refId": chr(65 + n), "datasource": SOURCE, "expr": expression, "legendFormat": legend} | now
               for n, (expression, legend) in enumerate(one.queries)]  # fmt: skip
    return {
        "id": place, "type": one.kind, "title": one.title, "description": one.description, "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": one.width, "h": one.height},
        "fieldConfig": {"defaults": {"unit": one.unit}, "overrides": []}, "options": options, "targets": targets,
    }  # fmt: skip


def panels(rows: Rows) -> list[dict[str, Any]]:
    """All rows and panels, each row from left to right."""
    found: list[dict[str, Any]] = []
    y = 0
    for title, row in rows:
        place = {"x": 0, "y": y, "w": WIDTH, "h": 1}
        found.append(
            {"id": len(found) + 1, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}
        )
        x, y = 0, y + 1
        for one in row:
            if x + one.width > WIDTH:
                x, y = 0, y + found[-1]["gridPos"]["h"]
            found.append(drawn(one, len(found) + 1, x, y))
            x += one.width
        y += found[-1]["gridPos"]["h"]
    return found


def variable(name: str, of: str) -> dict[str, Any]:
    """A choice of several values of a label."""
    return {
        "name": name, "label": name, "type": "query", "datasource": SOURCE, "query": of,
        "includeAll": True, "allValue": ".*", "multi": True, "refresh": 2, "sort": 1,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }  # fmt: skip


def marks(name: str, color: str, expression: str) -> dict[str, Any]:
    """Instants that every chart marks."""
    asked = {"refId": "Anno", "expr": expression, "interval": "60s"}
    return {"name": name, "datasource": SOURCE, "enable": True, "hide": False, "iconColor": color, "target": asked,
            "titleFormat": name, "useValueForTime": False}  # fmt: skip


def dashboard(name: str) -> dict[str, Any]:
    """One dashboard."""
    uid, title, description, rows = BOARDS[name]
    source = {"name": "datasource", "label": "datasource", "type": "datasource", "query": "prometheus", "refresh": 1}
    address = "http://localhost:8090"
    console = {"name": "console", "label": "address of the console", "type": "textbox", "query": address,
               "current": {"selected": True, "text": address, "value": address}}  # fmt: skip
    link = {
        "asDropdown": False,
        "icon": "external link",
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "tooltip": "",
    }
    return {
        "uid": uid, "title": title, "description": description, "tags": ["vigia"], "schemaVersion": 41, "version": 1,
        "editable": False, "graphTooltip": 1, "refresh": "30s", "time": {"from": "now-24h", "to": "now"}, "timezone": "browser",
        "annotations": {"list": [
            marks("policy", "blue", f"sum(increase({chosen('vigia_policy_changes')}[{STEP}])) > 0"),
            marks("model", "purple", f"sum(changes({chosen('vigia_model_time_seconds')}[{STEP}])) > 0"),
            marks("deployment", "orange", f"sum by (job) (changes({chosen('vigia_start_time_seconds')}[{STEP}])) > 0"),
        ]},
        "links": [
            link | {"type": "dashboards", "title": "Dashboards", "tags": ["vigia"], "url": "", "asDropdown": True},
            link | {"type": "link", "title": "Console", "tags": [], "url": "${console}", "includeVars": False, "keepTime": False,
                    "targetBlank": True},
        ],
        "templating": {"list": [
            source,
            variable("job", 'label_values({__name__=~"vigia_.+"}, job)'),
            variable("instance", 'label_values({__name__=~"vigia_.+", job=~"$job"}, instance)'),
            variable("tier", 'label_values(vigia_customers{job=~"$job"}, tier)'),
            variable("stage", 'label_values(vigia_customers{job=~"$job"}, stage)'),
            variable("store", 'label_values(vigia_store_customers{job=~"$job"}, store)'),
            console,
        ]},
        "panels": panels(rows),
    }  # fmt: skip


def text(name: str) -> str:
    """The content of a file."""
    return json.dumps(dashboard(name), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    for name in BOARDS:
        (OUT / f"{name}.json").write_text(text(name), encoding="utf-8")
