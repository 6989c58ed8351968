"""What messages need of a language, beside the sentences of the reasons."""

from collections.abc import Mapping

from msgspec import Struct

from scorers.alarms.speech import Language
from scorers.contract.alarms import Skill, Treatment


class Tongue(Struct, frozen=True, kw_only=True):
    """The texts of messages in one language: each table has the same keys in every language, and each text the same places."""

    language: Language
    headlines: Mapping[str, str]  # by kind, with {who}
    milder: Mapping[str, str]  # of the kinds that have another headline
    remedies: Mapping[str, str]  # by kind, with {by}
    treatments: Mapping[Treatment, str]
    steps: Mapping[str, str]  # by kind, in the place of the kind's own treatment
    skills: Mapping[Skill, str]
    ends: Mapping[str, str]  # by outcome
    plans: Mapping[str, tuple[str, ...]]  # steps by exit reason
    texts: Mapping[str, str]  # whole phrases, by name
    weekdays: tuple[str, ...]
    short_months: tuple[str, ...]
