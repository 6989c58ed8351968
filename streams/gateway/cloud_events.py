"""CloudEvents 1.0 over HTTP as events of the contract: structured, batch and binary.

The attributes `id`, `source`, `type` and `time` are the event's own, `data` holds the other fields, and `subject` is the customer where
`data` names none. https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from collections.abc import Mapping
from urllib.parse import unquote

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from scorers.contract.wire import MAX_BYTES, Rejection

STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
VERSION = "1.0"
_ATTRIBUTES = ("type", "id", "source", "time")


class _Envelope(Struct):
    specversion: str
    id: str
    source: str
    type: str
    time: str | None = None
    subject: str | None = None
    datacontenttype: str | None = None
    data: Raw | UnsetType = UNSET
    data_base64: str | None = None


class _Data(Struct):
    customer_id: Raw | UnsetType = UNSET


_envelope = msgspec.json.Decoder(_Envelope).decode
_data = msgspec.json.Decoder(_Data).decode
_encode = msgspec.json.encode


def unwrapped(raw: bytes) -> bytes | Rejection:
    """The event in a structured CloudEvent, or why there is none; what is no JSON comes back as it is, for the decoder to say why.

    >>> unwrapped(b'{"specversion": "1.0", "type": "t", "id": "1", "source": "s", "subject": "C1", "data": {"a": 1}}')
    b'{"type":"t","id":"1","source":"s","customer_id":"C1","a": 1}'
    """
    if len(raw) > MAX_BYTES:
        return raw
    try:
        found = _envelope(raw)
    except msgspec.ValidationError as fault:
        missing = "missing required field" in str(fault)
        return Rejection("missing_field" if missing else "wrong_type", f"not a CloudEvent: {fault}")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return raw
    if found.specversion != VERSION:
        return Rejection(
            "schema_unknown", f"specversion is {found.specversion!r}; only {VERSION!r} is read", found.id, found.source
        )
    if found.data_base64 is not None:
        return Rejection("wrong_type", "data_base64 is not read: send data as a JSON object", found.id, found.source)
    if not _is_json(found.datacontenttype):
        return Rejection(
            "wrong_type", f"datacontenttype is {found.datacontenttype!r}; send JSON", found.id, found.source
        )
    return _joined(found, b"{}" if isinstance(found.data, UnsetType) else bytes(found.data))


def of_headers(headers: Mapping[str, str], body: bytes) -> bytes | Rejection:
    """The event in a binary CloudEvent: attributes in headers, data in the body."""
    values = {name: headers.get(f"ce-{name}") for name in (*_ATTRIBUTES, "specversion", "subject")}
    given = {name: unquote(value) for name, value in values.items() if value is not None}
    for name in ("type", "id", "source"):
        if name not in given:
            return Rejection("missing_field", f"not a CloudEvent: there is no header ce-{name}")
    if given["specversion"] != VERSION:
        return Rejection("schema_unknown", f"ce-specversion is {given['specversion']!r}; only {VERSION!r} is read")
    return _joined(msgspec.convert(given, _Envelope), body.strip() or b"{}")


def _joined(found: _Envelope, data: bytes) -> bytes | Rejection:
    """Attributes and data as one object."""
    try:
        has_customer = not isinstance(_data(data).customer_id, UnsetType)
    except msgspec.ValidationError:
        return Rejection("not_object", "data is not a JSON object", found.id, found.source)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return data
    fields = {name: value for name in _ATTRIBUTES if (value := getattr(found, name)) is not None}
    if found.subject and not has_customer:
        fields["customer_id"] = found.subject
    rest = data.strip()[1:].lstrip()
    return _encode(fields)[:-1] + (b"}" if rest == b"}" else b"," + rest)


def _is_json(kind: str | None) -> bool:
    bare = (kind or "application/json").partition(";")[0].strip().lower()
    return bare in ("application/json", "text/json") or bare.endswith("+json")
