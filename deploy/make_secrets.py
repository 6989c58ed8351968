"""Write the secrets of docker-compose.yml into a folder, once: `make_secrets.py DIR`. What is there already stays.

A secret is generated, unless the environment has it (VIGIA_SEAL, VIGIA_PRIVACY_KEY, VIGIA_LINK_SECRET, VIGIA_OWNER_PASSWORD,
GRAFANA_PASSWORD), which then replaces the file. The gateway gets a token of its own: `token` for the sender, its digest in
`gateway.toml`. With VIGIA_ADDRESS, the name under which the proxy is reached, and VIGIA_PROXY, its address, the settings of the
console are written too, at each start.
"""

import hashlib
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

KEY, PASSWORD = 32, 12  # bytes that are drawn

GENERATED = {
    # file: variable that may give it, mode (Grafana runs as another user), bytes
    "seal": ("VIGIA_SEAL", 0o400, KEY),
    "privacy.key": ("VIGIA_PRIVACY_KEY", 0o400, KEY),
    "link": ("VIGIA_LINK_SECRET", 0o400, KEY),
    "owner": ("VIGIA_OWNER_PASSWORD", 0o400, PASSWORD),
    "grafana": ("GRAFANA_PASSWORD", 0o444, PASSWORD),
}

CONSOLE = """[console]
public_url = "https://{address}"
proxy = ["{proxy}"]

[console.processes]
worker = "http://worker:9101"
notifier = "http://notifier:9102"
trainer = "http://trainer:9103"
clock = "http://clock:9104"
gateway = "http://gateway:9105"
"""


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
    for name, (variable, mode, size) in GENERATED.items():
        given = environment.get(variable, "").strip()
        if given or not (folder / name).exists():
            write(folder / name, given or secrets.token_hex(size), mode)
    if not (folder / "gateway.toml").exists():
        token = f"vigia_{secrets.token_urlsafe(KEY)}"
        write(folder / "token", token, 0o400)
        digest = hashlib.sha256(token.encode()).hexdigest()
        write(folder / "gateway.toml", f'[token.compose]\ndigest = "{digest}"', 0o400)
    if address := environment.get("VIGIA_ADDRESS", "").strip():
        write(
            folder / "console.toml", CONSOLE.format(address=address, proxy=environment["VIGIA_PROXY"]).rstrip(), 0o400
        )


if __name__ == "__main__":
    make(Path(sys.argv[1]), os.environ)
