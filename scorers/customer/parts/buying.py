"""What a customer buys: when, for how much money, and which categories."""

from msgspec import Struct, field

from scorers.contract.events import Duration, Micros
from scorers.timeline.facts import NO_FACT, Ref

MAX_CURRENCIES = 4


class Purchases(Struct, array_like=True, gc=False):
    """When the customer bought, and the limits of silence by the figures in force at the last occasion.

    `second_limit` moves to the one in force when it falls due, if that is later.
    """

    count: int = 0
    last: Micros = 0
    last_ref: Ref = NO_FACT
    first_ref: Ref = NO_FACT
    quiet_limit: Duration = 0
    second_limit: Duration = 0
    reached: int = 0  # how many classes of `in_force.comebacks.MULTIPLES` the present silence has reached
    next_class: Micros = 0  # when it reaches the next one
    gone: Micros = 0  # when the customer was given up for it (J8)
    other_stores: tuple[tuple[str, int], ...] = ()  # and the second of the last purchase there, newest first


class Purse(Struct, array_like=True, gc=False):
    """Money in a currency that is not the customer's own; the fields are those of `Spending`."""

    currency: str
    amount_minor: int = 0
    margin_minor: int = 0
    margin_of_minor: int = 0
    discount_minor: int = 0
    refund_minor: int = 0
    days: list[int] = field(default_factory=list)
    takings: list[int] = field(default_factory=list)
    times: tuple[int, ...] = ()
    year_minor: int = 0
    fast: float = 0.0
    slow: float = 0.0
    discounted_minor: int = 0


class Shrunk(Struct, array_like=True, gc=False):
    """A wallet that shrinks (P7): since when, and what was usual in a window before; 0 for what had not fallen."""

    at: Micros
    ref: Ref
    currency: str
    usual_minor: int = 0
    usual_breadth: float = 0.0  # number of categories


class Spending(Struct, array_like=True, gc=False):
    """Money, in minor units of the customer's own currency; counts are those of all currencies."""

    currency: str = ""
    amount_minor: int = 0
    margin_minor: int = 0
    margin_of_minor: int = 0  # revenue of the purchases whose margin is known
    discount_minor: int = 0
    discounted: int = 0  # number of purchases at a discount
    refunds: int = 0
    refund_minor: int = 0
    days: list[int] = field(default_factory=list)  # purchase days of the last year, as day numbers
    takings: list[int] = field(default_factory=list)  # margin (else revenue) of each of these days
    year_minor: int = 0  # their sum
    year_bucket: int = -1  # this customer's bucket in the histogram of yearly values, -1 for none
    fast: float = 0.0  # spend per occasion, exponentially weighted with a short memory
    slow: float = 0.0  # the same with a long memory
    times: tuple[int, ...] = ()  # purchases on each of `days`; empty if there is one on each
    others: tuple[Purse, ...] = ()  # money in other currencies, which is never added to this
    counted_in: str = ""  # the currency of `year_bucket`; empty in rows of former builds, which knew one histogram
    shrunk: Shrunk | None = None  # while less is spent, or in fewer categories, than was usual
    discounted_minor: int = 0  # money of the purchases at a discount
    discount_bucket: int = -1  # this customer's bucket in the histogram of discounts, -1 for none


class Visit(Struct, array_like=True, gc=False):
    """One occasion: the hour in which it began (since 1970), and a 64-bit mask of the categories bought, by their hash."""

    hour: int
    categories: int = 0


class Baskets(Struct, array_like=True, gc=False):
    """What is bought: categories, and how many of them per occasion."""

    variety: int = 0  # a 64-bit mask of all categories ever bought
    breadth_fast: float = 0.0  # categories per occasion, exponentially weighted with a short memory
    breadth_slow: float = 0.0  # the same with a long memory
    visits: tuple[Visit, ...] = ()  # the newest occasions
    bored_at: Micros = 0  # since when variety has fallen while gaps grew (X9)
    bored_ref: Ref = NO_FACT
    bored_from: float = 0.0  # the variety before
    block: int = 0  # the newest block of four weeks, since the first purchase, with known categories,
    in_block: int = 0  # their mask in it,
    blocks: list[int] = field(default_factory=list)  # and in the blocks before it, a bit for each place in `order`
    order: bytes = (
        b""  # the bits of a mask in the order in which they first came; so the masks of older blocks are small
    )


class Bought(Struct, array_like=True, gc=False):
    """What was bought lately, and when the customer told something; in seconds, 0 for never.

    `things` has an entry of `in_force.exposures.ENTRY` bytes for each, the newest last.
    """

    things: bytes = b""
    told_before: int = 0  # the last time before the last purchase
    told_first: int = 0  # the first time since
    told_last: int = 0  # the last time since
