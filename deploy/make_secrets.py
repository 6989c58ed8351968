"""Write the secrets of docker-compose.yml into a folder, once: `make_secrets.py DIR`. What is there already stays.

A secret is generated, unless the environment has it (VIGIA_SEAL, VIGIA_PRIVACY_KEY, GRAFANA_PASSWORD), which then replaces the file.
The gateway gets a token of its own: `token` for the sender, its digest in `gateway.toml`.
"""

import hashlib
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

HEX = 32  # bytes of a key

GENERATED = {
    # file: variable that may give it, mode (Grafana runs as another user)
    "seal": ("VIGIA_SEAL", 0o400),
    "privacy.key": ("VIGIA_PRIVACY_KEY", 0o400),
    "grafana": ("GRAFANA_PASSWORD", 0o444),
}


def write(path: Path, text: str, mode: int) -> None:
    """Write a file whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(f"{text}\n")
        os.fchmod(file.fileno(), mode)
    new.replace(path)


def make(folder: Path, environment: Mapping[str, str]) -> None:
    """Write what is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (variable, mode) in GENERATED.items():
        given = environment.get(variable, "").strip()
        if given or not (folder / name).exists():
            write(folder / name, given or secrets.token_hex(HEX), mode)
    if not (folder / "gateway.toml").exists():
        token = f"vigia_{secrets.token_urlsafe(HEX)}"
        write(folder / "token", token, 0o400)
        digest = hashlib.sha256(token.encode()).hexdigest()
        write(folder / "gateway.toml", f'[token.compose]\ndigest = "{digest}"', 0o400)


if __name__ == "__main__":
    make(Path(sys.argv[1]), os.environ)
