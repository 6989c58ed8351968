"""What is known of a customer as a prospect (L2)."""

from msgspec import Struct


class Lead(Struct, array_like=True, gc=False):
    """The marks by which the base's prospects are compared, as places of `conversions`, and what was expected."""

    places: tuple[int, ...] = ()
    value_minor: int = 0  # the purchase that was expected; 0 if unknown
    answered: bool = False  # counted as one who bought within the window, or did not
