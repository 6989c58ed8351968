"""What the wire accepts, what it refuses and with which reason."""

import json
from typing import get_args

import pytest

from scorers.contract import wire
from scorers.contract.events import SECOND, Instant, Item, Purchase
from scorers.contract.wire import Rejection, decode, encode_event
from tests.support.wires import SALE, nested, of_type, raw_sale, sale

REFUSED: list[tuple[str, str, bytes]] = [
    ("not_json", "nothing at all", b""),
    ("not_json", "a line of CSV", b"e1,till-1,42"),
    ("not_json", "JSON cut short", sale()[:-5]),
    ("not_json", "words after the object", sale() + b" and more"),
    ("not_json", "two objects", sale() + sale()),
    ("not_json", "a comma before the end", sale()[:-1] + b",}"),
    ("not_json", "a byte order mark", b"\xef\xbb\xbf" + sale()),
    ("not_json", "an escape that JSON does not know", raw_sale(r'"store_id": "\q"')),
    ("too_large", "one byte over the limit", sale() + b" " * (wire.MAX_BYTES + 1 - len(sale()))),
    ("too_large", "ten megabytes that are not JSON either", b"x" * 10_000_000),
    ("too_deep", "200,000 brackets and nothing else", b"[" * 120_000 + b"]" * 120_000),
    ("too_deep", "brackets that never close", b"[" * 200_000),
    ("too_deep", "objects that never close", b'{"a":' * 50_000),
    ("too_deep", "a bottomless unknown field in a good sale", raw_sale('"x": ' + nested(100_000))),
    ("too_deep", "one level too many in an unknown field", raw_sale('"x": ' + nested(wire.MAX_DEPTH))),
    ("bad_number", "NaN as an amount", raw_sale('"margin_minor": NaN')),
    ("bad_number", "NaN in an unknown field", raw_sale('"x": NaN')),
    ("bad_number", "minus infinity", raw_sale('"margin_minor": -Infinity')),
    ("bad_number", "1e999 as a quantity", sale(items=[{"sku": "a", "quantity": 0}]).replace(b": 0}", b": 1e999}")),
    ("bad_number", "1e999 as an amount", sale().replace(b"1999", b"1e999")),
    ("bad_number", "5,000 digits", sale().replace(b"1999", b"9" * 5000)),
    ("bad_number", "5,000 digits below nought", sale().replace(b"1999", b"-" + b"9" * 5000)),
    ("bad_number", "an amount that no till has seen", sale(amount_minor=10**15 + 1)),
    ("bad_number", "an amount of 20 digits", sale(amount_minor=10**20)),
    ("bad_number", "a version of 400 digits", sale(schema_version=10**400)),
    ("bad_number", "a huge number of stars", of_type("survey.answered", satisfaction=10**18)),
    ("bad_text", "a byte that is not UTF-8", sale().replace(b"c42", b"c\xff")),
    ("bad_text", "a byte that is not UTF-8 in an unknown field", sale()[:-1] + b', "x": "\xff"}'),
    ("bad_text", "a byte that is not UTF-8 in an unknown name", sale()[:-1] + b', "x\xff": 1}'),
    ("bad_text", "Latin-1", sale(store_id="X").replace(b"X", "Málaga".encode("latin-1"))),
    ("bad_text", "UTF-16 with its mark", sale().decode().encode("utf-16")),
    ("bad_text", "UTF-16 without a mark", sale().decode().encode("utf-16-le")),
    ("bad_text", "a surrogate alone", raw_sale(r'"store_id": "\ud800"')),
    ("bad_text", "the second half of a pair alone", raw_sale(r'"store_id": "abc\udc00abcdefgh"')),
    ("bad_text", "a surrogate alone in an unknown field", raw_sale(r'"x": "\uD800"')),
    ("bad_text", "a surrogate as bytes", raw_sale('"store_id": "\ud800"')),
    ("bad_text", "an escaped NUL", raw_sale(r'"store_id": "a\u0000"')),
    ("bad_text", "a raw NUL", raw_sale('"store_id": "a\0"')),
    ("bad_text", "a raw line end in a text", raw_sale('"store_id": "a\nb"')),
    ("bad_text", "an escaped line end in a customer id", sale(customer_id="c\r\n42")),
    ("bad_text", "a tab in an item", sale(items=[{"sku": "a\tb", "quantity": 1}])),
    ("bad_text", "a delete character", sale(store_id="X").replace(b"X", b"a\x7f")),
    ("bad_text", "a C1 control", sale(store_id="X").replace(b"X", "a\x85b".encode())),
    ("bad_text", "an escaped C1 control", sale(store_id="a\x9fb")),
    ("bad_text", "a bell in free text", of_type("owner.judged", good=True, note="ring \a")),
    ("bad_text", "an escape character in an attribute", of_type("customer.described", attributes={"city": "\x1b[2J"})),
    ("bad_text", "a line end in the name of a consent", of_type("customer.described", consent={"mail\n": True})),
    ("bad_text", "a line end after a listed reason", of_type("exit.explained", reason="price\n")),
    ("not_object", "null", b"null"),
    ("not_object", "a number", b"42"),
    ("not_object", "a text", b'"purchase.completed"'),
    ("not_object", "an array with a good sale", b"[" + sale() + b"]"),
    *[("missing_field", f"no {name}", sale(**{name: ...})) for name in SALE if name != "customer_id"],
    ("missing_field", "an empty object", b"{}"),
    ("missing_field", "an answer of nobody", of_type("survey.answered", satisfaction=3, customer_id=...)),
    ("missing_field", "an item without sku", sale(items=[{"quantity": 1}])),
    ("wrong_type", "true as an amount", sale(amount_minor=True)),
    ("wrong_type", "a text as an amount", sale(amount_minor="1999")),
    ("wrong_type", "a fraction of a cent", sale(amount_minor=19.99)),
    ("wrong_type", "true as a quantity", sale(items=[{"sku": "a", "quantity": True}])),
    ("wrong_type", "a number as customer id", sale(customer_id=42)),
    ("wrong_type", "a number as id", sale(id=7)),
    ("wrong_type", "nobody where somebody must be", of_type("survey.answered", satisfaction=3, customer_id=None)),
    ("wrong_type", "an object as items", sale(items={"sku": "a", "quantity": 1})),
    ("wrong_type", "a number as type", sale(type=5)),
    ("wrong_type", "null as type", sale(type=None)),
    ("wrong_type", "true as version", sale(schema_version=True)),
    ("wrong_type", "a text as version", sale(schema_version="1")),
    ("wrong_type", "an array as version", sale(schema_version=[1])),
    ("wrong_type", "null as time", sale(time=None)),
    ("wrong_type", "true as time", sale(time=True)),
    ("wrong_type", "one as a yes", of_type("owner.judged", good=1)),
    ("bad_value", "an empty customer id", sale(customer_id="")),
    ("bad_value", "an empty id", sale(id="")),
    ("bad_value", "a space before the customer id", sale(customer_id=" 42")),
    ("bad_value", "a space after the customer id", sale(customer_id="42 ")),
    ("bad_value", "a hard space after the customer id", sale(customer_id="42\u00a0")),
    ("bad_value", "a hard space, not escaped", sale(customer_id="X").replace(b"X", "42\u00a0".encode())),
    ("bad_value", "a byte order mark before the customer id", sale(customer_id="\ufeff42")),
    ("bad_value", "nothing but a space as source", sale(source=" ")),
    ("bad_value", "a space around the id merged into", of_type("customer.merged", into="c1 ")),
    ("bad_value", "a merge into itself", of_type("customer.merged", customer_id="c1", into="c1")),
    ("bad_value", "a blank behind the id of a complaint", of_type("complaint.resolved", complaint_id="K1 ")),
    (
        "bad_value",
        "an invisible mark before the id of a request",
        of_type("contact.made", channel="x", request_id="\u200bR"),
    ),
    ("bad_value", "a soft hyphen behind the id of a promise", of_type("promise.kept", promise_id="P1\u00ad")),
    ("bad_value", "a blank behind an article", sale(items=[{"sku": "A ", "quantity": 1}])),
    ("bad_value", "a blank before a store", sale(store_id="\u3000S1")),
    ("bad_value", "a space around an alias", of_type("customer.described", aliases=["c1", " c2"])),
    ("bad_value", "an id of 100,000 characters", sale(customer_id="c" * 100_000)),
    ("bad_value", "money back as a negative sale", sale(amount_minor=-1)),
    ("bad_value", "a currency in small letters", sale(currency="eur")),
    ("bad_value", "a currency with a line end", sale(currency="EUR\n")),
    ("bad_value", "six stars", of_type("survey.answered", satisfaction=6)),
    ("bad_value", "no star", of_type("survey.answered", satisfaction=0)),
    ("bad_value", "a tone outside the list", of_type("contact.received", channel="shop", tone="furious")),
    ("bad_value", "an exit reason outside the list", of_type("exit.explained", reason="bored")),
    ("bad_value", "other: without a code", of_type("exit.explained", reason="other:")),
    ("bad_value", "a quantity beyond any basket", sale(items=[{"sku": "a", "quantity": 1e10}])),
    ("bad_value", "the same customer id twice", raw_sale('"customer_id": "c42"')),
    ("bad_value", "two customer ids", raw_sale('"customer_id": "c43"')),
    ("bad_value", "two amounts", raw_sale('"amount_minor": 1')),
    ("bad_value", "two types", raw_sale('"type": "purchase.refunded"')),
    ("bad_value", "two ids, one of them escaped", raw_sale(r'"\u0069d": "e2"')),
    ("bad_value", "two ids with a space before the colon", raw_sale('"id" : "e2"')),
    (
        "bad_value",
        "two ids and quotes that make up for it",
        raw_sale(r'"id":"e2","store_id":"\u0022\u0022\u0022\u0022"'),
    ),
    ("bad_value", "an item with two skus", raw_sale('"items": [{"sku": "a", "quantity": 1, "sku": "b"}]')),
    ("bad_value", "a key twice in an unknown field", raw_sale('"x": {"a": 1, "a": 2}')),
    ("bad_value", "a key twice beside a huge number", raw_sale('"x": 1e999, "id": "e2"')),
    ("bad_time", "a date", sale(time="2024-05-06")),
    ("bad_time", "no zone", sale(time="2024-05-06T07:08:09")),
    ("bad_time", "a space in the middle", sale(time="2024-05-06 07:08:09Z")),
    ("bad_time", "a space at the end", sale(time="2024-05-06T07:08:09Z ")),
    ("bad_time", "a line end at the end", sale(time="2024-05-06T07:08:09Z\n")),
    ("bad_time", "a zone without colon", sale(time="2024-05-06T07:08:09+0200")),
    ("bad_time", "a zone of a full day", sale(time="2024-05-06T07:08:09+24:00")),
    ("bad_time", "a name of a zone", sale(time="2024-05-06T07:08:09 CET")),
    ("bad_time", "a point without digits", sale(time="2024-05-06T07:08:09.Z")),
    ("bad_time", "digits of another script", sale(time="٢٠٢٤-05-06T07:08:09Z")),
    ("bad_time", "29 February of a common year", sale(time="2023-02-29T00:00:00Z")),
    ("bad_time", "the year nought", sale(time="0000-01-01T00:00:00Z")),
    ("bad_time", "month 13", sale(time="2024-13-01T00:00:00Z")),
    ("bad_time", "hour 24", sale(time="2024-05-06T24:00:00Z")),
    ("bad_time", "minute 60", sale(time="2024-05-06T07:60:00Z")),
    ("bad_time", "second 61", sale(time="2024-05-06T23:59:61Z")),
    ("bad_time", "a leap second at noon", sale(time="2024-05-06T11:59:60Z")),
    ("bad_time", "1900", sale(time="1900-01-01T00:00:00Z")),
    ("bad_time", "the last second of 1989", sale(time="1989-12-31T23:59:59.999999Z")),
    ("bad_time", "1989 by its zone", sale(time="1990-01-01T00:59:59+01:00")),
    ("bad_time", "the first instant of 2100", sale(time="2100-01-01T00:00:00Z")),
    ("bad_time", "2100 by its zone", sale(time="2099-12-31T23:59:59-00:01")),
    ("bad_time", "the year 9999 and a zone that leaves it", sale(time="9999-12-31T23:59:59-23:59")),
    ("bad_time", "an empty text", sale(time="")),
    ("bad_time", "seconds since 1970", sale(time=1714979289)),
    ("bad_time", "milliseconds since 1970", sale(time=1714979289000)),
    ("bad_time", "1e18", sale(time=10**18)),
    ("bad_time", "a negative number", sale(time=-1)),
    ("bad_time", "a promise due in 2100", of_type("promise.made", promise_id="p", due="2100-01-01T00:00:00Z")),
    ("unknown_type", "a type of nobody", sale(type="purchase.imagined")),
    ("unknown_type", "an empty type", sale(type="")),
    ("unknown_type", "a type in capitals", sale(type="PURCHASE.COMPLETED")),
    ("unknown_type", "an alarm among the events", sale(type="alarm.raised")),
    ("schema_unknown", "version 2", sale(schema_version=2)),
    ("schema_unknown", "version nought", sale(schema_version=0)),
    ("schema_unknown", "a negative version", sale(schema_version=-1)),
    (
        "schema_unknown",
        "version 2 with fields of its own",
        sale(schema_version=2, amount_minor=..., total={"minor": 1}),
    ),
    ("schema_unknown", "version 2 of an unknown type", sale(schema_version=2, type="purchase.imagined")),
]
ACCEPTED: list[tuple[str, bytes]] = [
    ("a plain sale", sale()),
    ("a sale to nobody", sale(customer_id=...)),
    ("a sale to null", sale(customer_id=None)),
    ("a refund of nobody", sale(type="purchase.refunded", customer_id=...)),
    ("a refund of null", sale(type="purchase.refunded", customer_id=None)),
    ("an anonymous complaint", of_type("complaint.opened", complaint_id="k", customer_id=...)),
    ("a loss on a sale", sale(margin_minor=-500)),
    ("nothing to pay", sale(amount_minor=0)),
    ("the largest amount", sale(amount_minor=10**15)),
    ("unknown fields of all kinds", sale(x=None, y=[1, {"z": "ñ"}], until="whenever")),
    ("a huge number in an unknown field", raw_sale('"x": 1e999')),
    ("5,000 digits in an unknown field", raw_sale('"x": ' + "9" * 5000)),
    ("an unknown field as deep as allowed", raw_sale('"x": ' + nested(wire.MAX_DEPTH - 1))),
    ("brackets in a text are no depth", sale(store_id="[" * 400)),
    ("a thousand items", sale(items=[{"sku": "a", "quantity": 1}] * 1000)),
    ("white space between all", json.dumps(SALE, indent=4).encode()),
    ("exactly the largest size", sale() + b" " * (wire.MAX_BYTES - len(sale()))),
    ("explicit defaults", sale(schema_version=1, items=[], margin_minor=None)),
    ("other scripts and emoji", sale(store_id="東京 🛒 Málaga", channel="‮rtl")),
    ("the same, not escaped", json.dumps(SALE | {"store_id": "東京 🛒 Málaga"}, ensure_ascii=False).encode()),
    ("quotes and backslashes", sale(store_id='the "old" \\ store')),
    ("quotes written by number", raw_sale(r'"store_id": "\u0022old\u0022"')),
    ("white space inside a customer id", sale(customer_id="c 42")),
    ("white space around a name that nothing joins on", sale(channel=" web ")),
    ("line ends in a note", of_type("owner.judged", good=False, note="late\r\n\tagain")),
    ("line ends in an attribute", of_type("customer.described", attributes={"address": "Calle 1\nMálaga"})),
    ("an exit reason with a code", of_type("exit.explained", reason="other:moved-in-with-mother")),
    ("hostile text is only text", sale(store_id='=cmd()|"<script>', channel="<!channel>")),
    ("the first instant of 1990", sale(time="1990-01-01T00:00:00Z")),
    ("the last microsecond of 2099", sale(time="2099-12-31T23:59:59.999999Z")),
    ("1990 by its zone", sale(time="1989-12-31T23:00:00-01:00")),
    ("small letters in the time", sale(time="2024-05-06t07:08:09z")),
    ("a zone at nought, unknown", sale(time="2024-05-06T07:08:09-00:00")),
    ("nine digits after the second", sale(time="2024-05-06T07:08:09.123456789Z")),
    ("a leap second", sale(time="2016-12-31T23:59:60Z")),
]


