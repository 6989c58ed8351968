"""What the report says in a language: texts with values, names of codes, numbers, shares and money."""

from fractions import Fraction

from msgspec import Struct

from alerts.wording.formats import money
from alerts.wording.languages import TONGUES
from alerts.wording.nouns import NOUNS
from alerts.wording.tongue import Tongue
from scorers.contract.currencies import minor_digits
from scorers.contract.inert import inert
from vigia.report import english, spanish
from vigia.report.figures import MIN_AT_RISK, Share

LANGUAGES = {"en": english, "es": spanish}


class Words(Struct, frozen=True):
    """The words of one language."""

    texts: dict[str, str]
    names: dict[str, str]
    tongue: Tongue

    @classmethod
    def of(cls, language: str) -> "Words":
        """The words of a language of `LANGUAGES`."""
        module = LANGUAGES[language]
        return cls(module.TEXTS, {**NOUNS[language].names, "other": module.TEXTS["other"]}, TONGUES[language])

    def say(self, key: str, **values: object) -> str:
        """A text with its values."""
        return self.texts[key].format(**values)

    def name(self, code: str) -> str:
        """A code as people read it; one that is not known as it came, harmless."""
        return self.names.get(code) or inert(code.removeprefix("other:").replace("_", " "), 60)

    def number(self, value: int) -> str:
        """A whole number.

        >>> Words.of("es").number(1234567)
        '1.234.567'
        """
        return f"{value:,}".replace(",", self.tongue.language.thousands)

    def decimal(self, value: float) -> str:
        """A number with one place."""
        return f"{value:.1f}".replace(".", self.tongue.language.point)

    def share(self, share: Share) -> str:
        """A share in hundredths, or that there are too few.

        >>> Words.of("en").share(Share(1, 3)), Words.of("en").share(Share(10, 30))
        ('not known (fewer than 20 customers)', '33%')
        """
        if share.value is None:
            return self.say("not_known", n=MIN_AT_RISK)
        return self.tongue.texts["percent"].format(percent=f"{100 * share.value:.0f}")

    def amount(self, minor: int, currency: str | None) -> str:
        """An amount in whole units.

        >>> Words.of("en").amount(123450, "EUR")
        'EUR 1,234'
        """
        scale = 10 ** minor_digits(currency)
        whole = round(Fraction(minor, scale)) * scale
        cents = f"{self.tongue.language.point}{'0' * minor_digits(currency)}"
        told = money(whole, currency, self.tongue)
        return told.replace(cents, "", 1) if minor_digits(currency) else told
