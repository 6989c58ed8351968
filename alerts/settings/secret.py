"""Secrets: read from the environment or from a file, and never shown.

Routes name the place of a secret and never hold one, so a routes file can be shared, logged and put under version
control.
"""

import re
from collections.abc import Mapping
from pathlib import Path

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


class Secret:
    """A value that prints as stars.

    >>> Secret("open sesame")
    Secret('***')
    >>> f"{Secret('open sesame')}"
    '***'
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one line that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __reduce__(self) -> str:
        raise TypeError("a secret cannot be pickled")


class NoSecret(LookupError):
    """A secret is not where the routes say; the message says how to correct that."""


def from_environment(name: str, environment: Mapping[str, str]) -> Secret:
    """The secret in this environment variable."""
    value = environment.get(name, "").strip()
    if not value:
        raise NoSecret(f"the environment variable {if_name(name)} is not set; set it to the secret before starting")
    return Secret(value)


def if_name(name: str) -> str:
    """The name of a variable, unless the text may be the secret itself, written in the place of its name.

    >>> if_name("MAIL_PASSWORD"), if_name("hunter2")
    ('MAIL_PASSWORD', '(not shown, as it is not a name in capitals)')
    """
    return name if _VARIABLE.fullmatch(name) else "(not shown, as it is not a name in capitals)"


def from_file(path: str) -> Secret:
    """The secret in this file, without the line end."""
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as fault:
        raise NoSecret(
            f"the secret file {path} cannot be read ({type(fault).__name__}); mount it or correct its permissions"
        ) from None
    if not value:
        raise NoSecret(f"the secret file {path} is empty; write the secret into it")
    return Secret(value)
