"""What a partition is told beside facts: that time has passed, and which figures, model and policy are in force.

These are the records of the `clock` topic, one copy per partition, so that everything a verdict depends on stands in the
partition's own log. A model travels whole and with its seal: whoever has the log needs nothing else. Who sends them,
and when, is not known here.
"""

from typing import Annotated, get_args

import msgspec
from msgspec import Meta, Struct

from scorers.contract.alarms import Subject
from scorers.contract.events import Duration, Instant
from scorers.contract.rejection import MAX_BYTES, Rejection, rejection_of
from scorers.contract.rfc3339 import decode_any_instant, encode_instant
from scorers.in_force.base_rhythm import BaseRhythm
from scorers.in_force.context import Context
from scorers.in_force.figures import Figures


class Tick(Struct, frozen=True, kw_only=True, tag_field="type", tag="clock.ticked", omit_defaults=True):
    """Everything before this instant has been read: what falls due before it is judged.

    `follows` says that the time is that of the events and not the world's, so that no event can be ahead of it. `groups` says that
    only groups are judged, so that what they report is in force before the tick of the customers; it comes in force at `in_force`,
    which is later than anything that was judged.
    """

    until: Instant
    follows: bool = False
    groups: bool = False
    in_force: Instant | None = None


class FiguresInForce(Struct, frozen=True, kw_only=True, tag_field="type", tag="figures.in_force"):
    """The base-wide figures of a day, and from when on verdicts use them."""

    in_force: Instant
    day: int
    version: str
    ranked: int
    bounds: tuple[float, float, float] | None
    second_limit: Duration
    base: BaseRhythm

    @classmethod
    def of(cls, day: int, figures: Figures) -> "FiguresInForce":
        """The record that puts figures in force at the instant that they name."""
        f = figures
        return cls(
            in_force=Instant(f.in_force),
            day=day,
            version=f.version,
            ranked=f.ranked,
            bounds=f.bounds,
            second_limit=int(f.second_limit),  # a policy's length of time is a number to everybody else
            base=f.base,
        )

    def figures(self) -> Figures:
        """The figures as verdicts use them."""
        return Figures(self.version, int(self.in_force), self.base, self.ranked, self.bounds, self.second_limit)


class ModelInForce(Struct, frozen=True, kw_only=True, tag_field="type", tag="model.in_force"):
    """A risk model, whole and with the trainer's seal, and from when on verdicts use it."""

    in_force: Instant
    version: str
    model: Annotated[str, Meta(max_length=MAX_BYTES)]  # as `Model.encode` wrote it
    seal: str = ""


class PolicyInForce(Struct, frozen=True, kw_only=True, tag_field="type", tag="policy.in_force"):
    """The full text of the policy, and from when on verdicts use it."""

    in_force: Instant
    version: str
    text: Annotated[str, Meta(max_length=MAX_BYTES)]


class GroupInForce(Struct, frozen=True, kw_only=True, tag_field="type", tag="group.in_force"):
    """What is known of a group, such as a store, and from when on verdicts on its customers use it.

    `reported` is the instant up to which it is known: of two reports of a group the one with the later instant is newer.
    """

    in_force: Instant
    reported: Instant
    subject: Subject
    values: dict[str, int]


Control = Tick | GroupInForce | FiguresInForce | ModelInForce | PolicyInForce
CONTROL_TYPES = frozenset(str(control.__struct_config__.tag) for control in get_args(Control))


def put_group_in_force(ctx: Context, control: GroupInForce) -> bool:
    """Put what is known of a group in force; False if it brings nothing new."""
    subject = control.subject
    reported, at = int(control.reported), int(control.in_force)
    return ctx.adopt_group(subject.type, subject.id, reported, at, control.values)


def decode_control(raw: bytes) -> Control | Rejection:
    """The control record that the bytes tell, or why they tell none.

    >>> decode_control(b'{"type": "clock.ticked", "until": "2024-05-06T00:00:00Z"}')
    Tick(until=1714953600000000, follows=False, groups=False, in_force=None)
    """
    if len(raw) > MAX_BYTES:
        return Rejection("too_large", f"{len(raw)} bytes, allowed are {MAX_BYTES}")
    try:
        control: Control = _decode(raw)
    except Exception as error:
        return rejection_of(raw, error, CONTROL_TYPES)
    return control


def encode_control(control: Control) -> bytes:
    """The record as it stands on `clock`."""
    return _encode(control)


_decode = msgspec.json.Decoder(Control, dec_hook=decode_any_instant).decode
_encode = msgspec.json.Encoder(enc_hook=encode_instant).encode
