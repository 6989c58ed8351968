"""The console of a finished run: which policy the run was judged by."""

import html
from pathlib import Path

import aiohttp

from scorers.policy.reading import parse_policy
from streams.replay.replay import replay
from tests.support.driver import purchase
from vigia.console.config import Config
from vigia.console.entry.accounts import Accounts
from vigia.console.running import Setup, finished

OTHER = "[silence]\nfalse_a_year = 2.0\n"


async def shown(run: Path, policy: str) -> str:
    """The page of the policy, of a console that was started with this policy."""
    setup = Setup(
        accounts=Accounts(run / "accounts"),
        config=Config(processes={}),
        policy=parse_policy(policy),
        policy_text=policy,
    )
    async with (
        finished(setup, run, "127.0.0.1", 0) as port,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/policy") as answer,
    ):
        return html.unescape(await answer.text())


async def test_the_policy_of_a_finished_run_is_its_own_or_said_to_be_another(tmp_path: Path) -> None:
    """The text stands on the page only if the run was judged by it; else the page says how to see the right one."""
    events = tmp_path / "events.jsonl"
    events.write_bytes(purchase("2024-01-01T10:00:00Z") + b"\n")
    replay([str(events)], tmp_path / "run", parse_policy(OTHER))
    page = await shown(tmp_path / "run", OTHER)
    assert "false_a_year = 2.0" in page
    page = await shown(tmp_path / "run", "[silence]\nfalse_a_year = 1.0\n")
    assert "false_a_year" not in page
    assert parse_policy(OTHER).version in page
    assert "judged by another policy" in page
