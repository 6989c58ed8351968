"""Sign-in by OpenID Connect, against a provider on this machine that signs tokens, and lies where it is told to."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from joserfc.jwk import KeySet, OctKey, RSAKey

from tests.support.alarms import an_alarm
from tests.support.consoles import Shop, a_shop
from tests.support.openid_provider import CLIENT, SECRET, OpenIdProvider, an_openid_provider
from tests.support.readmodels import NOW
from vigia.console.config import Config, OpenId, read
from vigia.console.entry.access import Access
from vigia.console.entry.openid import Pending
from vigia.runtime.usage_error import UsageError

ROLES: dict[Any, tuple[str, ...]] = {"owner": ("owners",), "agent": ("staff",), "viewer": ("guests",)}
Pair = tuple[Shop, OpenIdProvider]


@asynccontextmanager
async def asking(tmp_path: Path, **changed: Any) -> AsyncIterator[Pair]:
    """A console that asks a provider."""
    async with an_openid_provider() as provider, a_shop(tmp_path) as shop:
        openid = OpenId(
            **{"issuer": provider.issuer, "client_id": CLIENT, "roles": ROLES, "label": "the shop"} | changed
        )
        shop.console.config = Config(processes={}, public_url=shop.address, openid=openid)
        shop.console.access = Access(shop.accounts, shop.console.config, SECRET)
        yield shop, provider


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    """A console and its provider."""
    async with asking(tmp_path) as found:
        yield found


async def sign_in(shop: Shop, target: str = "/") -> tuple[int, Any, Any]:
    """Press the button and follow the service back; the last answer of the console, before it leads on."""
    status, heads, body = await shop.get(f"/login/openid?next={target}")
    if status != 303:
        return status, heads, body
    async with shop.session.get(heads["Location"], allow_redirects=False) as answer:
        assert answer.status == 302
        back = answer.headers["Location"]
    assert back.startswith(shop.address + "/login/openid/back?")
    return await shop.get(back.removeprefix(shop.address))


async def test_the_service_says_who_it_is_and_what_they_may(pair: Pair) -> None:
    """An alarm's address leads through the sign-in to the alarm; actions carry the name of the service; the role decides."""
    shop, provider = pair
    await shop.desk.alarms(an_alarm(NOW, "a1"))
    status, heads, _ = await shop.get("/alarms/a1")
    assert (status, heads["Location"]) == (303, "/login?next=%2Falarms%2Fa1")
    _, _, body = await shop.get(heads["Location"])
    assert "Sign in with the shop" in body
    assert 'name="password"' not in body, "no user of this console could sign in"
    status, heads, _ = await sign_in(shop, "/alarms/a1")
    assert (status, heads["Location"]) == (303, "/alarms/a1")
    assert (await shop.form("/alarms/a1", "/alarms/a1/act", {"action": "ack"}))[0] == 303
    _, _, body = await shop.get("/alarms/a1")
    assert "ana is on it" in body
    assert (await shop.form("/", "/dead-letters/replay", {"letter": "purchases/0/1"}))[0] == 403
    assert (await shop.form("/", "/logout", {}))[0] == 200
    assert (await shop.get("/"))[0] == 303
    provider.claims["groups"] = ["else", "owners", "guests"]
    assert (await sign_in(shop))[0] == 303
    status, heads, _ = await shop.form("/", "/dead-letters/replay", {})
    assert status == 303, "of several roles the highest counts"


async def test_signing_out_ends_the_session_here_and_at_the_service(pair: Pair) -> None:
    """The browser is led to the service with the token of its sign-in, and back; a copy of the old cookie opens nothing, also after a restart."""
    shop, provider = pair
    await sign_in(shop)
    old = {one.key: one.value for one in shop.session.cookie_jar}
    status, heads, body = await shop.form("/", "/logout", {})
    assert (status, "Sign out of the shop" in body) == (200, True)
    where = heads["Refresh"].removeprefix("0; url=")
    assert where.startswith(f"{provider.issuer}/out?")
    assert where.replace("&", "&amp;") in body, "a link for a browser that does not refresh"
    async with shop.session.get(where, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, f"{shop.address}/login")
    assert len(provider.signed_out) == 1
    for _ in range(2):
        session = {"Cookie": f"vigia_session={old['vigia_session']}"}
        async with shop.session.get(shop.address, headers=session, allow_redirects=False) as said:
            assert said.status == 303, "a copy of the cookie is over too"
        shop.console.access = Access(shop.accounts, shop.console.config, SECRET)
    assert (await sign_in(shop))[0] == 303
    assert (await shop.get("/"))[0] == 200


