"""Runs a console: follows the topics into its read model, and serves the pages; or shows a finished run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct
from prometheus_client import CollectorRegistry

from scorers.policy.tables import Policy
from vigia.console.config import Config
from vigia.console.context import Console
from vigia.console.entry.access import Access
from vigia.console.entry.accounts import Accounts
from vigia.console.figures import BaseFigures
from vigia.console.history import History
from vigia.console.recording import Nowhere, OnKafka
from vigia.console.server import serving
from vigia.readmodel.store.folder import load, policy_version
from vigia.readmodel.store.following import Follower
from vigia.readmodel.store.model import ReadModel
from vigia.readmodel.store.sqlite.store import SqliteStore
from vigia.runtime.answering.links import Links
from vigia.runtime.broker import Broker
from vigia.runtime.privacy.keyed_hash import KeyedHash
from vigia.runtime.rights.table import PROCESSES

FILE = "readmodel.sqlite"
UNUSED = "0" * 32
"""The privacy key of a finished run, in which nobody is erased."""


class Setup(Struct, kw_only=True):
    """What a console is made of; `policy_text` is the policy as people read it."""

    accounts: Accounts
    config: Config
    policy: Policy
    policy_text: str = ""
    links: Links | None = None
    openid_secret: str = ""

    def console(self, model: ReadModel, **more: object) -> Console:
        """The console over a read model."""
        access = Access(self.accounts, self.config, self.openid_secret)
        fields = {"config": self.config, "policy": self.policy, "policy_text": self.policy_text, "links": self.links}
        return Console(model=model, access=access, **fields, **more)  # type: ignore[arg-type]


@asynccontextmanager
async def live(
    setup: Setup,
    model: ReadModel,
    broker: Broker,
    hashes: KeyedHash,
    registry: CollectorRegistry,
    host: str,
    port: int,
    stop: asyncio.Event,
) -> AsyncIterator[int]:
    """Follow the topics and serve the console inside the block; yields the port. `stop` is set if the follower fails."""
    where = broker.limited_to(PROCESSES["console"].names)
    figures, history = BaseFigures(model, setup.policy.iceberg, registry), History()
    follower, recorder, ending = Follower(model, where, hashes, registry), OnKafka(where, model), asyncio.Event()
    console = setup.console(
        model, recorder=recorder, waits=lambda: follower.unread, stopping=ending.is_set, history=history
    )

    def end_streams() -> None:
        ending.set()
        model.tell()

    following = asyncio.Event()
    task = asyncio.create_task(follower.run(following), name="read-model")
    task.add_done_callback(lambda _: stop.set())
    looking = [
        asyncio.create_task(figures.run(), name="figures"),
        asyncio.create_task(history.run(setup.config.processes), name="history"),
    ]
    try:
        async with serving(console, host, port, end_streams) as bound:
            yield bound
    finally:
        following.set()
        for one in looking:
            one.cancel()
        await asyncio.wait([task, *looking])
        await recorder.close()
        model.close()
    task.result()


@asynccontextmanager
async def finished(setup: Setup, run: Path, host: str, port: int) -> AsyncIterator[int]:
    """Show the folder of a run inside the block; yields the port. Its read model lasts no longer."""
    with TemporaryDirectory(prefix="vigia-console-") as folder:
        store = SqliteStore(Path(folder) / FILE)
        newest = await asyncio.to_thread(_loaded, run, store)
        model = ReadModel(store, lambda: newest, is_live=False)
        version = policy_version(run)
        other = "" if version == setup.policy.version else version
        console = setup.console(model, recorder=Nowhere(), may_act=False, run_policy=other)
        try:
            async with serving(console, host, port, model.tell) as bound:
                yield bound
        finally:
            model.close()


def _loaded(run: Path, store: SqliteStore) -> int:
    tables = store.tables()
    try:
        return load(run, tables, KeyedHash(UNUSED))
    finally:
        tables.close()
