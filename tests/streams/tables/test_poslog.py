"""POSLog and digital receipts in XML: their lines are the rows of a table, and no document does harm."""

import json
from pathlib import Path

import pytest

from scorers.contract.wire import Rejection
from streams.tables.importing import Import
from streams.tables.map_file import read_map
from streams.tables.rows import columns_of
from vigia.runtime.files.lines import Line
from vigia.runtime.usage_error import UsageError

MAP = """
type = "purchase.completed"
source = "poslog"
zone = "Europe/Madrid"
group = ["Store", "Workstation", "Date", "Sequence"]
negative = "purchase.refunded"
[fields]
id = ["Store", "Workstation", "Date", "Sequence"]
time = "Time"
customer_id = "Customer"
amount = "Amount"
currency = "Currency"
store_id = "Store"
staff_id = "Operator"
[items]
sku = "Item"
quantity = "Quantity"
category = "Category"
"""


def article(
    kind: str, item: str, amount: str, quantity: str = '<Quantity Units="1">1</Quantity>', flags: str = ""
) -> str:
    return (
        f"<LineItem{flags}><{kind}><ItemID>{item}</ItemID><MerchandiseHierarchy Level='Department'>Bakery</MerchandiseHierarchy>"
        f"<ExtendedAmount Currency='EUR'>{amount}</ExtendedAmount>{quantity}</{kind}></LineItem>"
    )


def transaction(number: int, *lines: str, flags: str = "", status: str = "Delivered", customer: str = "C7") -> str:
    known = f"<Customer><CustomerID>{customer}</CustomerID></Customer>" if customer else ""
    return (
        f"<Transaction{flags}><RetailStoreID>S1</RetailStoreID><WorkstationID>T2</WorkstationID><SequenceNumber>{number}</SequenceNumber>"
        "<BusinessDayDate>2024-05-06</BusinessDayDate><BeginDateTime>2024-05-06T10:29:00</BeginDateTime>"
        "<EndDateTime>2024-05-06T10:30:00</EndDateTime><OperatorID>anna</OperatorID><CurrencyCode>EUR</CurrencyCode>"
        f"<RetailTransaction TransactionStatus='{status}'>{''.join(lines)}"
        f"<LineItem><Tender TenderType='Cash'><Amount>9</Amount></Tender></LineItem>{known}</RetailTransaction></Transaction>"
    )


def document(*transactions: str, head: str = "") -> str:
    return f'{head}<POSLog xmlns="http://www.nrf-arts.org/IXRetail/namespace/">{"".join(transactions)}</POSLog>'


def imported(folder: Path, text: str) -> tuple[list[dict[str, object]], list[tuple[int, str]]]:
    """The events, and by number of its row why one is left out."""
    file = folder / "log.xml"
    file.write_text(text)
    left: list[tuple[int, str]] = []

    def reject(line: Line) -> None:
        assert isinstance(line.event, Rejection)
        left.append((line.number, line.event.detail))

    lines = Import([str(file)], read_map(MAP, "map.toml"), reject).lines(folder, by_time=True)
    return [json.loads(line.raw) for line in lines], left


def test_a_transaction_is_one_purchase_with_its_articles(tmp_path: Path) -> None:
    """Its time is that of its end, in the zone of the map; means of payment are no articles."""
    two = '<Quantity Units="2">1</Quantity>'
    events, left = imported(
        tmp_path, document(transaction(1, article("Sale", "bread", "2.50"), article("Sale", "milk", "3.00", two)))
    )
    assert left == []
    assert events == [
        {
            "type": "purchase.completed",
            "source": "poslog",
            "currency": "EUR",
            "id": "S1-T2-2024-05-06-1",
            "time": "2024-05-06T08:30:00Z",
            "customer_id": "C7",
            "amount_minor": 550,
            "store_id": "S1",
            "staff_id": "anna",
            "items": [
                {"sku": "bread", "quantity": 1, "category": "Bakery"},
                {"sku": "milk", "quantity": 2, "category": "Bakery"},
            ],
        }
    ]


def test_what_is_given_back_is_a_refund_and_an_unknown_buyer_is_anonymous(tmp_path: Path) -> None:
    """An exchange for something cheaper is a refund of the difference."""
    back = transaction(2, article("Return", "kettle", "20.00"), article("Sale", "bread", "2.50"))
    events, left = imported(tmp_path, document(back, transaction(3, article("Sale", "bread", "2.50"), customer="")))
    assert left == []
    assert [(e["type"], e["amount_minor"], e.get("customer_id")) for e in events] == [
        ("purchase.refunded", 1750, "C7"),
        ("purchase.completed", 250, None),
    ]


