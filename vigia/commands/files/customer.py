"""`vigia customer show`: one customer's state and alarms."""

from collections.abc import Iterator
from typing import Annotated

import typer
from typer import Argument

from alerts.wording.formats import money, percent
from alerts.wording.message import cause
from alerts.wording.playbooks import TREATMENTS
from scorers.alarms.catalogue import STATE_CHANGES
from scorers.contract.alarms import Alarm, spoken
from scorers.contract.inert import inert
from scorers.contract.rfc3339 import rfc3339
from scorers.policy.business_zone import BusinessZone, business_zone
from vigia.commands.shared import arguments, live
from vigia.commands.shared.kafka import Prefix
from vigia.commands.shared.options import Horizon, Live, PolicyFile, Run, Until
from vigia.readmodel.alarm_summary import CustomerRow, LossRow, read_alarms, read_customers, status_of
from vigia.readmodel.amounts import counted, without_cents
from vigia.readmodel.dates import UTC, local_date
from vigia.readmodel.pipeline import pipeline
from vigia.readmodel.run_folder import run_folder
from vigia.runtime.usage_error import UsageError

app = typer.Typer(help="Show one customer.", no_args_is_help=True)


@app.callback()
def _customer() -> None:
    """Show one customer."""


@app.command()
def show(
    customer_id: Annotated[str, Argument(metavar="ID", help="The customer's id, as in the events.")],
    events: Run = None,
    kafka: Live = None,
    prefix: Prefix = "",
    policy: PolicyFile = None,
    horizon: Horizon = None,
    until: Until = None,
) -> None:
    """Show one customer: stage, tier, type, risk, money and all alarms.

    From files of events, from the folder of a replay, or from the running system with --kafka.
    """
    where, zone = live.chosen(events, kafka, prefix, policy, horizon, until), UTC
    if where is not None:
        found, alarms = live.of_customer(where, customer_id)
        place = "in the running system; a new customer appears within seconds"
    else:
        rules, end = arguments.policy(policy, horizon), arguments.optional_instant(until, "--until")
        zone = business_zone(rules.time.zone)
        with run_folder(events or [], rules, end) as folder:
            found = next((c for c in read_customers(folder) if c.customer_id == customer_id), None)
            alarms = [alarm for alarm in read_alarms(folder) if alarm.customer_id == customer_id]
        place = "in these events"
    if found is None:
        raise UsageError(f"{customer_id!r}: no such customer {place}; ids are case-sensitive")
    steps = [f"  {name:14} {inert(text)}" for name, text in pipeline(found, alarms)]
    for line in (*card(found, zone), "", "pipeline", *steps, "", *history(alarms, zone)):
        typer.echo(line)


def card(c: CustomerRow, zone: BusinessZone = UTC) -> Iterator[str]:
    """Yield the lines of the customer's current state."""
    yield inert(c.name or c.customer_id) + (f" ({c.customer_id})" if c.name else "")
    facts = (
        ("stage", c.stage.replace("_", " ")),
        ("tier", c.tier),
        ("type", _type(c)),
        ("risk", f"{percent(c.risk)} that no purchase follows within {_horizon(c)}"),
        ("other horizons", ", ".join(f"{percent(risk)} in {span}" for span, risk in c.risk_by_horizon.items()) or "-"),
        ("value at risk", without_cents(c.value_at_risk_minor, c.currency)),
        (
            "bought",
            f"on {counted(c.occasions, 'day')}, {without_cents(c.amount_minor, c.currency)}; last on {local_date(c.last_purchase, zone) or '-'}",
        ),
        *(("also bought", f"for {money(minor, currency)}") for currency, minor in c.other_amounts.items()),
        ("complaints", f"{c.complaints}, of which {c.complaints_open} open"),
        *_shown("troubles", ", ".join(f"{n} with the {what}" for what, n in c.bad_experiences.items() if n)),
        *_shown("owner says", "" if c.good is None else "good" if c.good else "not good"),
        *_shown("prices", _prices(c)),
        *_shown("cost to serve", without_cents(c.cost_to_serve_minor, c.currency) if c.cost_to_serve_minor else ""),
        *_shown("prospect", _prospect(c)),
        *_shown("contradictions", ", ".join(f"{n} {what.replace('_', ' ')}" for what, n in c.contradictions.items())),
        ("satisfaction", "unknown" if c.satisfaction is None else f"{c.satisfaction:.1f} of 5"),
        *(() if c.loss is None else (("left", _left(c.loss, zone)),)),
        ("open alarms", ", ".join(map(spoken, c.alarms_open)) or "none"),
    )
    yield from (f"  {name:14} {value}" for name, value in facts)


def _shown(name: str, text: str) -> tuple[tuple[str, str], ...]:
    """A line that is left out where nothing is known."""
    return ((name, text),) if text else ()


def _prices(c: CustomerRow) -> str:
    """How much depends on discounts, and how the customer reacts to them."""
    share = f"{percent(c.discount_share)} of the money at a discount" if c.discount_share else ""
    return share + (f"; takes {c.price_reaction:.1f} times as much then" if c.price_reaction else "") if share else ""


def _prospect(c: CustomerRow) -> str:
    """How many prospects like this one buy."""
    found = c.conversion
    if found is None:
        return ""
    if found.chance is None or found.fit is None:
        return "how many like this one buy is not known yet"
    return f"{percent(found.chance)} of those like this one buy, {found.fit:.1f} times as many as of all"


def _type(c: CustomerRow) -> str:
    """The loyalty type, and how sure it is."""
    return spoken(c.loyalty_type) + (f", {percent(c.loyalty_confidence)} sure" if c.loyalty_confidence else "")


def _left(loss: LossRow, zone: BusinessZone) -> str:
    """Say when and how a customer left, and how long before somebody was told."""
    why = f"as they said ({loss.reason.replace('_', ' ')})" if loss.how == "goodbye" else "by silence"
    told = (
        "no alarm before" if loss.lead_days is None else f"first alarm {counted(round(loss.lead_days), 'day')} before"
    )
    return inert(f"{local_date(loss.left_at, zone)}, {why}; {told}")


def _horizon(c: CustomerRow) -> str:
    return "the horizon" if c.horizon_days is None else counted(round(c.horizon_days), "day")


def history(alarms: list[Alarm], zone: BusinessZone = UTC) -> Iterator[str]:
    """Yield every alarm and change in the order of time, each alarm with its treatment."""
    for alarm in alarms:
        is_change = alarm.kind in STATE_CHANGES
        if is_change and alarm.type != "alarm.raised":
            continue
        fresh = alarm.type in ("alarm.raised", "alarm.updated")
        what = "changed" if is_change else alarm.type.partition(".")[2] if fresh else status_of(alarm)
        why = cause(alarm) if fresh else ""
        yield f"{local_date(rfc3339(alarm.time), zone)}  {what:9} {spoken(alarm.kind):24} {why}".rstrip()
        if what == "raised" and alarm.treatment:
            yield f"{'':22}{TREATMENTS[alarm.treatment]}"
