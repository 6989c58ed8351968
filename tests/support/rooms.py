"""Which room may import which: the table that tests/test_architecture.py enforces and ARCHITECTURE.md prints.

A room is a folder of the second level, or a module beside such folders. A row names the rooms that may be imported, and
only rooms of earlier rows, so two rooms can never import each other. `scorers`, `streams` and `alerts` in a row stand
for all their rooms.
"""

ROOMS: dict[str, tuple[str, ...]] = {
    # the core: no input or output, no clock
    "scorers.contract": (),
    "scorers.policy": ("scorers.contract",),
    "scorers.in_force": ("scorers.contract", "scorers.policy"),
    "scorers.timeline": ("scorers.contract", "scorers.policy", "scorers.in_force"),
    "scorers.customer": ("scorers.contract", "scorers.policy", "scorers.in_force", "scorers.timeline"),
    "scorers.groups": ("scorers.contract", "scorers.policy", "scorers.in_force", "scorers.timeline"),
    "scorers.risk": ("scorers.contract", "scorers.policy", "scorers.in_force", "scorers.customer"),
    "scorers.alarms": (
        *("scorers.contract", "scorers.policy", "scorers.in_force", "scorers.timeline"),
        *("scorers.customer", "scorers.groups", "scorers.risk"),
    ),
    "scorers.worklist": (
        *("scorers.contract", "scorers.policy", "scorers.in_force", "scorers.timeline"),
        *("scorers.customer", "scorers.alarms"),
    ),
    "scorers.subjects": (
        *("scorers.contract", "scorers.policy", "scorers.in_force", "scorers.timeline"),
        *("scorers.customer", "scorers.groups", "scorers.risk", "scorers.alarms", "scorers.worklist"),
    ),
    "scorers.partition": (
        *("scorers.contract", "scorers.policy", "scorers.in_force", "scorers.timeline"),
        *("scorers.customer", "scorers.groups", "scorers.risk", "scorers.alarms", "scorers.worklist"),
        "scorers.subjects",
    ),
    # what every process needs
    "vigia.runtime": ("scorers.contract", "scorers.policy"),
    "vigia.policies": ("scorers.contract", "scorers.policy", "vigia.runtime"),
    # Kafka in, alarms out
    "streams.engine": ("scorers.contract", "vigia.runtime"),
    "streams.records": ("scorers.contract", "scorers.policy", "scorers.in_force", "scorers.risk", "vigia.runtime"),
    "streams.metrics": (
        *("scorers.contract", "scorers.policy", "scorers.in_force", "scorers.timeline", "scorers.customer"),
        *("scorers.groups", "scorers.alarms", "scorers.worklist", "vigia.runtime"),
    ),
    "streams.gateway": ("scorers.contract", "scorers.policy", "streams.engine", "streams.metrics", "vigia.runtime"),
    "streams.files": ("scorers.contract", "streams.gateway", "vigia.runtime"),
    "streams.tables": ("scorers.contract", "scorers.policy", "streams.files", "vigia.runtime"),
    "streams.hooks": ("scorers.contract", "scorers.policy", "streams.gateway", "streams.tables", "vigia.runtime"),
    "streams.clock": ("scorers.contract", "scorers.policy", "scorers.in_force", "streams.records", "vigia.runtime"),
    "streams.trainer": (
        *("scorers.contract", "scorers.policy", "scorers.in_force", "scorers.risk"),
        *("streams.engine", "streams.records", "streams.metrics", "vigia.runtime"),
    ),
    "streams.replay": ("scorers", "streams.records", "vigia.runtime"),
    "streams.worker": ("scorers", "streams.engine", "streams.records", "streams.metrics", "vigia.runtime"),
    # alarms in, notifications out
    "alerts.settings": ("scorers.contract", "scorers.policy"),
    "alerts.wording": ("scorers.contract", "scorers.alarms", "alerts.settings"),
    "alerts.channels": ("scorers.contract", "scorers.policy", "alerts.settings", "alerts.wording", "vigia.runtime"),
    "alerts.pipeline": (
        *("scorers.contract", "scorers.alarms", "scorers.policy"),
        *("alerts.settings", "alerts.wording", "alerts.channels", "vigia.runtime"),
    ),
    # the product around both
    "vigia.readmodel": (
        *("scorers", "streams.records", "streams.replay", "alerts.wording", "alerts.pipeline"),
        "vigia.runtime",
    ),
    "vigia.report": ("scorers.contract", "scorers.alarms", "alerts.wording", "vigia.readmodel"),
    "vigia.operations": ("scorers", "streams.records", "alerts.pipeline", "vigia.runtime", "vigia.readmodel"),
    "vigia.growth": (
        *("scorers", "streams.engine", "streams.records", "streams.clock", "streams.trainer", "streams.worker"),
        *("streams.gateway", "streams.files", "alerts.pipeline", "vigia.runtime", "vigia.operations"),
    ),
    "vigia.console": (
        *("scorers", "alerts.wording", "alerts.pipeline"),
        *("vigia.runtime", "vigia.readmodel", "vigia.operations"),
    ),
    "vigia.client": ("scorers.contract", "streams.gateway", "vigia.runtime"),
    "vigia.schema": ("scorers.contract", "streams.records", "alerts.pipeline", "vigia.policies"),
    "vigia.openapi": ("scorers.contract", "streams.gateway", "vigia.schema"),
    "vigia.lab": ("scorers", "streams", "alerts", "vigia.runtime", "vigia.readmodel", "vigia.console"),
    "vigia.commands": (
        *("scorers", "streams", "alerts"),
        *("vigia.runtime", "vigia.policies", "vigia.readmodel", "vigia.report", "vigia.operations", "vigia.growth"),
        *("vigia.console", "vigia.client", "vigia.schema", "vigia.openapi", "vigia.lab"),
    ),
    "vigia.cli": ("vigia.runtime", "vigia.commands"),
    "vigia.__main__": ("vigia.cli",),
}

WHOLE = ("scorers", "streams", "alerts")
"""Names that stand for every room below them."""


def may_import(room: str, other: str) -> bool:
    """Whether the table lets a room import another.

    >>> may_import("streams.worker", "scorers.risk"), may_import("streams.worker", "alerts.wording")
    (True, False)
    """
    return other in ROOMS[room] or (other.split(".")[0] in WHOLE and other.split(".")[0] in ROOMS[room])


def page() -> str:
    """The table as ARCHITECTURE.md prints it."""
    rows = (
        f"| `{room}` | {', '.join(f'`{one}`' for one in allowed) or 'nothing'} |\n" for room, allowed in ROOMS.items()
    )
    return "| room | may import |\n|---|---|\n" + "".join(rows)
