"""Sentences from templates: one machine for all languages, which a `Language` feeds with words.

A template holds places such as `{last:date}`: the name of a value and the form in which it is said. Values are numbers and text, so
another language says the same sentence from the same values, and no text is ever read.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from string import Formatter

from msgspec import Struct

from scorers.contract.events import DAY, HOUR, MINUTE

Value = int | float | str
Values = Mapping[str, Value]


class Language(Struct, frozen=True, kw_only=True):
    """The words of one language."""

    code: str
    sentences: Mapping[str, str]  # templates by the name of the sentence
    nouns: Mapping[str, tuple[str, str]]  # singular and plural
    words: Mapping[str, str]  # of codes, such as tiers
    months: tuple[str, ...]
    day: str  # {day}, {month}
    day_of_year: str  # and {year}
    every_day: str
    every: str  # {span}
    closed: str  # {n} of some days
    thing: str  # what was bought, of which only a number is known
    thousands: str = ","
    point: str = "."

    def say(self, sentence: str, values: Values, today: str = "") -> str:
        """The sentence with its values; a date of the year of `today`, which is one like 2024-05-12, is said without the year."""
        return "".join(
            [
                literal if name is None else literal + _FORMS[form](self, values[name], what, today)
                for literal, name, form, what in _parts(self.sentences[sentence])
            ]
        )

    def count(self, number: int, noun: str) -> str:
        """The number with its noun.

        >>> from scorers.alarms.english import ENGLISH
        >>> ENGLISH.count(1, "day"), ENGLISH.count(1200, "day")
        ('1 day', '1,200 days')
        """
        one, many = self.nouns[noun]
        return f"{f'{number:,}'.replace(',', self.thousands)} {one if number == 1 else many}"

    def span(self, duration: int) -> str:
        """A length of time, in the unit in which people would say it.

        >>> from scorers.alarms.english import ENGLISH
        >>> ENGLISH.span(3 * HOUR), ENGLISH.span(5 * DAY), ENGLISH.span(MINUTE)
        ('3 hours', '5 days', '1 minute')
        """
        if duration < 2 * HOUR:
            return self.count(max(1, round(duration / MINUTE)), "minute")
        if duration < 2 * DAY:
            return self.count(round(duration / HOUR), "hour")
        return self.count(round(duration / DAY), "day")

    def date(self, date: str, today: str = "") -> str:
        """A date like 2024-05-12 as people say it.

        >>> from scorers.alarms.english import ENGLISH
        >>> ENGLISH.date("2024-05-12", "2024-06-01"), ENGLISH.date("2023-05-12", "2024-06-01")
        ('12 May', '12 May 2023')
        """
        year, month, day = date.split("-")
        form = self.day if year == today[:4] else self.day_of_year
        return form.format(day=int(day), month=self.months[int(month) - 1], year=year)


def places(template: str) -> frozenset[str]:
    """The names of the values that a template needs."""
    return frozenset(name for _, name, _, _ in _parts(template) if name is not None)


@lru_cache(maxsize=1024)
def _parts(template: str) -> tuple[tuple[str, str | None, str, str], ...]:
    found = []
    for literal, name, form, _ in Formatter().parse(template):
        kind, _, what = (form or "").partition(" ")
        found.append((literal, name, kind, what))
    return tuple(found)


def _every(language: Language, days: Value, what: str, today: str) -> str:
    n = round(float(days))
    return language.every_day if n <= 1 else language.every.format(span=language.count(n, "day"))


def _thing(language: Language, thing: Value, what: str, today: str) -> str:
    """What was bought, by its name if the shop's code for it is one."""
    name = str(thing)
    return name if name.replace(" ", "").replace("-", "").isalpha() else language.thing + _in_brackets(name)


def _in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


_FORMS: dict[str, Callable[[Language, Value, str, str], str]] = {
    "": lambda language, value, what, today: str(value),
    "count": lambda language, value, what, today: language.count(int(value), what),
    "days": lambda language, value, what, today: language.count(round(float(value)), "day"),
    "every": _every,
    "span": lambda language, value, what, today: language.span(int(value)),
    "date": lambda language, value, what, today: language.date(str(value), today),
    "word": lambda language, value, what, today: language.words.get(str(value), str(value).replace("_", " ")),
    "decimal": lambda language, value, what, today: f"{value:.1f}".replace(".", language.point),
    "closed": lambda language, days, what, today: language.closed.format(n=days) if days else "",
    "thing": _thing,
    "brackets": lambda language, value, what, today: _in_brackets(str(value)),
}
