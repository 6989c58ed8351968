"""The file `console.toml`: where the console listens, who stands in front of it, and how its links begin."""

import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, field

from vigia.console.entry.accounts import Role
from vigia.runtime.broker import is_here
from vigia.runtime.usage_error import UsageError

PROCESSES = {
    "worker": "http://127.0.0.1:9101",
    "notifier": "http://127.0.0.1:9102",
    "trainer": "http://127.0.0.1:9103",
    "clock": "http://127.0.0.1:9104",
    "gateway": "http://127.0.0.1:9105",
}
"""Where the processes serve their metrics, unless the file says otherwise."""


class OpenId(Struct, frozen=True, forbid_unknown_fields=True):
    """Sign-in by OpenID Connect; `roles` says which values of the role's claim give a role, the highest of them counts."""

    issuer: str
    client_id: str
    roles: dict[Role, tuple[str, ...]]
    label: str = "OpenID Connect"
    scope: str = "openid profile email"
    name_claim: str = "preferred_username"
    role_claim: str = "groups"


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """The settings; `processes` are the addresses of the metrics that the page of the processes reads."""

    public_url: str = ""
    proxy: tuple[str, ...] = ()  # addresses from which forwarded headers are believed
    tls_certificate: str = ""
    tls_key: str = ""
    language: str = ""  # of people whose browser asks for none that is known
    openid: OpenId | None = None
    processes: dict[str, str] = field(default_factory=lambda: dict(PROCESSES))

    @property
    def is_encrypted(self) -> bool:
        """Whether browsers speak TLS, with the console or with the proxy in front of it."""
        return bool(self.tls_certificate) or self.public_url.startswith("https://")


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    console: Config = Config()


def read(path: Path | None) -> Config:
    """The settings of a file, or the defaults without one. Raises `UsageError`."""
    if path is None:
        return Config()
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).console
    except OSError as fault:
        raise UsageError(f"--config {path}: {(fault.strerror or 'cannot be read').lower()}") from None
    except (ValueError, msgspec.ValidationError) as fault:
        raise UsageError(f"{path}: {fault}; the table [console] has {', '.join(Config.__struct_fields__)}") from None
    if bool(found.tls_certificate) != bool(found.tls_key):
        raise UsageError(f"{path}: tls_certificate and tls_key go together: set both")
    if found.public_url:
        parts = urlsplit(found.public_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise UsageError(f"{path}: public_url is no address; write one like https://vigia.example.com")
    if found.openid is not None:
        _check_openid(path, found.openid, found.public_url)
    return found


def _check_openid(path: Path, given: OpenId, public_url: str) -> None:
    if not public_url:
        raise UsageError(
            f"{path}: openid needs public_url: the sign-in service leads back to public_url/login/openid/back"
        )
    parts = urlsplit(given.issuer)
    if not parts.hostname or (parts.scheme != "https" and not is_here(parts.hostname)):
        raise UsageError(f"{path}: openid.issuer is {given.issuer!r}; write the address of the service, with https")
    if not given.client_id:
        raise UsageError(f"{path}: openid.client_id is empty; write the id that the service has given to this console")
    if not any(given.roles.values()):
        raise UsageError(f'{path}: openid.roles gives nobody a role; write, for example, owner = ["shop-owners"]')
    if "openid" not in given.scope.split():
        raise UsageError(f"{path}: openid.scope is {given.scope!r}; it needs the word openid")


def check_exposure(config: Config, host: str, has_users: bool) -> None:
    """Raise `UsageError` if others could reach the console unprotected."""
    if is_here(host):
        return
    missing = [] if has_users or config.openid else ["a user (vigia console user add NAME --role owner)"]
    if not config.tls_certificate and not config.proxy:
        missing.append("TLS (tls_certificate and tls_key in console.toml) or the address of a proxy with TLS (proxy)")
    if missing:
        raise UsageError(f"--host {host}: others can reach this address, so it needs {' and '.join(missing)}")
