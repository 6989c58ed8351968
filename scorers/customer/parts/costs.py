"""What it has cost to serve a customer (T3), by days of the window of the policy."""

from msgspec import Struct, field

from scorers.contract.events import Micros
from scorers.timeline.facts import NO_FACT, Ref


class Unfit(Struct, array_like=True, frozen=True, gc=False):
    """The cost to serve does not fit what the customer brings: since when, and by which fact; too much (`over`) or too little."""

    at: Micros
    ref: Ref
    over: bool


class Costs(Struct, array_like=True, gc=False):
    """Told costs, in minor units of the customer's own currency, and whether they fit."""

    days: list[int] = field(default_factory=list)  # day numbers, ascending
    minor: list[int] = field(default_factory=list)  # what was spent on each of them
    ref: Ref = NO_FACT  # the newest fact with a cost
    told: bool = False  # counted among the customers whose costs are told
    under: Unfit | None = None
    over: Unfit | None = None
