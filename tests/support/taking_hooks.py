"""Hooks that take deliveries of vendors: what they make of a body, and the vendors' signatures."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from streams.gateway.settings import SettingsText
from streams.hooks.catalogue import ADAPTERS, Hook, prepared, ready
from streams.hooks.delivery import Draft
from streams.hooks.settings import HookSettings, Table, read_hooks
from streams.hooks.signing import Signed
from tests.support.paths import ROOT

NOW = 1_714_979_400_000_000  # 2024-05-06T07:10:00Z
SECRET = "whsec_dGhlLXNlY3JldC1vZi10aGUtdGVzdHM="
URL = "https://vigia.example/v1/hooks/square"
BOOKING_MAP = str(ROOT / "deploy" / "booking-map.toml")
OPTIONS: dict[str, dict[str, Any]] = {
    "square": {"notification_url": URL},
    "shopify": {"erase": True},
    "clover": {"token_env": "SECRET"},
    "map": {"map": BOOKING_MAP, "rows": "$.bookings[*]"},
}


def hook(type: str, **settings: Any) -> Hook:
    """A hook of a type, named like it, with the secret of the tests."""
    written = {"type": type, "secret_env": "SECRET", **OPTIONS.get(type, {}), **settings}
    lines = "\n".join(f"{key} = {_toml(value)}" for key, value in written.items())
    return ready(read_hooks(f"[hook.{type}]\n{lines}\n", "gateway.toml"), {"SECRET": SECRET})[type]


def unverified(type: str, **settings: Any) -> Hook:
    """A hook that verifies nothing."""
    return prepared(Table(type, HookSettings(type=type, **settings), SettingsText("", "test")), None)  # type: ignore[arg-type]


def drafts(type: str, body: Any, headers: Mapping[str, str] | None = None, **settings: Any) -> list[Draft] | str:
    """What a body gives."""
    raw = raw_of(body)
    return unverified(type, **settings).drafts(headers or {}, raw, NOW)


def raw_of(body: Any) -> bytes:
    """The bytes of a body."""
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def events(type: str, body: Any, headers: Mapping[str, str] | None = None, **settings: Any) -> list[dict[str, Any]]:
    """The events that a body gives."""
    found = drafts(type, body, headers, **settings)
    assert not isinstance(found, str), found
    return [one.fields for one in found]


def signed(type: str, body: bytes, headers: Mapping[str, str], at: float | None = None) -> dict[str, str]:
    """The headers with those of the vendor's signature, made now or at an instant."""
    scheme = ADAPTERS[type].signature
    if scheme is None:
        return {**headers, ADAPTERS[type].header: SECRET}
    seconds = int(time.time() if at is None else at)
    stamps = {"stripe": {scheme.header: f"t={seconds}"}, "chatwoot": {"X-Chatwoot-Timestamp": str(seconds)}}
    stamps["zendesk"] = {"X-Zendesk-Webhook-Signature-Timestamp": f"{datetime.fromtimestamp(seconds, UTC):%FT%TZ}"}
    stamps["standard"] = stamps["map"] = {"webhook-id": "msg_1", "webhook-timestamp": str(seconds)}
    stamped = {**headers, **stamps.get(type, {})}
    value = scheme.sign(SECRET, Signed(stamped, body, URL))
    return stamped | {scheme.header: SHAPES.get(type, "{value}").format(value=value, seconds=seconds)}


SHAPES = {
    "stripe": "t={seconds},v1={value}",
    "standard": "v1,{value}",
    "map": "v1,{value}",
    "intercom": "sha1={value}",
    "chatwoot": "sha256={value}",
    "lightspeed": "signature={value},algorithm=HMAC-SHA256",
}
"""How vendors write a signature in its header, where it is not alone."""


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(value)