@pytest.mark.parametrize(("code", "raw"), [pytest.param(c, r, id=f"{c}: {name}") for c, name, r in REFUSED])
def test_refused(code: str, raw: bytes) -> None:
    """Every kind of bad record has its own reason, told in one inert line."""
    rejected = decode(raw)
    assert isinstance(rejected, Rejection), rejected
    assert rejected.code == code, rejected
    assert 0 < len(rejected.detail) <= 240
    assert rejected.detail.isprintable()


@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in ACCEPTED])
def test_accepted(raw: bytes) -> None:
    """What the contract allows is an event, and the event told again is the same event."""
    event = decode(raw)
    assert not isinstance(event, Rejection), event
    assert decode(encode_event(event)) == event


def test_every_code_of_the_wire_has_a_case() -> None:
    """Only the two codes that shells raise have no case here."""
    assert {code for code, _, _ in REFUSED} == set(get_args(wire.RejectCode)) - {
        "key_mismatch",
        "bad_seal",
        "core_error",
    }


def test_rejected_says_whose_record_it_was() -> None:
    """Id and source come along where they can be read, and only there."""
    assert decode(sale(currency="eur")) == Rejection(
        "bad_value", "currency is `str` matching regex '^[A-Z]{3}$'", "e1", "till-1"
    )
    hostile = decode(sale(id="e\n1", source=7, currency="eur"))
    assert isinstance(hostile, Rejection)
    assert (hostile.event_id, hostile.source) == (None, None)
    assert decode(sale(store_id="a\0")) == Rejection("bad_text", "store_id holds a control character", "e1", "till-1")


