"""The worklist of a date as lines of a digest: whom to call, why, what is at stake and what to do."""

from collections.abc import Sequence

from msgspec import Struct

from alerts.wording.formats import money, percent
from alerts.wording.languages import TONGUES, said_of
from scorers.contract.inert import inert
from scorers.contract.worklist import WorklistEntry

NAMED = 3  # customers that a title names


class Listed(Struct, frozen=True):
    """An entry with the name of its customer, empty if it is not known."""

    entry: WorklistEntry
    name: str = ""


def whom(listed: Listed, language: str) -> str:
    """The customer by name, else by id, and the tier."""
    tier = TONGUES[language].language.words[listed.entry.tier]
    return f"{inert(listed.name or listed.entry.customer_id, 80)} ({tier})"


def heading(listed: Sequence[Listed], language: str) -> str:
    """The date, and whom the list begins with."""
    tongue = TONGUES[language]
    names = ", ".join(whom(one, language) for one in listed[:NAMED])
    rest = len(listed) - NAMED
    shown = tongue.texts["and_more"].format(names=names, number=rest) if rest > 0 else names
    date = tongue.language.date(listed[0].entry.date, listed[0].entry.date)
    return tongue.texts["worklist"].format(date=date, whom=shown)


def lines(listed: Sequence[Listed], language: str) -> list[str]:
    """One line for each customer, and how many more there are for whom an effort would pay."""
    tongue = TONGUES[language]
    found = []
    for one in listed:
        entry = one.entry
        why = said_of(entry.reasons[0], entry.date, language) if entry.reasons else ""
        text = tongue.texts["entry"].format(
            rank=entry.rank,
            who=whom(one, language),
            loss=money(entry.expected_loss_minor, entry.currency, tongue),
            percent=percent(entry.risk, tongue),
            worth=money(entry.worth_minor, entry.currency, tongue),
        )
        found.append(" ".join(part for part in (text, why, tongue.treatments[entry.treatment]) if part))
    last = listed[-1].entry
    if (more := last.listed + last.not_listed - len(listed)) > 0:
        found.append(tongue.texts["unfunded"].format(number=f"{more:,}".replace(",", tongue.language.thousands)))
    return found
