"""Who may send what: scopes, partial results, duplicates, idempotency keys, the access log, tokens that change."""

import asyncio
import hashlib
import json
import logging
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from scorers.contract.events import CustomerDescribed, CustomerMerged, Instant
from streams.gateway.settings import read, text_of
from streams.gateway.tokens import Token, Tokens
from tests.support.door import LINES, ONE, Door, batch, opened, purchase, token_named
from tests.support.paths import ROOT
from vigia.runtime.usage_error import UsageError

TILL, TILL_DIGEST = token_named("till")
CRM, CRM_DIGEST = token_named("crm")
ANY, ANY_DIGEST = token_named("any")
TOKENS = (
    Token("till", TILL_DIGEST, ("till",), ("purchase.completed", "purchase.refunded")),
    Token("crm", CRM_DIGEST, ("crm",), ("customer.erased", "customer.described")),
    Token("any", ANY_DIGEST),
)
ERASED = {"type": "customer.erased", "id": "x", "source": "crm", "time": "2024-05-06T07:08:09Z", "customer_id": "C1"}


@pytest.fixture
async def scoped(broker: str) -> AsyncIterator[Door]:
    """A gateway with three tokens."""
    async with opened(broker, tokens=Tokens(TOKENS)) as door:
        yield door


async def test_a_token_sends_its_sources_and_types_only(scoped: Door) -> None:
    """A till cannot speak for the CRM, nor erase; a token without a scope cannot erase either."""
    assert (await scoped.post(batch(purchase(1)), token=TILL))[0] == 202
    assert (await scoped.post(batch(purchase(2, source="crm")), token=TILL))[0] == 403
    assert (await scoped.post(batch(ERASED | {"source": "till"}), token=TILL))[0] == 403
    assert (await scoped.post(batch(ERASED), token=CRM))[0] == 202
    assert (await scoped.post(batch(ERASED), token=ANY))[0] == 403
    status, told = await scoped.post(batch(purchase(3), purchase(4, source="crm")), LINES, token=TILL)
    assert status == 403
    assert [(one["line"], one["code"]) for one in told["lines"]] == [(2, "out_of_scope")]
    sample = scoped.gateway.registry.get_sample_value
    assert sample("vigia_gateway_refused_tokens_total", {"reason": "scope"}) == 4


def test_merging_needs_its_name_as_erasing_does() -> None:
    """Also where it is told as an alias; a description without one is of no such weight."""
    merge = CustomerMerged(id="m", source="crm", time=Instant(0), customer_id="C1", into="C2")
    assert Token("any", ANY_DIGEST).allows(merge) == "type"
    assert Token("crm", CRM_DIGEST, None, ("customer.merged",)).allows(merge) == ""
    assert Token("crm", CRM_DIGEST, ("till",), ("customer.merged",)).allows(merge) == "source"
    who = CustomerDescribed(id="d", source="crm", time=Instant(0), customer_id="C1", name="Ana")
    alias = CustomerDescribed(id="d", source="crm", time=Instant(0), customer_id="C1", aliases=("C2",))
    assert [Token("any", ANY_DIGEST).allows(one) for one in (who, alias)] == ["", "type"]
    crm = Token("crm", CRM_DIGEST, None, ("customer.described",))
    assert [crm.allows(one) for one in (who, alias)] == ["", "type"]
    assert Token("crm", CRM_DIGEST, None, ("customer.described", "customer.merged")).allows(alias) == ""


async def test_refused_tokens_are_counted_by_reason(scoped: Door) -> None:
    """No header, no Bearer, and a token of nobody are told apart in the metrics, and answered alike."""
    for header, reason in (("", "missing"), ("Basic abc", "malformed"), ("Bearer vigia_wrong", "unknown")):
        async with scoped.session.post(
            f"{scoped.url}/v1/events", data=b"{}", headers=ONE | ({"Authorization": header} if header else {})
        ) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        counted = scoped.gateway.registry.get_sample_value("vigia_gateway_refused_tokens_total", {"reason": reason})
        assert counted == 1


async def test_partial_results_name_each_item(scoped: Door) -> None:
    """With ?partial=true the good ones are taken, and every item has its status."""
    content = batch(
        purchase(11), b"{", purchase(12, source="crm"), purchase(11), b"", purchase(13, time="2090-01-01T00:00:00Z")
    )
    bearer = {"Authorization": f"Bearer {TILL}"}
    async with scoped.session.post(
        f"{scoped.url}/v1/events?partial=true", data=content, headers=LINES | bearer
    ) as answer:
        told = json.loads(await answer.read())
        assert answer.status == 207
    assert [(one["index"], one["status"], one["code"]) for one in told["items"]] == [
        (0, 202, "accepted"),
        (1, 400, "not_json"),
        (2, 403, "out_of_scope"),
        (3, 202, "duplicate"),
        (4, 400, "bad_time"),
    ]


async def test_an_array_is_a_batch(scoped: Door) -> None:
    """A JSON array of events; equal ones that come again are counted, others under their identity are not."""
    sales = [purchase(21), purchase(22), purchase(22, amount_minor=5)]
    assert await scoped.post(json.dumps(sales).encode(), token=TILL) == (202, {"accepted": 3, "duplicates": 0})
    again = json.dumps([dict(reversed(sales[0].items())), purchase(23)], indent=2).encode()
    assert await scoped.post(again, token=TILL) == (202, {"accepted": 2, "duplicates": 1})
    status, told = await scoped.post(json.dumps([purchase(24), 7, []]).encode(), token=TILL)
    assert status == 400
    assert [(one["index"], one["code"]) for one in told["lines"]] == [(1, "not_object"), (2, "not_object")]


