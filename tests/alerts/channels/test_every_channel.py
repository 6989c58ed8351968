"""Checks that every channel of the catalogue passes; a new channel is checked without a test of its own."""

import base64
import re
import socket
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import pytest

from alerts.channels.catalogue import CHANNELS, NAMES, table, type_of
from alerts.channels.contract import ChannelSettings, Retry
from alerts.pipeline.connect import connect
from alerts.pipeline.routes import read
from alerts.settings.toml import BadSetting
from scorers.contract.alarms import Reason
from scorers.contract.inert import inert
from tests.support.paths import ROOT
from tests.support.receivers import HOSTILE, alarm, closing, notification

SECRET = f"whsec_{base64.b64encode(b'canary' * 5).decode()}"
each = pytest.mark.parametrize("name", NAMES)


def routes(name: str, more: str = "") -> str:
    """A routes file with the example of this channel."""
    example = CHANNELS[name].example.strip()
    return f'[channel.desk]\ntype = "{name}"\n{example}\n{more}\n[[route]]\nname = "all"\nto = ["desk"]\n'


def settings(name: str) -> ChannelSettings:
    """The settings of the example of this channel."""
    return read(routes(name)).channels["desk"]


def variables(name: str) -> list[str]:
    """The environment variables that the example names."""
    stated = tomllib.loads(CHANNELS[name].example)
    named = [value for key, value in stated.items() if key.endswith("_env")]
    return [one for value in named for one in ([value] if isinstance(value, str) else value)]


def environment(name: str) -> dict[str, str]:
    """An environment with every secret of the example; a variable whose name ends so holds an address that is secret."""
    address = {"URL": f"https://desk.example.com/{SECRET}", "URLS": f"jsons://desk.example.com/{SECRET}"}
    return {variable: address.get(variable.rpartition("_")[2], SECRET) for variable in variables(name)}


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No host is found, and files are written into a folder of the test."""

    def lookup(*_: Any, **__: Any) -> NoReturn:
        raise socket.gaierror("no network")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.chdir(tmp_path)


@each
def test_its_example_is_read_and_opened(name: str) -> None:
    """The file's name is the type; the example needs no more than the secrets that it names."""
    found = settings(name)
    assert type_of(found) == name
    assert isinstance(found, CHANNELS[name])
    assert connect("desk", found, environment(name))


@each
def test_a_setting_that_it_does_not_have_is_refused(name: str) -> None:
    """The error names the key, and the nearest one that the channel has."""
    with pytest.raises(BadSetting, match=r"channel\.desk\.timeoutt is not a known key; did you mean 'timeout'\?"):
        read(routes(name, 'timeoutt = "15s"'))


@each
def test_a_missing_secret_is_named_by_its_variable(name: str) -> None:
    """Each secret of the example that is not set refuses the channel."""
    for variable in variables(name):
        with pytest.raises(BadSetting, match=f"channel.desk: .*{variable} is not set"):
            connect("desk", settings(name), {k: v for k, v in environment(name).items() if k != variable})


@each
def test_it_shows_no_secret(name: str) -> None:
    """Neither its target nor the open channel shows one; the target is one visible line."""
    target = settings(name).target()
    assert target
    assert inert(target) == target
    shown = target + repr(settings(name)) + repr(vars(connect("desk", settings(name), environment(name))))
    assert SECRET not in shown


@each
@pytest.mark.usefixtures("no_network")
async def test_it_sends_or_asks_for_a_retry(name: str) -> None:
    """Without a network any notification is accepted or `Retry`, and a channel may be closed twice."""
    hostile = alarm(name=HOSTILE, alarm_id=HOSTILE, reasons=(Reason("gap", 1.0, HOSTILE),), counterfactual=HOSTILE)
    digest = alarm(alarm_id="a1"), alarm(alarm_id="a2")
    async with closing(connect("desk", settings(name), environment(name))) as channel:
        for one in (notification(), notification(hostile), notification(*digest)):
            with suppress(Retry):
                await channel.send(one)
        await channel.close()


@each
def test_it_says_in_one_line_what_it_does(name: str) -> None:
    """The first line of its settings' docstring stands in the documents."""
    first = (CHANNELS[name].__doc__ or "").splitlines()[0]
    assert re.fullmatch(r"[A-Z].{9,100}\.", first), first


def test_the_documents_list_every_channel() -> None:
    """The table of docs/operations.md is the one that `python -m alerts.channels.catalogue` prints."""
    assert table() in (ROOT / "docs" / "operations.md").read_text(), table()
