"""What all processes expose after a short run: real rows, alarms, lessons and a read model, without a broker."""

import time
from pathlib import Path
from types import SimpleNamespace

import msgspec
from prometheus_client import CollectorRegistry

from alerts.channels.contract import Channel, Notification
from alerts.pipeline.dispatch import Dispatcher
from alerts.pipeline.incident import Incident
from alerts.pipeline.metrics import NotifierMetrics
from alerts.pipeline.routes import read
from alerts.pipeline.store import Memory
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, HOUR, Instant
from scorers.contract.wire import encode_worklist_entry
from scorers.policy.group_tables import Iceberg
from scorers.policy.tables import Policy
from scorers.risk.training import Trainer
from scorers.worklist.ranking import DayList
from streams.clock.clock import Clock
from streams.engine.write_behind import Counts
from streams.gateway.gateway import Gateway
from streams.gateway.intake import Intake
from streams.gateway.tokens import Tokens
from streams.metrics.clock import ClockMetrics
from streams.metrics.trainer import TrainerMetrics
from streams.trainer.trainer import Saved
from tests.support.alarms import an_alarm
from tests.support.cluster import Cluster
from tests.support.desk import MAY, a_lesson
from tests.support.driver import purchase, record
from tests.support.hashes import HASHES
from tests.support.list_maker import ENTRY
from tests.support.readmodels import a_customer, an_entry
from tests.support.seals import SECRET
from vigia.console.figures import BaseFigures
from vigia.readmodel.redis_address import RedisAddress
from vigia.readmodel.redis_board import Board
from vigia.readmodel.store.folding import Folding
from vigia.readmodel.store.following import Follower
from vigia.readmodel.store.model import ReadModel
from vigia.readmodel.store.sqlite.store import SqliteStore
from vigia.runtime.broker import Broker
from vigia.runtime.settings import Settings

NOW = Instant(1_704_067_200_000_000)


def worked(partitions: int) -> Cluster:
    """Workers that have read four months of customers of two stores, some of them new, with complaints, outreach and a pulse."""
    cluster = Cluster(partitions)
    facts: list[tuple[int, str, bytes]] = []
    for who in range(21):
        name, store = f"C{who}", f"S{who % 2}"
        is_new = who % 7 == 6
        for n in range(3 if who % 3 == 0 or is_new else 12):
            at = MAY + n * 7 * DAY + who * HOUR + (100 * DAY if is_new else 0)
            facts.append((at, "purchases", purchase(at, name, store_id=store)))
        at = MAY + 10 * DAY
        facts.append((at, "contacts", record("contact.made", at, name, channel="mail", purpose="marketing")))
        if who % 5 == 0:
            opened = {"complaint_id": f"K{who}", "store_id": store}
            facts.append((at, "complaints", record("complaint.opened", at, name, **opened)))
    pulses = [record("staff.pulse", MAY, site, store_id=site, pulse="asked") for site in ("S0", "S1")]
    facts += [(MAY, "feedback", raw) for raw in pulses]
    for _, topic, raw in sorted(facts):
        cluster.publish(topic, raw)
    cluster.close_days(MAY + 120 * DAY)
    cluster.tick(MAY + 120 * DAY)
    return cluster


class Quiet:
    """A channel that takes everything."""

    async def send(self, notification: Notification) -> None:
        """Take it."""

    async def close(self) -> None:
        """Nothing to close."""


def alarm(**changed: object) -> Alarm:
    """An alarm that is worth something."""
    return an_alarm(NOW, value_at_risk_minor=5000, currency="EUR", **changed)


