"""Watches the file of the policy, so that a change is put in force without a restart (A12)."""

import logging
from pathlib import Path
from typing import NamedTuple

from scorers.policy.reading import PolicyError, parse_policy
from scorers.policy.tables import Policy

log = logging.getLogger(__name__)


class Changed(NamedTuple):
    """A policy that the file holds now, and its text."""

    policy: Policy
    text: str


class WatchedPolicy:
    """A file of a policy, by its content.

    `refused`: it cannot be used now, and the former policy stays in force. `changes` counts the policies that the clock has taken from it.
    """

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._seen = text, ""  # the content, or why it cannot be read
        self.refused = False
        self.changes = 0

    def look(self) -> Changed | None:
        """The policy, if the content has changed since the last look and can be used; a fault is logged once."""
        text, fault = self._read()
        if (text, fault) == self._seen:
            return None
        self._seen = text, fault
        try:
            policy = None if fault else parse_policy(text, str(self._path))
        except PolicyError as error:
            policy, fault = None, str(error)
        self.refused = policy is None
        if policy is None:
            log.error("the policy is refused, and the former one stays in force: %s", fault)
            return None
        return Changed(policy, text)

    def _read(self) -> tuple[str, str]:
        try:
            return self._path.read_text(encoding="utf-8-sig"), ""
        except OSError as error:
            return "", f"{self._path}: {(error.strerror or 'cannot be read').lower()}"
        except UnicodeDecodeError:
            return "", f"{self._path}: not UTF-8 text; save it as UTF-8"
