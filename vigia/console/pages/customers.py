"""The list of customers, and the page of one: what happened, what is at stake, what to do."""

from typing import Any, NamedTuple
from urllib.parse import unquote

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from scorers.contract.events import AlarmAction
from scorers.contract.rfc3339 import parse_instant, rfc3339
from vigia.console import pictures
from vigia.console.context import console_of, who_of
from vigia.console.exports import download
from vigia.console.filters import CUSTOMER_FILTERS, STAGES, TIERS, TYPES, checked, page_number
from vigia.console.forms import form_of
from vigia.console.layout import MICROS, View, page, view_of
from vigia.console.pages.acting import back, guarded
from vigia.console.pages.alarms import Line
from vigia.console.pictures import Label
from vigia.console.recording import a_judgement
from vigia.readmodel.alarm_summary import CustomerRow
from vigia.readmodel.amounts import in_units
from vigia.readmodel.store.items import AlarmItem, Change, CustomerItem
from vigia.readmodel.store.people import Deed
from vigia.readmodel.store.queries import Queries

STANDING = ("open", "acknowledged", "snoozed")
SHOWN = 12  # alarms of the page
RAISING = ("alarm.raised", "alarm.updated")
LEAST_SHARE = 0.01  # a reason with less of the risk is not shown
TELL_RISK = ("risk-high", "risk-rising", "distributor-risk")
"""Kinds whose reasons are what the model adds up to the risk."""
DAY = 86_400 * MICROS
HEADS = (
    *("customer_id", "name", "stage", "tier", "loyalty", "risk", "value_at_risk", "expected_loss", "currency"),
    *("last_purchase", "store", "alarms"),
)


def routes() -> list[BaseRoute]:
    """The addresses."""
    return [
        Route("/customers", guarded("read", _list), methods=["GET"]),
        Route("/customers/{id}", guarded("read", _show), methods=["GET"]),
        Route("/customers/{id}/judgement", guarded("act", _judge), methods=["POST"]),
    ]


async def _list(request: Request) -> Response:
    console, given = console_of(request), checked(request.query_params, CUSTOMER_FILTERS)
    number, view, sort = page_number(request.query_params), view_of(request), given.get("sort", "loss")
    if request.query_params.get("format") == "csv":
        return download(console, "customers", HEADS, lambda db: map(_cells, db.customers.all_of(given, sort)))
    found = await console.model.ask(lambda db: db.customers.page_of(given, sort, number))
    return await page(
        request,
        "customers.html",
        page=found,
        number=number,
        given=given,
        tiers=TIERS,
        stages=STAGES,
        types=TYPES,
        order_words=lambda name: view.code(f"order_{name}"),
    )


def _cells(one: CustomerItem) -> tuple[Any, ...]:
    row = one.row
    return (
        *(row.customer_id, row.name, row.stage, row.tier, row.loyalty_type.replace("terrorist", "speaks against us")),
        *(round(row.risk, 4), in_units(row.value_at_risk_minor, row.currency), in_units(one.loss, row.currency)),
        *(row.currency, row.last_purchase, row.store_id, one.alarms),
    )


async def _show(request: Request) -> Response:
    console, customer_id, view = console_of(request), unquote(request.path_params["id"]), view_of(request)

    def ask(db: Queries) -> Any:
        about = {"customer": customer_id, "state": "all"}
        return (
            db.customers.one(customer_id),
            db.alarms.page_of(about, "newest", 1, 60).items,
            db.alarms.changes_of(customer_id),
            db.worklists.entries_of(customer_id),
            db.worklists.deeds_about(customer_id),
        )

    item, found, changes, entries, deeds = await console.model.ask(ask)
    if item is None and not found:
        raise HTTPException(404)
    standing = sorted((one for one in found if one.state in STANDING), key=_urgency)
    main = standing[0] if standing else None
    row = None if item is None else item.row
    picture, said = (None, "") if row is None else _rhythm(view, row)
    return await page(
        request,
        "customer.html",
        id=customer_id,
        item=item,
        main=main,
        entry=entries[0] if entries and not entries[0].held_out else None,
        changed=None if row is None or main is None else _changed(view, main, row),
        alarms=[one for one in found if not one.is_change][:SHOWN],
        deeds=deeds,
        picture=picture,
        said=said,
        contributions=_contributions(view, changes),
        risks=_risks(view, changes, entries, row),
        life=_life(view, changes, deeds, entries),
    )


def _urgency(one: AlarmItem) -> tuple[int, int]:
    return ("critical", "error", "warning", "info").index(one.alarm.severity), -one.loss


def _changed(view: View, main: AlarmItem, row: CustomerRow) -> str | None:
    """How the risk has moved since the alarm."""
    if main.alarm.risk is None or abs(row.risk - main.alarm.risk) < 0.02:
        return None
    before, now = view.percent(main.alarm.risk), view.percent(row.risk)
    return view("The risk was {before} at the alarm and is {now} now.", before=before, now=now)


