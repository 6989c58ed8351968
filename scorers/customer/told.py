"""What the state keeps of alarms that were told: until their answer is known, and as long as the silence lasts in which they were raised.

`scorers/subjects/answers` fills it and counts the answers (A9).
"""

from msgspec import Struct

MAX_TOLD = 128


class Told(Struct, array_like=True, gc=False):
    """An alarm that was raised in the present silence, or whose answer is not known yet. Instants are in whole seconds."""

    key: int  # the first 32 bits of its id
    kind: int  # by `uplift.code_of`
    at: int
    until: int  # when its answer is known at the latest; 0 once it has been counted
    place: int  # tier and stage when it was raised, by `live_quality.place_of`
    held_out: bool = False
    acted: bool = False  # somebody has acted on it
    treatment: int = -1  # its place among all treatments; -1 where nobody is held out
    margin: int = (
        0  # what the customer brings within the horizon at the own pace, in minor units; 0 where nobody is held out
    )
