"""A small OpenID provider on this machine: it signs whoever is asked for, checks PKCE and the client's secret, and may lie."""

import base64
import hashlib
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote_plus, urlencode

from aiohttp import web
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import KeySet, OctKey, RSAKey

from tests.support.receivers import server

CLIENT, SECRET = "vigia", "s3cret: of the client"


class OpenIdProvider:
    """Its `claims` are those of the person at the browser; `lie` replaces claims of the token, `key` signs it."""

    def __init__(self) -> None:
        self.issuer = ""
        self.claims: dict[str, Any] = {"sub": "u1", "preferred_username": "ana", "groups": ["staff"]}
        self.lie: dict[str, Any] = {}
        self.key: RSAKey | OctKey = RSAKey.generate_key(2048, {"kid": "k1"})
        self.published = KeySet([self.key])
        self.algorithm = "RS256"
        self.refuses = False
        self.way_out: str | None = None  # the address at which sessions end; empty: it has none
        self.signed_out: list[dict[str, str]] = []
        self._codes: dict[str, dict[str, str]] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What a browser or the console asks."""
        path = request.path.removeprefix("/hook")
        if path == "/.well-known/openid-configuration":
            way_out = f"{self.issuer}/out" if self.way_out is None else self.way_out
            return web.json_response(
                {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys",
                    **({} if way_out == "" else {"end_session_endpoint": way_out}),
                }
            )
        if path == "/out":
            return self._sign_out(dict(request.query))
        if path == "/keys":
            return web.json_response(self.published.as_dict(private=False))
        if path == "/authorize":
            return self._authorize(dict(request.query))
        return self._token(dict(await request.post()), request.headers.get("Authorization", ""))  # type: ignore[arg-type]

    def _authorize(self, asked: dict[str, str]) -> web.Response:
        assert (asked["response_type"], asked["client_id"], asked["code_challenge_method"]) == ("code", CLIENT, "S256")
        assert "openid" in asked["scope"].split()
        code = f"code{len(self._codes)}"
        self._codes[code] = asked
        back = {"error": "access_denied"} if self.refuses else {"code": code}
        raise web.HTTPFound(f"{asked['redirect_uri']}?{urlencode({**back, 'state': asked['state']})}")

    def _sign_out(self, asked: dict[str, str]) -> web.Response:
        """End the session of the person that the hint names, and lead back."""
        hint = jwt.decode(asked["id_token_hint"], self.published, ["RS256"])
        assert (hint.claims["aud"], asked["client_id"]) == (CLIENT, CLIENT)
        self.signed_out.append(asked)
        raise web.HTTPFound(asked["post_logout_redirect_uri"])

    def _token(self, given: dict[str, str], authorization: str) -> web.Response:
        asked = self._codes.pop(given.get("code", ""), None)
        pair = f"{CLIENT}:{quote_plus(SECRET)}"
        challenge = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        if (
            asked is None
            or authorization != f"Basic {base64.b64encode(pair.encode()).decode()}"
            or given["redirect_uri"] != asked["redirect_uri"]
            or base64.urlsafe_b64encode(challenge).decode().rstrip("=") != asked["code_challenge"]
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(time.time())
        about = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims = {name: value for name, value in {**about, **self.claims, **self.lie}.items() if value is not None}
        head = {"alg": self.algorithm} if self.algorithm == "none" else {"alg": self.algorithm, "kid": "k1"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # what it forges is not safe
            return web.json_response({"id_token": jwt.encode(head, claims, self.key, [self.algorithm])})


@asynccontextmanager
async def an_openid_provider() -> AsyncIterator[OpenIdProvider]:
    """One that serves."""
    provider = OpenIdProvider()
    async with server(provider.answer) as url:
        provider.issuer = url
        yield provider
