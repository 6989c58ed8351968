"""The settings of worker, clock and trainer, each from one environment variable.

A value that cannot be used raises `UsageError` with its variable and the fix. A secret comes from its variable, or from
the file that the variable with the suffix `_FILE` names; no setting prints it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct, field

from scorers.contract.events import HOUR, Duration
from scorers.policy.spans import Span, parse_span
from vigia.runtime.broker import Broker, secret
from vigia.runtime.usage_error import UsageError


def state_folder() -> Path:
    """Where state lies unless VIGIA_STATE says otherwise: the same folder from wherever a command is started."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "vigia"


class Settings(Struct, frozen=True, kw_only=True):
    """The settings; a field `name` is read from the variable `VIGIA_NAME`, and `MEANINGS` explains it."""

    state: Path = field(default_factory=state_folder)
    partitions: int = 8
    replicas: int = 1
    name: str = ""
    flush: float = 0.25
    commit: float = 0.7
    session: float = 45.0
    stuck: float = 120.0
    drain: float = 15.0
    rows: int = 14_000
    margin: Duration = HOUR
    privacy_key: str = ""
    link_secret: str = ""
    openid_secret: str = ""
    seal: str = ""
    seal_trust: str = ""

    def __repr__(self) -> str:
        return f"Settings({self.state}, {self.partitions} partitions)"  # never the secret


class Meaning(NamedTuple):
    """What a setting means, for docs/settings.md; `shown` is its default in words, where the value says little."""

    text: str
    shown: str = ""


MEANINGS: dict[str, Meaning] = {
    "state": Meaning(
        "folder of rows and generated keys, on a local disk; each worker needs one of its own",
        "`$XDG_STATE_HOME/vigia`, else `~/.local/state/vigia`",
    ),
    "partitions": Meaning("partitions of every input; can never change, because customers are assigned by it"),
    "replicas": Meaning("least replicas of every topic"),
    "name": Meaning("name of this worker: if it returns within the session it keeps its partitions", "none"),
    "flush": Meaning("seconds between writes of changed rows"),
    "commit": Meaning("seconds between commits of the inputs"),
    "session": Meaning("seconds without a heartbeat after which a worker counts as dead"),
    "stuck": Meaning("seconds without a commit, although records wait and Kafka answers, after which a worker exits"),
    "drain": Meaning("seconds for a stop"),
    "rows": Meaning("customers held decoded in memory"),
    "margin": Meaning(
        "span after the newest instant assessed, when figures were computed, until they are in force", "`1h`"
    ),
    "privacy_key": Meaning(
        "key that hashes the ids of erased customers, the same for all processes", "generated in the state folder"
    ),
    "link_secret": Meaning(
        "secret that signs the links in messages, the same for notifiers and consoles; two, separated by a blank, while one "
        "replaces the other",
        "generated in the state folder",
    ),
    "openid_secret": Meaning("secret of the console at the service of `[console.openid]`", "none"),
    "seal": Meaning(
        "what this process signs with: a secret of the deployment, or its own key", "generated on this machine"
    ),
    "seal_trust": Meaning("public keys that this process trusts besides", "none"),
}

SECRETS = ("seal", "seal_trust", "privacy_key", "link_secret", "openid_secret")  # read from a file too, and never shown
SETTINGS = {f"VIGIA_{name.upper()}": name for name in Settings.__struct_fields__}


def read(environment: Mapping[str, str]) -> Settings:
    """Read the settings from environment variables; a missing one has its default.

    >>> read({"VIGIA_PARTITIONS": "many"})
    Traceback (most recent call last):
    vigia.runtime.usage_error.UsageError: VIGIA_PARTITIONS='many': Expected `int`, got `str`
    """
    given: dict[str, Any] = {}
    for variable, name in SETTINGS.items():
        text = (secret(environment, variable) if name in SECRETS else environment.get(variable, "")).strip()
        if text:
            given[name] = _span(variable, text) if name == "margin" else text
    for name, value in given.items():
        try:
            msgspec.convert({name: value}, Settings, strict=False, dec_hook=_path)
        except msgspec.ValidationError as error:
            shown = "" if name in SECRETS else f"={value!r}"
            raise UsageError(f"VIGIA_{name.upper()}{shown}: {str(error).split(' - at')[0]}") from None
    return msgspec.convert(given, Settings, strict=False, dec_hook=_path)


def _span(variable: str, text: str) -> Span:
    try:
        return parse_span(text)
    except ValueError as error:
        raise UsageError(f"{variable}: {error}") from None


def _path(kind: type, value: object) -> Any:
    return kind(value)


__all__ = ["SETTINGS", "Broker", "Settings", "read"]
