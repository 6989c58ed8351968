"""N7: signatures are accepted and refused exactly as the vendors' published vectors, or their written rules, say."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from multidict import CIMultiDict
from standardwebhooks import Webhook

from streams.hooks.catalogue import ADAPTERS
from streams.hooks.signing import Scheme, Signed, refused_basic, refused_header, refused_signature
from tests.support.taking_hooks import NOW, SECRET

BODY = b'{"a": 1}'
TIMED = b'{"timestamp": "2024-05-06T07:09:00.000+0000"}'
STAMP = str(NOW // 1_000_000)


def digest(key: bytes, message: bytes, kind: str = "sha256") -> hmac.HMAC:
    """The rule itself, apart from our code."""
    return hmac.new(key, message, getattr(hashlib, kind))


def b64(key: bytes, message: bytes) -> str:
    """In base64."""
    return base64.b64encode(digest(key, message).digest()).decode()


# The vector of Square's SDK for Python, and the one of the Standard Webhooks specification.
PUBLISHED = {
    "square": (
        "Ibxx_5AKakO-3qeNVR61Dw",
        b'{"merchant_id":"MLEFBHHSJGVHD","type":"webhooks.test_notification",'
        b'"event_id":"ac3ac95b-f97d-458c-a6e6-18981597e05f","created_at":"2022-07-13T20:30:59.037339943Z",'
        b'"data":{"type":"webhooks","id":"bc368e64-01aa-407e-b46e-3231809b1129"}}',
        {"x-square-hmacsha256-signature": "GF4YkrJgGBDZ9NIYbNXBnMzqb2HoL4RW/S6vkZ9/2N4="},
        "https://webhook.site/679a4f3a-dcfa-49ee-bac5-9d0edad886b9",
        0,
    ),
    "standard": (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        b'{"test": 2432232314}',
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        "",
        1614265330,
    ),
}
# Vectors computed here from the rule that the vendor has written down.
BY_RULE = {
    "shopify": ({"X-Shopify-Hmac-SHA256": b64(SECRET.encode(), BODY)}, ""),
    "stripe": (
        {"Stripe-Signature": f"t={STAMP},v1={digest(SECRET.encode(), STAMP.encode() + b'.' + BODY).hexdigest()},v0=ab"},
        STAMP,
    ),
    "toast": ({"Toast-Signature": b64(SECRET.encode(), TIMED + b"2024-05-06T07:09:00.000+0000")}, ""),
    "lightspeed": (
        {"X-Signature": f"signature={digest(SECRET.encode(), BODY).hexdigest()},algorithm=HMAC-SHA256"},
        "",
    ),
    "zendesk": (
        {
            "X-Zendesk-Webhook-Signature": b64(SECRET.encode(), b"2024-05-06T07:10:00Z" + BODY),
            "X-Zendesk-Webhook-Signature-Timestamp": "2024-05-06T07:10:00Z",
        },
        STAMP,
    ),
    "intercom": ({"X-Hub-Signature": f"sha1={digest(SECRET.encode(), BODY, 'sha1').hexdigest()}"}, ""),
    "chatwoot": (
        {
            "X-Chatwoot-Signature": f"sha256={digest(SECRET.encode(), STAMP.encode() + b'.' + BODY).hexdigest()}",
            "X-Chatwoot-Timestamp": STAMP,
        },
        STAMP,
    ),
    "woocommerce": ({"X-WC-Webhook-Signature": b64(SECRET.encode(), BODY)}, ""),
}
PUBLISHED["map"] = PUBLISHED["standard"]
KINDS = [*PUBLISHED, *BY_RULE]


def vector(kind: str) -> tuple[Scheme, str, Signed, int]:
    """Scheme, secret, message and the instant of a vector."""
    scheme = ADAPTERS[kind].signature
    assert scheme is not None
    if kind in PUBLISHED:
        secret, body, headers, url, at = PUBLISHED[kind]
        return scheme, secret, Signed(CIMultiDict(headers), body, url), at * 1_000_000
    return scheme, SECRET, Signed(CIMultiDict(BY_RULE[kind][0]), TIMED if kind == "toast" else BODY), NOW


def test_every_vendor_that_signs_has_a_vector() -> None:
    """A vendor that is added needs one."""
    assert sorted(KINDS) == sorted(name for name, one in ADAPTERS.items() if one.signature)


@pytest.mark.parametrize("kind", KINDS)
def test_the_vector_is_accepted(kind: str) -> None:
    """Headers are found in any case, and one of several secrets is enough while one is being replaced."""
    scheme, secret, message, now = vector(kind)
    assert refused_signature(scheme, [secret], message, now) == ""
    other = "whsec_b3RoZXI="
    assert refused_signature(scheme, [other, secret], message, now) == ""
    assert "does not fit" in refused_signature(scheme, [other], message, now)


@pytest.mark.parametrize("kind", KINDS)
def test_an_altered_delivery_is_refused(kind: str) -> None:
    """One byte of the body, no header, an empty one, or one with strange characters."""
    scheme, secret, message, now = vector(kind)
    assert "does not fit" in refused_signature(scheme, [secret], message._replace(body=message.body + b" "), now)
    for value in ("", "é", "v1,", "v1=", "sha256=", "x" * 100_000):
        headers = CIMultiDict({**message.headers, "webhook-timestamp": message.headers.get("webhook-timestamp", "")})
        headers[scheme.header] = value
        assert refused_signature(scheme, [secret], message._replace(headers=headers), now)
    del headers[scheme.header]
    assert "there is no header" in refused_signature(scheme, [secret], message._replace(headers=headers), now)


@pytest.mark.parametrize("kind", [name for name in KINDS if ADAPTERS[name].signature.time])  # type: ignore[union-attr]
@pytest.mark.parametrize("seconds", [-301, 301, 10**7])
def test_a_replayed_delivery_is_refused(kind: str, seconds: int) -> None:
    """Where the vendor signs the time, it must be within five minutes of now."""
    scheme, secret, message, now = vector(kind)
    assert "more than 300 seconds" in refused_signature(scheme, [secret], message, now + seconds * 1_000_000)
    assert refused_signature(scheme, [secret], message, now + 299_000_000) == ""


def test_the_url_is_signed_by_square() -> None:
    """The same body for another address is refused."""
    scheme, secret, message, now = vector("square")
    assert refused_signature(scheme, [secret], message._replace(url=message.url + "/"), now)


def test_what_the_library_of_the_specification_signs_is_accepted() -> None:
    """Several signatures stand side by side while a secret is being replaced."""
    at = datetime.fromtimestamp(NOW / 1_000_000, UTC)
    value = Webhook(SECRET).sign("msg_7", at, BODY.decode())
    headers = {"webhook-id": "msg_7", "webhook-timestamp": STAMP, "webhook-signature": f"v1,AAAA v1a,xx {value}"}
    scheme = ADAPTERS["standard"].signature
    assert scheme is not None
    assert refused_signature(scheme, [SECRET], Signed(CIMultiDict(headers), BODY), NOW) == ""


@pytest.mark.parametrize(
    ("given", "accepted"),
    [("s3cret", True), ("Bearer s3cret", True), ("bearer  s3cret ", True), ("s3cre", False), ("", False), ("é", False)],
)
def test_a_secret_in_a_header(given: str, accepted: bool) -> None:
    """The secret stands alone or after Bearer."""
    assert (refused_header("X-Auth", ["other", "s3cret"], {"X-Auth": given}) == "") == accepted


@pytest.mark.parametrize(
    ("secret", "pair", "accepted"),
    [
        ("user:pass:word", "user:pass:word", True),
        ("user:pass:word", "other:pass:word", False),
        ("password", "anybody:password", True),
        ("password", "password", False),
        ("password", "anybody:", False),
    ],
)
def test_basic_authentication(secret: str, pair: str, accepted: bool) -> None:
    """A secret with a colon is user and password, one without is the password of any user."""
    header = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    assert (refused_basic([secret], header) == "") == accepted
    for broken in ("", "Basic", "Basic ä", "Basic !!", "Basic " + base64.b64encode(b"\xff:x").decode()):
        assert refused_basic([secret], {"Authorization": broken})
