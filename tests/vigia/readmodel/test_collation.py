# ruff: noqa: RUF001
"""The order of names with letters that are not in the alphabet of English."""

import importlib
import random
import types

import pytest

from vigia.readmodel import collation

ALIKE = {"Ægir": "aegir", "Đorđe": "dorde", "Ħal": "hal", "ısıl": "isil", "Łukasz": "lukasz", "Œuvre": "oeuvre",
         "Øystein": "oystein", "Straße": "strasse", "Þór": "thor", "Żaneta": "zaneta", "ɓa": "ba", "Ŋa": "na"}  # fmt: skip


@pytest.mark.parametrize(("name", "plain"), ALIKE.items())
def test_a_letter_stands_by_the_letter_it_is_made_of(name: str, plain: str) -> None:
    """Strokes, hooks, ligatures and letters of other alphabets of Latin."""
    assert collation.plain(name) == plain


def test_nothing_latin_stands_behind_z() -> None:
    """The whole kind: no Latin letter of a European name is left behind the alphabet."""
    letters = [chr(code) for code in range(0xC0, 0x180) if chr(code).isalpha()]
    assert [letter for letter in letters if not "a" <= collation.plain(letter) <= "zz"] == []


def test_other_scripts_keep_their_order() -> None:
    """Greek and Cyrillic stand behind Latin, in their own order."""
    names = ["Zoe", "Άννα", "Βασίλης", "Анна", "Борис"]
    shuffled = random.Random(1).sample(names, len(names))
    assert sorted(shuffled, key=collation.plain) == names


def test_icu_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its root collation gives the keys; without it, ours."""
    real = importlib.import_module

    def absent(name: str) -> types.ModuleType:
        if name == "icu":
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr(collation, "import_module", absent)
    assert collation.sort_key() is collation.plain
    icu = types.SimpleNamespace(
        Locale=types.SimpleNamespace(getRoot=lambda: "root"),
        Collator=types.SimpleNamespace(
            createInstance=lambda locale: types.SimpleNamespace(getSortKey=lambda name: (locale, name))
        ),
    )
    monkeypatch.setattr(collation, "import_module", lambda name: icu)
    assert collation.sort_key()("Ana") == ("root", "Ana")
