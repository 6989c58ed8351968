"""Generate the OpenAPI 3.1 document of the gateway: what may be posted, and every answer.

Events are those of the published JSON Schemas. `vigia schema` writes it, and the gateway serves it at `/v1/openapi.json`.
"""

from typing import Any, get_args

import msgspec

from scorers.contract.events import AnyEvent
from streams.gateway.body import MAX_BATCH, MAX_ITEMS
from streams.gateway.gateway import MAX_KEY
from vigia.schema import INFO, Schema, instants

_REF = "#/components/schemas/{name}"
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TEXT: Schema = {"type": "string"}
_EVENT: Schema = {"$ref": "#/components/schemas/Event"}


def _object(required: dict[str, Schema], **optional: Schema) -> Schema:
    return {"type": "object", "properties": required | optional, "required": list(required)}


_ITEM = _object({"index": _COUNT, "status": {"enum": [202, 400, 403]}, "code": _TEXT, "detail": _TEXT})
_BAD = _object({"index": _COUNT, "line": _COUNT, "code": _TEXT, "detail": _TEXT})
_ERROR = _object({"error": _TEXT}, rejected=_COUNT, unread=_COUNT, lines={"type": "array", "items": _BAD})
_ACCEPTED = _object({"accepted": _COUNT, "duplicates": _COUNT})
_TAKEN = _object(
    {"accepted": _COUNT, "duplicates": _COUNT},
    held=_COUNT | {"description": "Refunds and disputes that wait for their sale."},
    fetching=_COUNT | {"description": "Objects that are fetched from the vendor after this answer."},
    unused=_TEXT | {"description": "Why nothing of the delivery is taken."},
)
_CLOUD_EVENT = _object(
    {"specversion": {"const": "1.0"}, "id": _TEXT, "source": _TEXT, "type": _TEXT},
    time=_TEXT,
    subject=_TEXT | {"description": "The customer, where data names none."},
    data={"type": "object"},
)
_AGAIN = {"Retry-After": {"description": "Seconds until another try makes sense.", "schema": {"type": "string"}}}

REFUSALS: dict[str, str] = {
    "400": "No event was taken: the body, or something in it, is no event.",
    "401": "There is no valid token; of a hook: the delivery is not signed as it should be.",
    "403": "The token may not send this source or type.",
    "404": "There is no hook of this name.",
    "408": "The body came too slowly.",
    "413": f"More than {MAX_BATCH} bytes, or more than {MAX_ITEMS} events.",
    "415": "The body is compressed, or of a type that is not read.",
    "422": "The Idempotency-Key was used for another body.",
    "429": "Too many requests, or too many bytes in flight, of this token or hook.",
    "503": "Kafka did not acknowledge in time, or nothing can be kept: send the same again. The error says whether nothing of it was taken.",
}


def openapi() -> Schema:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {**INFO, "title": "Vigía gateway", "description": "Takes events over HTTP and writes them to Kafka."},
        "paths": {
            "/v1/events": {"post": _post_events()},
            "/v1/hooks/{name}": {"post": _post_hook()},
            "/healthz": {"get": _healthz()},
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
        },
    }


def document() -> bytes:
    """Return the document as JSON."""
    return msgspec.json.format(msgspec.json.encode(openapi()), indent=2) + b"\n"


def _schemas() -> Schema:
    _, schemas = msgspec.json.schema_components(list(get_args(AnyEvent)), schema_hook=instants, ref_template=_REF)
    names = [kind.__name__ for kind in get_args(AnyEvent)]
    event = {"oneOf": [{"$ref": _REF.format(name=name)} for name in names]}
    return {**schemas, "Event": event, "Error": _ERROR, "CloudEvent": _CLOUD_EVENT}


def _post_events() -> Schema:
    content: dict[str, Schema] = {
        "application/json": {"anyOf": [_EVENT, {"type": "array", "items": _EVENT, "minItems": 1}]},
        "application/x-ndjson": {"type": "string", "description": "An event a line."},
        "application/cloudevents+json": {"$ref": "#/components/schemas/CloudEvent"},
        "application/cloudevents-batch+json": {"type": "array", "items": {"$ref": "#/components/schemas/CloudEvent"}},
    }
    return {
        "operationId": "postEvents",
        "summary": "Send events.",
        "security": [{"token": []}],
        "parameters": [
            {
                "name": "partial",
                "in": "query",
                "description": "Take the good items and answer 207 with a result for each.",
                "schema": {"enum": ["true", "false"]},
            },
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key with another body is answered 422 for a day.",
                "schema": {"type": "string", "maxLength": MAX_KEY},
            },
        ],
        "requestBody": {"required": True, "content": {kind: {"schema": one} for kind, one in content.items()}},
        "responses": {
            "202": _answer("All events are in Kafka, acknowledged by all replicas.", _ACCEPTED),
            "207": _answer("With partial=true: a result for each item.", _object({"items": _array(_ITEM)})),
            **_refusals("400", "401", "403", "408", "413", "415", "422", "429", "503"),
        },
    }


def _post_hook() -> Schema:
    return {
        "operationId": "deliver",
        "summary": "What a till, a shop or a desk delivers; verified as the hook's vendor signs.",
        "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}],
        "requestBody": {"content": {"*/*": {"schema": {}}}},
        "responses": {
            "200": _answer("All that is used of the delivery is in Kafka or kept on disk.", _TAKEN),
            **_refusals("400", "401", "403", "404", "408", "413", "415", "429", "503"),
        },
    }


def _healthz() -> Schema:
    return {
        "operationId": "healthz",
        "summary": "Whether the process answers.",
        "responses": {"200": {"description": "It does."}},
    }


def _refusals(*statuses: str) -> dict[str, Any]:
    headers = {status: {"headers": _AGAIN} for status in ("429", "503")}
    error = {"$ref": "#/components/schemas/Error"}
    return {status: _answer(REFUSALS[status], error) | headers.get(status, {}) for status in statuses}


def _answer(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _array(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}