NO_WAY = ("", "http://elsewhere.example/out", "javascript:alert(1)", "https://a.example/ \r\nx: y")


async def test_signing_out_ends_the_session_here_in_any_case(pair: Pair) -> None:
    """Where the service has no address for it, or one that no browser should be led to."""
    shop, provider = pair
    for address in NO_WAY:
        provider.way_out = address
        shop.console.access = Access(shop.accounts, shop.console.config, SECRET)
        await sign_in(shop)
        status, heads, _ = await shop.form("/", "/logout", {})
        assert (status, heads["Location"], "Refresh" in heads) == (303, "/login", False), address
        assert (await shop.get("/"))[0] == 303, address
    assert provider.signed_out == []


async def test_signing_out_with_a_password_ends_every_copy_of_the_session(pair: Pair) -> None:
    """And asks no service, as none knows this person; a form of another page ends nothing."""
    shop, provider = pair
    shop.accounts.add_user("Eva", "agent", "a long password")
    assert (await shop.post("/login", data={"name": "Eva", "password": "a long password"}))[0] == 303
    session = next(one.value for one in shop.session.cookie_jar if one.key == "vigia_session")
    assert (await shop.post("/logout", data={"csrf": "forged"}))[0] == 303
    assert (await shop.get("/"))[0] == 200
    assert (await shop.form("/", "/logout", {}))[0] == 303
    async with shop.session.get(
        shop.address, headers={"Cookie": f"vigia_session={session}"}, allow_redirects=False
    ) as said:
        assert said.status == 303
    assert provider.signed_out == []


LIES: list[tuple[dict[str, Any], str]] = [
    ({"iss": "https://evil.example"}, "is not valid"),
    ({"aud": "another client"}, "is not valid"),
    ({"aud": [CLIENT, "another client"]}, "is not valid"),
    ({"exp": int(time.time()) - 120}, "is not valid"),
    ({"exp": None}, "is not valid"),
    ({"nonce": "of another sign-in"}, "is not valid"),
    ({"nonce": None}, "is not valid"),
    ({"sub": None}, "is not valid"),
    ({"groups": ["strangers"]}, "no role of console.toml is yours"),
    ({"groups": None}, "no role of console.toml is yours"),
    ({"groups": {"staff": True}}, "no role of console.toml is yours"),
    ({"preferred_username": "ana\r\nevil"}, "gives no name"),
    ({"preferred_username": None}, "gives no name"),
]


async def test_a_token_that_is_not_all_right_lets_nobody_in(pair: Pair) -> None:
    """Whatever is wrong with it; the page says why, and nobody is signed in."""
    shop, provider = pair
    for lie, says in LIES:
        provider.lie = lie
        status, _, body = await sign_in(shop)
        assert (status, says in body) == (403, True), lie
        assert (await shop.get("/"))[0] == 303, lie
    provider.lie = {}
    assert (await sign_in(shop))[0] == 303, "the lies alone were the reason"


async def test_a_signature_that_is_not_the_providers_lets_nobody_in(pair: Pair) -> None:
    """No signature, one by the client's secret, and one by another key under the same name."""
    shop, provider = pair
    secret, others = OctKey.import_key(SECRET), RSAKey.generate_key(2048, {"kid": "k1"})
    for algorithm, key in (("none", secret), ("HS256", secret), ("RS256", others)):
        provider.algorithm, provider.key = algorithm, key
        status, _, body = await sign_in(shop)
        assert (status, "is not valid" in body, (await shop.get("/"))[0]) == (403, True, 303), algorithm


async def test_new_keys_of_the_provider_are_found(pair: Pair) -> None:
    """A key that is not known yet is asked for once a minute at most."""
    shop, provider = pair
    assert (await sign_in(shop))[0] == 303
    provider.key = RSAKey.generate_key(2048, {"kid": "k1"})
    provider.published = KeySet([provider.key])
    assert (await sign_in(shop))[0] == 403
    shop.console.access.provider._asked_keys -= 61  # type: ignore[union-attr]
    assert (await sign_in(shop))[0] == 303


