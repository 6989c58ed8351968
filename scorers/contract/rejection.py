"""Finds why a record cannot be read: one code of a closed list, and a detail of one printable line.

Checks run from the outside in and the first failure counts: bytes, text, depth, JSON, object, version, type, fields. So
a record of a later schema version is `schema_unknown` whatever its fields are. A detail names fields and rules, never
values, which may be personal.

Only records that failed to decode, or that need a closer look, come here. Hostile ones must not cost more than good ones,
so every check reads the record a fixed number of times, and values are left undecoded (`Raw`) unless a check needs them.
"""

import json
import re
from binascii import crc32
from collections.abc import Mapping, Set
from functools import lru_cache
from itertools import accumulate
from typing import Any, Literal

import msgspec
from msgspec import DecodeError, Raw, Struct, ValidationError
from msgspec.structs import force_setattr

from scorers.contract.closed_lists import event_values
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
    "bad_seal",
    "core_error",
]

MAX_BYTES = 256 * 1024
MAX_DEPTH = 256  # well under what any caller's stack leaves to the decoder, so that the answer depends on bytes alone
MAX_BRACKETS = 16_384  # half as many again as the largest basket has; each costs many times its byte
MAX_DETAIL = 240
TOO_DEEP = f"brackets nest deeper than {MAX_DEPTH}, or are more than {MAX_BRACKETS}"
LARGE = 4096  # bytes of a record beyond which a check saves work even if it says less


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
    for fault in (error, error.__cause__):
        if fault is not None:
            fault.__traceback__ = None  # its frames hold what was decoded, which garbage collections would look through
    try:
        fields = _record(raw, types)
        code, detail = _field_error(error, fields)
    except _Invalid as invalid:
        return invalid.rejection
    return _rejection(code, detail, fields)


def document_rejection(raw: bytes, types: Set[str]) -> Rejection | None:
    """Why `raw` is not a sound document, whatever the fields of its type are; None if it is sound."""
    try:
        _record(raw, types, has_repeated=True)
    except _Invalid as invalid:
        return invalid.rejection
    return None


def too_deep(raw: bytes) -> bool:
    """Whether brackets nest deeper than MAX_DEPTH, or are more than MAX_BRACKETS. Works in broken JSON too."""
    opened = raw.count(b"[") + raw.count(b"{")
    if opened <= MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", raw).translate(None, _NO_BRACKETS)
    if opened > MAX_BRACKETS and brackets.count(b"[") + brackets.count(b"{") > MAX_BRACKETS:
        return True
    return max(accumulate(map(_DEPTH_STEP.__getitem__, brackets)), default=0) > MAX_DEPTH


# A string is one token, so that brackets inside it do not count; possessive, so that matching stays linear.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_DEPTH_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(set(range(256)) - _DEPTH_STEP.keys())


def has_unique_keys(raw: bytes) -> bool:
    """Whether no object in a sound document, which is an object itself, has a key twice.

    Decoding keeps one of two equal keys, so what was decoded and is encoded again has fewer quotes than the text. Of a large
    record only values that hold an object are decoded: a list of lists costs many times its bytes.
    """
    if b"\\u0022" in raw:
        raw = raw.replace(rb"\\", rb"\u005c").replace(rb"\u0022", rb"\"")
    quotes = raw.count(b'"')
    if len(raw) <= LARGE:
        return quotes == _skeleton(_decode_untyped(raw)).count(b'"')
    for key, value in _decode_fields(raw).items():
        text = bytes(value)
        count = text.count(b'"')
        quotes -= 2 + key.count('"') + count
        if b"{" in text and _skeleton(_decode_untyped(text)).count(b'"') != count:
            return False
    return quotes == 0


def _decode_untyped(text: bytes) -> object:
    try:
        return _decode_anything(text)
    except ValidationError:  # Python converts no integer of thousands of digits; any other one will do
        return _decode_anything(_MANY_DIGITS.sub(lambda digits: b"1%d" % crc32(digits[0]), text))


_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode
_decode_raw = msgspec.json.Decoder(Raw).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_anything = msgspec.json.Decoder(float_hook=bool).decode  # converting a long fraction costs many times its bytes
_skeleton = msgspec.json.encode
_MANY_DIGITS = re.compile(rb"[0-9]{1000,}+")


