"""Collects the candidates for the worklist of each date, as soon as no fact can change them any more."""

from collections.abc import Callable, Iterator

from scorers.contract.events import SECOND, Micros
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.partition.routing import Timelines
from scorers.partition.tally import joined
from scorers.timeline.emitter import Step
from scorers.timeline.timeline import AnyTimeline
from scorers.worklist.dates import DatesToList
from scorers.worklist.ranking import Candidates


class Listing:
    """The candidates of one partition. Without `lists` there are none.

    `settle` judges the deadlines up to an instant, `effects` takes the effects of a step.
    """

    def __init__(
        self,
        ctx: Context,
        timelines: Timelines,
        lists: DatesToList | None,
        settle: Callable[[Micros], Iterator[Step]],
        effects: Callable[[Step], Step],
    ) -> None:
        self._ctx, self._timelines, self._lists = ctx, timelines, lists
        self._settle, self._effects = settle, effects
        self.ended: list[Candidates] = []  # for editions of worklists; the runner takes them out

    def begin(self, at: Micros) -> None:
        """Begin with the first date that ends after an instant."""
        if self._lists is not None:
            self._lists.begin(at, self._ctx)

    def put(self, name: str, state: Customer) -> None:
        """Note the readings of a customer."""
        if self._lists is not None:
            self._lists.table.put(name, state)

    def remove(self, name: str) -> None:
        """Forget a subject."""
        if self._lists is not None:
            self._lists.table.remove(name)

    def before(
        self, timeline: AnyTimeline | None, at: Micros, clock: Micros
    ) -> tuple[Step | None, list[Candidates] | None]:
        """What a customer adds to the lists that no fact from an instant on can change, before such a fact is folded.

        On Kafka facts may be read before the tick that closes these lists; a later fact replaces what was known before it.
        """
        lists = self._lists
        if lists is None or at < lists.final_at:
            return None, None
        lists.begin(at, self._ctx)
        out: Step | None = None
        parts: list[Candidates] = []
        if timeline is None or not isinstance(timeline.state, Customer):
            return out, parts
        for day, final_at in lists.final_before(at, timeline.state.last_fact, self._ctx):
            if 0 < timeline.state.due < final_at:
                step = self._effects(timeline.judge_until(final_at, clock, self._ctx))
                out = step if out is None else joined(out, step)
            if part := lists.part_of(timeline, day, self._ctx):
                parts.append(part)
        return out, parts

    def close(self, until: Micros) -> Iterator[Step]:
        """Collect the candidates of each edition that is closed up to an instant, in order."""
        lists = self._lists
        while lists is not None:
            early = lists.next_early(until, self._ctx)
            if lists.final_at <= until and (early is None or lists.final_at <= early):
                yield from self._settle(lists.final_at)
                self._collect(lists, final=True)
            elif early is not None:
                yield from self._settle(early)
                self._collect(lists, final=False)
            else:
                return

    def close_ended(self, end: Micros) -> None:
        """Collect the candidates of the last dates that have ended, although late facts could still come: the run ends."""
        lists = self._lists
        while lists is not None and lists.end(lists.final, self._ctx) - SECOND <= end:
            self._collect(lists, final=True)

    def _collect(self, lists: DatesToList, final: bool) -> None:
        found = lists.close(final, self._timelines.get, self._ctx)
        if found is not None:
            self.ended.append(found)
