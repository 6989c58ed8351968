"""What the trainer seals and others believe: an HMAC over the bytes, with a secret that both were given."""

import hashlib
import hmac


def seal(secret: str, data: bytes) -> str:
    """The seal of some bytes."""
    return hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()


def sealed(secret: str, data: bytes, told: str) -> bool:
    """Whether these bytes were sealed with this secret; without a secret nothing is believed.

    >>> sealed("s", b"x", seal("s", b"x")), sealed("s", b"y", seal("s", b"x")), sealed("", b"x", seal("", b"x"))
    (True, False, False)
    """
    return bool(secret) and hmac.compare_digest(seal(secret, data).encode(), told.encode("utf-8", "replace"))
