"""A till's table of line items of any size, as tills export them: several lines an invoice, in the order in which they were rung up.

Two tills write by turns, so the lines of an invoice are no neighbours. A title stands above the header; the text is cp1252; amounts have a
decimal comma. Some invoices are cancelled with negative quantities, some name no customer, some lines give one article back.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

MAP = """type = "purchase.completed"
source = "till-export"
group = "Invoice"
negative = "purchase.refunded"
csv = { delimiter = ";", encoding = "cp1252", decimal = ",", header = 2 }
items = { sku = "StockCode", quantity = "Quantity" }
[fields]
id = "Invoice"
time = { column = "InvoiceDate", format = "%d/%m/%Y %H:%M" }
customer_id = "Customer ID"
amount = { column = "Price", times = "Quantity" }
currency = { value = "GBP" }
"""
HEADER = "Invoice;StockCode;Description;Quantity;InvoiceDate;Price;Customer ID;Country"
PER_DAY = 200  # invoices


class Expected(NamedTuple):
    """What the table comes to: events by type, what names no customer, money sold, and rows that cannot be events."""

    types: Counter[str]
    anonymous: int  # cancellations too
    sold_minor: int
    rejected: int  # lines of invoices of which one has no price


class _Invoice(NamedTuple):
    number: str
    lines: list[str]
    minor: int
    customer: str
    is_damaged: bool


def write(path: Path, rows: int, seed: int = 1) -> Expected:
    """Write a table with so many lines, or a few more to end an invoice."""
    types, anonymous, sold, rejected, written = Counter[str](), 0, 0, 0, 0
    invoices = _invoices(Random(seed))
    with path.open("w", encoding="cp1252", newline="\r\n") as file:
        file.write(f"Export der Kasse Café Nº 1: £ und €\n{HEADER}\n")
        while written < rows:
            two = next(invoices), next(invoices)
            for invoice in two:
                written += len(invoice.lines)
                if invoice.is_damaged:
                    rejected += len(invoice.lines)
                    continue
                types["purchase.refunded" if invoice.minor < 0 else "purchase.completed"] += 1
                anonymous += not invoice.customer
                sold += max(0, invoice.minor)
            first, second = two[0].lines, two[1].lines
            for n in range(max(len(first), len(second))):
                file.writelines(line + "\n" for line in (*first[n : n + 1], *second[n : n + 1]))
    return Expected(types, anonymous, sold, rejected)


def _invoices(random: Random) -> Iterator[_Invoice]:
    number = 536_365
    while True:
        number += 1
        day, minute = divmod((number - 536_366) * (1440 // PER_DAY), 1440)
        at = f"{1 + day % 28:02}/{1 + day // 28 % 12:02}/{2010 + day // 336} {minute // 60:02}:{minute % 60:02}"
        customer = "" if random.random() < 0.2 else str(random.randrange(12_346, 18_288))
        cancelled = random.random() < 0.04
        lines, minor = [], 0
        for _ in range(random.randint(1, 25)):
            quantity = random.randint(1, 12)
            price = random.randint(29, 1495)
            if cancelled:
                quantity = -quantity
            elif lines and random.random() < 0.01:
                quantity = -1  # an article that was given back
            minor += price * quantity
            sku = f"{random.randrange(20_000, 24_000)}{random.choice(('', '', 'A', 'B'))}"
            text = random.choice(
                ("CAFÉ AU LAIT BOWL", "GÂTEAU STAND £", "JUMBO BAG RED RETROSPOT", "½ KG «DINER» SIGN")
            )
            name = f"{'C' if cancelled else ''}{number}"
            lines.append(
                f"{name};{sku};{text};{quantity};{at};{price // 100},{price % 100:02};{customer};United Kingdom"
            )
        if minor < 0 and not cancelled:
            continue  # no till sells less than nothing
        is_damaged = random.random() < 0.003
        if is_damaged:
            head, price, *rest = lines[0].rsplit(";", 3)
            lines[0] = ";".join((head, "?", *rest))
        yield _Invoice(name, lines, minor, customer, is_damaged)
