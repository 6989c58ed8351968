"""Interpret an inspection: each silent failure by name, with its fix.

One function for each check; it yields nothing if all is well. The functions are pure, so tests can construct each
failure.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Literal, NamedTuple

import msgspec
from aiokafka.partitioner import murmur2

from alerts.pipeline.notifier import GROUP as NOTIFIER
from scorers.contract.inert import printable
from scorers.contract.worklist import WorklistEntry, decode_entry
from scorers.in_force.control import Tick, decode_control
from streams.records.sealed_control import signed
from streams.records.signing import HEADER
from vigia.operations.inspection import GROUPS, TRAINER, Inspection, SeenRecord
from vigia.runtime.broker import INPUTS
from vigia.runtime.topics import IN_SYNC, TOPICS, WORKER, in_sync_fault, suffices

State = Literal["fine", "note", "fault", "unknown"]
SECOND, MINUTE, DAY = 1_000, 60_000, 86_400_000  # milliseconds, as Kafka writes times
AHEAD = MINUTE  # a record further ahead of this clock shows that one of the clocks is wrong
CLOCK_SILENT = 5 * MINUTE
TRAINER_SILENT = 2 * DAY
LIST_SILENT = 3  # days: an early list comes at the end of each day, and a day may have nobody on it
NEEDS = (
    # number of the request, version, name, first Kafka with it, effect if it is missing
    (11, 5, "JoinGroup", "2.3", "a restarted worker would cost a rebalance"),
    (3, 12, "Metadata", "3.1", "a recreated topic would not be noticed"),
)
# A worker counts in its state folder at which record it died; a container without a lasting one begins to count at each start.
FORGETS = {
    WORKER: "; if it ends at the same record at each start, give it a VIGIA_STATE that outlives it: only then it sets the record aside"
}
WHO = {WORKER: "worker", NOTIFIER: "notifier", TRAINER: "trainer"}


class Finding(NamedTuple):
    """The result of one check: its state, and how to fix a fault."""

    check: str
    state: State
    says: str
    mend: str = ""


Findings = Iterator[tuple[State, str, str]]


def old_broker(p: Inspection) -> Findings:
    """Check that the broker supports the requests used."""
    for number, version, name, since, why in NEEDS:
        if (has := p.versions.get(number, -1)) < version:
            yield (
                "fault",
                f"the broker supports {name} up to version {has}, {version} is needed: {why}",
                f"run Kafka {since} or newer",
            )


def missing_topics(p: Inspection) -> Findings:
    """Check that every topic exists; readers of a missing topic wait without an error."""
    for topic in TOPICS:
        if topic.name not in p.counts:
            yield (
                "fault",
                f"topic {p.prefix}{topic.name} is missing",
                "run vigia topics apply, then restart its readers",
            )


def partition_counts(p: Inspection) -> Findings:
    """Check the partition counts; with unequal counts one customer's events reach different workers."""
    for topic in TOPICS:
        wanted, count = topic.partitions or p.partitions, p.counts.get(topic.name)
        if count is not None and (count < wanted if topic.partitions else count != wanted):
            mend = f"set VIGIA_PARTITIONS={count} everywhere if all inputs have that count, else delete the topic and apply"
            yield "fault", f"topic {p.prefix}{topic.name} has {count} partitions, {wanted} are needed", mend


def kept_wrong(p: Inspection) -> Findings:
    """Check retention and compaction of topics."""
    if p.settings is None:
        yield "unknown", "the broker does not report the settings of topics", ""
        return
    for topic in TOPICS:
        settings, wanted = p.settings.get(topic.name, {}), topic.settings()
        name = p.prefix + topic.name
        for setting, want in wanted.items():
            has = settings.get(setting, want)
            if not suffices(setting, has, want):
                yield "fault", f"topic {name} has {setting}={has}, {want} is needed", _alter(name, setting, want)
        if (most := settings.get("retention.bytes", "-1")) != "-1" and not topic.compacted:
            yield "fault", f"topic {name} drops records beyond {most} bytes", _alter(name, "retention.bytes", "-1")


def auto_create(p: Inspection) -> Findings:
    """Check that the broker does not create topics automatically, with its own partition count."""
    if p.broker is None:
        yield "unknown", "the broker does not report its settings", ""
    elif p.broker.get("auto.create.topics.enable") == "true":
        says = (
            "the broker creates topics on request, with its own partition count: events of one customer would be split"
        )
        yield "fault", says, "set auto.create.topics.enable=false on every broker"


def one_copy(p: Inspection) -> Findings:
    """Check that topics are replicated where there are several brokers."""
    alone = sorted(name for name, count in p.replicas.items() if count < min(2, p.brokers))
    if alone:
        says = f"{', '.join(alone)}: one replica on {p.brokers} brokers, so the loss of one broker stops everything"
        yield "note", says, "set VIGIA_REPLICAS=3 before topics apply, or reassign the partitions"


def in_sync(p: Inspection) -> Findings:
    """Check that a record is on two brokers before it is acknowledged, where there are three replicas."""
    for topic, settings in (p.settings or {}).items():
        if fault := in_sync_fault(p.prefix + topic, p.replicas.get(topic, 0), settings.get(IN_SYNC)):
            yield "fault", fault.says, fault.fix


