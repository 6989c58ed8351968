"""What remains of an erased customer: up to when its facts stay out, and which erasures were carried out.

An erasure acts when it arrives: everything known of the customer is deleted, whatever time the erasure carries. A fact read
later begins a new customer if it is newer than what was erased; otherwise it is a repetition, or was late, and stays out.
"""

from typing import Protocol

from msgspec import Struct

from scorers.contract.events import Duration, Micros

MAX_ERASURES = 8  # of one customer that are still recognised if they are read again


class Suppression(Struct, array_like=True, frozen=True, gc=False):
    """The record of an erased customer. `erasures` are digests of their identities, oldest first."""

    until: Micros = 0  # facts up to this instant stay out
    erasures: tuple[str, ...] = ()

    def extended(self, until: Micros, erasure: str) -> "Suppression":
        """This record after one more erasure."""
        return Suppression(max(self.until, until), (*self.erasures, erasure)[-MAX_ERASURES:])


class Suppressions(Protocol):
    """Suppressions by the name of the customer. An implementation that stores them keeps digests, and no name."""

    def get(self, name: str, /) -> Suppression | None: ...

    def __setitem__(self, name: str, suppression: Suppression, /) -> None: ...

    def digests(self, identity: str, /) -> tuple[str, ...]: ...


class PlainSuppressions(dict[str, Suppression]):
    """Suppressions in memory that are never stored, as in a replay."""

    def digests(self, identity: str, /) -> tuple[str, ...]:
        """The identity itself."""
        return (identity,)


def kept_out_until(erased: Micros, arrival: Micros, newest: Micros, lateness: Duration) -> Micros:
    """Up to when facts stay out because of an erasure: its time, but no later than its `arrival` (0 if that is unknown).

    One that is dated further ahead of the `newest` fact than the allowed lateness must not keep out the sales that follow it. Where no
    fact was read yet, `newest` is 0, and nothing says that it is ahead.
    """
    is_ahead = 0 < newest < erased - lateness
    until = newest if is_ahead else erased
    return min(until, arrival or until)
