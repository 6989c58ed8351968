"""How fast the console's pages are over many customers: `python -m tests.bench.console_pages 100000 [FILE or redis://...]`.

Fills a read model with invented customers, a quarter as many alarms and a worklist, serves it, and asks for each page several times,
four at once; prints p50 and p95 of each, its processor time (with the client's),
and the memory of the process.
"""

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import aiohttp

from scorers.contract.events import HOUR, Instant
from scorers.contract.wire import encode_alarm, encode_worklist_entry
from scorers.policy.tables import Policy
from tests.support.alarms import an_alarm
from tests.support.hashes import HASHES
from tests.support.readmodels import NOW, a_customer, an_entry
from vigia.console.config import Config
from vigia.console.entry.accounts import Accounts
from vigia.console.filters import STAGES, TIERS, TYPES
from vigia.console.recording import Nowhere
from vigia.console.running import Setup
from vigia.console.server import serving
from vigia.readmodel.redis_address import RedisAddress
from vigia.readmodel.store.folding import Folding
from vigia.readmodel.store.model import ReadModel
from vigia.readmodel.store.redis_store.store import RedisStore
from vigia.readmodel.store.sqlite.store import SqliteStore
from vigia.readmodel.store.tables import Store

ROUNDS, AT_ONCE, BATCH = 40, 4, 5_000
FIRST = [
    "Ana",
    "Ben",
    "Carla",
    "Diego",
    "Eva",
    "Farah",
    "Gita",
    "Hugo",
    "Iris",
    "Jan",
    "Kai",
    "Lola",
    "Marta",
    "Noel",
    "Olga",
    "Pau",
    "Quim",
    "Rosa",
    "Sara",
    "Tomas",
]
LAST = [
    "Ruiz",
    "Kowal",
    "Yarrow",
    "Finch",
    "Gomez",
    "Silva",
    "Thorn",
    "Meyer",
    "Novak",
    "Okoye",
    "Petrov",
    "Rossi",
    "Santos",
    "Tanaka",
    "Vidal",
    "Weber",
]
PAGES = (
    *(
        "/",
        "/alarms",
        "/alarms?kind=gone-quiet&tier=gold",
        "/alarms?state=settled",
        "/customers",
        "/customers?q=ana+ru",
    ),
    *("/customers?q=okoye17", "/customers?tier=gold&stage=dormant&sort=loss", "/customers?sort=name&page=500"),
    *(
        "/customers?store=s7&alarms=open",
        "/customers?q=a",
        "/customers/C77",
        "/base",
        "/stores",
        "/quality",
        "/suppressed",
    ),
    *("/api/v1/customers?tier=iron&page=50", "/api/v1/alarms", "/api/v1/base"),
)


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def fill(store: Store, customers: int) -> None:
    """Write invented customers, alarms and a worklist."""
    draw, tables = Random(1), store.tables()
    tables.hold()
    folding = Folding(tables, HASHES, lambda: int(NOW))
    for start in range(0, customers, BATCH):
        with tables.transaction():
            for n in range(start, min(start + BATCH, customers)):
                name = f"{draw.choice(FIRST)} {draw.choice(LAST)}{draw.randrange(500)}"
                facts = {
                    "stage": draw.choice(STAGES),
                    "tier": draw.choice(TIERS),
                    "loyalty_type": draw.choice(TYPES),
                    "risk": draw.random(),
                    "value_at_risk_minor": draw.randrange(200_000),
                    "store_id": f"s{draw.randrange(40)}",
                }
                folding.customer(a_customer(f"C{n}", name, **facts))
                if n % 4 == 0:
                    more = {"kind": draw.choice(("gone-quiet", "risk-high", "tier-drop")), "currency": "EUR"}
                    severity = draw.choice(("error", "warning"))
                    value = draw.randrange(200_000)
                    tier = draw.choice(TIERS)
                    raised = an_alarm(
                        NOW,
                        f"a{n}",
                        f"C{n}",
                        severity=severity,
                        value_at_risk_minor=value,
                        risk=0.5,
                        **{**more, "tier": tier},
                    )
                    folding.alarm(encode_alarm(raised))
                    if draw.random() < 0.6:
                        over = an_alarm(
                            Instant(NOW + HOUR), f"a{n}", f"C{n}", type="alarm.settled", outcome="returned", **more
                        )
                        folding.alarm(encode_alarm(over))
    with tables.transaction():
        for rank in range(1, 101):
            folding.entry(encode_worklist_entry(an_entry(f"C{rank}", rank)))
    tables.overwrite()
    tables.close()


async def measure(store: Store, folder: Path) -> None:
    """Ask for each page and print how long it took."""
    model = ReadModel(store, lambda: int(NOW), is_live=False)
    setup = Setup(accounts=Accounts(folder), config=Config(processes={}), policy=Policy())
    console = setup.console(model, recorder=Nowhere(), may_act=False)
    async with serving(console, "127.0.0.1", 0, model.tell) as port, aiohttp.ClientSession() as session:
        for page in PAGES:
            took: list[float] = []
            used = time.process_time()

            async def ask(page: str = page, took: list[float] = took) -> None:
                for _ in range(ROUNDS // AT_ONCE):
                    began = time.perf_counter()
                    async with session.get(f"http://127.0.0.1:{port}{page}") as answer:
                        assert answer.status == 200, (page, answer.status)
                        await answer.read()
                    took.append(time.perf_counter() - began)

            await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
            used = (time.process_time() - used) / len(took)
            took.sort()
            p50, p95 = took[len(took) // 2], took[int(len(took) * 0.95)]
            say(f"{page:45} p50 {p50 * 1000:6.0f} ms   p95 {p95 * 1000:6.0f} ms   processor {used * 1000:6.0f} ms")
    model.close()


def main(customers: int, kept: str = "") -> None:
    """Fill, or take what is named if it is filled, and measure."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(kept) if kept else Path(folder) / "readmodel.sqlite"
        store: Store = SqliteStore(path)
        if kept.startswith("redis"):
            store = RedisStore(RedisAddress(kept), "bench-")
        is_full = path.exists()
        if kept.startswith("redis"):
            with store.snapshot() as queries:
                is_full = bool(queries.alarms.last_change())
        if not is_full:
            began = time.perf_counter()
            fill(store, customers)
            say(f"{customers:,} customers in {time.perf_counter() - began:.0f} s")
        asyncio.run(measure(store, Path(folder)))
    say(f"memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