def other_partitioner(p: Inspection) -> Findings:
    """Check that every producer uses murmur2; another partitioner splits the events of a customer."""
    for topic in (*INPUTS, "alarm-actions"):
        count = p.counts.get(topic, 0)
        keyed = [seen for seen in p.newest.get(topic, ()) if seen.key]
        wrong = [seen for seen in keyed if (murmur2(seen.key) & 0x7FFFFFFF) % count != seen.partition]
        if wrong:
            says = (
                f"{len(wrong)} of the newest {len(keyed)} keyed records of {p.prefix}{topic} are in another partition "
                f"than murmur2 gives, for example {wrong[0].partition}@{wrong[0].offset}"
            )
            mend = "set that producer's partitioner to murmur2 (librdkafka: partitioner=murmur2_random), or use the gateway"
            yield "fault", says, mend


def no_key(p: Inspection) -> Findings:
    """Check that records of customers have keys."""
    for topic in INPUTS:
        bare = [s for s in p.newest.get(topic, ()) if s.key is None and b'"customer_id"' in (s.value or b"")]
        if bare:
            says = f"{len(bare)} of the newest records of {p.prefix}{topic} name a customer and have no key: they are rejected"
            yield "fault", says, "set the record's key to the customer_id in that producer, or use the gateway"


def clock_skew(p: Inspection) -> Findings:
    """Check that no record is ahead of this machine's clock."""
    for topic, records in sorted(p.newest.items()):
        ahead = max(seen.written for seen in records) - p.now
        if ahead > AHEAD:
            says = (
                f"the newest record of {p.prefix}{topic} was written {ahead // SECOND} s ahead of this machine's clock"
            )
            yield (
                "fault",
                says,
                "synchronise the clocks (NTP) of this machine, the brokers and the producers",
            )


def group_moves(p: Inspection) -> Findings:
    """Check that groups have members and make progress."""
    for name, group in p.groups.items():
        who = WHO[name]
        waits = _waiting(p, name)
        moved = group.committed != group.before
        if group.members == 0:
            lot = f", and {waits:,} records wait" if waits else ""
            yield (
                "fault",
                f"no {who} is in the group {p.prefix}{name}{lot}",
                f"start vigia {who}{FORGETS.get(name, '')}",
            )
        elif group.state is not None and group.state.endswith("Rebalance"):
            says = f"the group {p.prefix}{name} is rebalancing ({group.state})"
            yield "note", says, f"check again; if it persists, a {who} keeps restarting: read the end of its log"
        elif waits and not moved:
            says = f"{waits:,} records wait for the {who} and none was committed between the two reads"
            mend = (
                f"/readyz of the {who} reports the progress of its recovery; one without "
                f"progress may be killed, it loses nothing{FORGETS.get(name, '')}"
            )
            yield "fault", says, mend


def out_of_range(p: Inspection) -> Findings:
    """Check that committed offsets lie within their partitions."""
    for name, group in p.groups.items():
        who = WHO[name]
        for (topic, number), offset in sorted(group.committed.items()):
            place = f"{p.prefix}{topic}/{number}"
            if offset > p.ends.get((topic, number), offset):
                says = (
                    f"{place} ends before the offset that the {who} has committed ({offset}): the topic was recreated"
                )
                yield "fault", says, _from_the_start(p.prefix + name, p.prefix + topic, who)
            elif offset < p.begins.get((topic, number), 0):
                lost = p.begins[topic, number] - offset
                says = f"{lost:,} records of {place} were deleted before the {who} read them"
                yield (
                    "fault",
                    says,
                    "raise retention.ms of the topic; publish the missing events again: duplicates count once",
                )


def sealing(p: Inspection) -> Findings:
    """Check that models and control records are signed with keys that are trusted here."""
    if p.keys is None or (fault := p.keys.fault()):
        says = f"signatures cannot be verified here: {fault if p.keys else 'no keys are set'}"
        yield "fault", says, "set VIGIA_SEAL or VIGIA_SEAL_TRUST as for the workers"
        return
    models = [s for s in p.newest.get("models", ()) if s.value and not (s.key or b"").startswith(b"trainer/")]
    for topic, records in (("models", models), ("clock", p.newest.get("clock", ()))):
        if not records:
            continue
        newest = max(records, key=lambda seen: (seen.written, seen.offset))
        place: int | str = (newest.key or b"").decode("ascii", "replace") if topic == "models" else newest.partition
        covered = signed(p.prefix + topic, place, newest.value or b"")
        if p.keys.signer(covered, newest.headers.get(HEADER)) is None:
            says = f"the newest record of {topic} was signed with another key: workers with the keys set here reject it"
            yield "fault", says, "give all processes the same VIGIA_SEAL, or trust each other's keys (VIGIA_SEAL_TRUST)"


