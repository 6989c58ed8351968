"""The questions that the console asks of a read model. Each store answers all of them, and one suite of tests runs over every store.

Lists come in pages with the number of all that fit; filters have the names and values of addresses (`vigia.console.filters`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from scorers.contract.events import AlarmAction
from scorers.contract.worklist import WorklistEntry
from vigia.readmodel.store.items import PAGE, AlarmItem, Change, CustomerItem, Page, StoreReport, Total


class CustomerQueries(Protocol):
    """Lists of customers, one customer, and the sums over all."""

    def page_of(self, filters: Mapping[str, str], sort: str = "loss", page: int = 1, size: int = PAGE) -> Page:
        """A page of the customers that fit; `filters` has some of stage, tier, type, store, alarms (`open`) and q."""

    def all_of(self, filters: Mapping[str, str], sort: str = "loss") -> Iterator[CustomerItem]:
        """All customers that fit, in order."""

    def one(self, customer_id: str) -> CustomerItem | None:
        """One customer; None if there is none."""

    def known(self, customer_ids: Sequence[str]) -> dict[str, CustomerItem]:
        """The customers with these ids, as far as they are known."""

    def totals(self, by: Sequence[str]) -> dict[tuple[str, ...], Total]:
        """Customers, value at risk and expected loss by some of stage, tier, type, store and currency."""


class AlarmQueries(Protocol):
    """Lists of alarms, one alarm with its life, and the counts over all."""

    def page_of(self, filters: Mapping[str, str], sort: str = "", page: int = 1, size: int = PAGE) -> Page:
        """A page of the alarms that fit; `filters` has some of kind, severity, tier, store, stage, state, customer and about."""

    def all_of(self, filters: Mapping[str, str], sort: str = "") -> Iterator[AlarmItem]:
        """All alarms that fit, in order."""

    def one(self, alarm_id: str) -> AlarmItem | None:
        """One alarm; None if there is none."""

    def life(self, alarm_id: str) -> list[Change]:
        """All records of an alarm, in order."""

    def changes_of(self, customer_id: str, most: int = 500) -> list[Change]:
        """The newest records about a customer's alarms, the newest first."""

    def changes_after(self, number: int, most: int = 500) -> list[Change]:
        """The records of `alarms` read after this one, in order."""

    def last_change(self) -> int:
        """The number of the newest record of `alarms`; 0 if there is none."""

    def actions(self, alarm_id: str) -> list[AlarmAction]:
        """What people did about an alarm, in the order in which it was read."""

    def action(self, source: str, action_id: str) -> AlarmAction | None:
        """One action; None if there is none."""

    def held_back(self, rule: str, page: int) -> Page:
        """A page of the alarms of which nobody was told, the newest first; `rule` is empty for every rule."""

    def rules(self) -> dict[str, int]:
        """How many alarms each rule kept from being told, the most first."""

    def outcomes(self) -> dict[str, dict[str, int]]:
        """By kind, the number of alarms with each outcome, withdrawn, or of each state while they stand; without state changes."""

    def by_state(self) -> dict[str, int]:
        """How many alarms are in each state."""

    def by_store(self) -> dict[str, int]:
        """How many alarms stand at each store."""

    def kinds(self) -> list[str]:
        """The kinds of which there are alarms."""


class WorklistQueries(Protocol):
    """The worklist of a date in its newest edition, the entries of a customer, and what was done about them."""

    def dates(self, most: int = 60) -> list[str]:
        """The newest dates with a worklist, the newest first."""

    def page_of(
        self,
        date: str,
        page: int = 1,
        size: int = PAGE,
        *,
        held_out: bool = False,
        funded: bool = False,
        funded_first: bool = False,
    ) -> Page:
        """A page of the newest edition of a date's worklist: who may be reached, or the held-out, who may not.

        `funded_first` puts those with funds first; otherwise the order is that of the ranks.
        """

    def entries_of(self, customer_id: str, most: int = 60) -> list[WorklistEntry]:
        """The newest entries of a customer, the newest date first; of a date the newest edition."""

    def entry(self, date: str, customer_id: str) -> WorklistEntry | None:
        """The entry of a customer on a date; None if there is none."""

    def deeds_on(self, date: str) -> dict[str, list[AlarmAction]]:
        """What was done about the entries of a date, by customer, in the order of time."""

    def deeds_about(self, customer_id: str, most: int = 200) -> list[AlarmAction]:
        """The newest actions about a customer, the newest first."""


class OtherQueries(Protocol):
    """Rejected records, what is in force, and facts about the read model itself."""

    def letters(self, filters: Mapping[str, str], page: int = 1) -> Page:
        """A page of the rejected records, the newest first; `filters` has some of code, topic and `sent` (`yes` or `no`)."""

    def letter_codes(self) -> list[tuple[str, int]]:
        """How many rejected records of each code were not sent back, the most first."""

    def in_force(self, kind: str) -> bytes | None:
        """The newest control record of a type, such as `policy.in_force`; None if none was read."""

    def stores(self) -> dict[str, StoreReport]:
        """What each store has reported last."""

    def fact(self, name: str) -> str | None:
        """A fact about the read model itself; None if it is not known."""


class Queries(Protocol):
    """All questions."""

    @property
    def customers(self) -> CustomerQueries:
        """About customers."""

    @property
    def alarms(self) -> AlarmQueries:
        """About alarms."""

    @property
    def worklists(self) -> WorklistQueries:
        """About worklists."""

    @property
    def others(self) -> OtherQueries:
        """About everything else."""
