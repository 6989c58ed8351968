"""Rejected records, and sending them back."""

from typing import Any, get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from scorers.contract.inert import printable
from scorers.contract.rejection import RejectCode
from vigia.console.context import console_of
from vigia.console.exports import download
from vigia.console.filters import LETTER_FILTERS, checked, page_number
from vigia.console.forms import form_of
from vigia.console.layout import page, view_of
from vigia.console.pages.acting import back, guarded
from vigia.readmodel.store.queries import Queries
from vigia.runtime.dead_letter import Origin

SHOWN = 400  # characters of a record


def routes() -> list[BaseRoute]:
    """The addresses."""
    return [
        Route("/dead-letters", guarded("read", _show), methods=["GET"]),
        Route("/dead-letters/replay", guarded("admin", _replay), methods=["POST"]),
    ]


async def _show(request: Request) -> Response:
    console, given = console_of(request), checked(request.query_params, LETTER_FILTERS)
    number, view = page_number(request.query_params), view_of(request)
    if request.query_params.get("format") == "csv":
        heads = ("topic", "partition", "offset", "code", "detail", "record")
        return download(console, "rejected", heads, lambda db: _rows(db, given))
    found, codes = await console.model.ask(lambda db: (db.others.letters(given, number), db.others.letter_codes()))
    return await page(
        request,
        "letters.html",
        page=found,
        texts=[_text(one.value) for one in found.items],
        codes=codes,
        all_codes=get_args(RejectCode),
        number=number,
        given=given,
        code_words=lambda code: view.code(f"reject_{code}"),
        sent_words=lambda state: view.code(f"sent_{state}"),
    )


def _rows(db: Queries, given: dict[str, str]) -> Any:
    number = 1
    while (found := db.others.letters(given, number)).items:
        for one in found.items:
            yield one.topic, one.partition, one.number, one.code, one.detail, _text(one.value)
        number += 1


def _text(value: bytes | None) -> str:
    return "null" if value is None else printable(value.decode("utf-8", "replace"), SHOWN)


async def _replay(request: Request) -> Response:
    console, form, view = console_of(request), await form_of(request), view_of(request)
    wanted: set[Origin] = set()
    for text in form.all("letter"):
        topic, partition, number = text.rsplit("/", 2) if text.count("/") >= 2 else ("", "", "")
        if partition.isdigit() and number.isdigit():
            wanted.add((topic, int(partition), int(number)))
    if not wanted:
        return back(form, view("No record was chosen."))
    sent = await console.recorder.send_back(wanted)
    return back(form, view("Sent back: {records}.", records=view.count(sent, "record")))