def clock_heard(p: Inspection) -> Findings:
    """Check that ticks arrive; without them silence is not noticed."""
    records = p.newest.get("clock", [])
    if not records:
        if "clock" in p.counts:
            yield "fault", "the topic clock has no record: silence is not noticed", "start vigia clock"
        return
    newest = max(records, key=lambda seen: seen.written)
    quiet = p.now - newest.written
    control = decode_control(newest.value or b"")
    if quiet > CLOCK_SILENT:
        if isinstance(control, Tick) and control.follows:
            yield "note", f"the clock follows the events, and the last one was {quiet // MINUTE} minutes ago", ""
        else:
            says = f"the last tick was {quiet // MINUTE} minutes ago: silence is not noticed since"
            yield "fault", says, "start vigia clock; a running clock waits for lagging workers (see group-moves)"


def trainer_heard(p: Inspection) -> Findings:
    """Check that a trainer reads the lessons."""
    lessons, models = p.newest.get("lessons", []), p.newest.get("models", [])
    if not lessons:
        return
    learned, taught = max((seen.written for seen in models), default=0), max(seen.written for seen in lessons)
    if taught - (learned or min(seen.written for seen in lessons)) > TRAINER_SILENT:
        since = f"in the {(taught - learned) // DAY} days before the newest" if learned else "yet"
        yield "fault", f"there are lessons, and no trainer has published a model {since}", "start vigia trainer"
    elif not learned:
        yield (
            "note",
            "there are lessons, and no model yet",
            "vigia trainer publishes one at the end of a day; check that it is running",
        )


def worklist_heard(p: Inspection) -> Findings:
    """Check that worklists follow the clock: each day's is closed by one worker, once all partitions have told theirs."""
    listed = [entry for entry in map(_entry, p.newest.get("worklist", ())) if entry is not None]
    controls = [decode_control(seen.value or b"") for seen in p.newest.get("clock", ())]
    ticked = max((int(tick.until) for tick in controls if isinstance(tick, Tick)), default=0)
    if not listed or not ticked:
        return
    newest = max(listed, key=lambda entry: entry.at)
    days = (ticked - int(newest.at)) // (DAY * 1_000)
    if days > LIST_SILENT:
        yield (
            "note",
            f"the newest worklist is of {printable(newest.date, 10)}, {days} days before the last tick",
            "if customers are worth an effort, a partition does not tell them: see group-moves, and errors in the workers' logs",
        )


def _entry(seen: SeenRecord) -> WorklistEntry | None:
    with suppress(msgspec.DecodeError):
        return decode_entry(seen.value) if seen.value else None
    return None


def dead_letters(p: Inspection) -> Findings:
    """Check for records rejected within the last day."""
    fresh = [seen for seen in p.newest.get("dead-letters", ()) if p.now - seen.written < DAY]
    codes = Counter(seen.headers["code"].decode("utf-8", "replace") for seen in fresh if "code" in seen.headers)
    if codes:
        listed = ", ".join(f"{printable(code, 20)} {count}" for code, count in codes.most_common(5))
        yield (
            "note",
            f"records were rejected within the last day, the newest: {listed}",
            "vigia dead-letters list --since 1d",
        )


class Check(NamedTuple):
    """A check, and the text if it finds nothing."""

    run: Callable[[Inspection], Findings]
    fine: str


CHECKS = (
    Check(old_broker, "Kafka is new enough"),
    Check(missing_topics, "all topics exist"),
    Check(partition_counts, "all topics have the required partitions"),
    Check(kept_wrong, "retention and compaction are as required"),
    Check(auto_create, "the broker creates no topics automatically"),
    Check(one_copy, "topics are replicated"),
    Check(in_sync, "acknowledged records survive the loss of one broker, where topics have three replicas"),
    Check(other_partitioner, "the newest records are in the partitions of their keys"),
    Check(no_key, "the newest records have keys"),
    Check(clock_skew, "no record is ahead of this clock"),
    Check(group_moves, "waiting records are being read"),
    Check(out_of_range, "no record was deleted before it was read"),
    Check(sealing, "models and control records are signed with keys that are trusted here"),
    Check(clock_heard, "the last tick is recent"),
    Check(trainer_heard, "no lesson waits for a trainer"),
    Check(worklist_heard, "the newest worklist is of the last days"),
    Check(dead_letters, "no record was rejected within the last day"),
)


def diagnose(inspection: Inspection) -> Iterator[Finding]:
    """Run every check in order."""
    for check in CHECKS:
        name = check.run.__name__.replace("_", "-")
        results = list(check.run(inspection))
        yield from (Finding(name, *one) for one in results)
        if not results:
            yield Finding(name, "fine", check.fine)


def _waiting(p: Inspection, name: str) -> int:
    """Count the records that a group has not committed."""
    done, topics = p.groups[name].committed, GROUPS[name]
    return sum(max(0, end - done.get(at, p.begins.get(at, 0))) for at, end in p.ends.items() if at[0] in topics)


def _from_the_start(group: str, topic: str, who: str) -> str:
    return f"while no {who} runs: kafka-consumer-groups --group {group} --topic {topic} --reset-offsets --to-earliest --execute"


def _alter(topic: str, setting: str, value: str) -> str:
    return f"kafka-configs --alter --entity-type topics --entity-name {topic} --add-config {setting}={value}"
