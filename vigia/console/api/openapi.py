"""The description of the API as OpenAPI 3.1, from the types and tables that the code reads."""

from functools import cache
from typing import Any, get_args

import msgspec

from scorers.contract.alarms import Treatment
from scorers.contract.events import ActionName
from scorers.contract.rfc3339 import encode_instant
from vigia.console.filters import ALARM_FILTERS, CUSTOMER_FILTERS
from vigia.readmodel.store.items import DEEPEST

encode_entry = msgspec.json.Encoder(enc_hook=encode_instant).encode
_PROBLEM = {
    "description": "What is wrong.",
    "content": {
        "application/json": {
            "schema": {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
        }
    },
}
_OBJECT = {"type": "object"}
_ID = {"type": "string", "minLength": 1}
_NULLABLE = ["string", "null"]


@cache
def document() -> dict[str, Any]:
    """The whole description."""
    listed = {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": _OBJECT, "maxItems": 100_000},
            "next": {"type": _NULLABLE},
            "total": {"type": "integer", "minimum": 0},
        },
        "required": ["items", "next", "total"],
    }
    action = {
        "type": "object",
        "additionalProperties": False,
        "required": ["action"],
        "properties": {
            "action": {"type": "string", "enum": list(get_args(ActionName))},
            "until": {"type": _NULLABLE, "format": "date-time"},
            "reason": {"type": _NULLABLE, "maxLength": 1000},
            "treatment": {"enum": [*get_args(Treatment), None]},
        },
    }
    page = _parameter("page", {"type": "integer", "minimum": 1, "maximum": DEEPEST})
    date = _parameter("date", {"type": "string"})
    alarm_id, customer_id = _in_path("id", "alarm"), _in_path("id", "customer")
    entry = [_in_path("date", "worklist"), _in_path("customer", "customer")]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Vigía", "version": "1", "description": "Customers, alarms and worklists; pages of 100."},
        "servers": [{"url": "/api/v1"}],
        "security": [{"key": []}],
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "paths": {
            "/customers": {"get": _get("Customers", listed, [*_filters(CUSTOMER_FILTERS), page], filtered=True)},
            "/customers/{id}": {"get": _get("A customer", _OBJECT, [customer_id], missing=True)},
            "/customers/{id}/explanation": {
                "get": _get("Why a customer counts as at risk", _OBJECT, [customer_id], missing=True)
            },
            "/worklist": {
                "get": _get("The worklist of a date, else of the newest", listed, [date, page], filtered=True)
            },
            "/worklist/{date}/{customer}/actions": {"post": _post("Act on an entry of a worklist", action, entry)},
            "/alarms": {"get": _get("Alarms", listed, [*_filters(ALARM_FILTERS), page], filtered=True)},
            "/alarms/{id}": {"get": _get("An alarm and its life", _OBJECT, [alarm_id], missing=True)},
            "/alarms/{id}/actions": {"post": _post("Act on an alarm", action, [alarm_id])},
            "/events": {
                "get": {
                    "summary": "Alarms as they come: event `alarm`, data in the form of the topic; Last-Event-ID is honoured",
                    "responses": {
                        "200": {"description": "Events.", "content": {"text/event-stream": {}}},
                        "401": _PROBLEM,
                    },
                }
            },
            "/base": {"get": _get("All customers by stage and tier", listed, [])},
            "/quality": {"get": _get("How alarms ended, by kind", listed, [])},
        },
    }


def _filters(allowed: Any) -> list[dict[str, Any]]:
    return [
        _parameter(name, {"type": "string", "enum": list(values)} if values else {"type": "string", "maxLength": 256})
        for name, values in allowed.items()
    ]


def _parameter(name: str, schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _in_path(name: str, of: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": _ID, "description": f"The id or date of the {of}."}


def _get(text: str, schema: Any, parameters: Any, *, missing: bool = False, filtered: bool = False) -> dict[str, Any]:
    answers = {
        "200": {"description": text, "content": {"application/json": {"schema": schema}}},
        "304": {"description": "Nothing has changed since the ETag of If-None-Match."},
    }
    codes = ["401", "403", *(["404"] if missing else []), *(["400"] if filtered else [])]
    return {
        "summary": text,
        "parameters": parameters,
        "responses": {**answers, **dict.fromkeys(codes, _PROBLEM)},
    }


def _post(text: str, body: Any, parameters: Any) -> dict[str, Any]:
    done = {"description": "Recorded.", "content": {"application/json": {"schema": _OBJECT}}}
    codes = ("400", "401", "403", "404", "409", "413", "415", "503")
    return {
        "summary": text,
        "parameters": [
            *parameters,
            {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"}},
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": done, "202": done, **dict.fromkeys(codes, _PROBLEM)},
    }
