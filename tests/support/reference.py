"""The pages that are generated: docs/events.md, docs/metrics.md and docs/settings.md. `python -m tests.support.reference` writes them."""

import json
from typing import Any

from typer.main import get_command

from scorers.contract.events import TOPIC_OF
from scorers.contract.wire import EVENT_TYPES
from tests.support.paths import ROOT
from vigia.cli import app
from vigia.runtime import settings
from vigia.runtime.metrics.definition import Process
from vigia.runtime.metrics.table import LABELS, METRICS
from vigia.runtime.settings import SECRETS, SETTINGS, Settings
from vigia.schema import json_schemas

HEAD: dict[str, Any] = {"id": "8123", "source": "till", "time": "2024-05-06T10:00:00+02:00", "customer_id": "ana"}
CASE = {"complaint_id": "K-77"}
REQUEST = {"channel": "phone", "purpose": "service", "request_id": "R-9"}

EXAMPLES: dict[str, dict[str, Any]] = {
    "purchase.completed": {
        "amount_minor": 1999,
        "currency": "EUR",
        "store_id": "north",
        "items": [{"sku": "bread", "quantity": 2, "amount_minor": 560}],
    },
    "purchase.refunded": {"amount_minor": 560, "currency": "EUR", "purchase_id": "8123", "reason": "defect"},
    "contact.received": REQUEST | {"request_status": "open"},
    "contact.made": REQUEST | {"request_status": "answered"},
    "complaint.opened": CASE | {"severity": "major", "subject": "product", "store_id": "north", "reason": "broken"},
    "complaint.acknowledged": CASE,
    "complaint.resolved": CASE,
    "complaint.reopened": CASE,
    "survey.answered": {"satisfaction": 4, "would_recommend": 9},
    "referral.made": {"positive": True, "referred_customer_id": "bea"},
    "owner.judged": {"good": True, "by": "Eva"},
    "exit.explained": {"reason": "price", "competitor": "Corner"},
    "competitor.mentioned": {"competitor": "Corner"},
    "promise.made": {"promise_id": "P-4", "due": "2024-05-10T18:00:00+02:00", "topic": "delivery"},
    "promise.kept": {"promise_id": "P-4"},
    "promise.broken": {"promise_id": "P-4"},
    "reward.granted": {"reward": "financial", "value_minor": 500},
    "bond.started": {"bond": "bundle"},
    "bond.ended": {"bond": "bundle"},
    "lead.created": {"value_minor": 20000, "campaign": "spring"},
    "customer.described": {"name": "Ana Ruiz", "locale": "es", "owner_id": "eva", "customer_since": "2019-03-01"},
    "staff.pulse": {"customer_id": "north", "store_id": "north", "pulse": "thanked"},
    "alarm.action": {"alarm_id": "5f0c2b7a9d3e1f4a6b8c", "action": "act", "by": "Eva", "treatment": "help"},
    "customer.merged": {"into": "ana-2"},
    "customer.erased": {},
}
"""The own fields of an example of each type."""

