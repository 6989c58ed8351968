"""Who asks, and what they may do: by session, by key, or straight from this machine while no user exists."""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import json
import secrets
import time
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from starlette.requests import HTTPConnection

from vigia.console.config import Config
from vigia.console.entry.accounts import GRANTS, ROLES, Accounts, Role, Scope, User
from vigia.console.entry.ended import EndedSessions
from vigia.console.entry.openid import WAITS, NotSignedIn, Pending, Provider
from vigia.console.entry.tries import Tries
from vigia.runtime.broker import is_here
from vigia.runtime.privacy.secret_file import write_secret

COOKIE = "vigia_session"
LIFE = 12 * 3600  # seconds of a session
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
UNVERIFIED = "this machine (unverified)"
"""The name of who acts from this machine while no user exists."""
_KEY = "session.key"


class Who(Struct, frozen=True):
    """Somebody who may do something; `by` is the name under which actions are recorded."""

    by: str
    scopes: frozenset[Scope]
    session: str = ""  # the cookie; empty for a key
    role: Role | None = None

    def may(self, scope: Scope) -> bool:
        """Whether they have a scope."""
        return scope in self.scopes


class Access:
    """Tells who asks."""

    def __init__(self, accounts: Accounts, config: Config, openid_secret: str = "") -> None:
        self.accounts, self.config = accounts, config
        self.provider = None if config.openid is None else Provider(config.openid, config.public_url, openid_secret)
        path = accounts.folder / _KEY
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_secret(path, secrets.token_hex(32))
        self._key = path.read_bytes().strip()
        self._ended = EndedSessions(accounts.folder)
        self.tries = Tries()
        self.hashing = asyncio.Semaphore(2)  # an Argon2 hash takes memory and a core

    @property
    def needs_sign_in(self) -> bool:
        """Whether people have to say who they are: as soon as there is a user, or a service that knows them."""
        return self.provider is not None or bool(self.accounts.users)

    def who(self, request: HTTPConnection) -> Who | None:
        """Who asks; None if nobody is known."""
        header = request.headers.get("authorization", "")
        if header:
            kind, _, token = header.partition(" ")
            key = self.accounts.key(token.strip()) if kind.lower() == "bearer" else None
            return None if key is None else Who(key.name, GRANTS[key.scope])
        cookie = request.cookies.get(COOKIE, "")
        if not self.needs_sign_in:
            return Who(UNVERIFIED, GRANTS["owner"], self._anonymous(cookie), "owner") if is_straight(request) else None
        body = _body(cookie)
        name = str(body.get("n", ""))
        user = self.accounts.users.get(name)
        if user is None:  # a name of this console is never that of somebody else
            user = self._guest(name, body.get("o"))
        if user is None or not self._is_valid(cookie, user):
            return None
        return Who(user.name, GRANTS[user.role], cookie, user.role)

    def _guest(self, name: str, role: object) -> User | None:
        """Somebody whom the sign-in service knows, for as long as that service and client are in force."""
        openid = self.config.openid
        if openid is None or role not in ROLES:
            return None
        return User(name, role, f"openid {openid.issuer} {openid.client_id}")

    def session(self, user: User | None) -> str:
        """A new session for a user, as a cookie; for nobody on this machine with None."""
        return self._packed({"n": "" if user is None else user.name}, user)

    def guest_session(self, name: str, role: Role) -> str:
        """A new session for somebody whom the sign-in service knows. Raises `NotSignedIn` if a user of this console has the name."""
        if name in self.accounts.users:
            raise NotSignedIn(
                "A user of this console has that name already; sign in with the password, or remove that user."
            )
        return self._packed({"n": name, "o": role}, self._guest(name, role))

    def _packed(self, body: dict[str, str], user: User | None) -> str:
        text = json.dumps({**body, "t": int(time.time()), "r": secrets.token_hex(12)})
        packed = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        return f"{packed}.{self._signature(packed, user)}"

    def sealed(self, pending: Pending) -> str:
        """A sign-in that has begun, as a cookie that nobody else can make."""
        packed = base64.urlsafe_b64encode(msgspec.json.encode(pending)).decode().rstrip("=")
        return f"{packed}.{self._sealing(packed)}"

    def unsealed(self, cookie: str) -> Pending | None:
        """What `sealed` made less than ten minutes ago; None for anything else."""
        packed, _, signature = cookie.partition(".")
        if not _is_same(self._sealing(packed), signature):
            return None
        pending = msgspec.json.decode(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)), type=Pending)
        return pending if time.time() - pending.begun <= WAITS else None

    def _sealing(self, packed: str) -> str:
        return hmac.new(self._key, b"openid " + packed.encode(), hashlib.sha256).hexdigest()

    def csrf(self, session: str) -> str:
        """What a form of this session has to say."""
        return hmac.new(self._key, b"csrf " + session.encode(), hashlib.sha256).hexdigest()

    def is_own(self, request: HTTPConnection, who: Who, token: str) -> bool:
        """Whether a request that changes something comes from a page of this session, or from a program with a key."""
        if not who.session:
            return True
        return _is_same(self.csrf(who.session), token)

    def end(self, who: Who) -> None:
        """End a session here: no copy of its cookie is valid any longer."""
        issued = _body(who.session).get("t")
        if isinstance(issued, int):
            self._ended.end(who.session, issued + LIFE)

    def _anonymous(self, cookie: str) -> str:
        return cookie if cookie and self._is_valid(cookie, None) else self.session(None)

    def _is_valid(self, cookie: str, user: User | None) -> bool:
        packed, _, signature = cookie.partition(".")
        if not _is_same(self._signature(packed, user), signature):
            return False
        issued = _body(cookie).get("t", 0)
        return isinstance(issued, int) and 0 <= time.time() - issued < LIFE and cookie not in self._ended

    def _signature(self, packed: str, user: User | None) -> str:
        """Covers the user's password, so that a new one ends all sessions of before."""
        about = packed + (f" {user.role} {user.password}" if user is not None else "")
        return hmac.new(self._key, about.encode(), hashlib.sha256).hexdigest()


def cookie(config: Config, session: str, life: int = LIFE) -> str:
    """The header that sets the cookie of a session."""
    secure = "; Secure" if config.is_encrypted else ""
    return f"{COOKIE}={session}; Path=/; HttpOnly; SameSite=Lax; Max-Age={life}{secure}"


def is_straight(request: HTTPConnection) -> bool:
    """Whether a request comes from this machine itself, and asks for this machine by name: no proxy, and no page of elsewhere."""
    if request.client is None or any(name in request.headers for name in FORWARDED):
        return False
    try:
        if not ipaddress.ip_address(request.client.host).is_loopback:
            return False
    except ValueError:
        return False
    return is_here(urlsplit(f"//{request.headers.get('host', '')}").hostname or "") and is_same_origin(request)


def is_same_origin(request: HTTPConnection) -> bool:
    """Whether the browser, if it is one, says that a page of this console asks, or nobody's."""
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return request.scope.get("method") == "GET" and request.headers.get("sec-fetch-mode") == "navigate"
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


def _is_same(secret: str, given: str) -> bool:
    """Whether they are the same, compared in a time that says nothing; what a browser sends may have any letters."""
    return hmac.compare_digest(secret.encode(), given.encode())


def _body(cookie: str) -> dict[str, object]:
    packed = cookie.partition(".")[0]
    try:
        found = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def folder_of(state: Path) -> Path:
    """Where the console keeps its files in a state folder."""
    return state / "console"
