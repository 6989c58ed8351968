"""What the wire tells, events and alarms, it reads again."""

import json
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scorers.contract.alarms import Alarm, Evidence, Reason, Subject
from scorers.contract.events import DAY, SECOND, AnyEvent, CustomerErased, CustomerMerged, Instant, Key, Text
from scorers.contract.ids import canonical, is_trimmed
from scorers.contract.rfc3339 import EARLIEST, TOO_LATE
from scorers.contract.wire import Rejection, decode, decode_alarm, encode_alarm, encode_event
from tests.support.wires import EVENT_TYPES, SALE, sale


def test_encoded_event_reads_as_the_contract() -> None:
    """Names are the contract's, times are RFC 3339 in UTC, defaults are left out."""
    event = decode(sale(time="2024-05-06T09:08:09.25+02:00"))
    assert not isinstance(event, Rejection)
    assert json.loads(encode_event(event)) == SALE | {"time": "2024-05-06T07:08:09.250000Z"}


def test_plain_integers_are_encoded_as_times() -> None:
    """Arithmetic on instants gives plain integers; they are encoded as times all the same."""
    erased = CustomerErased(id="e", source="s", time=1_714_979_289 * SECOND, customer_id="c")  # type: ignore[arg-type]
    assert json.loads(encode_event(erased))["time"] == "2024-05-06T07:08:09Z"


PLAIN = st.characters(exclude_categories=("Cs", "Cc"))
WORDS = st.text(PLAIN, min_size=1, max_size=12)
KEYS = WORDS.map(canonical).filter(is_trimmed)
FREE = st.text(PLAIN | st.sampled_from("\t\r\n"), max_size=12)
INSTANTS = st.integers(EARLIEST, TOO_LATE - 1).map(Instant)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """A strategy for a declared type of a field."""
    if kind == Key:
        return KEYS
    if kind == Text:
        return FREE
    if kind is Instant:
        return INSTANTS
    info = msgspec.inspect.type_info(kind)
    match info.type if isinstance(info, msgspec.inspect.Metadata) else info:
        case msgspec.inspect.UnionType():
            return st.one_of(*(st.none() if part is type(None) else values(part) for part in get_args(kind)))
        case msgspec.inspect.StrType(pattern=None):
            return WORDS
        case msgspec.inspect.StrType(pattern=pattern):
            return st.from_regex(pattern, fullmatch=True).filter(lambda text: text.isprintable())
        case msgspec.inspect.IntType(ge=least, le=most):
            return st.integers(least, most) if most is not None else st.just(1)
        case msgspec.inspect.FloatType(ge=least, le=most):
            return st.floats(least, most)
        case msgspec.inspect.BoolType():
            return st.booleans()
        case msgspec.inspect.DateType():
            return st.dates()
        case msgspec.inspect.LiteralType(values=allowed):
            return st.sampled_from(sorted(allowed))
        case msgspec.inspect.StructType(cls=cls):
            return records(cls)
        case msgspec.inspect.VarTupleType():
            return st.lists(values(get_args(kind)[0]), max_size=3).map(tuple)
        case msgspec.inspect.DictType():
            names = FREE if get_args(kind)[1] is str else WORDS  # consents are named by codes, attributes by anything
            return st.dictionaries(names, values(get_args(kind)[1]), max_size=3)
    raise NotImplementedError(kind)


def records(cls: type) -> st.SearchStrategy[Any]:
    """Values of a struct, with some of the optional fields left at their defaults."""
    fields = msgspec.structs.fields(cls)
    return st.fixed_dictionaries(
        {f.name: values(f.type) for f in fields if f.required},
        optional={f.name: values(f.type) for f in fields if not f.required},
    ).map(lambda given: cls(**given))


@pytest.mark.parametrize("cls", EVENT_TYPES, ids=lambda cls: cls.__struct_config__.tag)
def test_every_event_comes_back(cls: type) -> None:
    """What is told of any event is read as that event."""

    @settings(max_examples=40, deadline=None)
    @given(records(cls))
    def round_trip(event: AnyEvent) -> None:
        assume(not isinstance(event, CustomerMerged) or event.into != event.customer_id)
        raw = encode_event(event)
        assert decode(raw) == event
        assert decode(json.dumps(json.loads(raw), indent=1).encode()) == event

    round_trip()


ALARM = Alarm(
    type="alarm.settled",
    alarm_id="a1",
    dedup_key="c42/gone-quiet",
    subject=Subject(type="customer", id="c42"),
    customer_id="c42",
    kind="gone-quiet",
    severity="warning",
    time=Instant(1_714_979_289 * SECOND),
    at=Instant(1_714_979_289 * SECOND - DAY),
    outcome="saved",
    cause=("e1",),
    stage="core_customer",
    tier="gold",
    risk=0.25,
    value_at_risk_minor=120_000,
    currency="EUR",
    reasons=(Reason(code="silence", weight=0.5, text="31 days of silence, usual are 7"),),
    deadline=Instant(TOO_LATE + DAY),
    evidence=(Evidence(topic="purchases", partition=1, offset=7, event_id="e1"),),
    policy_version="p1",
    figures_version="f1",
    model_version="m1",
)


def test_alarm_reads_as_the_contract() -> None:
    """Every attribute is told under its name, null where there is nothing, times to the second."""
    told = json.loads(encode_alarm(ALARM))
    left_out = {"priority_minor", "history", "merged", "continues"}  # unknown, no history, of no merge
    assert set(told) == set(Alarm.__struct_fields__) - left_out
    assert (told["time"], told["at"]) == ("2024-05-06T07:08:09Z", "2024-05-05T07:08:09Z")
    assert told["subject"] == {"type": "customer", "id": "c42"}
    assert told["evidence"] == [{"topic": "purchases", "partition": 1, "offset": 7, "event_id": "e1"}]
    assert told["name"] is None


def test_alarm_comes_back() -> None:
    """An alarm told is read as itself, also with a deadline that no event could have and with plain integers."""
    assert decode_alarm(encode_alarm(ALARM)) == ALARM
    plain = msgspec.structs.replace(ALARM, at=int(ALARM.at), deadline=int(ALARM.deadline or 0))
    assert decode_alarm(encode_alarm(plain)) == ALARM


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("unknown_type", {"type": "alarm.forgotten"}),
        ("schema_unknown", {"schema_version": 2}),
        ("bad_time", {"at": "yesterday"}),
        ("bad_value", {"severity": "urgent"}),
        ("wrong_type", {"alarm_id": None}),
        ("missing_field", {"kind": ...}),
    ],
)
def test_bad_alarms_are_refused(code: str, changes: dict[str, Any]) -> None:
    """The notifier meets the same reasons."""
    told = json.loads(encode_alarm(ALARM)) | changes
    rejected = decode_alarm(json.dumps({k: v for k, v in told.items() if v is not ...}).encode())
    assert isinstance(rejected, Rejection)
    assert rejected.code == code, rejected
