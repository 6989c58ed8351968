"""What a build takes, noted before its first record, so that one that was killed goes on with the same records in the same order.

The plan lies on Kafka: for each partition of the former topics the end up to which the build reads is committed for the group of imports under
the new prefix, with the rest as metadata. It counts as long as the new topics are the same ones, and the former ones still hold what it names.
"""

import msgspec
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata
from msgspec import Struct

from scorers.contract.events import Instant
from streams.files.resumable import GROUP
from vigia.growth.crossing import Crossing
from vigia.operations.input_copy import COPIED
from vigia.runtime.topic_reader import Offsets, committed
from vigia.runtime.usage_error import UsageError

CLOCK = "clock"  # the topic whose incarnation stands for that of all new ones


class _Noted(Struct, frozen=True, array_like=True):
    """The metadata of one partition."""

    what: str
    topics: str
    before: int
    now: int
    begin: int


class Plan(Struct, frozen=True):
    """One build: a name for the files, the map and the options, the instant before which alarms are history, and the ends of the former topics."""

    name: str
    before: Instant
    now: Instant
    ends: Offsets
    is_new: bool


async def planned(crossing: Crossing, what: str, before: Instant, now: Instant) -> Plan:
    """The plan of the build that was begun, else a new one, which is noted. Raises `UsageError` where neither can be."""
    topics = (await crossing.incarnations([CLOCK], new=True))[CLOCK]
    tps = [tp for plain in COPIED for tp in crossing.partitions(plain)]
    found = await committed(crossing.admin, crossing.new.name(GROUP), tps)
    noted = {tp: msgspec.json.decode(one.metadata, type=_Noted) for tp, one in found.items() if one.metadata}
    begun = noted.get(tps[0])
    if len(noted) < len(tps) or begun is None or begun.topics != topics:
        return await _new(crossing, what, topics, before, now)
    if begun.what != what:
        raise UsageError(
            f"a build of other files, with another map or another --alarms-from was interrupted: repeat that one, {_anew(crossing)}"
        )
    begins = await _begins(crossing)
    if any(begins[tp] != one.begin for tp, one in noted.items()):
        raise UsageError(
            f"a build was interrupted, and Kafka has deleted records since that it had begun with: {_anew(crossing)}"
        )
    ends = {tp: one.offset for tp, one in found.items()}
    return Plan(f"{what} {topics}", Instant(begun.before), Instant(begun.now), ends, is_new=False)


async def _new(crossing: Crossing, what: str, topics: str, before: Instant, now: Instant) -> Plan:
    for plain in COPIED:
        begins, ends = await crossing.bounds(plain, new=True)
        if begins != ends or any(begins.values()):
            raise UsageError(f"the topic {crossing.new.name(plain)} holds records of something else: {_anew(crossing)}")
    begins = await _begins(crossing)
    ends = {tp: end for plain in COPIED for tp, end in (await crossing.bounds(plain))[1].items()}
    noted = {
        tp: OffsetAndMetadata(
            end, msgspec.json.encode(_Noted(what, topics, int(before), int(now), begins[tp])).decode()
        )
        for tp, end in ends.items()
    }
    await crossing.commit(GROUP, noted)
    return Plan(f"{what} {topics}", before, now, ends, is_new=True)


async def _begins(crossing: Crossing) -> dict[TopicPartition, int]:
    return {tp: begin for plain in COPIED for tp, begin in (await crossing.bounds(plain))[0].items()}


def _anew(crossing: Crossing) -> str:
    return f"delete the topics with the prefix {crossing.new.prefix!r}, or name another one with --to"
