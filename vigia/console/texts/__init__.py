"""The words of the interface in each language. Templates say English; other languages are a file with the same places."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from alerts.wording.languages import TONGUES
from alerts.wording.nouns import NOUNS


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    """The file of a language: what only the console says."""

    texts: dict[str, str]  # by the English text
    nouns: dict[str, tuple[str, str]]  # singular and plural
    codes: dict[str, str]  # of the console's own lists
    rules: dict[str, str]  # of the notifier


class Words(Struct, frozen=True, kw_only=True):
    """The words of one language."""

    language: str
    texts: Mapping[str, str]  # by the English text
    nouns: Mapping[str, tuple[str, str]]  # singular and plural
    codes: Mapping[str, str]  # of closed lists
    kinds: Mapping[str, str]  # of alarms
    rules: Mapping[str, str]  # of the notifier

    def date(self, date: str) -> str:
        """A date like 2024-05-12 as people say it."""
        return TONGUES[self.language].language.date(date)

    def short(self, date: str) -> str:
        """A date like 2024-05-12 with the short name of the month."""
        year, month, day = date.split("-")
        return f"{int(day)} {TONGUES[self.language].short_months[int(month) - 1]} {year}"


def _words(language: str) -> Words:
    raw = (Path(__file__).parent / f"{language}.toml").read_text(encoding="utf-8")
    own, shared = msgspec.convert(tomllib.loads(raw), _File), NOUNS[language]
    return Words(
        language=language,
        texts=own.texts,
        nouns=own.nouns,
        codes={**shared.names, **own.codes},
        kinds=shared.kinds,
        rules=own.rules,
    )


TEXTS = {language: _words(language) for language in NOUNS}
