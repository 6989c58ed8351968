"""What the state keeps of an effort to keep the customer; `scorers/worklist` reads and ranks it."""

from msgspec import Struct


class Effort(Struct, array_like=True, gc=False):
    """What an effort to keep the customer would bring, by a reading of the risk (J7).

    Instants are in whole seconds, which take half the bytes, and money in the customer's own currency.
    """

    at: int
    net: int  # risk x worth x chance to save - cost; 0 where an effort does not pay
    risk: int = 0  # in millionths
    worth: int = 0
    cost: int = 0
    treatment: int = 0  # its place among all treatments
    until: int = 0  # silent for longer than that, nobody is worth an effort
    evidence: int = 0  # the newest fact or alarm
    acted: int = 0  # when somebody last made an effort
