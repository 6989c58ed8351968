"""Remembers across the death of the process which record was being folded, so that no record ends it for ever.

The place of the record in hand lies in a small mapped file of the state folder: a plain store in memory for each record,
and the kernel keeps it when the process is killed or ends itself. A place that is still there at the next start is where
the process died. A record at which it died twice, at its first reading and again after a restart, is quarantined: it is
not folded but becomes a dead letter. Once is not enough, because a kill may hit any record.
"""

import json
import logging
import mmap
import os
from collections.abc import MutableSequence
from pathlib import Path

log = logging.getLogger(__name__)

SIZE = 4096
DEATHS = 2  # at one record, after which it is not folded again
KEPT = 1000  # places at which the process has died; older ones are forgotten
NOTHING = -1

Place = tuple[str, int, int]
"""Source (the topic with its incarnation), partition, offset."""


class Quarantined(Exception):
    """Stands for what a record did to the process that folded it."""


class InHand:
    """The record in hand: `begin` names its source and partition, and `offset[0]` is set for each record of them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._deaths_file = folder / "deaths.json"
        with os.fdopen(os.open(folder / "in-hand", os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            fresh = not os.fstat(file.fileno()).st_size
            file.truncate(SIZE)
            self._map = mmap.mmap(file.fileno(), SIZE)
        self.offset: MutableSequence[int] = memoryview(self._map)[:8].cast("q")  # type: ignore[assignment]
        self._named = ("", -1)
        self._names: dict[tuple[str, int], bytes] = {}  # as they stand in the file
        self._deaths = self._read()
        if not fresh and (place := self._place()) is not None:
            self._count(place)
        self.clear()

    def begin(self, source: str, partition: int) -> frozenset[int]:
        """The records that follow are of this source and partition; the offsets of those that must not be folded."""
        place = source, partition
        if self._named != place:
            self.clear()
            name = self._names.get(place)
            if name is None:
                name = json.dumps(place).encode()
                self._names[place] = name = len(name).to_bytes(8) + name
            self._map[8 : 8 + len(name)] = name
            self._named = place
        if not self._deaths:
            return frozenset()
        return frozenset(
            offset
            for (of, at, offset), deaths in self._deaths.items()
            if deaths >= DEATHS and (of, at) == (source, partition)
        )

    def clear(self) -> None:
        """No record is in hand."""
        self.offset[0] = NOTHING

    def _place(self) -> Place | None:
        offset = self.offset[0]
        if offset == NOTHING:
            return None
        try:
            source, partition = json.loads(self._map[16 : 16 + int.from_bytes(self._map[8:16])])
        except ValueError:  # cut short by a machine that lost power
            return None
        return source, partition, offset

    def _count(self, place: Place) -> None:
        deaths = self._deaths[place] = self._deaths.pop(place, 0) + 1
        source, partition, offset = place
        log.error(
            "the process died while it folded %s/%d@%d, %s",
            source.partition("@")[0],
            partition,
            offset,
            "which becomes a dead letter now" if deaths >= DEATHS else "which is folded once more",
        )
        new = self._deaths_file.with_suffix(".new")
        new.write_text(json.dumps([[*one, count] for one, count in list(self._deaths.items())[-KEPT:]]))
        new.replace(self._deaths_file)

    def _read(self) -> dict[Place, int]:
        try:
            return {
                (source, at, offset): deaths
                for source, at, offset, deaths in json.loads(self._deaths_file.read_bytes())
            }
        except (OSError, ValueError, TypeError):
            return {}