def _rhythm(view: View, row: CustomerRow) -> tuple[Markup | None, str]:
    """The picture of the visits and the silence, and what it shows in words."""
    if row.rhythm is None or not row.rhythm.visits or row.last_purchase is None:
        return None, ""
    visits = [int(parse_instant(at)) for at in row.rhythm.visits]
    last = int(parse_instant(row.last_purchase))
    quiet = None if row.rhythm.quiet_after is None else int(parse_instant(row.rhythm.quiet_after))
    silent = max(0, view.now - last) // DAY
    days = view.count(silent, "day")
    said = view("Silent for {days}, since {date}.", days=days, date=view.words.date(row.last_purchase[:10]))
    if row.rhythm.gap_days:
        every = view.count(max(1, round(row.rhythm.gap_days)), "day")
        said += " " + view("Comes every {span} on average.", span=every)
    if quiet is not None:
        text = (
            "A silence is longer than usual since {date}."
            if quiet < view.now
            else "A silence is longer than usual from {date} on."
        )
        said += " " + view(text, date=view.words.date(rfc3339(quiet)[:10]))
    shown = [one for one in visits if one <= last] or [last]
    labels = [Label(at, view.words.short(rfc3339(at)[:10])) for at in (shown[0], shown[-1], max(view.now, last))]
    limit = view("longer than usual")
    return pictures.rhythm(shown, max(view.now, last), quiet, labels, view("silent"), limit, said), said


def _risks(view: View, changes: list[Change], entries: list[Any], row: CustomerRow | None) -> Markup | None:
    """The told risks over time; None if there are too few."""
    told = {int(one.alarm.time): one.alarm.risk for one in changes if one.alarm.risk is not None}
    told |= {int(one.at): one.risk for one in entries}
    points = sorted(told.items())[-60:]
    if row is not None and points and view.now > points[-1][0]:
        points.append((view.now, row.risk))
    if len(points) < 3:
        return None
    labels = [Label(at, view.words.short(rfc3339(at)[:10])) for at, _ in points]
    title = view(
        "The risk over time, from {first} to {last}.",
        first=view.percent(points[0][1]),
        last=view.percent(points[-1][1]),
    )
    return pictures.curve(points, labels, title)


class Contributions(NamedTuple):
    """What raised a risk when it was told: each reason with its share of all that raise it."""

    risk: float
    at: int
    alarm: str
    parts: list[tuple[float, Markup, str]]


def _contributions(view: View, changes: list[Change]) -> Contributions | None:
    """Of the newest alarm whose reasons are those of the risk; None if there is none."""
    told = [one.alarm for one in changes if one.alarm.kind in TELL_RISK and one.alarm.type in RAISING]
    newest = max(told, key=lambda alarm: alarm.time, default=None)
    if newest is None or newest.risk is None:
        return None
    raising = [one for one in newest.reasons if one.weight > 0 and one.sentence != "risk_rose"]
    whole = sum(one.weight for one in raising)
    date = rfc3339(newest.time)[:10]
    parts = [
        (one.weight / whole, pictures.share(one.weight / whole), view.why_on([one], date)[0])
        for one in sorted(raising, key=lambda one: -one.weight)
        if one.weight >= LEAST_SHARE * whole
    ]
    return Contributions(newest.risk, int(newest.at), newest.alarm_id, parts) if parts else None


def _life(view: View, changes: list[Change], deeds: list[AlarmAction], entries: list[Any]) -> list[Line]:
    lines = []
    for one in changes:
        alarm = one.alarm
        if alarm.type in RAISING:
            more = " ".join(view.why(alarm)[:1])
            text = view.kind(alarm.kind).capitalize()
            lines.append(Line(int(alarm.time), "change", text=text, alarm=alarm.alarm_id, more=more))
        elif alarm.type in ("alarm.settled", "alarm.withdrawn"):
            how = view.code(alarm.outcome or "withdrawn")
            text = view("Over: {what} ({how})", what=view.kind(alarm.kind), how=how)
            lines.append(Line(int(alarm.time), "end", text=text, alarm=alarm.alarm_id))
    lines += [Line(int(one.time), "deed", deed=_deed(one)) for one in deeds]
    listed = view("On the worklist")
    lines += [
        Line(int(one.at), "change", text=listed, more=view("rank {n}", n=one.rank))
        for one in entries
        if not one.held_out
    ]
    return sorted(lines, key=lambda line: line.time, reverse=True)[:200]


def _deed(one: AlarmAction) -> Deed:
    end = None if one.until is None else int(one.until)
    return Deed(action=one.action, by=one.by, time=int(one.time), until=end, reason=one.reason)


async def _judge(request: Request) -> Response:
    console, form, view = console_of(request), await form_of(request), view_of(request)
    customer_id, good = unquote(request.path_params["id"]), form.get("good") == "yes"

    def ask(db: Queries) -> Any:
        return db.customers.one(customer_id), db.others.fact("follows"), db.others.fact("tick")

    found, follows, tick = await console.model.ask(ask)
    if found is None:
        raise HTTPException(404)
    # Where the clock follows events, a judgement of today would be ahead of all of them.
    now = min(console.model.now(), int(tick)) if follows == "yes" and tick else console.model.now()
    await console.recorder.judge(a_judgement(now, who_of(request).by, customer_id, good))
    text = (
        "Judged a good customer; the page shows it in a moment."
        if good
        else "Judged not a good customer; the page shows it in a moment."
    )
    return back(form, view(text))
