"""Finds why a record cannot be read: one code of a closed list, and a detail of one printable line.

Checks run from the outside in and the first failure counts: bytes, text, depth, JSON, object, version, type, fields. So
a record of a later schema version is `schema_unknown` whatever its fields are. A detail names fields and rules, never
values, which may be personal. Only records that failed to decode come here, so clarity goes before speed.
"""

import json
import math
import re
from collections.abc import Set
from typing import Any, Literal, NoReturn

from msgspec import Struct, ValidationError
from msgspec.structs import force_setattr

from scorers.contract.events import MAX_MINOR
from scorers.contract.inert import printable

RejectCode = Literal[
    "not_json",
    "too_large",
    "too_deep",
    "bad_number",
    "bad_text",
    "not_object",
    "missing_field",
    "wrong_type",
    "bad_value",
    "bad_time",
    "unknown_type",
    "schema_unknown",
    "key_mismatch",
    "core_error",
]

MAX_BYTES = 256 * 1024
MAX_DEPTH = 256  # well under what any caller's stack leaves to the decoder, so that the answer depends on bytes alone
MAX_DETAIL = 240


class Rejection(Struct, frozen=True):
    """Why a record was rejected, with its `id` and `source` if they could be read."""

    code: RejectCode
    detail: str
    event_id: str | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        """Reduce the detail to one bounded, printable line."""
        force_setattr(self, "detail", printable(self.detail, MAX_DETAIL))


def rejection_of(raw: bytes, error: Exception, types: Set[str]) -> Rejection:
    """Why `raw`, on which the strict decoder raised `error`, is not a record of one of `types`."""
    try:
        record = _record(raw, types)
        code, detail = _field_error(error, record)
    except _Invalid as invalid:
        return invalid.rejection
    return _rejection(code, detail, record)


def document_rejection(raw: bytes, types: Set[str]) -> Rejection | None:
    """Why `raw` is not a sound document, whatever the fields of its type are; None if it is sound."""
    try:
        _record(raw, types)
    except _Invalid as invalid:
        return invalid.rejection
    return None


def too_deep(raw: bytes) -> bool:
    """Whether brackets nest deeper than MAX_DEPTH. Works without recursion, and in broken JSON too."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for token in _BRACKETS.finditer(raw):
        match token[0]:
            case b"[" | b"{":
                depth += 1
                if depth > MAX_DEPTH:
                    return True
            case b"]" | b"}":
                depth -= 1
    return False


# A string is one token, so that brackets inside it do not count; possessive, so that matching stays linear.
_BRACKETS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)


class _Invalid(Exception):
    def __init__(self, code: RejectCode, detail: str, record: object = None) -> None:
        self.rejection = _rejection(code, detail, record)


def _rejection(code: RejectCode, detail: str, record: object) -> Rejection:
    known = record if isinstance(record, dict) else {}
    return Rejection(code, detail, _readable(known.get("id")), _readable(known.get("source")))


def _readable(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 512 and value.isprintable() else None


def _record(raw: bytes, types: Set[str]) -> dict[str, Any]:
    """The record as plain JSON, with everything checked except the fields of its type."""
    record = _json(raw)
    if not isinstance(record, dict):
        raise _Invalid("not_object", "a record is a JSON object")
    version = record.get("schema_version", 1)
    if type(version) is not int and version not in (math.inf, -math.inf):
        raise _Invalid("wrong_type", "schema_version is an integer", record)
    if abs(version) > MAX_MINOR:
        raise _Invalid("bad_number", "schema_version is out of range", record)
    if version != 1:
        raise _Invalid("schema_unknown", f"schema_version is {version}, known is 1", record)
    if "type" not in record:
        raise _Invalid("missing_field", "type is missing", record)
    if not isinstance(record["type"], str):
        raise _Invalid("wrong_type", "type is a string", record)
    if record["type"] not in types:
        raise _Invalid("unknown_type", f"type {printable(record['type'], 64)} is not in the contract", record)
    return record


def _json(raw: bytes) -> object:
    if len(raw) > MAX_BYTES:
        raise _Invalid("too_large", f"{len(raw)} bytes, allowed are {MAX_BYTES}")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise _Invalid("bad_text", f"byte {error.start} is not UTF-8") from None
    if "\0" in text:
        raise _Invalid("bad_text", f"character {text.index(chr(0))} is NUL: is this UTF-16?")
    if too_deep(raw):
        raise _Invalid("too_deep", f"brackets nest deeper than {MAX_DEPTH}")
    try:
        record = json.loads(text, parse_int=_integer, parse_constant=_constant, object_pairs_hook=_object)
        json.dumps(record, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        code: RejectCode = "bad_text" if "control character" in error.msg else "not_json"
        raise _Invalid(code, f"{error.msg} (character {error.pos})") from None
    except UnicodeEncodeError:
        raise _Invalid("bad_text", "a surrogate is not paired") from None
    except RecursionError:
        raise _Invalid("too_deep", "brackets nest deeper than the stack allows") from None
    return record


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= 20 else math.copysign(math.inf, -1 if digits[0] == "-" else 1)


def _constant(name: str) -> NoReturn:
    raise _Invalid("bad_number", f"{name} is not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _Invalid("bad_value", f"key {printable(twice, 64)} occurs twice in one object")
    return record


_AT = re.compile(r" - at (?P<key>`key` in )?`\$\.?(?P<path>[^`]*)`$")
_STEP = re.compile(r"\w+")
_DETAILS: tuple[tuple[re.Pattern[str], RejectCode, str], ...] = (
    # the decoder's message, our code and detail; the first match counts
    (re.compile(r"^Object missing required field `(\w+)`"), "missing_field", r"{path}{dot}\1 is missing"),
    (re.compile(r"^(?:Number|Integer value) out of range"), "bad_number", "{path} is out of range"),
    (re.compile(r"^Invalid (?:enum )?value"), "bad_value", "{path} is not one of the values that the contract lists"),
    (re.compile(r"^Expected `(.*)`, got `(.*)`"), "wrong_type", r"{path} is `\1`, not `\2`"),
    (re.compile(r"^Expected (.*)"), "bad_value", r"{path} is \1"),
)


def _field_error(error: Exception, record: dict[str, Any]) -> tuple[RejectCode, str]:
    """Code and detail for the field at which the strict decoder failed."""
    if not isinstance(error, ValidationError):
        return "not_json", "the decoder cannot read it"
    at = _AT.search(str(error))
    said = str(error)[: at.start()] if at else str(error)
    path = at["path"] if at else ""
    where = (f"a key of {path}" if at and at["key"] else path) or "the record"
    match error.__cause__:
        case TypeError():
            return "wrong_type", f"{where} {said}"
        case ValueError():
            return "bad_time", f"{where} {said}"
    if said.startswith("Expected") and "got" not in said and _is_immense(record, path):
        return "bad_number", f"{where} is out of range"
    for pattern, code, form in _DETAILS:
        if found := pattern.match(said):
            detail = found.expand(form) if found.lastindex else form
            return code, detail.replace("{path}", path if code == "missing_field" else where).replace(
                "{dot}", "." if path else ""
            )
    return "bad_value", f"{where} does not match the contract"


def _is_immense(record: Any, path: str) -> bool:
    """Whether the value at the path is a number beyond what any field may hold."""
    try:
        for step in _STEP.findall(path):
            record = record[int(step)] if isinstance(record, list) else record[step]
    except (LookupError, TypeError, ValueError):
        return False
    return isinstance(record, int | float) and abs(record) > MAX_MINOR
