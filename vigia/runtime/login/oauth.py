"""Tokens with which a process logs in to Kafka by OAUTHBEARER: from a file that somebody renews, or asked for at an address.

At the address the process asks as OAuth 2.0 has it for machines, the client credentials grant (RFC 6749, 4.4): with its name and secret, it gets a
token that lives for some time. A token is asked for when a connection is made, and used again for most of its life.
"""

import asyncio
import base64
import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaError
from msgspec import Struct

from vigia.runtime.usage_error import UsageError

MECHANISM = "OAUTHBEARER"
TIMEOUT = 10.0  # seconds for an answer
USED_FOR = 0.8  # of a token's life
MAX_ANSWER = 64 * 1024


class NoToken(KafkaError):  # type: ignore[misc]  # the library has no types
    """There is no token to log in with; the message says why, and holds no secret."""


class Token(Struct):
    """What the address answers; other fields are not used."""

    access_token: str
    expires_in: float = 300.0


class TokenFile(AbstractTokenProvider):  # type: ignore[misc]
    """The token in a file, which is read for each connection."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    async def token(self) -> str:
        """The token. Raises `NoToken`."""
        try:
            found = (await asyncio.to_thread(self._path.read_text, encoding="ascii")).strip()
        except (OSError, UnicodeDecodeError) as fault:
            raise NoToken(f"VIGIA_KAFKA_TOKEN_FILE cannot be read ({type(fault).__name__})") from None
        if not found:
            raise NoToken("VIGIA_KAFKA_TOKEN_FILE is empty")
        return found


class TokenAddress(AbstractTokenProvider):  # type: ignore[misc]
    """Tokens that are asked for at an address, with the name and the secret of this client."""

    def __init__(self, url: str, client: str, secret: str, scope: str = "") -> None:
        self._url, self._client, self._secret = url, client, secret
        self._form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
        self._kept, self._until = "", 0.0
        self._asking: asyncio.Lock | None = None

    async def token(self) -> str:
        """A token that still lives. Raises `NoToken`."""
        self._asking = self._asking or asyncio.Lock()
        async with self._asking:
            if time.monotonic() >= self._until:
                got = await self._asked()
                self._kept, self._until = got.access_token, time.monotonic() + USED_FOR * got.expires_in
            return self._kept

    async def _asked(self) -> Token:
        import aiohttp  # it takes long, and few need it

        limit = aiohttp.ClientTimeout(total=TIMEOUT)
        login = base64.b64encode(f"{self._client}:{self._secret}".encode()).decode()
        try:
            async with (
                aiohttp.ClientSession(timeout=limit, headers={"Authorization": f"Basic {login}"}) as session,
                session.post(self._url, data=self._form, allow_redirects=False) as answer,
            ):
                body, status = await answer.content.read(MAX_ANSWER), answer.status
        except (aiohttp.ClientError, OSError, TimeoutError) as fault:
            raise NoToken(f"VIGIA_KAFKA_OAUTH_URL does not answer ({type(fault).__name__})") from None
        if status != 200:
            raise NoToken(f"VIGIA_KAFKA_OAUTH_URL answers {status}: check VIGIA_KAFKA_USER and VIGIA_KAFKA_PASSWORD")
        try:
            return msgspec.json.decode(body, type=Token)
        except msgspec.MsgspecError:
            raise NoToken("VIGIA_KAFKA_OAUTH_URL answers no token: is it the address of the token endpoint?") from None


def check_address(url: str, is_here: bool) -> None:
    """Raise `UsageError` for an address at which a secret would be told without encryption."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise UsageError("VIGIA_KAFKA_OAUTH_URL is no address: write https://host/path of the token endpoint")
    if parts.scheme == "http" and not is_here:
        raise UsageError("VIGIA_KAFKA_OAUTH_URL would be asked without encryption: write https://")