class Running:
    """The metrics of worker, notifier, trainer, clock, gateway with cards, and console, all doing a little of everything."""

    def __init__(self, folder: Path) -> None:
        self.worker = worked(1).desks[0].metrics
        self.notifier, self.trainer = NotifierMetrics(), TrainerMetrics()
        clock = Clock(Broker("127.0.0.1:1"), Settings(partitions=1, seal=SECRET), Policy(), follows=True, every=1)
        clock.sent[0] = NOW
        self.clock = ClockMetrics(clock)
        self.gateway = Gateway(Intake(Broker("127.0.0.1:1"), 0.05), Tokens([]))
        Board(RedisAddress("redis://127.0.0.1:1"), Broker(), HASHES, self.gateway.registry)
        channels: dict[str, Channel] = self.notifier.counted({"desk": Quiet()})
        routes = read('[channel.desk]\ntype = "log"\n[[route]]\nname = "all"\nto = ["desk"]\n')
        self.dispatcher = Dispatcher(routes, channels, Memory(), hashes=HASHES)
        self.notifier.queues(self.dispatcher.queues)
        self.console = CollectorRegistry()
        self.model = a_model(folder / "readmodel.sqlite")
        Follower(self.model, Broker("127.0.0.1:1"), HASHES, self.console)
        self.base = BaseFigures(self.model, Iceberg(), self.console)
        self._tell_the_rest()
        self.turn = 0

    def _tell_the_rest(self) -> None:
        """What a run of seconds does not bring: leavers, hold-outs, a worklist, a state on disk, a model."""
        self.worker.quality(
            1,
            {
                "answer:gone-quiet": {0: 1, 1: 2},
                "trial:": {1: 2, 3: 1},
                "left": {0: 3, 1: 1},
                "lead": {20: 3},
                "lost-on:gold": {19_850: 1},
            },
        )
        self.worker.worklist(DayList(19_849, ENTRY.date, int(ENTRY.at) + 1_000_000, False, (ENTRY,), 0, 0))
        self.worker.lag("purchases", 0, 4)
        self.worker.disk(4_000, 9_000)
        self.worker.engine(Counts())
        self.notifier.lag("alarms", 0, 1)
        self.notifier.incident("a1", Incident(alarm=alarm(), raised_at=NOW, true_since=NOW))
        learner = Trainer()
        for n in range(200):
            lesson = msgspec.structs.replace(a_lesson(), predicted=0.2 + 0.6 * (n % 2), inactive=n % 3 > 0)
            learner.learn(lesson)
        saved = Saved(3, b"", "m1", {0: 200}, model_in_force=int(NOW))
        self.trainer.watch(SimpleNamespace(rejected=0, saved=saved, learner=learner))

    @property
    def registries(self) -> tuple[CollectorRegistry, ...]:
        """All that are scraped."""
        parts = (self.worker, self.notifier, self.gateway, self.trainer, self.clock)
        return (*(one.registry for one in parts), self.console)

    async def work(self) -> None:
        """A little of everything."""
        self.turn += 1
        self.worker.event("purchases", "purchase.completed", "folded")
        self.worker.alarm(alarm())
        self.worker.rejected("bad_time", "purchases")
        self.worker.step(0.0002)
        self.worker.commit(0.02)
        one = alarm(alarm_id=f"t{self.turn}")
        self.notifier.decided(await self.dispatcher.take(one, NOW))
        await self.dispatcher.deliver("desk", NOW)
        self.gateway._ack.observe(0.01)
        self.gateway._answers.labels("202").inc()
        self.gateway._rejects.labels("not_json").inc()
        await self.base.look()


def a_model(path: Path) -> ReadModel:
    """A read model of a few customers, and a worklist of today."""
    store = SqliteStore(path)
    tables = store.tables()
    with tables.transaction():
        folding = Folding(tables, HASHES, lambda: time.time_ns() // 1000)
        for n in range(5):
            folding.customer(a_customer(f"C{n}", stage="dormant" if n else "core_customer"))
            folding.entry(encode_worklist_entry(an_entry(f"C{n}", n + 1)))
        staff = {"staff_asked": 19_840, "staff_thanked": 19_841, "staff_answers": 1, "staff_score": 200}
        folding.store("s1", int(NOW), {"complaints": 2, "formal": 1, **staff})
    tables.close()
    return ReadModel(store)