EFFECTS = {
    "purchase.completed": "Starts the silence clocks (`gone-quiet`, `second-purchase-overdue`, `defected`); settles them, "
    "`prospect-cooling` and the troubles of `single-failure` and `small-mishap`; moves stage and tier. In the week after it, "
    "a first purchase without trouble is `golden-conversion`.",
    "purchase.refunded": "Takes the money back. For a bad reason it is a negative experience: `single-failure`, `small-mishap`, `experience-debt`.",
    "contact.received": "With a `request_id` and status `open` starts the deadline of `request-unattended`; `answered` or `closed` stops it. "
    "Answers our outreach (`contact-pressure`). A satisfaction counts as in a survey.",
    "contact.made": "Outreach counts for `contact-pressure`; with a `request_id` it answers the request. With purpose service or sales while an "
    "alarm stands, a later comeback counts as saved.",
    "complaint.opened": "Starts both deadlines (`complaint-unacknowledged`, `complaint-overdue`); a major one is `major-problem`; "
    "a negative experience (`single-failure`, `small-mishap`, `experience-debt`).",
    "complaint.acknowledged": "Stops the first deadline: `complaint-unacknowledged` does not come, or is settled.",
    "complaint.resolved": "Stops both deadlines; settles `complaint-overdue` and `major-problem`. In time it is a positive experience.",
    "complaint.reopened": "The second deadline goes on with the time that was left.",
    "survey.answered": "Moves satisfaction and loyalty type (`apostle-lost`, `terrorist`, `hostage`); 1 or 2 is a negative experience, 4 or 5 a positive one.",
    "referral.made": "A positive one can make an apostle, a negative one a terrorist.",
    "owner.judged": "A feature of the risk; raises nothing yet.",
    "exit.explained": "Raises `defected` at once, with the reason; a purchase settles it.",
    "competitor.mentioned": "A reason of `gone-quiet` and `defected` for two months.",
    "promise.made": "Starts the deadline of `promise-broken`, if it has a due date.",
    "promise.kept": "Stops the deadline; settles `promise-broken`.",
    "promise.broken": "Raises `promise-broken`; a negative experience.",
    "reward.granted": "Counted for the customer; raises nothing.",
    "bond.started": "Kept with the customer; raises nothing.",
    "bond.ended": "Kept with the customer; raises nothing yet.",
    "lead.created": "Makes a prospect and starts `prospect-cooling`; the first purchase settles it.",
    "customer.described": "Gives names for rosters and messages. `aliases` are other ids of the customer, each merged as by `customer.merged`. With a `customer_since` 90 days before the first purchase that was seen, that purchase "
    "starts `gone-quiet` instead of `second-purchase-overdue`.",
    "staff.pulse": "`asked` stops `staff-unasked`, `thanked` stops `staff-unthanked` of the site; the first pulse starts both clocks.",
    "alarm.action": "`act` and `resolve` make a later comeback `saved`, `dismiss` settles the alarm as false, `undo` takes back the last action of the "
    "same person within a day. It says nothing about the customer, so no clock runs from it, and no fact is late because of it.",
    "customer.merged": "Moves all that is known of the id to `into`: its open alarms are withdrawn and judged anew there, and its later facts follow. "
    "`into` may not be the id itself, and of merges that form a circle the newest is rejected as `bad_value`.",
    "customer.erased": "Deletes the customer: all alarms end, nothing is sent again, and older facts are not taken any more.",
}
"""What each type starts and stops."""


def example(name: str) -> dict[str, Any]:
    """An example of a type."""
    return {"type": name, **HEAD, **EXAMPLES[name]}


def events_page() -> str:
    """docs/events.md."""
    schemas = json_schemas()
    common = {"type", "schema_version", *HEAD}
    parts = [
        "# Events\n\nGenerated from the types by `python -m tests.support.reference`; "
        "`vigia schema --out DIR` writes their JSON Schemas.\n\n"
        "Every event has `id`, `source`, `type`, `time` (RFC 3339, with a zone) and usually `customer_id`. Identity is `source` with `id`. "
        "Money is an integer in minor units (cents) with a `currency`. In optional fields null means absent; unknown fields are ignored.\n"
    ]
    for name in sorted(EVENT_TYPES, key=list(EXAMPLES).index):
        schema = schemas[name]
        rows = [
            f"| `{field}` | {_kind(what, schema)} | {'yes' if field in schema['required'] else 'no'} |"
            for field, what in schema["properties"].items()
            if field not in common
        ]
        table = ["| field | value | required |", "|---|---|---|", *rows, ""] if rows else []
        parts.append(
            "\n".join(
                [
                    f"\n## {name}\n",
                    f"{schema['description']} Topic `{TOPIC_OF[name.split('.')[0]]}`.\n",
                    f"{EFFECTS[name]}\n",
                    *table,
                    "```json",
                    json.dumps(example(name), ensure_ascii=False),
                    "```",
                    "",
                ]
            )
        )
    return "".join([*parts, _worklist_part(schemas["worklist.entry"])])


WORKLIST = """
## worklist.entry

{description} Topic `worklist`, keyed by the customer; Vigía writes it, and `worklist.jsonl` of a replay.

The list of a date has two editions: an early one when the date has ended (`final` is `false`), and the final one when the allowed lateness has passed.
An edition is all entries of a `date` with the same `final`, and has `listed` of them. Who has read any final entry of a date uses those alone.
A record without a value and with a header `date` takes the customer of its key off the early edition of that date, so also where the final one is
empty; without the header it says that the customer was erased and is on no list. An entry may come twice, unchanged. Editions that one customer
is on come in their order; the entries of one edition are spread over the partitions.

"""


def _worklist_part(schema: dict[str, Any]) -> str:
    """What docs/events.md says of the worklist, which is no event."""
    rows = [f"| `{field}` | {_kind(what, schema)} |" for field, what in schema["properties"].items() if field != "type"]
    return WORKLIST.format(description=schema["description"]) + "\n".join(["| field | value |", "|---|---|", *rows, ""])


