"""Control records: ticks, and the figures, model, policy, groups and history in force, as records of the topic `clock`.

Each partition gets a copy, so that everything a verdict depends on is in the partition's own log. A record is adopted once, and none that
is older than the newest of its type. Which process sends these records, when, and how it signs them is not known here.
"""

from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from scorers.contract.alarms import SubjectType
from scorers.contract.events import Duration, Instant
from scorers.contract.rejection import MAX_BYTES, Rejection, rejection_of
from scorers.contract.rfc3339 import decode_any_instant, encode_instant, rfc3339
from scorers.in_force.base_rhythm import BaseRhythm
from scorers.in_force.context import Context
from scorers.in_force.counted.conversions import Conversions
from scorers.in_force.counted.realised import Shares
from scorers.in_force.figures import Bounds, Figures

GroupName = SubjectType | Literal["thing"]
"""The types of subjects that rows are kept of; a thing, which is an article or a lot, is the subject of no alarm."""
Phase = Literal["tell", "base", "sources", "groups"]
"""What a tick for groups asks for: that partitions tell what feeds reported, that the feed of all events is judged, those of sources, or all
others."""
PHASES: tuple[Phase, ...] = get_args(Phase)


class Tick(Struct, frozen=True, kw_only=True, tag_field="type", tag="clock.ticked", omit_defaults=True):
    """Everything before the instant `until` has been read, so every deadline before it is judged.

    `follows`: the clock follows the events and not the wall clock, so no event can be ahead of it. `groups`: only groups are judged,
    so that their reports are in force before the tick of the customers; they come into force at `in_force`, which is later than any
    instant judged so far. `phase` says what of that is done.
    """

    until: Instant
    follows: bool = False
    groups: bool = False
    in_force: Instant | None = None
    phase: Phase = "groups"


class FiguresInForce(Struct, frozen=True, kw_only=True, tag_field="type", tag="figures.in_force"):
    """The figures of a day, used by verdicts from `in_force` on."""

    in_force: Instant
    day: int
    version: str
    ranked: int
    bounds: Bounds | None  # as former builds read it: of one currency, or of all
    second_limit: Duration
    base: BaseRhythm
    by_currency: tuple[tuple[str, Bounds], ...] = ()  # no dict, as equal records are shared by their hash
    proven: tuple[bool, ...] = ()
    given_up: tuple[int, int] = (0, 0)
    save_chance: tuple[float, ...] = ()
    discount: float = -1.0
    brought: tuple[tuple[str, int], ...] = ()
    costs_told: bool = False
    conversions: Conversions = ()
    danger: float = 0.0
    unanswered: bool = False
    realised: tuple[tuple[str, Shares], ...] = ()
    overstated: tuple[bool, ...] = ()

    @classmethod
    def of(cls, day: int, figures: Figures) -> "FiguresInForce":
        """The record that puts figures in force at `figures.in_force`."""
        f = figures
        return cls(
            in_force=Instant(f.in_force),
            day=day,
            version=f.version,
            ranked=f.ranked,
            bounds=next(iter(f.bounds.values()), None),
            by_currency=tuple(f.bounds.items()),
            second_limit=int(f.second_limit),  # the policy's default is a `Span`, which only the policy encodes
            base=f.base,
            proven=f.proven,
            given_up=f.given_up,
            save_chance=f.save_chance,
            discount=f.discount,
            brought=tuple(f.brought.items()),
            costs_told=f.costs_told,
            conversions=f.conversions,
            danger=f.danger,
            unanswered=f.unanswered,
            realised=tuple(f.realised.items()),
            overstated=f.overstated,
        )

    @property
    def order(self) -> int:
        """Figures follow each other by their day."""
        return self.day

    def figures(self) -> Figures:
        """The figures as verdicts use them."""
        bounds = dict(self.by_currency) or ({} if self.bounds is None else {"": self.bounds})
        at, shown = int(self.in_force), (self.proven, self.given_up, self.save_chance, self.discount)
        return Figures(
            self.version,
            at,
            self.base,
            self.ranked,
            bounds,
            self.second_limit,
            *shown,
            dict(self.brought),
            self.costs_told,
            self.conversions,
            self.danger,
            self.unanswered,
            dict(self.realised),
            self.overstated,
        )


class ModelInForce(Struct, frozen=True, kw_only=True, tag_field="type", tag="model.in_force"):
    """A whole risk model, used by verdicts from `in_force` on."""

    in_force: Instant
    version: str
    model: Annotated[str, Meta(max_length=MAX_BYTES)]  # as `Model.encode` wrote it

    @property
    def order(self) -> int:
        """Models follow each other by the instant from which they are in force."""
        return int(self.in_force)


class PolicyInForce(Struct, frozen=True, kw_only=True, tag_field="type", tag="policy.in_force"):
    """The full text of a policy, used by verdicts from `in_force` on; `sent` says which of two policies is the newer one."""

    in_force: Instant
    version: str
    text: Annotated[str, Meta(max_length=MAX_BYTES)]
    sent: Instant = Instant(0)

    @property
    def order(self) -> int:
        """Policies follow each other by the instant at which they were sent."""
        return int(self.sent)


class Group(Struct, frozen=True):
    """A group by its type and id."""

    type: GroupName
    id: str


class GroupInForce(Struct, frozen=True, kw_only=True, tag_field="type", tag="group.in_force"):
    """What is known of a group, such as a store, used by verdicts on its customers from `in_force` on.

    `reported` is the instant up to which it is known: of two reports of a group, the one with the later instant is newer.
    """

    in_force: Instant
    reported: Instant
    subject: Group
    values: dict[str, int]


class HistoryInForce(Struct, frozen=True, kw_only=True, tag_field="type", tag="history.in_force"):
    """Alarms that became true before the instant `before` are history: recorded, and sent to nobody. The one that was sent last counts.

    It changes no verdict, so it is in force at once for everything that is folded after it.
    """

    before: Instant
    sent: Instant = Instant(0)
    in_force: Instant = Instant(0)  # takes its turn before all events, as it is written before those that it is about

    @property
    def order(self) -> int:
        """They follow each other by the instant at which they were sent."""
        return int(self.sent)

    @property
    def version(self) -> str:
        """What tells two of them apart."""
        return rfc3339(self.before)


Control = Tick | GroupInForce | FiguresInForce | ModelInForce | PolicyInForce | HistoryInForce
CONTROL_TYPES = frozenset(str(control.__struct_config__.tag) for control in get_args(Control))


def put_group_in_force(ctx: Context, control: GroupInForce) -> bool:
    """Put what is known of a group in force; False if it is not news."""
    subject = control.subject
    reported, at = int(control.reported), int(control.in_force)
    return ctx.adopt_group(subject.type, subject.id, reported, at, control.values)


def decode_control(raw: bytes) -> Control | Rejection:
    """The control record in these bytes, or why they are none.

    >>> decode_control(b'{"type": "clock.ticked", "until": "2024-05-06T00:00:00Z"}')
    Tick(until=1714953600000000, follows=False, groups=False, in_force=None, phase='groups')
    """
    if len(raw) > MAX_BYTES:
        return Rejection("too_large", f"{len(raw)} bytes, allowed are {MAX_BYTES}")
    try:
        control: Control = _decode(raw)
    except Exception as error:
        return rejection_of(raw, error, CONTROL_TYPES)
    return control


def encode_control(control: Control) -> bytes:
    """The record as bytes of the topic `clock`."""
    return _encode(control)


_decode = msgspec.json.Decoder(Control, dec_hook=decode_any_instant).decode
_encode = msgspec.json.Encoder(enc_hook=encode_instant).encode
