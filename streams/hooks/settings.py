"""The tables `[hook.NAME]` of gateway.toml: which vendor delivers there, how it proves who it is, and what is taken.

An error names the file, the line, the key and the correction.
"""

from typing import Annotated, Any, Literal, get_args

from msgspec import Meta, Struct

from scorers.contract.wire import EVENT_TYPES
from scorers.policy.toml_errors import did_you_mean
from streams.gateway.settings import SettingsText

HookType = Literal[
    "square",
    "shopify",
    "stripe",
    "toast",
    "lightspeed",
    "clover",
    "zendesk",
    "freshdesk",
    "intercom",
    "chatwoot",
    "standard",
    "woocommerce",
    "map",
]
Verify = Literal["signature", "header", "basic", "none"]
HOOK_TYPES: tuple[str, ...] = get_args(HookType)
COMMON = ("type", "verify", "secret_env", "source", "header")
"""Keys that every type has; the others are options of some."""


class ComplaintRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What makes a contact a complaint: one of these is enough. Words are compared without regard to case."""

    tags: tuple[str, ...] = ("complaint",)
    types: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    csat_at_most: Annotated[int, Meta(ge=1, le=5)] | None = None


class HookSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One hook. What is left out has the vendor's own default."""

    type: HookType
    verify: Verify | None = None
    secret_env: str = ""
    """The environment variable with the secret, or with several, separated by blanks, while one is being replaced."""
    source: str = ""  # of the events; the hook's name if empty
    header: str = ""  # that holds the secret, with verify = "header"
    notification_url: str = ""
    """The address that the vendor calls, where that is signed."""
    complaint: ComplaintRules = ComplaintRules()
    erase: bool = False  # whether a vendor's request to erase a customer is followed
    currency: Annotated[str, Meta(pattern="^([A-Z]{3})?$")] = ""  # of vendors that name none
    types: tuple[str, ...] | None = None  # that may be sent, as of a token
    map: str = ""  # a file
    rows: str = ""  # the path of what becomes an event each
    token_env: str = ""
    """The environment variable with the token that opens the vendor's API; or with a MERCHANT:TOKEN for each, separated by blanks."""
    address: str = ""  # of the vendor's API


class Table(Struct, frozen=True):
    """A hook's settings with the text that they stand in, for errors that are found later."""

    name: str
    settings: HookSettings
    text: SettingsText

    def wrong(self, key: str, why: str) -> Exception:
        """The error about a key of the table."""
        return self.text.wrong(("hook", self.name, key), why)


def read_hooks(text: str, name: str) -> dict[str, Table]:
    """The hooks in the text of the file `name`. Raises `UsageError`.

    >>> read_hooks('[hook.shop]\\ntype = "shopfy"\\n', "gateway.toml")
    Traceback (most recent call last):
    vigia.runtime.usage_error.UsageError: gateway.toml, line 2: hook.shop.type: 'shopfy' is not known; known are square, shopify, stripe, toast, lightspeed, clover, zendesk, freshdesk, intercom, chatwoot, standard, woocommerce, map
    """
    source = SettingsText(text, name)
    raw: dict[str, Any] = source.parse().get("hook", {})
    found = {}
    for hook, table in raw.items():
        settings = source.convert(table, HookSettings, ("hook", hook))
        found[hook] = one = Table(hook, settings, source)
        for kind in settings.types or ():
            if kind not in EVENT_TYPES:
                raise one.wrong(
                    "types", f"names {kind!r}, which is not an event type; {did_you_mean(kind, sorted(EVENT_TYPES))}"
                )
    return found
