"""When the certificates end that a process was given.

Files are read when the process starts, as Kafka's and the console's certificates are: one that is renewed on disk is in use after a restart.
"""

from collections.abc import Mapping
from pathlib import Path

from cryptography import x509

AUTHORITIES = {"kafka_ca": "VIGIA_KAFKA_CA", "redis_ca": "VIGIA_REDIS_CA"}
CLIENTS = {"kafka_client": "VIGIA_KAFKA_CERT", "redis_client": "VIGIA_REDIS_CERT"}
NAMES = (*AUTHORITIES, *CLIENTS, "console")
"""All that a series can be about."""


def ends_of(environment: Mapping[str, str], console: str = "") -> dict[str, float]:
    """When each certificate of an environment ends, and that of a console with TLS of its own, in seconds since 1970.

    A chain ends with its first certificate that does. Authorities end with the last one, because a file that holds the former and the
    next authority is good as long as one of them is. A file that cannot be read has no end: who uses it says what is wrong.
    """
    files = {name: (environment.get(variable, ""), max) for name, variable in AUTHORITIES.items()}
    files |= {name: (environment.get(variable, ""), min) for name, variable in CLIENTS.items()}
    files["console"] = console, min
    return {
        name: which(ends) for name, (file, which) in files.items() if file.strip() and (ends := _ends(file.strip()))
    }


def _ends(file: str) -> list[float]:
    """When the certificates of a file end; empty if it cannot be read."""
    try:
        found = x509.load_pem_x509_certificates(Path(file).read_bytes())
    except (OSError, ValueError):
        return []
    return [one.not_valid_after_utc.timestamp() for one in found]
