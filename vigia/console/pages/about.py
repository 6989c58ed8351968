"""How good the alarms are, what was not sent, the model and the policy in force."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from scorers.alarms.catalogue import KINDS
from scorers.in_force.control import ModelInForce, PolicyInForce, decode_control
from scorers.risk.model import COMPONENTS, Model
from vigia.console.context import console_of
from vigia.console.exports import download
from vigia.console.filters import ANY, checked, page_number
from vigia.console.layout import page
from vigia.console.pages.acting import guarded
from vigia.readmodel.alarm_summary import OUTCOMES
from vigia.readmodel.store.queries import Queries

STANDING = ("open", "acknowledged", "snoozed")


def routes() -> list[BaseRoute]:
    """The addresses."""
    return [
        Route("/quality", guarded("read", _quality), methods=["GET"]),
        Route("/suppressed", guarded("read", _suppressed), methods=["GET"]),
        Route("/model", guarded("read", _model), methods=["GET"]),
        Route("/policy", guarded("read", _policy), methods=["GET"]),
    ]


async def _quality(request: Request) -> Response:
    counts = await console_of(request).model.ask(lambda db: db.alarms.outcomes())
    order = [*KINDS, *(kind for kind in counts if kind not in KINDS)]
    rows = [
        {
            "kind": kind,
            "all": sum(counts[kind].values()),
            "standing": sum(counts[kind].get(state, 0) for state in STANDING),
            "by": {name: counts[kind].get(name, 0) for name in OUTCOMES},
        }
        for kind in order
        if kind in counts
    ]
    return await page(request, "quality.html", rows=rows, outcomes=OUTCOMES)


async def _suppressed(request: Request) -> Response:
    console, given = console_of(request), checked(request.query_params, {"rule": ANY, "date": ANY})
    number = page_number(request.query_params)

    def ask(db: Queries) -> Any:
        date = given.get("date") or next(iter(db.worklists.dates(1)), "")
        held = db.worklists.page_of(date, 1, 1000, held_out=True)
        known = db.customers.known([entry.customer_id for entry in held.items])
        return db.alarms.held_back(given.get("rule", ""), number), db.alarms.rules(), date, held, known

    found, rules, date, held, known = await console.model.ask(ask)
    if request.query_params.get("format") == "csv":
        return download(
            console, "not-sent", ("alarm_id", "kind", "customer_id", "rule", "state"), lambda db: _rows(db, given)
        )
    return await page(
        request,
        "suppressed.html",
        page=found,
        rules=rules,
        date=date,
        held=held,
        known=known,
        number=number,
        given=given,
    )


def _rows(db: Queries, given: dict[str, str]) -> Any:
    number = 1
    while (found := db.alarms.held_back(given.get("rule", ""), number)).items:
        for one in found.items:
            yield one.alarm.alarm_id, one.alarm.kind, one.alarm.customer_id, one.rule, one.state
        number += 1


async def _model(request: Request) -> Response:
    raw = await console_of(request).model.ask(lambda db: db.others.in_force("model.in_force"))
    control = None if raw is None else decode_control(raw)
    model = Model.decode(control.model.encode()) if isinstance(control, ModelInForce) else None
    since = control.in_force if isinstance(control, ModelInForce) else None
    weights = [] if model is None else list(zip(COMPONENTS, model.weights, strict=True))
    return await page(request, "model.html", model=model, since=since, weights=weights)


async def _policy(request: Request) -> Response:
    console = console_of(request)
    raw = await console.model.ask(lambda db: db.others.in_force("policy.in_force"))
    control = None if raw is None else decode_control(raw)
    if isinstance(control, PolicyInForce):
        return await page(request, "policy.html", text=control.text, since=control.in_force, version=control.version)
    text = "" if console.run_policy else console.policy_text
    return await page(request, "policy.html", text=text, since=None, version=console.run_policy)
