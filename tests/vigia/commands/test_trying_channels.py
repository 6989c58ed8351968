"""Channels and routes are looked at and tried before an alarm is real."""

import asyncio
import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web

from alerts.pipeline.routes import read
from scorers.contract.events import DAY, Instant
from scorers.contract.wire import encode_alarm
from tests.support.console import HOSTILE, NOW, alarm, run
from tests.support.paths import ROOT
from tests.support.routefiles import SHOP
from vigia.runtime.health import serving


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """A routes file whose desk is at that URL."""
    monkeypatch.setenv("HOOK_SECRET", "whsec_" + "A" * 43 + "=")

    def write_file(url: str = "https://desk.example.com/x?word=canary") -> str:
        path = tmp_path / "routes.toml"
        path.write_text(SHOP.format(url=url))
        return str(path)

    return write_file


def test_channels_are_listed_without_a_secret(shop: Callable[[str], str]) -> None:
    """Each with its sort, its host, and who uses it; nothing of a URL but the host."""
    done = run("channels", "list", "--routes", shop("https://desk.example.com/x?word=canary"))
    assert done.exit_code == 0, done.output
    rows = done.stdout.splitlines()
    assert [row.split()[:3] for row in rows] == [["desk", "webhook", "desk.example.com"], ["log", "log", "this"]]
    assert "route 'gravest'" in rows[0]
    assert "canary" not in done.output
    told = run("channels", "list", "--json", "--routes", shop("https://desk.example.com/x"))
    assert [json.loads(row)["used_by"] for row in told.stdout.splitlines()][1] == ["route 'gravest'", "route 'gold'"]


@pytest.mark.parametrize(("status", "outcome"), [(204, "sent"), (500, "failed: 500"), (410, "refused: 410")])
async def test_a_test_message_goes_as_a_real_one_would(shop: Callable[[str], str], status: int, outcome: str) -> None:
    """Signed and through the same checks; the answer is told, and the status is 1 unless all were sent."""
    got = []

    async def answer(request: web.Request) -> web.Response:
        got.append((json.loads(await request.read()), request.headers["webhook-signature"]))
        return web.Response(status=status)

    desk = web.Application()
    desk.router.add_post("/", answer)
    async with serving(desk, "127.0.0.1", 0) as port:
        done = await asyncio.to_thread(run, "channels", "test", "--routes", shop(f"http://127.0.0.1:{port}/"))
    assert done.exit_code == (outcome != "sent")
    rows = [" ".join(row.split()) for row in done.stdout.splitlines()]
    assert rows[0].startswith(f"desk {outcome}")
    assert rows[1] == "log sent"
    ((told, signature),) = got
    assert (told["type"], told["data"]["alarms"]) == ("channel.tested", [])
    assert signature.startswith("v1,")


def test_a_channel_that_is_not_there_and_a_secret_that_is_missing(
    shop: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown name lists the known ones; a missing secret is said by the variable's name."""
    assert "known are desk, log" in str(run("channels", "test", "dsk", "--routes", shop("https://x.example")).exception)
    monkeypatch.delenv("HOOK_SECRET")
    done = run("channels", "test", "desk", "--routes", shop("https://x.example"))
    assert done.exit_code == 1
    assert "HOOK_SECRET is not set" in done.output


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (("--tier", "gold"), ["route 'gold'", "log: goes at once: first"]),
        (("--tier", "gold", "--now", "2024-03-05T23:00:00Z"), ["at Wed 6 Mar 2024, 08:00 UTC", "quiet"]),
        (("--kind", "terrorist", "--tier", "lead"), ["critical", "desk: goes at once", "log: goes at once"]),
        (("--kind", "defected", "--tier", "lead"), ["not sent: info"]),
        (("--kind", "defected", "--tier", "lead", "--severity", "error"), ["not sent: do_not_spend", "route 'lead'"]),
        (("--tier", "iron"), ["no route", "not sent: no_route"]),
    ],
)
def test_routes_are_tried_before_an_alarm_is_real(
    shop: Callable[[str], str], typed: tuple[str, ...], says: list[str]
) -> None:
    """An example of any kind and tier: which route, which channels, when, and who stops it why."""
    done = run("routes", "test", "--routes", shop("https://desk.example.com/x"), *typed)
    assert done.exit_code == 0, done.output
    for part in says:
        assert part in done.stdout


def test_alarms_of_a_file_are_tried(shop: Callable[[str], str], tmp_path: Path) -> None:
    """Lines or one alarm over several; old ones are too old; a line that is none is named; --json says the same."""
    routes = ("--routes", shop("https://desk.example.com/x"))
    old = alarm("a2", at=Instant(NOW - 3 * DAY), name=HOSTILE)
    lines = b"\n".join([encode_alarm(alarm()), encode_alarm(old)])
    done = run("routes", "test", "-", "--json", *routes, stdin=lines.decode())
    told = [json.loads(row) for row in done.stdout.splitlines()]
    assert [[(d["goes"], d["rule"]) for d in one["decisions"]] for one in told] == [
        [(True, "first")],
        [(False, "too_old")],
    ]
    file = tmp_path / "alarm.json"
    file.write_text(json.dumps(json.loads(encode_alarm(alarm())), indent=2))
    assert "log: goes at once" in run("routes", "test", str(file), *routes).stdout
    file.write_bytes(lines + b"\n{}\n")
    assert f"{file}, line 3: not an alarm: missing_field" in str(run("routes", "test", str(file), *routes).exception)


def test_the_policy_says_how_old_is_too_old(shop: Callable[[str], str], tmp_path: Path) -> None:
    """`notify_within` of the policy decides what a late find is still worth telling, here and in the notifier alike."""
    patient = tmp_path / "policy.toml"
    patient.write_text("[time]\nnotify_within = '4d'\n")
    old = encode_alarm(alarm(at=Instant(NOW - 3 * DAY))).decode()
    routes = ("routes", "test", "-", "--routes", shop("https://x.example"))
    assert "not sent: too_old (it became true 3 days before" in run(*routes, stdin=old).stdout
    assert "log: goes at once" in run(*routes, "--policy", str(patient), stdin=old).stdout


def test_wrong_routes_are_named_with_line_and_mend(shop: Callable[[str], str]) -> None:
    """The same sentence wherever routes are read."""
    path = Path(shop("https://desk.example.com/x"))
    path.write_text(path.read_text().replace('to = ["log"]', 'to = ["logg"]'))
    for typed in (("routes", "test"), ("channels", "list"), ("channels", "test"), ("notifier",)):
        said = str(run(*typed, "--routes", str(path)).exception)
        assert said.startswith(f"{path}, line 30: route[2].to: 'logg' is not known; did you mean"), said


def test_the_routes_that_ship_are_those_in_force_without_a_file() -> None:
    """A wheel holds them; what is shown is what is tried, and what the notifier takes."""
    included = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert included["force-include"]["deploy/routes.toml"] == "vigia/defaults/routes.toml"
    assert included["force-include"]["deploy/policy.toml"] == "vigia/defaults/policy.toml"
    shown = run("routes", "show").stdout
    assert shown == (ROOT / "deploy" / "routes.toml").read_text()
    assert set(read(shown).channels) == {json.loads(run("channels", "list", "--json").stdout)["channel"]}
