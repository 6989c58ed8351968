"""The pages of docs/connect: their settings, samples and commands work, and a signed sample goes into Kafka."""

import base64
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.hooks.catalogue import ADAPTERS, ready
from streams.hooks.settings import read_hooks
from streams.hooks.taking import Hooks
from tests.support.deliveries import form
from tests.support.door import opened
from tests.support.paths import ROOT
from tests.support.taking_hooks import SECRET, raw_of, signed
from vigia.cli import app

PAGES = ROOT / "docs" / "connect"
LOGIN = "user:password"


def block(name: str, language: str) -> str:
    """The block of a page in a language."""
    blocks = re.findall(r"^```(\S*)\n(.*?)^```$", (PAGES / f"{name}.md").read_text(), re.M | re.S)
    (found,) = [body for kind, body in blocks if kind == language]
    return str(found)


def command(name: str) -> list[str]:
    """The command of a page."""
    return block(name, "").split()


class Page:
    """A page, laid out in a folder as its reader would."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.config = folder / "gateway.toml"
        self.config.write_text(block(name, "toml"))
        (folder / "booking-map.toml").write_text((ROOT / "deploy" / "booking-map.toml").read_text())
        sample = json.loads(block(name, "json"))
        self.body = form(sample) if name == "lightspeed" else raw_of(sample)
        (folder / command(name)[4]).write_bytes(self.body)
        self.events = [json.loads(line) for line in block(name, "jsonl").splitlines()]
        self.headers = dict(one.split("=", 1) for one in command(name) if "=" in one)
        variables = re.findall(r'_env = "(\w+)"', self.config.read_text())
        self.environment = dict.fromkeys(variables, LOGIN if name == "freshdesk" else SECRET)

    def signed(self) -> dict[str, str]:
        """The headers of a delivery."""
        if self.name == "freshdesk":
            return {"Authorization": f"Basic {base64.b64encode(LOGIN.encode()).decode()}"}
        return self.headers | (
            {"X-Api-Key": SECRET} if self.name == "map" else signed(self.name, self.body, self.headers)
        )


@pytest.fixture(params=list(ADAPTERS))
def page(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    """Each page, in the folder of its reader."""
    monkeypatch.chdir(tmp_path)
    return Page(request.param, tmp_path)


def test_the_index_links_every_page() -> None:
    """A type that is added needs a page."""
    linked = re.findall(r"\]\((\w+)\.md\) \| `(\w+)`", (PAGES / "README.md").read_text())
    assert sorted(linked) == sorted((name, name) for name in ADAPTERS)


def test_the_command_prints_what_the_page_says(page: Page) -> None:
    """With the settings and the sample of the page."""
    done = CliRunner().invoke(app, command(page.name)[1:], env=page.environment)
    assert (done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]) == (0, page.events), done.stderr


async def test_a_signed_sample_is_taken(page: Page, broker: str, tmp_path: Path) -> None:
    """By a gateway with the settings of the page, over HTTP; Clover's sample is fetched and not delivered."""
    hooks = ready(read_hooks(page.config.read_text(), str(page.config)), page.environment)
    if page.name == "clover":
        return
    async with opened(broker, hooks=Hooks(hooks, tmp_path)) as door:
        status, told = await door.deliver(page.name, page.body, page.signed())
        assert (status, told["accepted"]) == (200, len(page.events)), told
        assert (await door.deliver(page.name, page.body, {}))[0] == 401
