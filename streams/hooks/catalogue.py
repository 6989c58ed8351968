"""Every type of hook with its adapter, and the hooks of a gateway.toml made ready: their secrets read, their options checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import structs

from scorers.contract.events import Micros
from streams.gateway.tokens import Token
from streams.hooks.delivery import Adapter, Delivery, Draft, Drafts, Unusable, Wanted
from streams.hooks.settings import COMMON, HookSettings, Table, Verify
from streams.hooks.signing import Signed, refused_basic, refused_header, refused_signature, whsec
from streams.hooks.vendors import (
    chatwoot,
    clover,
    freshdesk,
    intercom,
    lightspeed,
    mapped,
    shopify,
    square,
    standard,
    stripe,
    toast,
    woocommerce,
    zendesk,
)
from vigia.runtime.broker import secret

ADAPTERS: dict[str, Adapter] = {
    "square": square.ADAPTER,
    "shopify": shopify.ADAPTER,
    "stripe": stripe.ADAPTER,
    "toast": toast.ADAPTER,
    "lightspeed": lightspeed.ADAPTER,
    "clover": clover.ADAPTER,
    "zendesk": zendesk.ADAPTER,
    "freshdesk": freshdesk.ADAPTER,
    "intercom": intercom.ADAPTER,
    "chatwoot": chatwoot.ADAPTER,
    "standard": standard.ADAPTER,
    "woocommerce": woocommerce.ADAPTER,
    "map": mapped.ADAPTER,
}
CARRIERS = ("standard", "map")
"""Types that carry any event of the contract, under the rules of tokens."""


class Hook(NamedTuple):
    """One hook, ready to take deliveries."""

    name: str
    settings: HookSettings
    adapter: Adapter
    verify: Verify
    secrets: tuple[str, ...]
    token: Token
    """What its events may be."""
    tokens: tuple[str, ...] = ()
    """What opens the vendor's API."""

    @property
    def source(self) -> str:
        """The source of its events."""
        return self.settings.source or self.name

    def refused(self, headers: Mapping[str, str], body: bytes, now: Micros) -> str:
        """Why the delivery is not from whom it says; empty if it is."""
        if self.verify == "none":
            return ""
        if self.verify == "basic":
            return refused_basic(self.secrets, headers)
        if self.verify == "header":
            return refused_header(self.settings.header or self.adapter.header, self.secrets, headers)
        assert self.adapter.signature is not None
        signed = Signed(headers, body, self.settings.notification_url)
        return refused_signature(self.adapter.signature, self.secrets, signed, now)

    def wants(self, headers: Mapping[str, str], body: bytes, now: Micros) -> list[Wanted] | str | None:
        """The objects that a delivery only names, or why it names none; None if it holds them itself. Raises `Unusable`."""
        return self.adapter.wants(Delivery(headers, body, self.settings, now)) if self.adapter.wants else None

    def drafts(self, headers: Mapping[str, str], body: bytes, now: Micros) -> Drafts:
        """The events of a delivery that is accepted, with their source. Raises `Unusable`."""
        try:
            found = self.adapter.read(Delivery(headers, body, self.settings, now))
        except Unusable:
            raise
        except (ArithmeticError, ValueError):  # ValueError: an integer of thousands of digits cannot be written
            raise Unusable("an amount is too large to compute with") from None
        if isinstance(found, str):
            return found
        return [Draft(self._with_source(one.fields), one.sale) for one in found]

    def _with_source(self, fields: dict[str, Any]) -> dict[str, Any]:
        return (
            {"source": self.source, **fields} if self.settings.type in CARRIERS else {**fields, "source": self.source}
        )


def ready(tables: Mapping[str, Table], environment: Mapping[str, str]) -> dict[str, Hook]:
    """The hooks of these tables, by name. Raises `UsageError`."""
    return {name: prepared(table, environment) for name, table in tables.items()}


def prepared(table: Table, environment: Mapping[str, str] | None) -> Hook:
    """The hook of a table; without an environment for its secret it verifies nothing. Raises `UsageError`."""
    settings = table.settings
    if settings.map:
        settings = structs.replace(settings, map=str(Path(table.text.name).parent / settings.map))
        table = structs.replace(table, settings=settings)
    adapter = ADAPTERS[settings.type]
    for key in HookSettings.__struct_fields__:
        allowed = key in COMMON or key in adapter.options
        if not allowed and getattr(settings, key) != getattr(HookSettings(type=settings.type), key):
            has = ", ".join(sorted((*COMMON, *adapter.options)))
            raise table.wrong(key, f"is not for hooks of type {settings.type}; they have {has}")
    verify = _verify(table, adapter) if environment is not None else "none"
    secrets = _secrets(table, environment) if environment is not None and verify != "none" else ()
    if verify == "signature":
        _check_signed(table, adapter, secrets)
    if environment is not None or settings.type == "map":
        adapter.check(table)
    tokens = _words(table, "token_env", environment) if environment is not None and settings.token_env else ()
    return Hook(table.name, settings, adapter, verify, secrets, _token(table.name, settings, adapter), tokens)


def _verify(table: Table, adapter: Adapter) -> Verify:
    settings = table.settings
    if settings.verify == "signature" and adapter.signature is None:
        raise table.wrong("verify", f"is for vendors that sign; {settings.type} does not: write 'header' or 'basic'")
    return settings.verify or ("signature" if adapter.signature is not None else "header")


def _secrets(table: Table, environment: Mapping[str, str]) -> tuple[str, ...]:
    variable = table.settings.secret_env
    if not variable:
        raise table.wrong("secret_env", "is missing; name the environment variable that holds the hook's secret")
    return _words(table, "secret_env", environment)


def _words(table: Table, key: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The secrets in the variable that a key names."""
    variable: str = getattr(table.settings, key)
    found = tuple(secret(environment, variable).split())
    if not found:
        raise table.wrong(key, f"names {variable}, which is not set; set it, or {variable}_FILE")
    return found


def _check_signed(table: Table, adapter: Adapter, secrets: tuple[str, ...]) -> None:
    """Fail where signatures could never fit."""
    if "notification_url" in adapter.options and not table.settings.notification_url:
        raise table.wrong(
            "notification_url", "is missing; write the address that the vendor calls, as it is entered there"
        )
    if adapter.signature is not None and adapter.signature.key is whsec:
        try:
            if all(map(whsec, secrets)):
                return
        except ValueError:
            pass
        variable = table.settings.secret_env
        raise table.wrong(
            "secret_env", f"names {variable}, which is not base64 after whsec_; copy the secret as the sender shows it"
        )


def _token(name: str, settings: HookSettings, adapter: Adapter) -> Token:
    if settings.type in CARRIERS:
        return Token(f"hooks/{name}", "", (settings.source,) if settings.source else None, settings.types)
    erases = ("customer.erased",) if settings.erase else ()
    return Token(f"hooks/{name}", "", (settings.source or name,), (*adapter.types, *erases))
