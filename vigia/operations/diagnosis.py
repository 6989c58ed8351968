"""What a inspection of a running Vigía means: each silent failure by name, with its mend.

One function for each question; it says nothing where all is well. Nothing is asked and no clock is read here, so that
every failure can be drawn and shown to be found.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from aiokafka.partitioner import murmur2

from alerts.pipeline.notifier import GROUP as NOTIFIER
from scorers.contract.inert import printable
from scorers.in_force.control import Tick, decode_control
from streams.records.signing import verify
from vigia.operations.inspection import GROUPS, TRAINER, Inspection
from vigia.runtime.broker import INPUTS
from vigia.runtime.topics import TOPICS, WORKER

State = Literal["fine", "note", "fault", "unknown"]
SECOND, MINUTE, DAY = 1_000, 60_000, 86_400_000  # milliseconds, as Kafka writes times
AHEAD = MINUTE  # a record this far ahead was written by a clock that is wrong, or ours is
CLOCK_SILENT = 5 * MINUTE
TRAINER_SILENT = 2 * DAY
NEEDS = (
    # number of the request, version, name of the request, the Kafka that first has it, what goes wrong without
    (11, 5, "JoinGroup", "2.3", "a restarted worker would cost a rebalance"),
    (3, 12, "Metadata", "3.1", "a topic that was made anew would not be noticed"),
)
WHO = {WORKER: "worker", NOTIFIER: "notifier", TRAINER: "trainer"}


class Finding(NamedTuple):
    """An answer to one question: what is so, and how it is mended."""

    check: str
    state: State
    says: str
    mend: str = ""


Findings = Iterator[tuple[State, str, str]]


def old_broker(p: Inspection) -> Findings:
    """Whether Kafka is too old for what is asked of it."""
    for number, version, name, since, why in NEEDS:
        if (has := p.versions.get(number, -1)) < version:
            yield (
                "fault",
                f"the broker knows {name} up to version {has}, {version} is needed: {why}",
                f"run Kafka {since} or newer",
            )


def missing_topics(p: Inspection) -> Findings:
    """Whether every topic is there; without one, its readers would wait in silence."""
    for topic in TOPICS:
        if topic.name not in p.counts:
            yield (
                "fault",
                f"topic {p.prefix}{topic.name} is missing",
                "run vigia topics apply, then restart what reads it",
            )


def partition_counts(p: Inspection) -> Findings:
    """Whether all inputs have one partition count: otherwise a customer is read in two halves."""
    for topic in TOPICS:
        wanted, count = topic.partitions or p.partitions, p.counts.get(topic.name)
        if count is not None and (count < wanted if topic.partitions else count != wanted):
            mend = (
                f"set VIGIA_PARTITIONS={count} everywhere if all inputs have as many, else delete the topic and apply"
            )
            yield "fault", f"topic {p.prefix}{topic.name} has {count} partitions, {wanted} are needed", mend


def kept_wrong(p: Inspection) -> Findings:
    """Whether topics keep their records as they must."""
    if p.settings is None:
        yield "unknown", "the broker cannot be asked for the settings of topics", ""
        return
    for topic in TOPICS:
        told, wanted = p.settings.get(topic.name, {}), topic.settings()
        name = p.prefix + topic.name
        for setting, want in wanted.items():
            has = told.get(setting, want)
            short = setting != "cleanup.policy" and has != "-1" and int(has) < int(want)
            if short or (setting == "cleanup.policy" and has != want):
                yield "fault", f"topic {name} has {setting}={has}, {want} is needed", _alter(name, setting, want)
        if (most := told.get("retention.bytes", "-1")) != "-1" and not topic.compacted:
            yield "fault", f"topic {name} drops records beyond {most} bytes", _alter(name, "retention.bytes", "-1")


def auto_create(p: Inspection) -> Findings:
    """Whether the broker makes topics by itself, with a partition count of its own."""
    if p.broker is None:
        yield "unknown", "the broker cannot be asked for its settings", ""
    elif p.broker.get("auto.create.topics.enable") == "true":
        says = "the broker makes topics that are asked for, with its own partition count: half a customer each"
        yield "fault", says, "set auto.create.topics.enable=false on every broker"


def one_copy(p: Inspection) -> Findings:
    """Whether a topic lies on one broker of several."""
    alone = sorted(name for name, count in p.replicas.items() if count < min(2, p.brokers))
    if alone:
        says = f"{', '.join(alone)}: one copy on {p.brokers} brokers, so the loss of one stops everything"
        yield "note", says, "set VIGIA_REPLICAS=3 before topics apply, or reassign the partitions"


def other_partitioner(p: Inspection) -> Findings:
    """Whether somebody spreads customers by another rule: theirs would be two half customers."""
    for topic in (*INPUTS, "alarm-actions"):
        count = p.counts.get(topic, 0)
        keyed = [seen for seen in p.newest.get(topic, ()) if seen.key]
        wrong = [seen for seen in keyed if (murmur2(seen.key) & 0x7FFFFFFF) % count != seen.partition]
        if wrong:
            says = (
                f"{len(wrong)} of the newest {len(keyed)} keyed records of {p.prefix}{topic} lie in another partition "
                f"than murmur2 gives, as that at {wrong[0].partition}@{wrong[0].offset}"
            )
            mend = "set that producer's partitioner to murmur2 (librdkafka: partitioner=murmur2_random), or use the gateway"
            yield "fault", says, mend


def no_key(p: Inspection) -> Findings:
    """Whether facts of customers come without a key."""
    for topic in INPUTS:
        bare = [s for s in p.newest.get(topic, ()) if s.key is None and b'"customer_id"' in (s.value or b"")]
        if bare:
            says = f"{len(bare)} of the newest records of {p.prefix}{topic} name a customer and have no key: they are refused"
            yield "fault", says, "let that producer set the record's key to the customer_id, or use the gateway"


def clock_skew(p: Inspection) -> Findings:
    """Whether records come from the future of this machine."""
    for topic, records in sorted(p.newest.items()):
        ahead = max(seen.written for seen in records) - p.now
        if ahead > AHEAD:
            says = (
                f"the newest record of {p.prefix}{topic} was written {ahead // SECOND} s ahead of this machine's clock"
            )
            yield (
                "fault",
                says,
                "synchronise the clocks (NTP) of this machine, of the brokers and of whoever writes there",
            )


def group_moves(p: Inspection) -> Findings:
    """Whether what waits is being read."""
    for name, group in p.groups.items():
        who = WHO[name]
        waits = _waiting(p, name)
        moved = group.committed != group.before
        if group.members == 0:
            lot = f", and {waits:,} records wait" if waits else ""
            yield "fault", f"no {who} is in the group {p.prefix}{name}{lot}", f"start vigia {who}"
        elif group.state is not None and group.state.endswith("Rebalance"):
            says = f"the group {p.prefix}{name} is being shared out anew ({group.state})"
            yield "note", says, f"look again; if it stays so, some {who} comes and goes: read its last lines of log"
        elif waits and not moved:
            says = f"{waits:,} records wait for the {who} and none was committed between two looks"
            mend = (
                f"/readyz of the {who} says whether it is still reading its rows and how far; one that does not "
                "get on may be killed, it loses nothing"
            )
            yield "fault", says, mend


def out_of_range(p: Inspection) -> Findings:
    """Whether what was to be read next is no longer there, or not there yet."""
    for name, group in p.groups.items():
        who = WHO[name]
        for (topic, number), offset in sorted(group.committed.items()):
            place = f"{p.prefix}{topic}/{number}"
            if offset > p.ends.get((topic, number), offset):
                says = f"{place} ends before what the {who} has committed ({offset}): the topic was made anew"
                yield "fault", says, _from_the_start(p.prefix + name, p.prefix + topic, who)
            elif offset < p.begins.get((topic, number), 0):
                lost = p.begins[topic, number] - offset
                says = f"{lost:,} records of {place} were deleted before the {who} read them"
                yield (
                    "fault",
                    says,
                    "lengthen retention.ms of the topic; publish the missing events again: known ones count once",
                )


def sealing(p: Inspection) -> Findings:
    """Whether models are believed."""
    models = [s for s in p.newest.get("models", ()) if s.value and not (s.key or b"").startswith(b"trainer/")]
    if not p.seal:
        says = "VIGIA_SEAL is not set here: a trainer does not start without it, and a worker believes no model"
        yield "fault", says, "set VIGIA_SEAL to the same secret for trainer, workers and this command"
    elif models:
        newest = max(models, key=lambda seen: seen.offset)
        if not verify(p.seal, newest.value or b"", newest.headers.get("seal", b"").decode("ascii", "replace")):
            says = "the newest model was sealed with another secret: workers that have ours refuse it"
            yield "fault", says, "give trainer and workers one VIGIA_SEAL, and restart the trainer"


def clock_heard(p: Inspection) -> Findings:
    """Whether time passes: without ticks nobody falls silent."""
    records = p.newest.get("clock", [])
    if not records:
        if "clock" in p.counts:
            yield "fault", "nothing was ever heard of a clock: no silence is noticed", "start vigia clock"
        return
    newest = max(records, key=lambda seen: seen.written)
    quiet = p.now - newest.written
    told = decode_control(newest.value or b"")
    if quiet > CLOCK_SILENT:
        if isinstance(told, Tick) and told.follows:
            yield "note", f"the clock follows the events, and they were last heard {quiet // MINUTE} minutes ago", ""
        else:
            says = f"the clock was last heard {quiet // MINUTE} minutes ago: no silence is noticed since"
            yield "fault", says, "start vigia clock; one that runs waits for workers that lag (see the group)"


def trainer_heard(p: Inspection) -> Findings:
    """Whether lessons are learned."""
    lessons, models = p.newest.get("lessons", []), p.newest.get("models", [])
    if not lessons:
        return
    learned, taught = max((seen.written for seen in models), default=0), max(seen.written for seen in lessons)
    if taught - (learned or min(seen.written for seen in lessons)) > TRAINER_SILENT:
        since = f"in the {(taught - learned) // DAY} days before the newest" if learned else "ever"
        yield "fault", f"there are lessons, and nothing was heard of a trainer {since}", "start vigia trainer"
    elif not learned:
        yield (
            "note",
            "there are lessons, and no model yet",
            "vigia trainer makes one at the end of a day; is it running?",
        )


def dead_letters(p: Inspection) -> Findings:
    """Whether records are being refused."""
    fresh = [seen for seen in p.newest.get("dead-letters", ()) if p.now - seen.written < DAY]
    codes = Counter(seen.headers["code"].decode("utf-8", "replace") for seen in fresh if "code" in seen.headers)
    if codes:
        told = ", ".join(f"{printable(code, 20)} {count}" for code, count in codes.most_common(5))
        yield (
            "note",
            f"records were refused within the last day, the newest: {told}",
            "vigia dead-letters list --since 1d",
        )


class Check(NamedTuple):
    """A question, and what is said where the answer is no trouble."""

    look: Callable[[Inspection], Findings]
    fine: str


CHECKS = (
    Check(old_broker, "Kafka is new enough"),
    Check(missing_topics, "all topics are there"),
    Check(partition_counts, "all topics have the partitions that they need"),
    Check(kept_wrong, "topics keep their records as they must"),
    Check(auto_create, "the broker makes no topics by itself"),
    Check(one_copy, "no topic lies on one broker of several"),
    Check(other_partitioner, "the newest records lie in their customers' partitions"),
    Check(no_key, "the newest records have their customers' keys"),
    Check(clock_skew, "no record comes from the future"),
    Check(group_moves, "what waits is being read"),
    Check(out_of_range, "nothing was deleted before it was read"),
    Check(sealing, "models are sealed with the secret that is set here"),
    Check(clock_heard, "the clock was heard lately"),
    Check(trainer_heard, "no lesson waits for a trainer"),
    Check(dead_letters, "no record was refused lately"),
)


def diagnose(inspection: Inspection) -> Iterator[Finding]:
    """The answer to every question, in their order."""
    for check in CHECKS:
        name = check.look.__name__.replace("_", "-")
        said = list(check.look(inspection))
        yield from (Finding(name, *one) for one in said)
        if not said:
            yield Finding(name, "fine", check.fine)


def _waiting(p: Inspection, name: str) -> int:
    """How many records a group has yet to commit."""
    done, topics = p.groups[name].committed, GROUPS[name]
    return sum(max(0, end - done.get(at, p.begins.get(at, 0))) for at, end in p.ends.items() if at[0] in topics)


def _from_the_start(group: str, topic: str, who: str) -> str:
    return f"while no {who} runs: kafka-consumer-groups --group {group} --topic {topic} --reset-offsets --to-earliest --execute"


def _alter(topic: str, setting: str, value: str) -> str:
    return f"kafka-configs --alter --entity-type topics --entity-name {topic} --add-config {setting}={value}"
