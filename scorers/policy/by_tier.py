"""One value for each customer tier."""

from typing import Generic, TypeVar

from msgspec import Struct

from scorers.contract.alarms import Tier

T = TypeVar("T")


class ByTier(Struct, Generic[T], frozen=True, forbid_unknown_fields=True):
    """A value for each tier, and one for customers without a tier.

    >>> ByTier(platinum=1, gold=2, iron=3, lead=4, none=3).of("gold")
    2
    """

    platinum: T
    gold: T
    iron: T
    lead: T
    none: T

    def of(self, tier: Tier) -> T:
        """The value for a tier."""
        return getattr(self, tier)  # type: ignore[no-any-return]  # the fields are exactly the tiers

    def ranked(self) -> tuple[T, T, T, T]:
        """The values from the best tier to the lowest."""
        return self.platinum, self.gold, self.iron, self.lead
