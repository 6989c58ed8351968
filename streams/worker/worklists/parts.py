"""What partitions tell about worklists on the topic `figures`: their candidates for each edition, and who was erased.

A partition tells an edition in as many records as its size needs, the last of which closes it. What it knows of a customer alone, before
that, is a record of its own. A worker that died may have told what its successor tells again: the first record of an edition begins it
anew, until it is closed.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct

from scorers.contract.events import Micros
from scorers.contract.rfc3339 import decode_any_instant, encode_instant
from scorers.contract.worklist import WorklistEntry
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.timeline import AnyTimeline
from scorers.worklist.candidates import Readings
from scorers.worklist.dates import DatesToList
from scorers.worklist.ranking import Candidate, Candidates
from streams.engine.batching_producer import Output

log = logging.getLogger(__name__)

KEY = b"worklist"
MOST = 200_000  # bytes of candidates in one record


class Told(Struct, frozen=True, array_like=True):
    """A candidate with the entry, which has no rank and no funds yet."""

    evidence: Micros
    entry: WorklistEntry


class ListPart(Struct, frozen=True, tag_field="type", tag="worklist.part"):
    """One record of what a partition knows for an edition, or what it knows of a customer alone."""

    partition: int
    day: int
    date: str
    end: Micros
    final: bool
    number: int  # of the record, from 0
    last: bool
    candidates: tuple[Told, ...]
    counts: dict[str, int]
    held_out: int
    customer: str = ""
    policy: str = ""  # the version in force at the end of the edition

    def known(self) -> Candidates:
        """The part as the ranking takes it."""
        found = tuple(
            Candidate(e.customer_id, e.net_minor, e.currency or "", told.evidence, lambda e=e: e)  # type: ignore[misc]
            for told in self.candidates
            for e in (told.entry,)
        )
        return Candidates(self.day, self.date, self.end, self.final, found, self.counts, self.held_out, self.customer)


class ErasedFromLists(Struct, frozen=True, tag_field="type", tag="worklist.erased"):
    """A customer was erased: they are on no list that is still to be published, and nobody remembers that they were."""

    customer: str


encode = msgspec.json.Encoder(enc_hook=encode_instant).encode
_decode = msgspec.json.Decoder(ListPart | ErasedFromLists, dec_hook=decode_any_instant).decode


def decode_part(raw: bytes) -> ListPart | ErasedFromLists:
    """What a partition told. Raises ValueError if the bytes are nothing of the kind."""
    told: ListPart | ErasedFromLists = _decode(raw)
    return told


def encode_parts(partition: int, ended: Iterable[Candidates], policy: str = "") -> Iterator[bytes]:
    """The records that tell what a partition knows, in order.

    Of several editions in a row for which it knows nobody the last one is enough: a partition tells its dates in order.
    """
    ended = list(ended)
    for at, one in enumerate(ended):
        follows = ended[at + 1] if at + 1 < len(ended) else None
        is_empty = not one.candidates and not one.held_out
        if is_empty and one.final and follows is not None and follows.final and not follows.customer:
            continue
        yield from _records(partition, one, policy)


def _records(partition: int, one: Candidates, policy: str) -> Iterator[bytes]:
    chunks: list[list[Told]] = [[]]
    size = 0
    for candidate in one.candidates:
        try:
            told = Told(candidate.evidence, candidate.render())
        except Exception as fault:  # one customer must not keep the others off the list
            log.error("a candidate of the worklist of %s cannot be rendered: %s", one.date, type(fault).__name__)
            continue
        size += len(encode(told))
        if size > MOST and chunks[-1]:
            chunks.append([])
            size = 0
        chunks[-1].append(told)
    for number, chunk in enumerate(chunks):
        last = number == len(chunks) - 1
        counts, held_out = (one.counts, one.held_out) if last else ({}, 0)
        part = ListPart(
            *(partition, one.day, one.date, one.end, one.final, number, last and not one.customer),
            *(tuple(chunk), counts, held_out, one.customer, policy),
        )
        yield encode(part)


class PartitionLists:
    """The part of one partition in the worklists: what it tells of them, and what an undone record takes back."""

    def __init__(self, partition: int, names: Callable[[str], str]) -> None:
        self.dates = DatesToList(early=True)
        self._partition = partition
        self._figures, self._worklist = names("figures"), names("worklist")

    def recover(self, name: str, readings: Readings | None) -> None:
        """Take the readings of a customer that were stored earlier, if there are any."""
        if readings is not None:
            self.dates.table.recover(name, readings)

    def tell(self, ended: list[Candidates], policy: str) -> list[Output]:
        """What is to be told of editions, which are then removed; with the version of the policy in force."""
        outputs = [Output(self._figures, KEY, raw) for raw in encode_parts(self._partition, ended, policy)]
        ended.clear()
        return outputs

    def erased(self, customer: str) -> list[Output]:
        """That a customer was erased, for who makes the lists and for who reads them."""
        told = Output(self._figures, KEY, encode(ErasedFromLists(customer)))
        return [told, Output(self._worklist, customer.encode(), None)]

    def undo(
        self,
        changed: Mapping[str, AnyTimeline | None],
        ended: list[Candidates],
        progress: tuple[int, int],
        ctx: Context,
    ) -> None:
        """Go back to what was before a record; `changed` are the subjects that it had changed, as they were before."""
        for name, timeline in changed.items():
            if timeline is None:
                self.dates.table.remove(name)
            elif isinstance(timeline.state, Customer):
                self.dates.table.put(name, timeline.state)
        ended.clear()
        self.dates.resume(progress, ctx)
