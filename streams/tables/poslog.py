"""Reads the lines of ARTS POSLog and of digital receipts in XML as the rows of a table: one row for each article that is sold or given back.

The columns are always the same. A transaction that was cancelled or made in training, and a line that was voided, is a row that is left
out and says why. Memory holds one transaction at a time; a document with a DTD, with entities, or of too great a depth or size of a
transaction is refused.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import IO, Any

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, iterparse

from scorers.contract.wire import Rejection
from vigia.runtime.usage_error import UsageError

MOST_ELEMENTS, MOST_DEPTH = 100_000, 64  # elements of one transaction, levels of a document
TRANSACTION, LINE = "Transaction", "LineItem"

_TRANSACTION: dict[str, tuple[str, ...]] = {
    "Store": ("RetailStoreID", "BusinessUnit/UnitID"),
    "Workstation": ("WorkstationID",),
    "Date": ("BusinessDayDate",),
    "Sequence": ("SequenceNumber",),
    "Receipt": ("ReceiptNumber",),
    "Time": ("EndDateTime", "ReceiptDateTime", "BeginDateTime", "POSLogDateTime"),
    "Operator": ("OperatorID",),
    "Currency": ("CurrencyCode",),
    "Customer": (
        *("RetailTransaction/Customer/CustomerID", "RetailTransaction/LoyaltyAccount/CustomerID"),
        *("RetailTransaction/LoyaltyAccount/LoyaltyID", "RetailTransaction/LoyaltyAccount/LoyaltyAccountID"),
        *("RetailTransaction/LoyaltyAccount/LoyaltyProgram/LoyaltyAccountID", "CustomerID"),
    ),
}
_LINE: dict[str, tuple[str, ...]] = {
    "Item": ("ItemID", "POSIdentity/POSItemID"),
    "Description": ("Description",),
    "Category": ("MerchandiseHierarchy", "POSIdentity/Qualifier"),
    "Discount": ("ExtendedDiscountAmount", "DiscountAmount"),
    "Reason": ("Reason",),
}
COLUMNS = (*_TRANSACTION, "Kind", "Amount", "Quantity", *_LINE)
"""All columns. `Kind` is Sale or Return; `Amount` is under zero for a return; the first place that is there gives the others."""

_MARKS = {
    "CancelFlag": "the transaction was cancelled",
    "TrainingModeFlag": "the transaction was made in training",
    "VoidFlag": "the line was voided",
}
_UNMADE = frozenset(
    ("Suspended", "SuspendedDeleted", "SuspendedRetrieved", "Voided", "PostVoided", "Canceled", "Cancelled")
)

Row = tuple[int, Sequence[Any] | Rejection]


def read_poslog(file: IO[bytes], source: str, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of a document in the order of its lines, numbered from 1, with the columns asked for. Raises `UsageError`."""
    number = 0
    for transaction in _transactions(file, source):
        unmade = _unmade(transaction)
        told = _values(transaction, _TRANSACTION)
        for line in transaction.findall(f"RetailTransaction/{LINE}"):
            article = next((one for one in line if one.tag in ("Sale", "Return")), None)
            if article is None:
                continue  # a tax or a means of payment
            number += 1
            fault = unmade or _marked(line)
            if fault:
                yield number, Rejection("bad_value", f"is no sale: {fault}")
                continue
            row = told | {"Kind": article.tag} | _money(article) | _values(article, _LINE)
            yield number, [row.get(name, "") for name in columns]


def _transactions(file: IO[bytes], source: str) -> Iterator[Any]:
    """The transactions one by one, their names without namespaces."""
    depth = elements = 0
    inside: list[Any] = []
    try:
        for event, element in iterparse(file, events=("start", "end"), forbid_dtd=True):
            if event == "start":
                depth += 1
                elements += 1
                inside.append(element)
                if depth > MOST_DEPTH or elements > MOST_ELEMENTS:
                    raise UsageError(
                        f"{source}: has more than {MOST_ELEMENTS:,} elements in a transaction, or {MOST_DEPTH} levels"
                    )
                continue
            depth -= 1
            inside.pop()
            element.tag = element.tag.rpartition("}")[2]
            if element.tag == TRANSACTION:
                yield element
                elements = 0
                element.clear()
                if inside:
                    inside[-1].remove(element)
    except ParseError as fault:
        raise UsageError(f"{source} is no XML that can be read: {fault}") from None
    except DefusedXmlException:
        raise UsageError(f"{source}: has a DTD or entities, which no POSLog needs; it is not read") from None


def _values(element: Any, places: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """By column, the text of the first place that has one."""
    found = {}
    for column, paths in places.items():
        for path in paths:
            text = element.findtext(path)
            if text is not None and (text := text.strip()):
                found[column] = text
                break
    return found


def _money(article: Any) -> dict[str, str]:
    """Amount and quantity; both are under zero where money goes back."""
    amount, quantity = article.find("ExtendedAmount"), article.find("Quantity")
    text = "" if amount is None else (amount.text or "").strip()
    back = article.tag == "Return" or (amount is not None and amount.get("Action") == "Subtract")
    pieces = "" if quantity is None else (quantity.get("Units") or quantity.text or "").strip()
    return {"Amount": _signed(text, back), "Quantity": pieces.lstrip("-")}


def _signed(text: str, back: bool) -> str:
    try:
        return str(-abs(Decimal(text))) if back else text
    except InvalidOperation:
        return text  # the map says what is wrong with it


def _marked(element: Any) -> str:
    return next((why for name, why in _MARKS.items() if element.get(name) in ("true", "1")), "")


def _unmade(transaction: Any) -> str:
    """Why a transaction did not happen; empty if it did."""
    retail = transaction.find("RetailTransaction")
    status = "" if retail is None else retail.get("TransactionStatus", "")
    return _marked(transaction) or (f"the transaction is {status}" if status in _UNMADE else "")