def test_what_did_not_happen_is_left_out_and_said(tmp_path: Path) -> None:
    """A cancelled, suspended or training transaction, and a voided line; a voided line takes its transaction with it as any bad row does."""
    sale = article("Sale", "bread", "2.50")
    events, left = imported(
        tmp_path,
        document(
            transaction(1, sale, flags=" CancelFlag='true'"),
            transaction(2, sale, flags=" TrainingModeFlag='1'"),
            transaction(3, sale, status="Suspended"),
            transaction(4, sale),
        ),
    )
    assert [event["id"] for event in events] == ["S1-T2-2024-05-06-4"]
    assert left == [
        (1, "is no sale: the transaction was cancelled"),
        (2, "is no sale: the transaction was made in training"),
        (3, "is no sale: the transaction is Suspended"),
    ]


def test_a_voided_line_is_not_a_part_of_its_sale(tmp_path: Path) -> None:
    """The rest of the sale counts."""
    lines = article("Sale", "bread", "2.50"), article("Sale", "milk", "3.00", flags=" VoidFlag='true'")
    events, left = imported(tmp_path, document(transaction(1, *lines)))
    assert [event["amount_minor"] for event in events] == [250]
    assert left == [(2, "is no sale: the line was voided")]


def test_a_digital_receipt_has_the_same_columns(tmp_path: Path) -> None:
    """Its store is a business unit, its article an identity at the point of sale, and names have a prefix."""
    (tmp_path / "receipt.xml").write_text(
        "<n:DigitalReceipt xmlns:n='http://www.nrf-arts.org/IXRetail/namespace/'><n:Transaction>"
        "<n:BusinessUnit><n:UnitID>S9</n:UnitID></n:BusinessUnit><n:SequenceNumber>5</n:SequenceNumber>"
        "<n:ReceiptDateTime>2024-05-06T10:30:00+02:00</n:ReceiptDateTime><n:CurrencyCode>SEK</n:CurrencyCode>"
        "<n:RetailTransaction><n:LineItem><n:Sale><n:POSIdentity><n:POSItemID>608794</n:POSItemID></n:POSIdentity>"
        "<n:ExtendedAmount Action='Add'>138.00</n:ExtendedAmount><n:Quantity Units='2'>1</n:Quantity></n:Sale></n:LineItem>"
        "<n:LoyaltyAccount><n:LoyaltyAccountID>L4</n:LoyaltyAccountID></n:LoyaltyAccount></n:RetailTransaction>"
        "</n:Transaction></n:DigitalReceipt>"
    )
    form = read_map(MAP, "map.toml")
    (line,) = Import([str(tmp_path / "receipt.xml")], form, pytest.fail).lines(tmp_path, by_time=False)
    event = json.loads(line.raw)
    assert (event["id"], event["store_id"], event["customer_id"], event["amount_minor"]) == ("S9-5", "S9", "L4", 13800)
    assert event["items"] == [{"sku": "608794", "quantity": 2}]
    assert "Customer" in columns_of(str(tmp_path / "receipt.xml"), form.csv)


BOMB = '<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;">]>'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (document(transaction(1, article("Sale", "bread", "&c;")), head=BOMB), "has a DTD or entities"),
        (document(head='<!DOCTYPE a SYSTEM "file:///etc/passwd">'), "has a DTD or entities"),
        (document(transaction(1))[:-20], "no XML that can be read"),
        (document("<a>" * 100 + "</a>" * 100), "64 levels"),
        (document(transaction(1, "<LineItem/>" * 100_001)), "100,000 elements in a transaction"),
    ],
)
def test_a_document_that_would_do_harm_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    """Entities, files of the machine, half a document, great depth and a transaction without an end."""
    with pytest.raises(UsageError, match=fault):
        imported(tmp_path, text)


def test_a_long_document_is_read_with_the_memory_of_one_transaction(tmp_path: Path) -> None:
    """More elements in all than a transaction may have."""
    sale = article("Sale", "bread", "1.00")
    events, left = imported(tmp_path, document(*(transaction(n, sale) for n in range(8_000))))
    assert len(events) == 8_000
    assert left == []
