"""Sign-in by OpenID Connect: the authorization code flow with PKCE at one provider, and who its token says somebody is.

joserfc verifies signatures and claims; here are the addresses, the request for the token, and what the claims are worth here.
"""

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import aiohttp
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from msgspec import Struct

from vigia.console.config import OpenId
from vigia.console.entry.accounts import NAME, Role
from vigia.runtime.broker import is_here

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures by a private key of the provider; never `none`, and never one made with the client's secret."""
LEEWAY = 60  # seconds by which the clocks may differ
PATIENCE, LARGEST = 10.0, 262_144  # seconds and bytes of an answer
KEPT = 3_600.0  # seconds for which addresses and keys are kept
REFRESHED = 60.0  # seconds after which an unknown key is a reason to ask again
AGAIN = 5.0  # seconds after which a service that did not answer is asked again
WAITS = 600  # seconds for which a sign-in that has begun waits for its end
BACK, OUT = "/login/openid/back", "/login"
"""Where the provider leads back to, of the address of the console: after signing in, and after signing out there."""


class NotSignedIn(RuntimeError):
    """The provider did not say who it is, or it is nobody who may enter; the message is a text of the interface."""

    def __init__(self, text: str, status: int = 403) -> None:
        super().__init__(text)
        self.status = status


class Pending(Struct, frozen=True):
    """A sign-in that has begun: what has to come back, and where to lead then."""

    state: str
    nonce: str
    verifier: str
    next: str
    begun: int  # seconds since 1970

    @classmethod
    def begin(cls, target: str) -> "Pending":
        """A new one."""
        return cls(
            secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), target, int(time.time())
        )


