"""Standard Webhooks: events of the contract, from whoever signs as https://www.standardwebhooks.com says.

The body is an event, an array of events, or the form that the specification recommends: `type`, `timestamp` and `data`, where `data`
holds the event's other fields and the webhook's id is the event's. A `source` that is missing is the hook's.
"""

from msgspec import Raw

from scorers.contract.rejection import has_unique_keys
from streams.hooks.delivery import Adapter, Delivery, Draft, Drafts, Fields, Unusable, parsed
from streams.hooks.signing import Scheme, Signed, header_of, whsec

ID, TIMESTAMP, HEADER = "webhook-id", "webhook-timestamp", "webhook-signature"


def _message(signed: Signed) -> bytes:
    head = f"{signed.headers.get(ID, '')}.{signed.headers.get(TIMESTAMP, '')}."
    return head.encode(errors="replace") + signed.body


SIGNATURE = Scheme(HEADER, _message, found=r"(?:^|\s)v1,(\S+)", time=header_of(TIMESTAMP), key=whsec)


def read(delivery: Delivery) -> Drafts:
    """The events of a delivery."""
    parts = parsed(delivery.body, list[Raw]) if delivery.body.lstrip()[:1] == b"[" else [delivery.body]
    return [_event(bytes(one), delivery) for one in parts] or "an empty array"


def _event(raw: bytes, delivery: Delivery) -> Draft:
    fields = parsed(raw, Fields)
    if not has_unique_keys(raw):
        raise Unusable("a key stands twice in one object")
    if isinstance(fields.get("data"), dict) and "id" not in fields:
        head = {"id": delivery.headers.get(ID), "time": fields.get("timestamp"), "type": fields.get("type")}
        fields = {**head, **fields["data"]}
    return Draft(fields)


ADAPTER = Adapter(read, (), SIGNATURE, ("types",))