class _Invalid(Exception):
    def __init__(self, code: RejectCode, detail: str, fields: Mapping[str, Raw] | None = None) -> None:
        self.rejection = _rejection(code, detail, fields or {})


def _rejection(code: RejectCode, detail: str, fields: Mapping[str, Raw]) -> Rejection:
    return Rejection(code, detail, _readable(fields.get("id")), _readable(fields.get("source")))


def _readable(raw: Raw | None) -> str | None:
    text = b"" if raw is None else bytes(raw)
    if text[:1] != b'"' or len(text) > 6 * 512 + 2:
        return None
    value = _decode_text(text)
    return value if 0 < len(value) <= 512 and value.isprintable() else None


def _value(raw: Raw) -> object:
    """A text or a number as Python has it, a long number only roughly; None for anything else."""
    text = bytes(raw)
    if text[:1] == b'"':
        return _decode_text(text)
    if text[0] not in b"-0123456789":
        return None
    return int(text) if len(text) <= 20 and text.lstrip(b"-").isdigit() else float(text)


def _record(raw: bytes, types: Set[str], *, has_repeated: bool = False) -> Mapping[str, Raw]:
    """The fields of the record, with everything checked except those of its type; perhaps a key is repeated."""
    fields = _fields(raw, has_repeated)
    version = _value(fields["schema_version"]) if "schema_version" in fields else 1
    version = 1 if "schema_version" in fields and bytes(fields["schema_version"]) == b"null" else version
    if type(version) is float and abs(version) > MAX_MINOR:
        raise _Invalid("bad_number", "schema_version is out of range", fields)
    if type(version) is not int:
        raise _Invalid("wrong_type", "schema_version is an integer", fields)
    if abs(version) > MAX_MINOR:
        raise _Invalid("bad_number", "schema_version is out of range", fields)
    if version != 1:
        raise _Invalid("schema_unknown", f"schema_version is {version}, known is 1", fields)
    if "type" not in fields:
        raise _Invalid("missing_field", "type is missing", fields)
    kind = _value(fields["type"])
    if not isinstance(kind, str):
        raise _Invalid("wrong_type", "type is a string", fields)
    if kind not in types:
        raise _Invalid("unknown_type", f"type {printable(kind, 64)} is not in the contract", fields)
    return fields


def _fields(raw: bytes, has_repeated: bool) -> Mapping[str, Raw]:
    """What the outermost object holds, if the document is sound."""
    if len(raw) > MAX_BYTES:
        raise _Invalid("too_large", f"{len(raw)} bytes, allowed are {MAX_BYTES}")
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        raise _Invalid("bad_text", f"byte {error.start} is not UTF-8") from None
    if b"\0" in raw:
        raise _Invalid("bad_text", f"byte {raw.index(0)} is NUL: is this UTF-16?")
    if too_deep(raw):
        raise _Invalid("too_deep", TOO_DEEP)
    if b"\\" in raw and _SURROGATE.search(raw) and not _PAIRED.fullmatch(raw):
        raise _Invalid("bad_text", "a surrogate is not paired")
    try:
        fields = _decode_fields(raw)
    except DecodeError as error:
        raise _malformed(raw, error) from None
    if len(raw) <= LARGE and (has_repeated or not has_unique_keys(raw)):
        _decode_pairs(raw.decode())
    elif len(raw) > LARGE and not has_unique_keys(raw):
        raise _Invalid("bad_value", "a key occurs twice in one object")
    return fields


_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_PAIRED = re.compile(
    rb"(?:[^\\]++|\\[^u]|\\u(?![dD][89a-fA-F])|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F])*+", re.DOTALL
)


def _malformed(raw: bytes, error: DecodeError) -> _Invalid:
    """Why the bytes are no JSON, or no object."""
    said = str(error)
    if isinstance(error, ValidationError):
        try:
            _decode_raw(raw)
        except DecodeError as other:
            said = str(other)  # a name for the error itself would hold these frames until a garbage collection
        else:
            return _Invalid("not_object", "a record is a JSON object")
    if raw.startswith(b"\xef\xbb\xbf"):
        return _Invalid("not_json", "a record does not begin with a byte order mark")
    found = _AT_BYTE.search(said)
    if found is None:
        return _Invalid("not_json", "the JSON ends too early" if raw.strip() else "the record is empty")
    at = int(found[1])
    if raw.startswith((b"NaN", b"Infinity"), at):
        return _Invalid("bad_number", "NaN and Infinity are not JSON numbers")
    if raw[at : at + 1] < b" " and b'"' in _WHOLE_STRING.sub(b"", raw[:at]):
        return _Invalid("bad_text", f"a text holds a control character that is not escaped (byte {at})")
    return _Invalid("not_json", said.removeprefix("JSON is malformed: "))