async def test_a_sign_in_ends_only_where_it_began(pair: Pair) -> None:
    """Without the cookie of its beginning, with a state of another one, a second time, or refused by the person."""
    shop, provider = pair
    _, heads, _ = await shop.get("/login/openid")
    async with shop.session.get(heads["Location"], allow_redirects=False) as answer:
        back = answer.headers["Location"].removeprefix(shop.address)
    for path in (back.replace("state=", "state=x"), "/login/openid/back?code=code0", "/login/openid/back"):
        status, _, body = await shop.get(path)
        assert (status, "begun elsewhere" in body) == (403, True), path
    status, _, body = await shop.get(back)
    assert (status, "begun elsewhere" in body) == (403, True), "the first failure has ended it"
    access = shop.console.access
    begun = Pending.begin("/")
    assert access.unsealed(access.sealed(begun)) == begun
    assert access.unsealed(access.sealed(msgspec.structs.replace(begun, begun=begun.begun - 601))) is None
    for odd in ("é.é", "x", ".", "e30.x"):
        assert access.unsealed(odd) is None
        async with shop.session.get(
            shop.address, headers={"Cookie": f"vigia_session={odd}"}, allow_redirects=False
        ) as said:
            assert said.status == 303, odd
    assert (await sign_in(shop))[0] == 303
    provider.refuses = True
    assert (await sign_in(shop))[0] == 403
    for target, led in (
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/alarms?state=all", "/alarms?state=all"),
    ):
        provider.refuses = False
        assert (await sign_in(shop, target))[1]["Location"] == led


async def test_a_name_of_this_console_is_nobody_elses(pair: Pair) -> None:
    """Neither at the sign-in nor later; and no cookie is believed of which the role or the service was changed."""
    shop, _ = pair
    assert (await sign_in(shop))[0] == 303
    assert (await shop.get("/"))[0] == 200
    shop.accounts.add_user("ana", "viewer", "a long password")
    assert (await shop.get("/"))[0] == 303, "the session of the service's ana is none of this console's ana"
    status, _, body = await sign_in(shop)
    assert (status, "has that name already" in body, 'name="password"' in body) == (403, True, True)
    shop.accounts.remove("user", "ana")
    assert (await shop.get("/"))[0] == 200
    openid = shop.console.config.openid
    assert openid is not None
    other = Config(public_url=shop.address, openid=OpenId(openid.issuer, "another client", ROLES))
    shop.console.access = Access(shop.accounts, other, SECRET)
    assert (await shop.get("/"))[0] == 303, "a session ends with the service that it rests on"


async def test_an_address_of_mail_counts_only_where_it_is_verified(tmp_path: Path) -> None:
    """Where the claim of name or role is the mail address, which people may type themselves."""
    roles = {"agent": ("ana@shop.example",)}
    async with asking(tmp_path, name_claim="email", role_claim="email", roles=roles) as (shop, provider):
        provider.claims |= {"email": "ana@shop.example", "email_verified": False}
        assert (await sign_in(shop))[0] == 403
        provider.claims["email_verified"] = True
        assert (await sign_in(shop))[0] == 303


async def test_a_service_that_is_away_or_another_is_said(tmp_path: Path) -> None:
    """The page of the sign-in says so, and local users still sign in there."""
    async with asking(tmp_path, issuer="http://127.0.0.1:9") as (shop, _):
        shop.accounts.add_user("Eva", "agent", "a long password")
        status, _, body = await sign_in(shop)
        assert (status, "does not answer" in body, 'name="password"' in body) == (502, True, True)
        assert (await shop.post("/login", data={"name": "Eva", "password": "a long password"}))[0] == 303
        assert (await shop.get("/"))[0] == 200
    async with asking(tmp_path) as (shop, provider):
        provider.issuer += "/other"
        status, _, body = await sign_in(shop)
        assert (status, "another name" in body) == (502, True)


def test_settings_that_cannot_work_are_named(tmp_path: Path) -> None:
    """Each with the key and the mend."""
    whole = '[console]\npublic_url = "https://v.example"\n[console.openid]\nissuer = "https://i.example"\nclient_id = "v"\nroles = { owner = ["o"] }\n'
    file = tmp_path / "console.toml"
    file.write_text(whole)
    assert read(file).openid is not None
    for old, new, says in (
        ('public_url = "https://v.example"\n', "", "openid needs public_url"),
        ("https://i.example", "http://i.example", "openid.issuer"),
        ('client_id = "v"', 'client_id = ""', "openid.client_id"),
        ('owner = ["o"]', "owner = []", "openid.roles"),
        ('owner = ["o"]', 'boss = ["o"]', "boss"),
        ('client_id = "v"', 'client_id = "v"\nscope = "profile"', "openid.scope"),
    ):
        file.write_text(whole.replace(old, new))
        with pytest.raises(UsageError, match=says):
            read(file)
