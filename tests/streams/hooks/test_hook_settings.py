"""The tables of hooks in gateway.toml, and what is said of wrong ones."""

import pytest

from streams.hooks.catalogue import ADAPTERS, ready
from streams.hooks.settings import HOOK_TYPES, read_hooks
from tests.support.paths import ROOT
from tests.support.taking_hooks import BOOKING_MAP, SECRET, hook
from vigia.runtime.usage_error import UsageError

EXAMPLE = ROOT / "deploy" / "gateway.toml"


class AnyVariable(dict[str, str]):
    """An environment in which every variable is a secret."""

    def get(self, key: str, default: object = None) -> str:  # type: ignore[override]
        return "" if key.endswith("_FILE") else SECRET


def test_every_type_has_an_adapter() -> None:
    """What may be written can be read."""
    assert list(ADAPTERS) == list(HOOK_TYPES)


def test_the_example_has_a_hook_of_each_type() -> None:
    """And the gateway takes it."""
    hooks = ready(read_hooks(EXAMPLE.read_text(), str(EXAMPLE)), AnyVariable())
    assert sorted({one.settings.type for one in hooks.values()}) == sorted(ADAPTERS)


def test_the_defaults_are_the_vendors() -> None:
    """What signs is verified by its signature, and the source is the hook's name."""
    assert (hook("shopify").verify, hook("shopify").source) == ("signature", "shopify")
    assert hook("stripe", verify="header", source="shop").token.sources == ("shop",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('type = "shopfy"', "line 2: hook.x.type: 'shopfy' is not known; known are square, shopify"),
        ('type = "shopify"\nsecret = "canary"', "line 3: hook.x.secret is not a known key; did you mean 'secret_env'?"),
        ('type = "shopify"', "hook.x.secret_env is missing; name the environment variable"),
        ('type = "shopify"\nsecret_env = "UNSET"', "names UNSET, which is not set; set it, or UNSET_FILE"),
        ('type = "square"\nsecret_env = "SECRET"', "notification_url is missing; write the address"),
        (
            'type = "stripe"\nsecret_env = "SECRET"\nerase = true',
            "line 4: hook.x.erase is not for hooks of type stripe",
        ),
        ('type = "standard"\nsecret_env = "PLAIN"', "is not base64 after whsec_; copy the secret"),
        ('type = "standard"\nsecret_env = "SECRET"\ntypes = ["sale"]', "names 'sale', which is not an event type"),
        ('type = "shopify"\nsecret_env = "SECRET"\ncomplaint = { csat_at_most = 9 }', "give at most 5"),
        ('type = "freshdesk"\nverify = "signature"', "hook.x.verify is for vendors that sign; freshdesk does not"),
        ('type = "clover"\nsecret_env = "SECRET"', "token_env is missing; name the environment variable"),
        (
            'type = "clover"\nsecret_env = "SECRET"\ntoken_env = "SECRET"\naddress = "http://api.clover.com"',
            "write an address that begins with https://",
        ),
        ('type = "map"\nsecret_env = "SECRET"', "map is missing; name the file"),
        ('type = "map"\nsecret_env = "SECRET"\nmap = "nowhere.toml"', "names nowhere.toml, which cannot be read"),
        (f'type = "map"\nsecret_env = "SECRET"\nmap = "{BOOKING_MAP}"\nrows = "$["', "'$[', which is no JSON path"),
        ('type = "toast"\nsecret_env = "SECRET"\ncurrency = "euro"', "hook.x.currency"),
        ('type = "shopify"\nverify = "yes"', "'yes' is not known; known are signature, header, basic, none"),
    ],
)
def test_a_wrong_table_is_named(text: str, said: str) -> None:
    """File, line, key and correction; no secret is repeated."""
    with pytest.raises(UsageError) as raised:
        ready(read_hooks(f"[hook.x]\n{text}\n", "gateway.toml"), {"SECRET": SECRET, "PLAIN": "no base64!"})
    assert said in str(raised.value)
    assert "gateway.toml, line " in str(raised.value)
    assert "canary" not in str(raised.value)
    assert "no base64" not in str(raised.value)
