"""A console over a read model that follows a broker, and a browser's requests to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from scorers.policy.tables import Policy
from tests.support.readmodels import Desk, a_desk
from vigia.console.config import Config
from vigia.console.context import Console
from vigia.console.entry.access import Access
from vigia.console.entry.accounts import Accounts
from vigia.console.recording import OnKafka
from vigia.console.server import serving
from vigia.runtime.rights.table import PROCESSES


class Shop:
    """A console that serves, and the desk whose topics it shows."""

    def __init__(
        self, desk: Desk, accounts: Accounts, console: Console, port: int, session: aiohttp.ClientSession
    ) -> None:
        self.desk, self.accounts, self.console, self.port, self.session = desk, accounts, console, port, session

    @property
    def address(self) -> str:
        """The first page."""
        return f"http://127.0.0.1:{self.port}"

    async def get(self, path: str, **more: Any) -> tuple[int, Any, Any]:
        """Status, headers, and the body: JSON of the API, text of a page."""
        async with self.session.get(self.address + path, allow_redirects=False, **more) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, answer.headers, await answer.json() if is_json else await answer.text()

    async def post(self, path: str, **more: Any) -> tuple[int, Any, Any]:
        """The same of a POST."""
        async with self.session.post(self.address + path, allow_redirects=False, **more) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, answer.headers, await answer.json() if is_json else await answer.text()

    async def form(self, page: str, path: str, fields: dict[str, str]) -> tuple[int, Any, Any]:
        """Send a form as the page has it, with its token."""
        _, _, body = await self.get(page)
        token = body.split('name="csrf" value="')[1].split('"')[0]
        return await self.post(path, data={"csrf": token, **fields})


@asynccontextmanager
async def a_shop(tmp_path: Path, config: Config | None = None) -> AsyncIterator[Shop]:
    """A console on a free port."""
    async with a_desk(tmp_path) as desk, desk.following() as follower:
        accounts, conf = Accounts(tmp_path / "console"), config or Config(processes={})
        broker = desk.broker.limited_to(PROCESSES["console"].names)
        recorder, stopped = OnKafka(broker, desk.model), [False]
        console = Console(
            model=desk.model,
            access=Access(accounts, conf),
            config=conf,
            recorder=recorder,
            policy=Policy(),
            waits=lambda: follower.unread,
            stopping=lambda: stopped[0],
        )

        def stop() -> None:
            stopped[0] = True
            desk.model.tell()

        try:
            async with (
                serving(console, "127.0.0.1", 0, stop) as port,
                aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session,
            ):
                yield Shop(desk, accounts, console, port, session)
        finally:
            await recorder.close()
