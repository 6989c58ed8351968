"""The words of the interface: every text of a template stands in every language, and every code has a word."""

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from alerts.wording.languages import TONGUES
from alerts.wording.nouns import NOUNS
from alerts.wording.playbooks import KINDS
from scorers.contract.alarms import SEVERITIES, Change, LoyaltyType, Outcome, Stage, Tier
from scorers.contract.events import EXIT_REASONS, ActionName
from scorers.contract.rejection import RejectCode
from vigia.console import layout
from vigia.console.texts import TEXTS
from vigia.readmodel.store.items import STATES

ROOT = Path(layout.__file__).parent
PLACE = re.compile(r"\{(\w+)\}")


def texts() -> set[str]:
    """Every text that a template or page says."""
    found = {title for _, title, _ in layout.NAVIGATION}
    for path in ROOT.glob("templates/*.html"):
        found |= {one[1] for one in re.findall(r"""(?<![\w.])_\(\s*(["'])((?:(?!\1).)*)\1""", path.read_text())}
    for path in ROOT.rglob("*.py"):
        found |= {
            one[1]
            for one in re.findall(
                r"""\b(?:view|self|NotSignedIn|BadLink)\(\s*(["'])((?:(?!\1).)+)\1""", path.read_text()
            )
        }
    return found


def test_every_text_is_said_in_spanish_with_the_same_places() -> None:
    """And no text stands there that nothing says: it would be one of before."""
    spanish = TEXTS["es"].texts
    assert texts() - spanish.keys() == set()
    wrong = {text for text, said in spanish.items() if set(PLACE.findall(text)) != set(PLACE.findall(said))}
    assert wrong == set()


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_every_code_has_a_word(language: str) -> None:
    """No page says a code where a word is meant (but the policy and the API)."""
    words = TEXTS[language]
    codes = {
        *get_args(Stage),
        *get_args(Tier),
        *get_args(LoyaltyType),
        *get_args(Outcome),
        *SEVERITIES,
        *get_args(Change),
        *(reason for reason in EXIT_REASONS if not reason.startswith("other")),
        *(f"did_{action}" for action in get_args(ActionName)),
        *(f"reject_{code}" for code in get_args(RejectCode)),
        *(f"state_{state}" for state in STATES),
    }
    assert codes - words.codes.keys() == set()
    assert KINDS - words.kinds.keys() == set()


def test_every_language_has_the_same_keys() -> None:
    """In each table of its file but the texts, which English has in its templates; and in what messages and console share."""
    for language, words in TEXTS.items():
        for table in ("nouns", "codes", "kinds", "rules"):
            missing = getattr(TEXTS["en"], table).keys() ^ getattr(words, table).keys()
            assert missing == set(), (language, table)
        assert all(
            said.strip() for table in (words.texts, words.codes, words.kinds, words.rules) for said in table.values()
        )


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_messages_and_console_have_one_word_for_one_thing(language: str) -> None:
    """The console adds lists of its own and changes none of the shared ones; sentences of reasons say the same."""
    own = tomllib.loads((ROOT / "texts" / f"{language}.toml").read_text())["codes"]
    shared = NOUNS[language].names
    assert own.keys() & shared.keys() == set()
    said = TONGUES[language].language.words
    differ = {code for code in shared.keys() & said.keys() if shared[code] != said[code]}
    assert differ <= {"critical"}, "of a complaint it is another word"
