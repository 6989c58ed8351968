"""Where a process finds its keys: in the settings, or else in a file that was generated on this machine."""

import secrets
from pathlib import Path

import msgspec
import typer

from streams.records.signing import keyring
from vigia.runtime.broker import Broker
from vigia.runtime.privacy.secret_file import write_secret
from vigia.runtime.settings import Settings, state_folder
from vigia.runtime.usage_error import UsageError

FILE = "seal"  # in the state folder of `vigia up`, or in that of this user


def with_keys(config: Settings, broker: Broker) -> Settings:
    """The settings with a secret: the given one, that of `vigia up` with this state folder, or that of this user.

    The processes of one user on one machine find the same file. Elsewhere there is no common file, so keys must be given.
    """
    if config.seal or config.seal_trust:
        keyring(config.seal, config.seal_trust)  # a wrong one is named before anything starts
        return config
    of_up = config.state / FILE
    if of_up.is_file():
        return msgspec.structs.replace(config, seal=kept_in(of_up))
    if not broker.is_here:
        raise UsageError(
            f"control records are signed: for Kafka at {broker.address} set VIGIA_SEAL, "
            f"or VIGIA_SEAL and VIGIA_SEAL_TRUST to keys of 'vigia seal new' (docs/operations.md, Keys)"
        )
    return msgspec.structs.replace(config, seal=generated(of_this_user()))


def of_this_user() -> Path:
    """The file of the processes that this user starts one by one on this machine."""
    return state_folder() / FILE


def found(config: Settings) -> Settings:
    """The settings with the secret that processes on this machine have generated, if none is given; nothing is made."""
    if config.seal or config.seal_trust:
        return config
    kept = next((path for path in (config.state / FILE, of_this_user()) if path.is_file()), None)
    return config if kept is None else msgspec.structs.replace(config, seal=kept_in(kept))


def generated(path: Path) -> str:
    """The secret in a file, which is made if it is missing; only its user may read it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            write_secret(path, secrets.token_hex(32))
            typer.echo(
                f"VIGIA_SEAL is not set; models are signed with a generated secret, kept in {path}, like all that is put in force",
                err=True,
            )
    except OSError as fault:
        raise UsageError(f"{path}: {(fault.strerror or 'cannot be written').lower()}: set VIGIA_SEAL") from None
    return kept_in(path)


def kept_in(path: Path) -> str:
    """The secret in a file."""
    text = path.read_text(encoding="ascii").strip()
    if not text:
        raise UsageError(
            f"{path} is empty: set VIGIA_SEAL, or delete the file to generate a new secret (old models are then rejected)"
        )
    return text
