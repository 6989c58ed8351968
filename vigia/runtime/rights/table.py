"""The rights that each process and command needs on Kafka: the one table that the code and the documents use.

A process names topics and groups through a broker that is limited to its row (`Broker.limited_to`), so a topic that is
not in the table cannot be named. `python -m vigia.runtime.rights.table` prints the tables of docs/operations.md.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from vigia.runtime.broker import ACTIONS, INPUTS
from vigia.runtime.privacy.register import LIMITS
from vigia.runtime.topics import CHANGELOG, READ, TOPICS, WORKER, WRITTEN

ALL = tuple(topic.name for topic in TOPICS)
READ_MODEL = ("customers", "alarms", "worklist", "notifications", "dead-letters", "alarm-actions", "feedback", "clock")
"""What the read model of the console is made of."""
MOVED = tuple(name for name in ALL if name != "dead-letters")
"""What goes over to more partitions."""
COMPACTED = tuple(topic.name for topic in TOPICS if topic.compacted)


class Rights(NamedTuple):
    """What one process or command does on Kafka; topics and groups by their names without prefix."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    describes: tuple[str, ...] = ()  # topics whose partitions and offsets it asks for, beside those above
    joins: tuple[str, ...] = ()  # consumer groups that it is a member of
    watches: tuple[str, ...] = ()  # consumer groups whose members and commits it asks for
    checks_settings: bool = False  # it reads the settings of its topics
    creates: bool = False  # it creates topics that are missing
    checks_brokers: bool = False  # it reads the settings of the brokers
    transactions: tuple[str, ...] = ()  # ids under which it writes in transactions

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic that it names, once."""
        return tuple(dict.fromkeys((*self.reads, *self.writes, *self.describes)))

    @property
    def names(self) -> frozenset[str]:
        """Every topic and group that it names."""
        return frozenset((*self.topics, *self.joins, *self.watches, *self.transactions))


PROCESSES: dict[str, Rights] = {
    "worker": Rights(
        # It reads its own alarms to correct those that a dead worker published, and its own lists for who was funded lately.
        reads=(*READ, "figures", CHANGELOG, "alarms", "worklist"),
        # An erasure by a null value on another topic is repeated on `feedback`.
        writes=(*WRITTEN, "clock", "feedback"),
        joins=(WORKER, f"{WORKER}-figures"),
        checks_settings=True,
    ),
    "clock": Rights(
        reads=(*INPUTS, "clock"),  # the events with --follow-events; their ends without it
        writes=("clock",),
        describes=("groups",),
        watches=(WORKER,),
        checks_settings=True,
    ),
    "trainer": Rights(
        reads=("lessons", "clock", "models"),
        writes=("models", "clock"),
        joins=("vigia-trainer",),
        checks_settings=True,
    ),
    "notifier": Rights(
        reads=("alarms", "alarm-actions", "feedback", "worklist", "notifications"),
        writes=("alarms", "notifications", "dead-letters"),
        joins=("vigia-notifier",),
    ),
    "gateway": Rights(
        reads=("alarms", "feedback"), writes=(*INPUTS, ACTIONS)
    ),  # it reads erasures, and for the cards in Redis
    # It writes what people do, and their judgements; an owner may send dead letters back.
    "console": Rights(reads=READ_MODEL, writes=(*READ, "alarms", "dead-letters")),
}
"""The processes that run until they are stopped; `vigia up` needs the rights of all, and those of `topics apply`."""

COMMANDS: dict[str, Rights] = {
    "topics apply": Rights(describes=ALL, checks_settings=True, creates=True),
    "topics check": Rights(describes=ALL, checks_settings=True),
    "publish": Rights(writes=(*INPUTS, ACTIONS, "clock")),  # the latter where a file says what is history
    "import": Rights(
        reads=INPUTS[:1],  # Kafka asks for it where an offset of a topic is committed
        writes=(*INPUTS, ACTIONS, "clock"),
        joins=("vigia-import",),  # to commit how far it has come
        transactions=("vigia-import",),
    ),
    # Under the former prefix and under the new one.
    "import --rebuild": Rights(
        reads=(*INPUTS, ACTIONS, "clock", "alarms", "notifications"),
        writes=(*INPUTS, ACTIONS, "clock", "notifications"),
        describes=ALL,
        joins=("vigia-import", "vigia-cutover", "vigia-notifier"),  # to commit where they go on
        watches=(WORKER, "vigia-trainer"),
        checks_settings=True,
        creates=True,
        transactions=("vigia-import", "vigia-cutover"),
    ),
    "customer show": Rights(reads=("customers", "alarms")),
    "worklist": Rights(reads=("worklist", "customers")),
    "alarms tail": Rights(reads=("alarms",)),
    "alarms ack": Rights(reads=("alarms",), writes=("alarm-actions",)),
    "alarms redeliver": Rights(reads=("notifications",), writes=("alarm-actions",)),
    "explain": Rights(reads=("alarms", "notifications", "feedback")),
    "dead-letters list": Rights(reads=("dead-letters",)),
    "dead-letters replay": Rights(reads=("dead-letters",), writes=(*READ, "alarms", "dead-letters")),
    "lessons export": Rights(reads=("lessons",)),
    "control dump": Rights(reads=("clock",)),
    "shadow": Rights(reads=(*INPUTS, ACTIONS, "clock")),
    "privacy check": Rights(reads=tuple(LIMITS)),
    "privacy export": Rights(reads=tuple(LIMITS)),
    "backup": Rights(reads=COMPACTED, describes=ALL),
    "restore": Rights(
        reads=READ,  # Kafka asks for it where offsets of a topic are committed
        writes=COMPACTED,
        describes=ALL,
        joins=(WORKER,),  # to commit where the inputs go on
        watches=("vigia-notifier", "vigia-trainer"),
        checks_settings=True,
        creates=True,
    ),
    # Under the former prefix and under the new one.
    "partitions grow": Rights(
        reads=MOVED,
        writes=MOVED,
        describes=ALL,
        joins=(WORKER, f"{WORKER}-figures", "vigia-notifier", "vigia-cutover"),  # to commit where they go on
        watches=("vigia-trainer",),
        checks_settings=True,
        creates=True,
        transactions=("vigia-cutover",),
    ),
    "doctor": Rights(
        reads=(*READ, "alarms", "lessons", "models", "worklist", "dead-letters"),
        describes=ALL,
        watches=(WORKER, "vigia-notifier", "vigia-trainer"),
        checks_settings=True,
        checks_brokers=True,
    ),
}
"""The commands that end; `alarms snooze` and `resolve` need the rights of `alarms ack`, `roster` those of `customer show`, `policy show` and `diff` with --kafka those of `control dump`."""

RIGHTS = PROCESSES | COMMANDS


def markdown(rows: dict[str, Rights]) -> Iterator[str]:
    """The lines of a table of rights for the documents."""
    yield "| who | reads | writes | consumer groups | more |"
    yield "|---|---|---|---|---|"
    for who, rights in rows.items():
        describes = [name for name in rights.describes if name not in (*rights.reads, *rights.writes)]
        more = [
            f"describes {'every topic' if rights.describes == ALL else _listed(describes)}" if describes else "",
            f"describes the groups {_listed(rights.watches)}" if rights.watches else "",
            "reads the settings of its topics" if rights.checks_settings else "",
            "reads the settings of the brokers" if rights.checks_brokers else "",
            "creates topics" if rights.creates else "",
            f"writes in transactions as {_listed(rights.transactions)}" if rights.transactions else "",
        ]
        cells = (f"`{who}`", _listed(rights.reads), _listed(rights.writes), _listed(rights.joins))
        yield f"| {' | '.join((*cells, '; '.join(filter(None, more))))} |"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    for table in (PROCESSES, COMMANDS):
        print("\n".join(markdown(table)), end="\n\n")  # noqa: T201