def test_a_rejection_names_no_values() -> None:
    """A detail names fields and rules, as values may be personal."""
    canary = "canary-7f3a"
    for field in SALE:
        if field == "type":  # the name of a type is nobody's secret
            continue
        for value in (canary + "\n", {canary: canary}, f" {canary}"):
            rejected = decode(sale(**{field: value}))
            assert isinstance(rejected, Rejection)
            assert canary not in rejected.detail


def test_details_are_inert_whoever_writes_them() -> None:
    """A shell may put any text into a refusal; what comes out is one short line that every sink can take."""
    rejected = Rejection("core_error", "first\r\nsecond \ud800 \u202e" + "x" * 1000)
    assert rejected.detail.startswith("first??second ? ?xxx")
    assert len(rejected.detail) == 240


def test_depth_does_not_depend_on_the_caller() -> None:
    """The same bytes get the same answer from a deep stack as from a shallow one."""

    def from_below(levels: int, raw: bytes) -> object:
        return from_below(levels - 1, raw) if levels else decode(raw)

    allowed = raw_sale('"x": ' + nested(wire.MAX_DEPTH - 1))
    assert from_below(300, allowed) == decode(allowed)
    assert isinstance(decode(allowed), Purchase)


def test_anonymous_sale_has_no_customer() -> None:
    """Absent and null both say that the till did not know."""
    for raw in (sale(customer_id=...), sale(customer_id=None)):
        event = decode(raw)
        assert isinstance(event, Purchase)
        assert event.customer_id is None


def test_fields_arrive() -> None:
    """Each field of the wire is found under its own name."""
    assert decode(sale(items=[{"sku": "a", "quantity": 2, "lot": "L1"}], margin_minor=-3)) == Purchase(
        id="e1",
        source="till-1",
        time=Instant(1_714_979_289 * SECOND),
        customer_id="c42",
        amount_minor=1999,
        currency="EUR",
        margin_minor=-3,
        items=(Item(sku="a", quantity=2.0, lot="L1"),),
    )
