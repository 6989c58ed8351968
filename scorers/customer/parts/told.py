"""What the state keeps of alarms that were told: until their answer is known, and as long as the silence lasts in which they were raised.

`scorers/subjects/answers` fills it and counts the answers (A9); `scorers/subjects/loss_review` reads it when a customer has left (A4).
"""

from msgspec import Struct

from scorers.contract.alarms import Stage, Tier

MAX_TOLD = 128
LAST_EVENTS = 10  # of a customer, for the study of one who has left


class Told(Struct, array_like=True, gc=False):
    """An alarm that was raised in the present silence, or whose answer is not known yet. Instants are in whole seconds."""

    key: int  # the first 32 bits of its id
    kind: int  # by `uplift.code_of`
    at: int
    span: int  # until its answer is known at the latest; in open time, but for a case; 0 once it has been counted
    place: int  # tier and stage when it was raised, by `live_quality.place_of`
    held_out: bool = False
    acted: bool = False  # somebody has acted on it
    treatment: int = -1  # its place among all; -1 where it is not on trial
    first: bool = False  # the first of the customer that is on trial in the quarter
    margin: int = 0  # on trial and told: what the customer brings within the horizon at the own pace


class Saved(Struct, array_like=True, gc=False):
    """A customer who came back after somebody had acted (P6). Instants are in whole seconds."""

    by: str  # who acted first
    at: int
    counted: int  # up to when the time since is counted


class Loss(Struct, array_like=True, gc=False):
    """How a customer left, until the next purchase."""

    at: int  # in whole seconds
    stage: Stage  # the last one before
    tier: Tier
    said: bool  # by an explained exit, and not by silence
    risk: int  # the last one read before, in ten-thousandths; -1 where none
    reason: int  # the place of the reason that was counted, by `live_quality.REASONS`
    spend_minor: int = 0  # in a window at the own pace, as it was counted
    approached: bool = False  # somebody has tried to win the customer back
