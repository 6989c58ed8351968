"""Maps of tables: what may stand in one, and the one sentence about what may not."""

import pytest

from streams.tables.map_file import read_map
from vigia.runtime.usage_error import UsageError

SOUND = """
type = "purchase.completed"
source = "till"
[fields]
id = "Receipt"
time = "Time"
customer_id = "Card"
amount = "Total"
currency = { value = "EUR" }
"""


def test_the_columns_of_a_map_are_named_once_in_their_order() -> None:
    """Those of type, fields, group and items, the factor of an amount included."""
    text = SOUND.replace('amount = "Total"', 'amount = { column = "Price", times = "Pieces" }')
    text = text.replace('source = "till"', 'source = "till"\ngroup = ["Shop", "Receipt"]')
    text += '[items]\nsku = "Article"\nquantity = "Pieces"\n'
    assert read_map(text, "m").columns() == ["Receipt", "Time", "Card", "Price", "Pieces", "Article", "Shop"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("purchase.completed", "purchase.complete", "line 2: type: 'purchase.complete' is not an event type; did you mean 'purchase.completed'?"),
        ('type = "purchase.completed"', 'type = { column = "Kind" }', "type is a table without a column or without a type"),
        ('type = "purchase.completed"', 'type = { column = "Kind", S = "sale" }', "line 2: type.S: 'sale' is not an event type"),
        ('source = "till"', 'source = "till"\nzone = "Madrid"', "line 4: zone: 'Madrid' is no time zone; write its name, like 'Europe/Madrid'"),
        ('source = "till"', 'sauce = "till"', "line 3: sauce is not a known key; did you mean 'source'?"),
        ('source = "till"', 'source = "till"\nnegative = "refund"', "negative: 'refund' is not an event type"),
        ('amount = "Total"', 'amonunt = "Total"', "fields.amonunt is not a field; did you mean 'amount'?"),
        ('amount = "Total"', "amount = 7", "fields.amount is neither a column nor a fixed value; write a column"),
        ('amount = "Total"', 'amount = { value = 7, column = "A" }', "fields.amount is neither a column nor a fixed value"),
        ('time = "Time"', 'time = { column = "Time", times = "Total" }', "fields.time.times is for numbers; time is none"),
        ('amount = "Total"', 'amount = { column = "A", format = "%d" }', "fields.amount.format is for times; amount is none"),
        ('amount = "Total"\n', "", "line 4: fields is without amount, which purchase.completed needs; add it"),
        ('time = "Time"\n', "", "fields is without time, which purchase.completed needs"),
        ("[fields]", '[csv]\ndelimiter = ";;"\n[fields]', "csv.delimiter: ';;' is no single character"),
        ("[fields]", '[csv]\nencoding = "latin"\n[fields]', "csv.encoding"),
        ("[fields]", '[csv]\ndecimal = ","\nthousands = ","\n[fields]', "csv.decimal is not one character that differs"),
        ("[fields]", '[items]\nsku = "A"\n[fields]', "items is without quantity, which each item needs"),
        ("[fields]", "[fields", "not TOML"),
    ],
)  # fmt: skip
def test_a_wrong_map_is_one_sentence_with_the_place(old: str, new: str, said: str) -> None:
    if new == '[csv]\nencoding = "latin"\n[fields]':
        new = new.replace("latin", "no-such")
    with pytest.raises(UsageError) as wrong:
        read_map(SOUND.replace(old, new), "till.toml")
    assert str(wrong.value).startswith("till.toml, line ")
    assert said in str(wrong.value)


def test_items_are_only_for_purchases() -> None:
    text = SOUND.replace("purchase.completed", "purchase.refunded") + '[items]\nsku = "A"\nquantity = "B"\n'
    with pytest.raises(UsageError, match=r"items is not for purchase\.refunded: only purchase\.completed has items"):
        read_map(text, "m.toml")


def test_a_sale_needs_no_customer_and_a_contact_does() -> None:
    """A till does not know each buyer, so the map may leave the column out; a contact without a customer is none."""
    read_map(SOUND.replace('customer_id = "Card"\n', ""), "m.toml")
    contact = 'type = "contact.received"\nsource = "desk"\n[fields]\nid = "A"\ntime = "B"\nchannel = "C"\n'
    with pytest.raises(UsageError, match=r"without customer_id, which contact\.received needs"):
        read_map(contact, "m.toml")
