"""What a process of the worker's side is told from outside, each value by one environment variable.

A value that cannot be used is named with its variable and the mend. Secrets come from here, or from the file that the
variable with `_FILE` behind names, and from nowhere else; no setting shows them.
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
    """The settings; the name in capitals after `VIGIA_` is the variable's."""

    state: Path = Path("var/vigia")  # one folder per worker, on a local disk
    partitions: int = 8  # of all inputs, for ever: the customers are spread over them
    replicas: int = 1
    name: str = ""  # of this worker: one that comes back within the session gets its partitions back
    flush: float = 0.25  # seconds between writes of changed rows
    commit: float = 0.7  # seconds between commits of the inputs
    session: float = 45.0  # seconds of silence after which a worker counts as gone
    stuck: float = 120.0  # seconds without a commit, though records wait and Kafka answers, after which a worker exits
    drain: float = 15.0  # seconds that a stop may take
    rows: int = 14_000  # customers kept decoded
    margin: Duration = HOUR  # figures come in force so long after what was judged when they were made
    seal: str = ""  # the secret that models are sealed with

    def __repr__(self) -> str:
        return f"Settings({self.state}, {self.partitions} partitions)"  # never the seal


SETTINGS = {f"VIGIA_{name.upper()}": name for name in Settings.__struct_fields__}


def read(environment: Mapping[str, str]) -> Settings:
    """The settings that an environment tells; what it leaves out has its default.

    >>> read({"VIGIA_PARTITIONS": "many"})
    Traceback (most recent call last):
    vigia.runtime.usage_error.UsageError: VIGIA_PARTITIONS='many': Expected `int`, got `str`
    """
    told: dict[str, Any] = {}
    for variable, name in SETTINGS.items():
        text = (secret(environment, variable) if name == "seal" else environment.get(variable, "")).strip()
        if text:
            told[name] = _span(variable, text) if name == "margin" else text
    for name, value in told.items():
        try:
            msgspec.convert({name: value}, Settings, strict=False, dec_hook=_path)
        except msgspec.ValidationError as error:
            shown = "" if name == "seal" else f"={value!r}"
            raise UsageError(f"VIGIA_{name.upper()}{shown}: {str(error).split(' - at')[0]}") from None
    return msgspec.convert(told, Settings, strict=False, dec_hook=_path)


def _span(variable: str, text: str) -> Span:
    try:
        return parse_span(text)
    except ValueError as error:
        raise UsageError(f"{variable}: {error}") from None


def _path(kind: type, value: object) -> Any:
    return kind(value)


__all__ = ["SETTINGS", "Broker", "Settings", "read"]
