"""An issuer of tokens for OAUTHBEARER: what it signs, the keys by which Kafka checks it, and its address."""

import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ISSUER, AUDIENCE = "https://issuer.example", "kafka"
HANDLER = "org.apache.kafka.common.security.oauthbearer.OAuthBearer"


class Issuer:
    """One with a key of its own."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def token(self, lives: float = 600, **claims: Any) -> str:
        """A token of the user vigia; a negative life is one that has ended."""
        now = int(time.time())
        named = {
            "iss": ISSUER,
            "sub": "vigia",
            "aud": AUDIENCE,
            "scope": "kafka",
            "iat": now - 900,
            "exp": now + int(lives),
        }
        signed = f"{_text({'alg': 'RS256', 'typ': 'JWT', 'kid': 'k1'})}.{_text(named | claims)}"
        return f"{signed}.{_coded(self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def properties(self, prefix: str, keys: Path) -> dict[str, str]:
        """The properties of a broker that believes this issuer, whose keys are written to a file."""
        public = self._key.public_key().public_numbers()
        numbers = {"n": public.n.to_bytes(256), "e": public.e.to_bytes(3)}
        key = {"kty": "RSA", "kid": "k1", "use": "sig", "alg": "RS256"} | {
            name: _coded(n) for name, n in numbers.items()
        }
        keys.write_text(json.dumps({"keys": [key]}))
        return {
            f"{prefix}sasl.jaas.config": f"{HANDLER}LoginModule required;",
            f"{prefix}sasl.server.callback.handler.class": f"{HANDLER}ValidatorCallbackHandler",
            "sasl.oauthbearer.jwt.validator.class": "org.apache.kafka.common.security.oauthbearer.BrokerJwtValidator",
            "sasl.oauthbearer.jwks.endpoint.url": keys.as_uri(),
            "sasl.oauthbearer.expected.audience": AUDIENCE,
            "sasl.oauthbearer.expected.issuer": ISSUER,
        }

    @asynccontextmanager
    async def serving(self, client: str, secret: str) -> AsyncIterator[tuple[str, list[dict[str, str]]]]:
        """A token endpoint for one client; yields its address, and the forms that were accepted."""
        accepted: list[dict[str, str]] = []

        async def give(request: web.Request) -> web.Response:
            login = base64.b64encode(f"{client}:{secret}".encode()).decode()
            if request.headers["Authorization"] != f"Basic {login}":
                return web.Response(status=401)
            accepted.append({name: str(value) for name, value in (await request.post()).items()})
            return web.json_response({"access_token": self.token(), "token_type": "Bearer", "expires_in": 600})

        app = web.Application()
        app.router.add_post("/token", give)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/token", accepted
        finally:
            await runner.cleanup()


def _text(fields: dict[str, Any]) -> str:
    return _coded(json.dumps(fields).encode())


def _coded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
