"""Whether a delivery comes from who it says: signatures over the raw bytes, a secret in a header, or basic authentication.

A scheme is data; what differs from vendor to vendor beyond that is a function of one line in the vendor's file. Every comparison takes
equally long for any wrong value.
"""

import base64
import hmac
import re
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from scorers.contract.events import SECOND, Micros

TOLERANCE = 300  # seconds that a signed time may be away from this machine's clock
MAX_SIGNATURES = 10  # of one header that are looked at


class Signed(NamedTuple):
    """What a signature is computed from."""

    headers: Mapping[str, str]  # names in any case
    body: bytes
    url: str = ""  # the address that the vendor knows


def raw_body(signed: Signed) -> bytes:
    """The message of vendors that sign the body alone."""
    return signed.body


class Scheme(NamedTuple):
    """How a vendor signs."""

    header: str
    message: Callable[[Signed], bytes] = raw_body
    digest: Literal["sha256", "sha1"] = "sha256"
    encoding: Literal["base64", "hex"] = "base64"
    found: str = r"\s*(\S+)\s*\Z"  # each signature in the header, as a regular expression
    time: Callable[[Signed], str] | None = None
    """The signed time of the delivery, in seconds or RFC 3339: a delivery that is older than `TOLERANCE` is a replay."""
    key: Callable[[str], bytes] = str.encode

    def sign(self, secret: str, signed: Signed) -> str:
        """The signature of a message.

        >>> Scheme("X-Signature", encoding="hex", digest="sha1").sign("k", Signed({}, b"m"))
        '772b71c8a2997e768be01d9711e4a4f34a24ef33'
        """
        made = hmac.new(self.key(secret), self.message(signed), self.digest)
        return made.hexdigest() if self.encoding == "hex" else base64.b64encode(made.digest()).decode()


def header_of(name: str) -> Callable[[Signed], str]:
    """A function that reads a header; empty if it is missing."""
    return lambda signed: signed.headers.get(name, "")


def refused_signature(scheme: Scheme, secrets: Sequence[str], signed: Signed, now: Micros) -> str:
    """Why the signature is not accepted; empty if it fits one of the secrets."""
    if scheme.header not in signed.headers:
        return f"there is no header {scheme.header}"
    if scheme.time is not None and (why := _refused_time(scheme.time(signed), now)):
        return why
    given = re.findall(scheme.found, signed.headers[scheme.header])[:MAX_SIGNATURES]
    made = [scheme.sign(secret, signed) for secret in secrets]
    fits = [_same(one, other) for one in made for other in given]
    return "" if any(fits) else f"the signature in {scheme.header} does not fit the body and the secret"


def refused_header(header: str, secrets: Sequence[str], headers: Mapping[str, str]) -> str:
    """Why the secret in a header is not accepted; the word Bearer may stand before it."""
    given = headers.get(header, "")
    bare = given[7:].strip() if given[:7].lower() == "bearer " else given.strip()
    fits = [_same(secret, bare) for secret in secrets]
    return "" if any(fits) else f"the header {header} does not hold the secret"


def refused_basic(secrets: Sequence[str], headers: Mapping[str, str]) -> str:
    """Why basic authentication is not accepted. A secret is `user:password`, or the password of any user."""
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    try:
        pair = base64.b64decode(given.strip(), validate=True).decode() if scheme.lower() == "basic" else ""
    except (NotBase64, ValueError):
        pair = ""
    password = pair.partition(":")[2]
    fits = [_same(secret, pair if ":" in secret else password) for secret in secrets]
    return "" if pair and any(fits) else "basic authentication with the secret is missing"


def whsec(secret: str) -> bytes:
    """The key in a secret of Standard Webhooks: base64 after `whsec_`. Raises ValueError.

    >>> whsec("whsec_a2V5"), whsec("a2V5")
    (b'key', b'key')
    """
    return base64.b64decode(secret.removeprefix("whsec_"), validate=True)


def _same(secret: str, given: str) -> bool:
    return hmac.compare_digest(secret.encode(errors="replace"), given.encode(errors="replace"))


def _refused_time(text: str, now: Micros) -> str:
    try:
        at = (
            int(text) if text.isascii() and text.isdigit() else datetime.fromisoformat(text).astimezone(UTC).timestamp()
        )
    except (ValueError, OverflowError):
        return "the signed time is missing, or is neither seconds nor RFC 3339"
    away = abs(at - now / SECOND)
    return f"the signed time is more than {TOLERANCE} seconds away from now" if away > TOLERANCE else ""
