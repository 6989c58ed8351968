"""What each feed reported in one partition, as runs, until it has been told to the feed.

Forwarding each event to its feeds would double the traffic. So a partition notes the instants, makes runs of them once a day or when
somebody asks, and tells only these. A store reports by its sales, anonymous ones included; a source, and the base, by any fact.
"""

from collections.abc import Callable, Iterator

from msgspec import Struct, field

from scorers.contract.events import DAY, HOUR, AnyEvent, Duration, Micros, Purchase
from scorers.groups.feed import SOURCE, STORE
from scorers.groups.runs import MAX_RUNS, Run, Told, added, since
from scorers.in_force.closures import BASE
from scorers.timeline.facts import NO_FACT, Ref, nameless, short
from scorers.timeline.packing import decoder, encode

MAX_FEEDS = 1024  # in one partition
MANY = MAX_RUNS // 2  # runs that should be told
_NOTHING: Micros = 1 << 62


class Heard(Struct, gc=False):
    """What one feed reported. `times` are not in `runs` yet; runs from the instant `changed` on have not been told."""

    feed: str
    last: Micros = 0
    ref: Ref = NO_FACT  # of the last event
    customer: str | None = None  # of the last event
    times: list[Micros] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    changed: Micros = _NOTHING
    made: Micros = 0  # up to when runs were made
    stored: bool = False  # as it is now

    def events(self) -> int:
        """How many events are noted and not forgotten yet."""
        return len(self.times) + sum(run.events for run in self.runs)

    def make_runs(self) -> None:
        """Put the noted instants into runs."""
        times, runs = self.times, self.runs
        if not times:
            return
        times.sort()
        first, last, count = times[0], times[0], 0
        if runs and first < runs[-1].last:
            late = [at for at in times if at < runs[-1].last]
            for at in late:
                added(runs, int(at))
            del times[: len(late)]
            self.changed = min(
                self.changed, *[max((r.first for r in runs if r.first <= at), default=at) for at in late]
            )
            first = last = times[0] if times else runs[-1].last
        if runs and first - runs[-1].last <= HOUR:
            first, last, count, _ = runs.pop()
        self.changed = int(min(self.changed, first))
        for at in times:
            if at - last > HOUR:
                runs.append(Run(int(first), int(last), count))
                first, count = at, 0
            last = at
            count += 1
        runs.append(Run(int(first), int(last), count, nameless(self.ref, self.customer)))
        times.clear()
        self.made = last
        del runs[:-MAX_RUNS]

    def encode(self) -> bytes:
        """The row of the feed. Called when it is written, so from now on it is stored."""
        self.make_runs()
        self.stored = True
        return encode((self.runs, self.changed))

    @classmethod
    def decode(cls, feed: str, row: bytes) -> "Heard":
        """What `encode` wrote."""
        runs, changed = _decode(row)
        newest = runs[-1]
        return cls(feed, newest.last, newest.ref or NO_FACT, None, [], runs, changed, newest.last, stored=True)


_decode = decoder(tuple[list[Run], Micros])


class FeedLog:
    """The feeds of one partition, which `part` names.

    `changed` is called with a feed whose row has to be written; `is_counted` says whether the record at hand is in the row of a feed
    already; both are needed only where feeds are stored. `appeared` is called with a new feed and its first instant.
    """

    def __init__(
        self,
        part: str = "0",
        changed: Callable[[Heard], None] = lambda _: None,
        is_counted: Callable[[str], bool] | None = None,
    ) -> None:
        self.part = part
        self.heard: dict[str, Heard] = {}  # by feed
        self.appeared: Callable[[str, Micros], None] = lambda *_: None
        self.many: Callable[[str], None] = lambda _: None  # called with a feed that should be told
        self.refused = 0  # events of feeds that found no place
        self._changed, self._is_counted = changed, is_counted
        self._bases: dict[str, Heard] = {}
        self._sources: dict[str, Heard] = {}  # by source
        self._stores: dict[str, Heard] = {}

    def note(self, event: AnyEvent, ref: Ref) -> None:
        """Note that the source, and the store if it is a sale, reported at the event's instant."""
        at, customer = event.time, event.customer_id
        self._note(self._bases, "", BASE, at, ref, customer)
        self._note(self._sources, SOURCE, event.source, at, ref, customer)
        if type(event) is Purchase and event.store_id is not None:
            self._note(self._stores, STORE, event.store_id, at, ref, customer)

    def _note(
        self, among: dict[str, Heard], prefix: str, name: str, at: Micros, ref: Ref, customer: str | None
    ) -> None:
        heard = among.get(name)
        if heard is None or heard.stored or at - heard.made > DAY:
            heard = self._attend(among, prefix, name, at)
            if heard is None:
                return
        if self._is_counted is not None and self._is_counted(heard.feed):
            return
        heard.times.append(at)
        if at > heard.last or (at == heard.last and ref.source >= heard.ref.source):
            heard.last, heard.ref, heard.customer = at, ref, customer

    def _attend(self, among: dict[str, Heard], prefix: str, name: str, at: Micros) -> Heard | None:
        """A feed that is new, or about to change, or whose runs were not made for a day; None if it finds no place."""
        feed = prefix + short(name)
        heard = self.heard.get(feed)
        if heard is None:
            if len(self.heard) >= MAX_FEEDS:
                self.refused += 1
                return None
            heard = self.heard[feed] = Heard(feed, made=int(at))
            self.appeared(feed, int(at))
        among[name] = heard
        if heard.stored or not heard.runs:
            heard.stored = False
            self._changed(heard)
        if at - heard.made > DAY:
            heard.make_runs()
            heard.made = int(at)
            if len(heard.runs) > MANY:
                self.many(feed)
        return heard

    # --- telling ------------------------------------------------------------------------------------------------

    def tell(self, feed: str, until: Micros, keep: Duration) -> Told | None:
        """What has changed of a feed since it was told last; None if nothing has.

        Runs that ended longer ago than `keep` are forgotten: nothing is left to come of them.
        """
        heard = self.heard.get(feed)
        if heard is None:
            return None
        heard.make_runs()
        if heard.changed == _NOTHING:
            if heard.runs and heard.last < until - keep:
                self._forget(heard)
            return None
        told = Told(feed, self.part, since(heard.runs, heard.changed))
        heard.changed = _NOTHING
        heard.runs = since(heard.runs[:-1], until - keep) + heard.runs[-1:]
        self._changed(heard)
        return told

    def tell_all(self, until: Micros, keep: Duration) -> Iterator[Told]:
        """What has changed of all feeds, the base first."""
        for feed in sorted(self.heard):
            told = self.tell(feed, until, keep)
            if told is not None:
                yield told

    def _forget(self, heard: Heard) -> None:
        del self.heard[heard.feed]
        for among in (self._bases, self._sources, self._stores):
            for name in [name for name, one in among.items() if one is heard]:
                del among[name]
        heard.runs = []
        self._changed(heard)

    # --- rows ---------------------------------------------------------------------------------------------------

    def recover(self, feed: str, row: bytes) -> None:
        """Take the stored row of a feed."""
        self.heard[feed] = Heard.decode(feed, row)

    def undone(self) -> None:
        """The changes of rows at the record at hand were undone: whatever changes next has to be written again."""
        for heard in self.heard.values():
            heard.stored = True
