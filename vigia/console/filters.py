"""The filters of lists, as they stand in an address: names, allowed values, and the page."""

from collections.abc import Mapping
from typing import get_args

from scorers.alarms.catalogue import KINDS
from scorers.contract.alarms import SEVERITIES, LoyaltyType, Stage, SubjectType, Tier
from vigia.readmodel.store.items import ALARM_SORTS, CUSTOMER_SORTS, DEEPEST, STATES

STAGES: tuple[str, ...] = get_args(Stage)
TIERS: tuple[str, ...] = get_args(Tier)
TYPES: tuple[str, ...] = get_args(LoyaltyType)
ANY: tuple[str, ...] = ()
"""Stands for a filter that takes any text."""
CUSTOMER_FILTERS: Mapping[str, tuple[str, ...]] = {
    "q": ANY,
    "stage": STAGES,
    "tier": TIERS,
    "type": TYPES,
    "store": ANY,
    "alarms": ("open",),
    "sort": CUSTOMER_SORTS,
}
ALARM_FILTERS: Mapping[str, tuple[str, ...]] = {
    "kind": tuple(KINDS),
    "severity": SEVERITIES,
    "tier": TIERS,
    "store": ANY,
    "stage": STAGES,
    "state": tuple(STATES),
    "customer": ANY,
    "about": get_args(SubjectType),
    "sort": ALARM_SORTS,
}
LETTER_FILTERS: Mapping[str, tuple[str, ...]] = {"code": ANY, "topic": ANY, "sent": ("yes", "no", "all")}
LONGEST = 256  # characters of a filter


class BadFilter(ValueError):
    """A filter has a value that it cannot have; the message names those that it can."""


def checked(given: Mapping[str, str], allowed: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """The filters that are given and not empty. Raises `BadFilter`.

    >>> checked({"tier": "gold", "page": "2", "store": ""}, CUSTOMER_FILTERS)
    {'tier': 'gold'}
    """
    found = {}
    for name, values in allowed.items():
        value = given.get(name, "")
        if not value:
            continue
        if values and value not in values:
            raise BadFilter(f"{name}: allowed are {', '.join(values)}")
        if len(value) > LONGEST or "\x00" in value:
            raise BadFilter(f"{name}: give at most {LONGEST} characters")
        found[name] = value
    return found


def page_number(given: Mapping[str, str]) -> int:
    """The page that is asked for, from 1. Raises `BadFilter`."""
    text = given.get("page", "1")
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= DEEPEST):
        raise BadFilter(f"page: give a number from 1 to {DEEPEST}")
    return int(text)
