"""What the trainer seals and others believe: an HMAC over the bytes, with a secret that both were given."""

import hashlib
import hmac


def sign(secret: str, data: bytes) -> str:
    """The seal of some bytes."""
    return hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()


def verify(secret: str, data: bytes, told: str) -> bool:
    """Whether these bytes were sealed with this secret; without a secret nothing is believed.

    >>> verify("s", b"x", sign("s", b"x")), verify("s", b"y", sign("s", b"x")), verify("", b"x", sign("", b"x"))
    (True, False, False)
    """
    return bool(secret) and hmac.compare_digest(sign(secret, data).encode(), told.encode("utf-8", "replace"))
