"""How rows are named in the indexes, and how the values of hashes are packed."""

from typing import Any

import msgspec
from msgspec import Struct

NUL = "\0"
HOLD_MS = 15_000
"""How long a console that has stopped without a word still counts as the one that writes."""
FORM = "3"
"""The form of the rows: raise it with every change, and what has another form is built again."""
GROUPS = "groups"
"""The name of the hash with the sums of groups."""
CUSTOMER_GROUPS = {
    GROUPS: ("stage", "tier", "type", "currency"),
    f"{GROUPS}/store": ("store", "stage", "tier", "currency"),
}
"""The columns by which customers are added up. All five in one would be ten times as many groups, read at each page of sums."""


class Meta(Struct, frozen=True):
    """In which indexes a row stands: by scores, by texts, in groups that are counted, and the text that is searched."""

    sets: dict[str, float] = {}
    lexes: tuple[tuple[str, str], ...] = ()
    groups: dict[str, str] = {}  # by the name of the hash with their sums
    sums: tuple[int, ...] = ()
    text: str | None = None


class AlarmRow(Struct, kw_only=True):
    """The columns of an alarm, as the scripts keep them; `newest` is the id of the newest record from the core."""

    id: str
    customer: str | None = None
    subject: str = ""
    about: str = ""
    kind: str = ""
    severity: int = 0
    tier: str | None = None
    stage: str | None = None
    store: str | None = None
    outcome: str | None = None
    at: int = 0
    raised: int = 0
    changed: int = 0
    loss: int = 0
    is_change: bool = False
    state: str = "open"
    newest: str = ""
    taken_by: str | None = None
    snoozed_until: int | None = None
    people: str | None = None


pack = msgspec.msgpack.encode
alarm_row = msgspec.msgpack.Decoder(AlarmRow).decode


def start_of_keys(prefix: str) -> str:
    """How all keys of a read model begin."""
    return f"{prefix}vigia:console:"


def owner(name: str) -> str:
    """The beginning of the texts of what belongs to a customer, an alarm or a date; its length keeps two owners apart.

    >>> owner("C1")
    '2:C1\\x00'
    """
    return f"{len(name.encode())}:{name}{NUL}"


def digits(number: int) -> str:
    """A number as a text that sorts like it."""
    return f"{max(0, number):016d}"


def joined(*parts: Any) -> str:
    """An id of several parts.

    >>> joined("purchases", 0, 17)
    'purchases\\x000\\x0017'
    """
    return NUL.join(str(part) for part in parts)


def tail(text: str) -> str:
    """What stands behind the first NUL of a text.

    >>> tail(owner("C1") + "0000000000000007a1")
    '0000000000000007a1'
    """
    return text.partition(NUL)[2]


def words_of(words: Any) -> str:
    """The words of a customer as the text that is searched: a blank before each."""
    return "".join(f" {word}" for word in sorted(words))