_AT_BYTE = re.compile(r"\(byte (\d+)\)$")
_WHOLE_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


def _object(pairs: list[tuple[str, Any]]) -> bool:
    """Raise with the key that occurs twice."""
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise _Invalid("bad_value", f"key {printable(key, 64)} occurs twice in one object")
        seen.add(key)
    return True


_decode_pairs = json.JSONDecoder(parse_int=float, object_pairs_hook=_object).decode
_AT = re.compile(r" - at (?P<key>`key` in )?`\$\.?(?P<path>[^`]*)`$")
_STEP = re.compile(r"\w+")
LISTED = "is not one of the values that the contract lists"
_DETAILS: tuple[tuple[re.Pattern[str], RejectCode, str], ...] = (
    # the decoder's message, our code and detail; the first match counts
    (re.compile(r"^Object missing required field `(\w+)`"), "missing_field", "{path}{dot}{0} is missing"),
    (re.compile(r"^(?:Number|Integer value) out of range"), "bad_number", "{path} is out of range"),
    (re.compile(r"^Invalid (?:enum )?value"), "bad_value", f"{{path}} {LISTED}"),
    (re.compile(r"^Expected `(.*)`, got `(.*)`"), "wrong_type", "{path} is `{0}`, not `{1}`"),
    (re.compile(r"^Expected (.*)"), "bad_value", "{path} is {0}"),
)


_HOOK_CODES: dict[type[BaseException | None], RejectCode] = {TypeError: "wrong_type", ValueError: "bad_time"}


def _field_error(error: Exception, fields: Mapping[str, Raw]) -> tuple[RejectCode, str]:
    """Code and detail for the field at which the strict decoder failed."""
    if not isinstance(error, ValidationError):
        return "not_json", "the decoder cannot read it"
    said = str(error)
    explain = _explained if len(said) <= MAX_DETAIL else _explained.__wrapped__
    code, detail, path, where = explain(said, _HOOK_CODES.get(type(error.__cause__)))
    if code == "bad_value" and said.startswith(_A_NUMBER) and _is_immense(fields, path):
        return "bad_number", f"{where} is out of range"
    if detail.endswith(LISTED) and (allowed := event_values(str(_value(fields["type"])), path)):
        return code, f"{where} is none of {', '.join(allowed)}"
    return code, detail


_A_NUMBER = ("Expected `int", "Expected `float")
_ALTERNATIVES = re.compile(r"(?<=[(|])[a-z_]+(?=[|)])")


@lru_cache(1024)
def _explained(said: str, raised: RejectCode | None) -> tuple[RejectCode, str, str, str]:
    """Code and detail for what the decoder said, or a hook that `raised`, and the field: as a path and in words."""
    at = _AT.search(said)
    path = at["path"] if at else ""
    where = (f"a key of {path}" if at and at["key"] else path) or "the record"
    said = said[: at.start()] if at else said
    if raised:
        return raised, f"{where} {said}", path, where
    for pattern, code, form in _DETAILS:
        if found := pattern.match(said):
            if alternatives := _ALTERNATIVES.findall(said):
                other = " or other: with a code of your own" if "|other:" in said else ""
                return code, f"{where} is none of {', '.join(alternatives)}{other}", path, where
            named = path if code == "missing_field" else where
            return code, form.format(*found.groups(), path=named, dot="." if path else ""), path, where
    return "bad_value", f"{where} does not match the contract", path, where


def _is_immense(fields: Mapping[str, Raw], path: str) -> bool:
    """Whether the value at the path is a number beyond what any field may hold."""
    steps = _STEP.findall(path)
    try:
        raw = fields[steps[0]]
        for step in steps[1:]:
            raw = _decode_list(raw)[int(step)] if step.isdigit() else _decode_fields(raw)[step]
    except (LookupError, DecodeError):
        return False
    value = _value(raw)
    return isinstance(value, int | float) and abs(value) > MAX_MINOR
