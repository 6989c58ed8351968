"""The kinds of values that tables of a policy have, with their bounds, and a table that knows no other keys."""

from typing import Annotated

from msgspec import Meta, Struct

Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Ceiling = Annotated[int, Meta(ge=0, le=11)]  # under the number of messages that a customer keeps
Positive = Annotated[float, Meta(gt=0, le=1e9)]
Minor = Annotated[int, Meta(ge=0, le=10**12)]


class Strict(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file; an unknown key is an error."""
