"""Secrets: read from the environment or from a file, shown to nobody.

Routes may name where a secret lies, never hold one; so a routes file can be shared, logged and put under version
control.
"""

import re
from collections.abc import Mapping
from pathlib import Path

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


class Secret:
    """A word that prints as stars.

    >>> Secret("open sesame")
    Secret('***')
    >>> f"{Secret('open sesame')}"
    '***'
    """

    __slots__ = ("_word",)

    def __init__(self, word: str) -> None:
        self._word = word

    def reveal(self) -> str:
        """The word itself, for the one line that needs it."""
        return self._word

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


class NoSecret(LookupError):
    """A secret is not where the routes say; the sentence says how to mend it."""


def from_environment(name: str, environment: Mapping[str, str]) -> Secret:
    """The secret in this environment variable."""
    word = environment.get(name, "").strip()
    if not word:
        raise NoSecret(f"the environment variable {spoken(name)} is not set; set it to the secret before starting")
    return Secret(word)


def spoken(name: str) -> str:
    """A variable's name, unless it may be the secret itself, written where its name belongs.

    >>> spoken("MAIL_PASSWORD"), spoken("hunter2")
    ('MAIL_PASSWORD', '(not shown, as it is no name in capitals)')
    """
    return name if _VARIABLE.fullmatch(name) else "(not shown, as it is no name in capitals)"


def from_file(path: str) -> Secret:
    """The secret in this file, without the line end."""
    try:
        word = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as fault:
        raise NoSecret(
            f"the secret file {path} cannot be read ({type(fault).__name__}); mount it or mend its rights"
        ) from None
    if not word:
        raise NoSecret(f"the secret file {path} is empty; write the secret into it")
    return Secret(word)