async def test_more_than_a_day_ahead_is_refused(scoped: Door) -> None:
    """The gateway's clock bounds the future."""
    status, told = await scoped.post(batch(purchase(31, time="2099-01-01T00:00:00Z")), token=TILL)
    assert (status, told["lines"][0]["code"]) == (400, "bad_time")


async def test_an_idempotency_key_is_for_one_body(scoped: Door) -> None:
    """Again with the same body is accepted; with another one 422; another token's key is another key."""

    async def sent(number: int, token: str) -> int:
        headers = ONE | {"Authorization": f"Bearer {token}", "Idempotency-Key": "k1"}
        async with scoped.session.post(
            f"{scoped.url}/v1/events", data=batch(purchase(number)), headers=headers
        ) as answer:
            return answer.status

    assert [await sent(41, TILL), await sent(41, TILL), await sent(42, TILL), await sent(42, ANY)] == [
        202,
        202,
        422,
        202,
    ]


async def test_the_access_log_names_the_token_and_no_customer(scoped: Door, caplog: pytest.LogCaptureFixture) -> None:
    """A line for each request: who by name, what became of it, how much; no id and no token."""
    with caplog.at_level(logging.INFO, "vigia.access"):
        await scoped.post(batch(purchase(51, "canary-7"), purchase(51, "canary-7")), LINES, token=TILL)
        await scoped.post(batch(purchase(52, "canary-7")), token="vigia_wrong")
    first, second = (record.getMessage() for record in caplog.records if record.name == "vigia.access")
    assert re.fullmatch(r"token=till POST /v1/events 202 events=2 duplicates=1 bytes=\d+ ms=\d+", first), first
    assert second.startswith("token=- POST /v1/events 401 ")
    assert not re.search(rf"canary|{TILL}|vigia_wrong", caplog.text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tokens.a]\n", "tokens is not a known key; did you mean 'token'?"),
        ("[token.a]\n", "digest"),
        ('[token.a]\ndigest = "abc"\n', "line 2: token.a.digest is not 64 hexadecimal digits"),
        (f'[token.a]\ndigest = "{TILL_DIGEST}"\nsource = []\n', "did you mean 'sources'?"),
        (f'[token.a]\ndigest = "{TILL_DIGEST}"\ntypes = ["customer.erase"]\n', "did you mean 'customer.erased'?"),
        ("[limits]\nbody_seconds = 0\n", "line 2: limits.body_seconds is not above 0"),
        ("[limits]\nbody_seconds = 'canary'\n", "line 2: limits.body_seconds is of the wrong type; give a number"),
        ("[token]\ntill = 'canary'\n", "line 2: token.till is of the wrong type; give a table with keys of its own"),
        (
            f"[token.b]\ndigest = '{TILL_DIGEST}'\n[token.a]\ndigest = '{TILL_DIGEST}'\nsources = 'canary'\n",
            "line 5: token.a.sources is of the wrong type; give a list in brackets",
        ),
        ("[limits\n", "line 1: not TOML"),
    ],
)
def test_a_wrong_setting_is_named(text: str, said: str) -> None:
    """File, line, key, and the correction; a value of the wrong type is not repeated, as it may be a token."""
    with pytest.raises(UsageError) as raised:
        read(text, "gateway.toml")
    assert "canary" not in str(raised.value)
    assert "gateway.toml, line " in str(raised.value)
    assert said in str(raised.value)


def test_the_example_is_read() -> None:
    """The documented example is a file that the gateway takes, and says the defaults."""
    settings = read(text_of(ROOT / "deploy" / "gateway.toml"), "gateway.toml")
    assert [token.name for token in settings.tokens()] == ["till-1", "crm"]
    assert settings.limits == type(settings.limits)()


async def test_a_changed_file_is_in_force_without_a_restart(broker: str, tmp_path: Path) -> None:
    """A new token is accepted and the old one refused once the file says so; a broken file changes nothing."""
    file = tmp_path / "gateway.toml"

    def write(text: str) -> None:
        (tmp_path / "new").write_text(text)
        os.replace(tmp_path / "new", file)

    write(f'[token.old]\ndigest = "{TILL_DIGEST}"\n')
    command = [sys.executable, "-m", "vigia", "gateway", "--kafka", broker, "--port", "0", "--metrics-port", "0"]
    process = await asyncio.create_subprocess_exec(*command, "--config", str(file), stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    lines = process.stderr

    async def said(what: str) -> str:
        while what not in (line := (await lines.readline()).decode()):
            assert line, what
        return line

    found = re.search(r"(http://\S+/v1/events).*(http://\S+)/metrics", await said("/v1/events"))
    assert found
    async with aiohttp.ClientSession() as session:

        async def status(token: str) -> int:
            headers = ONE | {"Authorization": f"Bearer {token}"}
            async with session.post(found[1], data=batch(purchase(61)), headers=headers) as answer:
                return answer.status

        assert [await status(TILL), await status(CRM)] == [202, 401]
        write("[token.broken\n")
        assert "not TOML" in await said("tokens and hooks stay as they are")
        assert await status(TILL) == 202
        write(f'[token.new]\ndigest = "{hashlib.sha256(CRM.encode()).hexdigest()}"\n')
        assert "new" in await said("read again: tokens")
        assert [await status(TILL), await status(CRM)] == [401, 202]
        async with session.get(f"{found[2]}/readyz") as answer:
            assert (answer.status, answer.headers["Server"]) == (200, "")
        for path in ("/metrics", "/readyz"):
            async with session.get(found[1].replace("/v1/events", path)) as answer:
                assert answer.status == 404
    process.send_signal(signal.SIGTERM)
    await lines.read()
    assert await process.wait() == 0
