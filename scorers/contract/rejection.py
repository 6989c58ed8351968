"""Why a record cannot be read: one code of a closed list and one inert line.

Speed does not matter here, only records that failed come by. Checks go from the outside in, and the first that fails
speaks: bytes, text, depth, JSON, object, version, type, fields. So a record of a later schema version says
`schema_unknown` whatever its fields are. A detail names fields and rules, never values: values may be personal.
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
    """A record that is no event: why, and whose it was as far as that could be read."""

    code: RejectCode
    detail: str
    event_id: str | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        """A detail is one bounded line of printable characters, whoever wrote it."""
        force_setattr(self, "detail", printable(self.detail, MAX_DETAIL))


def rejection_of(raw: bytes, error: Exception, types: Set[str]) -> Rejection:
    """Why `raw`, which the strict decoder refused with `error`, is none of `types`."""
    try:
        record = _record(raw, types)
        code, detail = _field_fault(error, record)
    except _Fault as fault:
        return fault.rejected
    return _rejected(code, detail, record)


def document_rejection(raw: bytes, types: Set[str]) -> Rejection | None:
    """What is wrong with `raw` as a document, apart from the fields of its type; None if nothing."""
    try:
        _record(raw, types)
    except _Fault as fault:
        return fault.rejected
    return None


def too_deep(raw: bytes) -> bool:
    """Whether brackets nest deeper than MAX_DEPTH; counted without recursion, in broken JSON too."""
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


# A string is one token, so that brackets in it do not count; possessive, so that no text makes it slow.
_BRACKETS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)


class _Fault(Exception):
    def __init__(self, code: RejectCode, detail: str, record: object = None) -> None:
        self.rejected = _rejected(code, detail, record)


def _rejected(code: RejectCode, detail: str, record: object) -> Rejection:
    known = record if isinstance(record, dict) else {}
    return Rejection(code, detail, _readable(known.get("id")), _readable(known.get("source")))


def _readable(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 512 and value.isprintable() else None


def _record(raw: bytes, types: Set[str]) -> dict[str, Any]:
    """The record as plain JSON, sound but for the fields of its type."""
    record = _json(raw)
    if not isinstance(record, dict):
        raise _Fault("not_object", "a record is a JSON object")
    version = record.get("schema_version", 1)
    if type(version) is not int and version not in (math.inf, -math.inf):
        raise _Fault("wrong_type", "schema_version is an integer", record)
    if abs(version) > MAX_MINOR:
        raise _Fault("bad_number", "schema_version is out of all range", record)
    if version != 1:
        raise _Fault("schema_unknown", f"schema_version is {version}, known is 1", record)
    if "type" not in record:
        raise _Fault("missing_field", "type is missing", record)
    if not isinstance(record["type"], str):
        raise _Fault("wrong_type", "type is a string", record)
    if record["type"] not in types:
        raise _Fault("unknown_type", f"type {printable(record['type'], 64)} is not in the contract", record)
    return record


def _json(raw: bytes) -> object:
    if len(raw) > MAX_BYTES:
        raise _Fault("too_large", f"{len(raw)} bytes, allowed are {MAX_BYTES}")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise _Fault("bad_text", f"byte {error.start} is not UTF-8") from None
    if "\0" in text:
        raise _Fault("bad_text", f"character {text.index(chr(0))} is NUL: is this UTF-16?")
    if too_deep(raw):
        raise _Fault("too_deep", f"brackets nest deeper than {MAX_DEPTH}")
    try:
        record = json.loads(text, parse_int=_integer, parse_constant=_constant, object_pairs_hook=_object)
        json.dumps(record, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        code: RejectCode = "bad_text" if "control character" in error.msg else "not_json"
        raise _Fault(code, f"{error.msg} (character {error.pos})") from None
    except UnicodeEncodeError:
        raise _Fault("bad_text", "a surrogate stands alone") from None
    except RecursionError:
        raise _Fault("too_deep", "brackets nest deeper than the stack allows") from None
    return record


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= 20 else math.copysign(math.inf, -1 if digits[0] == "-" else 1)


def _constant(name: str) -> NoReturn:
    raise _Fault("bad_number", f"{name} is no JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _Fault("bad_value", f"key {printable(twice, 64)} stands twice in one object")
    return record


_AT = re.compile(r" - at (?P<key>`key` in )?`\$\.?(?P<path>[^`]*)`$")
_STEP = re.compile(r"\w+")
_SAID: tuple[tuple[re.Pattern[str], RejectCode, str], ...] = (
    # what the decoder says, what we say; order matters
    (re.compile(r"^Object missing required field `(\w+)`"), "missing_field", r"{path}{dot}\1 is missing"),
    (re.compile(r"^(?:Number|Integer value) out of range"), "bad_number", "{path} is out of all range"),
    (re.compile(r"^Invalid (?:enum )?value"), "bad_value", "{path} is not in its closed list"),
    (re.compile(r"^Expected `(.*)`, got `(.*)`"), "wrong_type", r"{path} is `\1`, not `\2`"),
    (re.compile(r"^Expected (.*)"), "bad_value", r"{path} is \1"),
)


def _field_fault(error: Exception, record: dict[str, Any]) -> tuple[RejectCode, str]:
    """What the strict decoder found in a field of a sound record."""
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
    if said.startswith("Expected") and "got" not in said and _immense(record, path):
        return "bad_number", f"{where} is out of all range"
    for pattern, code, form in _SAID:
        if found := pattern.match(said):
            told = found.expand(form) if found.lastindex else form
            return code, told.replace("{path}", path if code == "missing_field" else where).replace(
                "{dot}", "." if path else ""
            )
    return "bad_value", f"{where} is not as the contract says"


def _immense(record: Any, path: str) -> bool:
    """Whether the value at the path is a number that no field could hold."""
    try:
        for step in _STEP.findall(path):
            record = record[int(step)] if isinstance(record, list) else record[step]
    except (LookupError, TypeError, ValueError):
        return False
    return isinstance(record, int | float) and abs(record) > MAX_MINOR
