"""`vigia hooks test`: what a delivery of a till, a shop or a desk would become."""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from multidict import CIMultiDict
from typer import Argument, Option

from scorers.contract.wire import encode_event
from streams.gateway.answers import Refused
from streams.gateway.body import MAX_BATCH, read
from streams.gateway.settings import SettingsText, text_of
from streams.hooks.catalogue import Hook, prepared
from streams.hooks.delivery import Draft, Unusable
from streams.hooks.settings import HOOK_TYPES, HookSettings, Table, read_hooks
from streams.hooks.taking import encoded
from vigia.commands.shared.arguments import known
from vigia.runtime.usage_error import UsageError

app = typer.Typer(help="Try hooks: what tills, shops and desks deliver.", no_args_is_help=True)


@app.callback()
def _hooks() -> None:
    """Try hooks: what tills, shops and desks deliver."""


@app.command("test")
def try_delivery(
    name: Annotated[
        str, Argument(metavar="NAME", help="The hook in --config; without --config a type, such as shopify.")
    ],
    file: Annotated[Path, Argument(metavar="FILE", help="The body of a delivery; - reads standard input.")],
    header: Annotated[
        list[str] | None,
        Option("--header", metavar="K=V", help="A header of the delivery; may be given several times."),
    ] = None,
    config: Annotated[
        Path | None, Option(metavar="FILE", help="The gateway.toml with the hook, as deploy/gateway.toml shows.")
    ] = None,
) -> None:
    """Print the events that a delivery gives, one JSON object a line, and say on standard error what else would happen.

    Nothing is sent. If the headers of the signature are given, it is checked with the hook's secret. Exit status: 0 the
    delivery is understood, also if nothing of it is taken; 1 it is refused.
    """
    table, headers, body = _table(config, name), _headers(header or []), _body(file)
    try:
        _check(table, headers, body)
        hook, now = prepared(table, None), time.time_ns() // 1000
        if hook.adapter.is_ping(headers, body):
            _say("200, nothing is taken: the vendor tries the address")
            return
        if _names_objects(hook, headers, body, now):
            return
        drafts = hook.drafts(headers, body, now)
        if isinstance(drafts, str):
            _say(f"200, nothing is taken: {drafts}")
        else:
            _show(hook, drafts)
    except Unusable as fault:
        _say(f"400: not a delivery of {table.settings.type}: {fault}")
        raise typer.Exit(1) from None
    except Refused as refused:
        _say(f"{refused.status}: {refused}")
        raise typer.Exit(1) from None


def _show(hook: Hook, drafts: list[Draft]) -> None:
    found = asyncio.run(read([(0, encoded(one.fields)) for one in drafts], hook.token, every=True))
    for _, fact in found.facts:
        typer.echo(encode_event(fact.event).decode())
    for bad in found.bad:
        _say(f"{bad.status}: event {bad.index + 1} is no event: {bad.code}: {bad.detail}")
    waiting = [one.sale for one in drafts if one.sale and "customer_id" not in one.fields]
    for sale in waiting:
        _say(f"takes the customer of the sale {sale}; waits for it up to 3 days, then goes without a customer")
    _say(f"200, {len(found.facts)} events" if not found.bad else "nothing would be taken")
    if found.bad:
        raise typer.Exit(1)


def _names_objects(hook: Hook, headers: CIMultiDict[str], body: bytes, now: int) -> bool:
    """Say which objects would be fetched, if the delivery only names them; a fetched object may be tried as well."""
    try:
        wanted = hook.wants(headers, body, now)
    except Unusable:
        return False
    if isinstance(wanted, list) and hook.adapter.request is not None:
        for one in wanted:
            _say(f"fetches {hook.adapter.request(hook.settings, one)}: try its answer as FILE to see the events")
    if isinstance(wanted, str):
        _say(f"200, nothing is taken: {wanted}")
    return wanted is not None


def _check(table: Table, headers: CIMultiDict[str], body: bytes) -> None:
    """Say whether the delivery is verified, if its headers tell. Raises `Refused`."""
    scheme = prepared(table, None).adapter.signature
    if scheme is None or scheme.header not in headers or not table.settings.secret_env:
        _say("not verified: for that, --config with secret_env and the vendor's headers are needed")
        return
    if why := prepared(table, os.environ).refused(headers, body, time.time_ns() // 1000):
        raise Refused(401, why)
    _say("the signature is right")


def _table(config: Path | None, name: str) -> Table:
    if config is None:
        known("NAME", [name], HOOK_TYPES)
        return Table(name, msgspec.convert({"type": name}, HookSettings), SettingsText("", "NAME"))
    tables = read_hooks(text_of(config), str(config))
    known("NAME", [name], tuple(tables))
    return tables[name]


def _headers(given: list[str]) -> CIMultiDict[str]:
    headers: CIMultiDict[str] = CIMultiDict()
    for one in given:
        key, equals, value = one.partition("=")
        if not key or not equals:
            raise UsageError(f"--header {one!r} is not K=V; write it like --header X-Shopify-Topic=orders/paid")
        headers.add(key.strip(), value.strip())
    return headers


def _body(file: Path) -> bytes:
    try:
        body = sys.stdin.buffer.read(MAX_BATCH + 1) if str(file) == "-" else file.read_bytes()
    except OSError as fault:
        raise UsageError(f"{file}: {os.strerror(fault.errno or 0).lower()}; name a file with the body") from None
    if len(body) > MAX_BATCH:
        raise UsageError(f"{file} has more than {MAX_BATCH} bytes, which the gateway refuses")
    return body


def _say(text: str) -> None:
    typer.echo(text, err=True)
