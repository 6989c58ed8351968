"""The settings of worker, clock and trainer, each from one environment variable.

A value that cannot be used raises `UsageError` with its variable and the fix. A secret comes from its variable, or from
the file that the variable with the suffix `_FILE` names; no setting prints it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from scorers.contract.events import HOUR, Duration
from scorers.policy.spans import Span, parse_span
from vigia.runtime.broker import Broker, secret
from vigia.runtime.usage_error import UsageError


class Settings(Struct, frozen=True, kw_only=True):
    """The settings; a field `name` is read from the variable `VIGIA_NAME`."""

    state: Path = Path("var/vigia")  # one folder for each worker, on a local disk
    partitions: int = 8  # of every input; can never change, because customers are assigned by it
    replicas: int = 1
    name: str = ""  # of this worker: if it returns within the session it keeps its partitions
    flush: float = 0.25  # seconds between writes of changed rows
    commit: float = 0.7  # seconds between commits of the inputs
    session: float = 45.0  # seconds without a heartbeat after which a worker counts as dead
    stuck: float = (
        120.0  # seconds without a commit, although records wait and Kafka answers, after which a worker exits
    )
    drain: float = 15.0  # seconds for a stop
    rows: int = 14_000  # customers held decoded in memory
    margin: Duration = (
        HOUR  # figures come into force this long after the newest instant assessed when they were computed
    )
    privacy_key: str = ""  # hashes the ids of erased customers; generated in the state folder if it is empty
    seal: str = ""  # what this process signs with: a secret of the deployment, or its own key
    seal_trust: str = ""  # the public keys that it trusts besides

    def __repr__(self) -> str:
        return f"Settings({self.state}, {self.partitions} partitions)"  # never the secret


SECRETS = ("seal", "seal_trust", "privacy_key")  # read from a file too, and never shown
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
