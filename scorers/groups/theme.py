"""A theme of complaints (X10): what is complained of, and the reason, the article or the store.

`of` names the themes of a complaint. A theme rises at a complaint, when the window that ends with it has more of them than its own usual
count explains. What was usual then is kept while it is risen, so that a rise does not become usual by itself.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import field

from scorers.contract.events import DAY, ComplaintOpened, Micros
from scorers.contract.inert import inert
from scorers.groups.usual import KEPT_DAYS, tail, usual
from scorers.in_force.context import Context
from scorers.timeline.facts import NO_FACT, Ref, short
from scorers.timeline.subjects import State

MAX_RECENT = 256  # complaints of the window whose instants are kept; of more than that the days are counted
MOST_WORDS, LONGEST = 4, 40  # of a reason that is a code: a sentence is no theme that others could share
_BY = ("reason", "sku", "store")


class Named(NamedTuple):
    """A theme by its parts: `subject` is empty if no complaint said it, and `by` says what `thing` is."""

    subject: str
    by: str
    thing: str

    @property
    def id(self) -> str:
        """The id of the theme.

        >>> Named("product", "sku", "K7").id, Named("", "reason", "slow_service").id
        ('product/sku:K7', '/reason:slow_service')
        """
        return f"{self.subject}/{self.by}:{short(self.thing)}"


def named(theme_id: str) -> Named:
    """The parts of an id.

    >>> named("service/store:S:1")
    Named(subject='service', by='store', thing='S:1')
    """
    subject, _, rest = theme_id.partition("/")
    by, _, thing = rest.partition(":")
    return Named(subject, by, thing)


def of(e: ComplaintOpened) -> Iterator[Named]:
    """The themes of a complaint."""
    for by, thing in zip(_BY, (reason_code(e.reason), e.sku, e.store_id), strict=True):
        if thing:
            yield Named(e.subject or "", by, thing)


def reason_code(reason: str | None) -> str:
    """The reason as a code that others give too; empty for what a person wrote.

    >>> reason_code("Slow  service"), reason_code("slow_service"), reason_code("The kettle leaks, and nobody answers.")
    ('slow_service', 'slow_service', '')
    """
    if not reason or len(reason) > LONGEST:
        return ""
    words = inert(reason).casefold().replace("_", " ").replace("-", " ").split()
    plain = all(word.isalpha() for word in words)
    return "_".join(words) if plain and len(words) <= MOST_WORDS else ""


class Theme(State, array_like=True, gc=False):
    """The state of a theme. `days` ascends, and `counts` has the complaints of each day."""

    days: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    recent: list[Micros] = field(default_factory=list)  # the instants of the newest complaints, ascending
    digests: list[str] = field(default_factory=list)  # digests of the ids of the newest cases
    risen: Micros = 0  # since when there are more than usual; 0 while there are not
    opener: Ref = NO_FACT
    usual: float = 0.0  # the count that was usual in a window then
    back: Micros = 0  # since when a risen theme has no more than usual again


def count(theme: Theme, e: ComplaintOpened, ctx: Context) -> bool:
    """Count a complaint; False if its case was counted before."""
    at = int(e.time)
    if e.complaint_id in theme.digests:
        return False
    theme.digests = [*theme.digests, e.complaint_id][-MAX_RECENT:]
    day = ctx.zone.day(at)
    n = bisect_left(theme.days, day)
    if n < len(theme.days) and theme.days[n] == day:
        theme.counts[n] += 1
    else:
        theme.days.insert(n, day)
        theme.counts.insert(n, 1)
    old = bisect_left(theme.days, day - KEPT_DAYS)
    del theme.days[:old], theme.counts[:old]
    insort(theme.recent, at)
    gone = max(len(theme.recent) - MAX_RECENT, bisect_left(theme.recent, at - ctx.policy.themes.window))
    del theme.recent[:gone]
    theme.first_seen = theme.first_seen or at
    theme.last_fact = max(theme.last_fact, at)
    return True


def found(theme: Theme, now: Micros, ctx: Context) -> int:
    """How many complaints lie in the window that ends with an instant."""
    recent, start = theme.recent, now - ctx.policy.themes.window
    if len(recent) == MAX_RECENT and recent[0] > start:
        return sum(theme.counts[bisect_left(theme.days, ctx.zone.day(start) + 1) :])
    return len(recent) - bisect_left(recent, start)


def judge(theme: Theme, at: Micros, now: Micros, ref: Ref, ctx: Context) -> None:
    """Judge a complaint that was counted (`ref`), or an instant at which one may have left the window."""
    rules = ctx.policy.themes
    if theme.risen and now > theme.risen + lasts(ctx):
        theme.risen = theme.back = 0  # it is usual by now, and the next rise is judged against that
    if not theme.risen:
        if ref is not NO_FACT and found(theme, now, ctx) >= rules.at_least:
            expected = _usual(theme, now, ctx)
            if expected is not None and _is_over(theme, expected, now, ctx):
                theme.risen, theme.opener, theme.usual, theme.back = at, ref, expected, 0
    elif _is_over(theme, theme.usual, now, ctx):
        theme.back = 0
    elif not theme.back:
        theme.back = at
    elif now > theme.back + rules.settled:
        theme.risen = theme.back = 0


def next_instant(theme: Theme, now: Micros, ctx: Context) -> Micros:
    """When a risen theme is to be judged next without a complaint; 0 if it is not risen."""
    if not theme.risen:
        return 0
    if theme.back:
        return theme.back + ctx.policy.themes.settled
    window, recent = ctx.policy.themes.window, theme.recent
    if len(recent) == MAX_RECENT and recent[0] > now - window:
        return ctx.zone.instant((ctx.zone.day(now) + 1) * DAY)
    leaves = bisect_left(recent, now - window)
    return recent[leaves] + window if leaves < len(recent) else now


def lasts(ctx: Context) -> Micros:
    """How long an alarm about a theme stays open at most."""
    return 2 * ctx.policy.risk.horizon


def _is_over(theme: Theme, expected: float, now: Micros, ctx: Context) -> bool:
    rules, number = ctx.policy.themes, found(theme, now, ctx)
    return number >= rules.at_least and tail(number, expected) <= rules.tail


def _usual(theme: Theme, now: Micros, ctx: Context) -> float | None:
    """The usual count of a window that ends at an instant; None while too little is known.

    A theme without complaints is known as long as the business is: that nobody complained is known then.
    """
    since = min(theme.first_seen, ctx.observed_since)
    if now - since < ctx.policy.themes.history:
        return None
    last = ctx.zone.day(now)
    window = range(last - ctx.policy.themes.window // DAY + 1, last + 1)
    return usual(theme.days, theme.counts, max(ctx.zone.day(since), last - KEPT_DAYS), window)
