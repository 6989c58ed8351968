"""Signs the bytes that the trainer writes, so that others can verify them: an HMAC with a secret that both were given."""

import hashlib
import hmac


def sign(secret: str, data: bytes) -> str:
    """The signature of some bytes: HMAC-SHA256 in hexadecimal."""
    return hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()


def verify(secret: str, data: bytes, signature: str) -> bool:
    """Whether the signature is that of these bytes with this secret; False without a secret.

    >>> verify("s", b"x", sign("s", b"x")), verify("s", b"y", sign("s", b"x")), verify("", b"x", sign("", b"x"))
    (True, False, False)
    """
    return bool(secret) and hmac.compare_digest(sign(secret, data).encode(), signature.encode("utf-8", "replace"))
