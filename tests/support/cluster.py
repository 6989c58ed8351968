"""Several partitions in memory, connected by the topics `groups`, `clock`, `figures` and `worklist`."""

import json
from collections.abc import Iterable, Sequence, Set

from scorers.contract.events import Instant, Micros
from scorers.contract.wire import Rejection, decode
from scorers.in_force.context import Context
from scorers.in_force.control import PHASES, Tick
from scorers.in_force.figures import in_force, last_day
from streams.clock.group_phase import reports_of
from streams.engine.batching_producer import Output, partition_of
from streams.worker.forwarded import tell_flow
from streams.worker.reports import Sums, decode_report
from streams.worker.worklists import parts
from tests.support.desk import Desk
from tests.support.driver import AlarmOutcome, outcomes_of
from tests.support.list_maker import ListMaker, OnTopic


class Cluster:
    """A desk for each partition, and a clock that ticks as the real one does: first the groups, then the customers."""

    def __init__(self, partitions: int, policy: str = "", *, figures: bool = True) -> None:
        self.desks = [Desk(policy, partition=n, partitions=partitions) for n in range(partitions)]
        self.policy = self.desks[0].policy
        self.sums = Sums(partitions, self.policy, 0)
        self.safe = [0] * partitions  # records of each desk whose effects are on disk
        self.closed: Micros = 0
        self.lists = ListMaker(partitions, self.policy)
        self._figures = figures

    def live_through(
        self,
        facts: Sequence[tuple[str, bytes]],
        until: Micros,
        crashes: Iterable[tuple[int, int, float]] = (),
        flushes: Set[int] = frozenset(),
    ) -> None:
        """Publish facts with their topics, and pass to an instant.

        A crash is the number of a fact, counted round and round, after which a worker dies, who dies, and the share of its rows that
        was written; after the facts with the numbers `flushes` all rows are written.
        """
        for n, (topic, raw) in enumerate(facts):
            self.publish(topic, raw)
            for at, who, share in crashes:
                if at % len(facts) == n:
                    self.crash(who, share)
            if n in flushes:
                self.flush()
        self.close_days(until)
        self.tick(until)

    def publish(self, topic: str, raw: bytes) -> None:
        """Publish one event, after closing the days before it."""
        event = decode(raw)
        assert not isinstance(event, Rejection), event
        self.close_days(int(event.time))
        self.receive(topic, raw)

    def receive(self, topic: str, raw: bytes) -> None:
        """Publish one event; no time passes."""
        key = (json.loads(raw).get("customer_id") or "").encode() or None
        home = 0 if key is None else partition_of(len(self.desks), key)
        self.route(self.desks[home].receive(topic, key, raw))

    def close_days(self, now: Micros) -> None:
        """Tick at each end of a day, up to an instant."""
        day = last_day(now, self.policy)
        first = last_day(self.closed, self.policy) + 1 if self.closed else day
        for number in range(first, day + 1):
            self.tick(in_force(number, self.policy))
        self.closed = max(self.closed, now)

    def tick(self, at: Micros) -> None:
        """Tick every partition."""
        until = Instant(reports_of(at, self.policy))
        ticks = [Tick(until=until, follows=True, groups=True, phase=phase) for phase in PHASES]
        for tick in [*ticks, Tick(until=Instant(at), follows=True)]:
            for desk in self.desks:
                self.route(desk.control(tick))

    def route(self, outputs: list[Output]) -> None:
        """Deliver records to the partitions that read them."""
        for output in outputs:
            if output.topic == "groups":
                assert output.partition is not None
                home = self.desks[output.partition]
                self.route(home.receive("groups", output.key, output.value, output.headers))
            elif output.topic == "clock":
                assert output.partition is not None
                self.route(self.desks[output.partition].receive("clock", None, output.value, output.headers))
            elif output.topic == "figures" and output.key == parts.KEY:
                self.lists.take(output.value or b"")
            elif output.topic == "worklist":
                self.lists.topic.append(OnTopic(output.key or b"", output.value))
            elif output.topic == "figures" and self._figures:
                closed = self.sums.add(decode_report(output.value or b""))
                if closed is not None:
                    for desk in self.desks:
                        self.route(desk.control(closed.figures))
                    self.route([tell_flow("groups", len(self.desks), told) for told in closed.told])

    def flush(self) -> None:
        """Write the rows of every partition."""
        for n, desk in enumerate(self.desks):
            desk.flush()
            self.safe[n] = len(desk.log)

    def crash(self, n: int, share: float) -> None:
        """One worker dies in the middle of a flush; its successor reads unsafe records again and sends their outputs again."""
        desk = self.desks[n]
        desk.flush(share)
        desk.open()
        again = [output for record in desk.log[self.safe[n] :] for output in desk.fold(record)]
        self.route(again)  # these records come after those already on the topics

    def outcomes(self) -> set[AlarmOutcome]:
        """As `Driver.outcomes`, over all partitions."""
        return outcomes_of(alarm for desk in self.desks for alarm in desk.alarms())

    def known(self, store: str) -> list[list[tuple[Micros, dict[str, int]]]]:
        """What each partition knows of a store, and since when."""
        return [known(desk.processor.ctx, store) for desk in self.desks]


def known(ctx: Context, store: str) -> list[tuple[Micros, dict[str, int]]]:
    """What is known of a store in a context, and since when."""
    history = ctx.groups._of.get(("store", store))
    if history is None:
        return []
    return [(at, dict(value)) for at, value in zip(history.times, history.values, strict=True)]