class _Addresses(Struct, frozen=True):
    """What the provider publishes about itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Provider:
    """One provider; its addresses and keys are asked for when they are needed, and kept for an hour."""

    def __init__(self, config: OpenId, public_url: str, secret: str) -> None:
        self._config, self._secret = config, secret
        self._back, self._out = public_url.rstrip("/") + BACK, public_url.rstrip("/") + OUT
        self._is_local = is_here(urlsplit(config.issuer).hostname or "")
        self._asking = asyncio.Lock()
        self._addresses: _Addresses | None = None
        self._keys: KeySet | None = None
        self._asked = self._asked_keys = 0.0  # by the monotonic clock
        self._failed = float("-inf")

    async def address(self, pending: Pending) -> str:
        """Where the browser goes to sign in. Raises `NotSignedIn` if the provider does not answer."""
        challenge = hashlib.sha256(pending.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self._config.client_id,
            "redirect_uri": self._back,
            "scope": self._config.scope,
            "state": pending.state,
            "nonce": pending.nonce,
            "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        return _with(asked, (await self._found()).authorization_endpoint)

    async def way_out(self, token: str) -> str:
        """Where the browser goes to sign out at the provider as well; empty if it has no such address, or does not answer.

        `token` is the token of identity of the sign-in, with which the provider need not ask who it is; it may be empty.
        """
        try:
            where = (await self._found()).end_session_endpoint
        except NotSignedIn:
            return ""
        if not self._may_go(where) or not where.isascii() or not where.isprintable() or " " in where:
            return ""
        asked = {"client_id": self._config.client_id, "post_logout_redirect_uri": self._out}
        return _with(asked | ({"id_token_hint": token} if token else {}), where)

    async def claims(self, code: str, pending: Pending) -> tuple[str, Mapping[str, Any]]:
        """The token of identity in exchange for the code, and what it says about who has signed in. Raises `NotSignedIn`."""
        addresses = await self._found()
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._back,
            "client_id": self._config.client_id,
            "code_verifier": pending.verifier,
        }
        heads = {}
        if self._secret and "client_secret_basic" in addresses.token_endpoint_auth_methods_supported:
            pair = f"{quote_plus(self._config.client_id)}:{quote_plus(self._secret)}"
            heads["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        elif self._secret:
            fields["client_secret"] = self._secret
        answer = await self._ask("POST", addresses.token_endpoint, data=fields, headers=heads)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise NotSignedIn("The sign-in service gave no token of identity.", 502)
        return token, await self._verified(token, addresses, pending)

    async def _verified(self, token: str, addresses: _Addresses, pending: Pending) -> Mapping[str, Any]:
        """The claims of a token, which was signed by the provider, for us, in answer to this sign-in."""
        client = self._config.client_id
        expected = jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": addresses.issuer},
            sub={"essential": True},
            aud={"essential": True, "value": client},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": pending.nonce},
        )
        try:
            try:
                read = jwt.decode(token, await self._key_set(addresses), ALGORITHMS)
            except (JoseError, ValueError):  # signed by a key that is newer than ours, perhaps
                read = jwt.decode(token, await self._key_set(addresses, again=True), ALGORITHMS)
            expected.validate(read.claims)
        except (JoseError, ValueError):
            raise NotSignedIn("The token of the sign-in service is not valid; sign in again.") from None
        if isinstance(read.claims["aud"], list) and len(read.claims["aud"]) > 1 and read.claims.get("azp") != client:
            raise NotSignedIn("The token of the sign-in service is not valid; sign in again.")
        return read.claims

    async def _found(self) -> _Addresses:
        async with self._asking:
            if self._addresses is None or time.monotonic() - self._asked > KEPT:
                issuer = self._config.issuer
                if time.monotonic() - self._failed < AGAIN:  # nobody who presses in vain holds up the others
                    raise NotSignedIn("The sign-in service does not answer; try again.", 502)
                try:
                    raw = await self._ask("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
                except NotSignedIn:
                    self._failed = time.monotonic()
                    raise
                try:
                    found = msgspec.convert(raw, _Addresses)
                except msgspec.ValidationError:
                    raise NotSignedIn("The sign-in service does not say how to sign in.", 502) from None
                if found.issuer != issuer:
                    raise NotSignedIn(
                        "The sign-in service calls itself by another name than issuer in console.toml.", 502
                    )
                self._addresses, self._asked = found, time.monotonic()
            return self._addresses

    async def _key_set(self, addresses: _Addresses, again: bool = False) -> KeySet:
        """The keys of the provider; asked for again if they are old, or, once a minute, because one is missing."""
        async with self._asking:
            age = time.monotonic() - self._asked_keys
            if self._keys is None or age > (REFRESHED if again else KEPT):
                raw = await self._ask("GET", addresses.jwks_uri)
                try:
                    self._keys = KeySet.import_key_set(raw)  # type: ignore[arg-type]
                except (JoseError, ValueError, KeyError, TypeError):
                    raise NotSignedIn("The keys of the sign-in service cannot be read.", 502) from None
                self._asked_keys = time.monotonic()
            return self._keys

    def _may_go(self, url: str) -> bool:
        """Whether an address has TLS, or all is on this machine."""
        parts = urlsplit(url)
        return bool(parts.hostname) and (
            parts.scheme == "https" or (parts.scheme == "http" and self._is_local and is_here(parts.hostname or ""))
        )

    async def _ask(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        """A JSON object from the provider, within bounds; only over TLS, unless all is on this machine."""
        if not self._may_go(url):
            raise NotSignedIn("The sign-in service has an address without https.", 502)
        try:
            timeout = aiohttp.ClientTimeout(total=PATIENCE)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.request(method, url, allow_redirects=False, **more) as answer,
            ):
                raw = await answer.content.read(LARGEST)
                while len(raw) < LARGEST and (piece := await answer.content.read(LARGEST - len(raw))):
                    raw += piece
                status = answer.status
            found = msgspec.json.decode(raw)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            raise NotSignedIn("The sign-in service does not answer; try again.", 502) from None
        if status != 200 or not isinstance(found, dict):
            raise NotSignedIn("The sign-in service refused; sign in again.", 502)
        return found


def _with(fields: Mapping[str, str], address: str) -> str:
    """The address with fields."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode(fields)}"


def person(config: OpenId, claims: Mapping[str, Any]) -> tuple[str, Role]:
    """The name and role that the claims give. Raises `NotSignedIn` for who has none of the roles, or no name that can be recorded."""
    if "email" in (config.name_claim, config.role_claim) and claims.get("email_verified") is not True:
        raise NotSignedIn("The sign-in service has not verified the e-mail address.")
    name = claims.get(config.name_claim)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise NotSignedIn("The sign-in service gives no name that can be recorded; see name_claim in console.toml.")
    held = claims.get(config.role_claim)
    values = {one for one in (held if isinstance(held, list) else [held]) if isinstance(one, str)}
    for role in ("owner", "agent", "viewer"):
        if values & set(config.roles.get(role, ())):
            return name, role
    raise NotSignedIn("You are known, and may not enter: no role of console.toml is yours.")
