"""The operator's path on a real Kafka, each step timed and its result checked: `python -m tests.faults.operator_path [COMMIT]`.

Gateway, workers, notifier and commands are those of the wheel, in an environment outside the checkout; with a COMMIT the path begins with
the wheel of that commit. Clock and trainer are the same code in this process, so that each step can wait for all that follows from it.
"""

import asyncio
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from uuid import uuid4

import aiohttp

from streams.clock.clock import Clock
from tests.alerts.pipeline.test_notifier import Desk
from tests.faults.verdict import Verdict
from tests.kafka.growing import POLICY, Growing, folder, forwarded, story
from tests.kafka.running import WORKER, by_day, time_of
from tests.release.built import ROOT, build
from vigia.lab.local_kafka import LocalKafka, free_port
from vigia.runtime.topics import CHANGELOG

BEFORE, AFTER = 2, 5  # partitions
CUSTOMERS, DAYS = 60, 34
TOKEN = "a-token-of-the-till"
AROUND = {"PYTHONPATH": "", "VIGIA_PRIVACY_KEY": "0123456789abcdef" * 2, "VIGIA_SESSION": "40"}
"""Nothing is found of the checkout, and a slow machine is no fault; stopped workers are gone before `grow` and `restore` give up (50 s)."""


class Installation:
    """Vigía as `pipx install` makes it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.vigia = str(home / "bin" / "vigia")

    def make(self) -> None:
        """An environment with all packages, by their hashes."""
        run(sys.executable, "-m", "venv", str(self._home))
        self._pip("--require-hashes", "--requirement", str(ROOT / "requirements.lock"))

    def put(self, wheel: Path) -> None:
        """Install a wheel in the place of the former one."""
        self._pip("--no-deps", "--no-index", "--force-reinstall", str(wheel))
        assert str(self._home) in run(self._python, "-P", "-c", "import vigia; print(vigia.__path__[0])")

    @property
    def _python(self) -> str:
        return str(self._home / "bin" / "python")

    def _pip(self, *words: str) -> None:
        run(self._python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *words)


def run(*words: str, environment: dict[str, str] | None = None) -> str:
    """What a program prints; it ends well."""
    around = os.environ | AROUND | (environment or {})
    done = subprocess.run(words, env=around, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout + done.stderr


def wheel_of(commit: str, directory: Path) -> Path:
    """The wheel of a former commit."""
    source = folder(directory, "former")
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True)
    subprocess.run(["tar", "-x"], cwd=source, input=archive.stdout, check=True)
    made = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(made, cwd=source, check=True, capture_output=True)
    (wheel,) = (source / "dist").glob("*.whl")
    return wheel


class Shop(Growing):
    """A business whose processes are those of an installation, and whose till publishes through the gateway."""

    installation: Installation
    events = ""  # address

    def start(self, name: str = "a", command: Sequence[str] = WORKER, **environment: str) -> None:
        """As in a checkout, with the command of the installation."""
        super().start(name, [self.installation.vigia, *command[3:]], **environment, **AROUND)

    def listen(self) -> None:
        """Start the gateway."""
        self.events = f"http://127.0.0.1:{(port := free_port())}/v1/events"
        own = {"VIGIA_STATE": str(self.directory / "gateway")}
        own["VIGIA_GATEWAY_TOKENS"] = hashlib.sha256(TOKEN.encode()).hexdigest()
        words = [self.installation.vigia, "gateway", "--port", str(port), "--metrics-port", "0"]
        self.processes.start("gateway", words, self.environment() | own | AROUND)

    async def publish(self, lines: Iterable[bytes], plain: str = "") -> None:
        """Send events as a till does; while nobody listens yet it tries again."""
        assert not plain
        body, headers = b"\n".join(lines), {"authorization": f"Bearer {TOKEN}", "content-type": "application/x-ndjson"}

        async def is_taken() -> bool:
            try:
                async with aiohttp.ClientSession() as web, web.post(self.events, data=body, headers=headers) as answer:
                    assert answer.status in (202, 503), await answer.text()
                    return answer.status == 202
            except aiohttp.ClientConnectorError:
                return False

        await self.until(is_taken)

    async def command(self, *words: str) -> str:
        """Run a command of the installation."""
        return await asyncio.to_thread(run, self.installation.vigia, *words, environment=self.environment())

    async def begin(self, desk: Desk) -> None:
        """Start all processes, and wait until the worker is ready."""
        self.start()
        self.notify(desk.url)
        self.listen()
        await self.ready("a")

    async def follow(self) -> None:
        """Let clock and trainer go on from what is on the topics."""
        self._over = asyncio.Event()
        self.clock = Clock(self.broker, self.settings, self.policy, follows=True, every=0.05)
        self.tick()
        self.train()
        await self.ticked(max(int(self.clock.newest), 1))

    async def halt(self) -> None:
        """Stop all that reads, in order; the gateway goes on."""
        await self.pause()
        for name in sorted(set(self.workers) & {"a", "b"}):
            assert await self.stop(name) == 0
        await self.notified()
        assert await self.stop("n") == 0


class Walk:
    """The path of one shop; `steps` says how long each step took, in seconds, and `events` how many were sent."""

    def __init__(self, kafka: str, directory: Path, former: Path, now: Path) -> None:
        self._kafka, self._directory, self._former, self._now = kafka, directory, former, now
        self.installation = Installation(directory / "home")
        self.steps: list[tuple[str, float]] = []
        self.events = 0
        self._name = uuid4().hex[:6]

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.steps.append((what, time.monotonic() - began))
        print(f"{what}: {self.steps[-1][1]:.1f} s", flush=True)  # noqa: T201

    def _shop(self, mark: str, partitions: int) -> Shop:
        shop = Shop(self._kafka, f"{self._name}-{mark}-", folder(self._directory, mark), partitions, POLICY)
        shop.installation = self.installation
        return shop

    async def run(self) -> Verdict:
        """Walk it, and compare what lies on the broker in the end with a replay."""
        lines = story(self._directory / "events", CUSTOMERS, DAYS)
        days, self.events = iter(by_day(lines)), len(lines)
        with self._step("install: an environment, all packages by their hashes, the wheel"):
            await asyncio.to_thread(self.installation.make)
            await asyncio.to_thread(self.installation.put, self._former)
        first = self._shop("a", BEFORE)
        with self._step("create the topics"):
            await first.command("topics", "apply")
        async with Desk().open() as desk, first:
            await self._connect(first, desk, days)
            await self._upgrade(first, desk)
            await first.step_by_step(islice(days, 4))
            await self._lose_a_disk(first)
            await first.step_by_step(islice(days, 4))
            with self._step("scale out: a second worker, until it has its partitions"):
                first.start("b")
                await first.ready("b")
            await first.step_by_step(islice(days, 4))
            second = await self._grow(first, days)
            async with second:
                await self._move(first, second, desk, days)
                await self._restore(second, desk, days)
                await second.step_by_step(days)
                await second.pause()
                await second.notified()
                await second.conclude(lines)
                verdict = await second.verdict(lines, least=20)
            ids = [desk.got.get_nowait()[0] for _ in range(desk.got.qsize())]
            assert len(ids) == len(set(ids)) > 20, "a message was sent twice, or hardly any was"
        return verdict

    async def _connect(self, shop: Shop, desk: Desk, days: Iterator[list[bytes]]) -> None:
        day = next(days)
        with self._step("start gateway, worker and notifier"):
            await shop.begin(desk)
        with self._step("connect: the first event of the till is acknowledged"):
            await shop.publish(day[:1])
        with self._step("first alarm: from the day's events to the message about it"):
            shop.tick()
            shop.train()
            await shop.publish(day[1:])
            await shop.until(lambda: told(desk))
        await shop.ticked(max(map(time_of, day)))
        await shop.step_by_step(islice(days, 8))

    async def _upgrade(self, shop: Shop, desk: Desk) -> None:
        with self._step("upgrade: install, then gateway, notifier and worker one after the other, until ready"):
            await asyncio.to_thread(self.installation.put, self._now)
            assert await shop.stop("gateway") == 0
            shop.listen()
            assert await shop.stop("n") == 0
            shop.notify(desk.url)
            assert await shop.stop() == 0
            shop.start()
            await shop.ready("a")

    async def _lose_a_disk(self, shop: Shop) -> None:
        with self._step("lose a disk: killed, its state deleted, until it has all rows again"):
            shop.kill()
            shop.processes.wipe("a")
            shop.start()
            await shop.ready("a")

    async def _grow(self, first: Shop, days: Iterator[list[bytes]]) -> Shop:
        """The shop under its new prefix; while it is made, the till goes on."""
        await first.halt()
        second = self._shop("b", AFTER)
        with self._step(f"grow from {BEFORE} to {AFTER} partitions: the command, while a till sells"):
            growing = asyncio.create_task(
                first.command("partitions", "grow", "--to", second.broker.prefix, "--partitions", str(AFTER))
            )
            await first.publish(next(days))
            await growing
        return second

    async def _move(self, first: Shop, second: Shop, desk: Desk, days: Iterator[list[bytes]]) -> None:
        with self._step("grow: start under the new prefix, and forward what the till has sent to the former one"):
            await second.begin(desk)
            words = ["partitions", "grow", "--to", second.broker.prefix, "--partitions", str(AFTER), "--follow"]
            first.processes.start("follow", [self.installation.vigia, *words], first.environment() | AROUND)
            await first.until(lambda: follows(first))
            await first.publish(next(days))
            assert await first.stop("gateway") == 0
            await forwarded(first, second)
            assert await first.processes.stop("follow") == 0
            await second.drained()
        await second.follow()
        await second.step_by_step(islice(days, 3))

    async def _restore(self, shop: Shop, desk: Desk, days: Iterator[list[bytes]]) -> None:
        file = str(self._directory / "vigia.tar.gz")
        with self._step("back up, while it runs"):
            await shop.command("backup", "--out", file)
            await shop.command("backup", "--check", file)
        await shop.step_by_step(islice(days, 3))
        await shop.halt()
        changelog = shop.broker.name(CHANGELOG)
        await shop.admin.delete_topics([changelog])
        shop.processes.wipe("a")

        async def is_gone() -> bool:
            return changelog not in await shop.admin.list_topics()

        await shop.until(is_gone)
        with self._step("restore: the changelog and the disk are lost; until all is folded again"):
            told = await shop.command("restore", file)
            assert "The inputs go on where the rows stand" in told, told
            shop.start()
            shop.notify(desk.url)
            await shop.ready("a")
            await shop.drained()
        await shop.follow()


async def told(desk: Desk) -> bool:
    """Whether a message has come."""
    return not desk.got.empty()


async def follows(shop: Shop) -> bool:
    """Whether the command has said that all is moved, and forwards from now on."""
    return "run this command with --follow" in " ".join(shop.processes.said("follow").split())


def walk(kafka: str, directory: Path, commit: str = "") -> Walk:
    """The path from the wheel of a commit, or from the present one, to the present one."""
    now = build(folder(directory, "build"), 1_500_000_000).wheel
    return Walk(kafka, directory, wheel_of(commit, directory) if commit else now, now)


def main(arguments: Sequence[str]) -> int:
    """Walk it on a Kafka of its own, and print how long each step took."""
    with LocalKafka() as node, tempfile.TemporaryDirectory() as folder:
        path = walk(node.address, Path(folder), *arguments)
        verdict = asyncio.run(path.run())
    print("\n| step | seconds |\n|---|---:|")  # noqa: T201
    for what, seconds in path.steps:
        print(f"| {what} | {seconds:.1f} |")  # noqa: T201
    print(f"\nIn the end against a replay of all events: {verdict}")  # noqa: T201
    return 0 if verdict.exact() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