def _kind(what: dict[str, Any], schema: dict[str, Any]) -> str:
    """The values of a field in words."""
    if "$ref" in what:
        return _kind(schema["$defs"][what["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in what:
        return " or ".join(dict.fromkeys(_kind(one, schema) for one in what["anyOf"] if one != {"type": "null"}))
    if "enum" in what:
        return ", ".join(f"`{one}`" for one in what["enum"] if one is not None)
    kind = what.get("type", "any")
    if kind == "array":
        return f"list of {_kind(what['items'], schema) if what.get('items') else 'values'}"
    if kind == "object" and what.get("properties"):
        return "{" + ", ".join(f"`{field}`" for field in what["properties"]) + "}"
    if what.get("format") == "date-time":
        return "instant"
    least, most = what.get("minimum"), what.get("maximum")
    if kind in ("integer", "number") and (least is not None or most is not None):
        limits = " to ".join("" if one is None else f"{one:,}" for one in (least, most))
        return f"{kind}, {limits.removeprefix(' to ') if least is None else limits.removesuffix(' to ')}"
    return {"string": "text", "boolean": "`true`, `false`"}.get(kind, str(kind)) if isinstance(kind, str) else str(kind)


def settings_page() -> str:
    """docs/settings.md."""
    default = Settings()
    rows = []
    for variable, name in SETTINGS.items():
        value = getattr(default, name)
        shown = settings.MEANINGS[name].shown or (str(value) if value not in ("", None) else "-")
        secret = f"; or `{variable}_FILE`" if name in SECRETS else ""
        rows.append(f"| `{variable}`{secret} | {shown} | {settings.MEANINGS[name].text} |")
    return (
        "# Settings\n\nGenerated from `vigia/runtime/settings.py` by `python -m tests.support.reference`. Workers, clocks, trainers, notifiers and "
        "`vigia up` read these environment variables. How to reach Kafka, Redis and the gateway is in [operations](operations.md); "
        "thresholds are in the [policy](../deploy/policy.toml).\n\n"
        "| variable | default | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n\n"
        "## Options of commands\n\nA variable that stands for an option, in every command that has it.\n\n"
        "| variable | option | meaning |\n|---|---|---|\n" + "\n".join(_options()) + "\n"
    )


def _options() -> list[str]:
    """The options that a variable may give, each once."""
    found: dict[str, str] = {}
    left = [get_command(app)]
    while left:
        command: Any = left.pop()
        left += getattr(command, "commands", {}).values()
        for option in command.params:
            if option.envvar:
                found[str(option.envvar)] = f"| `{option.envvar}` | `{option.opts[0]}` | {option.help} |"
    return [found[variable] for variable in sorted(found)]


PROCESS_TITLES: dict[Process, str] = {
    "worker": "Worker: port 9101",
    "notifier": "Notifier: port 9102",
    "trainer": "Trainer: port 9103",
    "clock": "Clock: port 9104",
    "gateway": "Gateway: port 9105",
    "board": "Customer cards in Redis: with the gateway, where VIGIA_REDIS is set",
    "console": "Console: port 9106",
    "every": "Every process",
}


def metrics_page() -> str:
    """docs/metrics.md."""
    parts = [METRICS_HEAD]
    for process, title in PROCESS_TITLES.items():
        rows = [
            f"| `{one.exposed}` | {one.type} | {' '.join(f'`{label}`' for label in one.labels) or '-'} | {one.unit} | "
            f"{one.together} | {' '.join(one.rules) or '-'} | {one.meaning} |"
            for one in METRICS.values()
            if one.process == process
        ]
        head = (
            "| name | type | labels | unit | of several processes | rules | meaning |\n|---|---|---|---|---|---|---|\n"
        )
        parts.append(f"## {title}\n\n{head}" + "\n".join(rows))
    labels = [f"| `{label}` | {values} |" for label, values in sorted(LABELS.items())]
    parts.append("## Labels\n\n| label | values |\n|---|---|\n" + "\n".join(labels))
    return "\n\n".join(parts) + "\n"


METRICS_HEAD = """# Metrics

Generated from `vigia/runtime/metrics/` by `python -m tests.support.reference`. Each process serves its metrics at `/metrics` on a port of
its own, `vigia up` serves those of all parts on 9100. Rules are those of [status](status.md).

- Series of counters begin at 0. The exposed name of a counter ends in `_total`; a histogram has `_bucket`, `_count` and `_sum`.
- What a worker says of customers and alarms is of its own partitions: `sum` over all workers is the business, right after a rebalance
  too. The column names the function that puts several processes of one kind together.
- `_minor` are minor units of the label `currency`; amounts of two currencies are never added.
- The number of series depends on the closed lists of the last table, never on the number of customers, and no label names a customer.
- A gauge without a value is not known yet: no model is judged before enough answers, no worklist is old before there is one."""

PAGES = {"docs/events.md": events_page, "docs/metrics.md": metrics_page, "docs/settings.md": settings_page}

if __name__ == "__main__":
    for path, page in PAGES.items():
        (ROOT / path).write_text(page(), encoding="utf-8")
