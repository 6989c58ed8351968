"""Convert the Complete Journey, the baskets of 2,469 households at a grocer's in 2017, to events.

A basket is one purchase with items by department, a campaign is a contact, a coupon is a reward. The tables have no zone
and are read as UTC. Only the date of a coupon is known, so it gets the last second of that day: it must not precede the
purchase in which it was used.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from scorers.contract.events import DAY, SECOND, AnyEvent, ContactMade, Instant, Item, Purchase, RewardGranted

SOURCE = "complete-journey"
CURRENCY = "USD"


def households(folder: Path) -> list[int]:
    """Return the sorted numbers of all households that bought."""
    table = pd.read_parquet(folder / "transactions.parquet", columns=["household_id"])
    return sorted(int(number) for number in table["household_id"].unique())


def baskets(folder: Path, chosen: set[int]) -> Iterator[Purchase]:
    """Yield one purchase for each basket with an amount above 0."""
    lines = pd.read_parquet(folder / "transactions.parquet", filters=[("household_id", "in", chosen)])
    lines = lines.assign(
        amount=_minor(lines["sales_value"]),
        discount=_minor(lines["retail_disc"]) + _minor(lines["coupon_disc"]),
        department=lines["product_id"].map(_departments(folder)).fillna("UNKNOWN"),
    )
    facts = ["household_id", "store_id", "transaction_timestamp"]
    items = lines.groupby(["basket_id", "department"], sort=True)[["quantity", "amount"]].sum().reset_index()
    by_basket: dict[int, list[Item]] = {}
    for basket, department, quantity, amount in _rows(items, ["basket_id", "department", "quantity", "amount"]):
        item = Item(sku=department, quantity=max(quantity, 1), amount_minor=amount, category=department)
        by_basket.setdefault(basket, []).append(item)
    heads = lines.groupby("basket_id", sort=True).agg(
        {**dict.fromkeys(facts, "first"), "amount": "sum", "discount": "sum"}
    )
    heads = heads.assign(time=_micros(heads["transaction_timestamp"])).reset_index()
    columns = ["basket_id", "household_id", "store_id", "time", "amount", "discount"]
    for basket, household, store, time, amount, discount in _rows(heads, columns):
        if amount > 0:
            yield Purchase(
                id=f"basket-{basket}",
                source=SOURCE,
                time=Instant(time),
                customer_id=f"h{household}",
                amount_minor=amount,
                currency=CURRENCY,
                discount_minor=max(discount, 0) or None,
                store_id=str(store),
                items=tuple(by_basket[basket]),
            )


def outreach(folder: Path, chosen: set[int]) -> Iterator[AnyEvent]:
    """Yield campaigns by mail and redeemed coupons."""
    descriptions = pd.read_parquet(folder / "campaign_descriptions.parquet")
    sent = pd.read_parquet(folder / "campaigns.parquet").merge(descriptions, on="campaign_id")
    sent = sent[sent["household_id"].isin(chosen)].assign(time=lambda t: _micros(t["start_date"]))
    for campaign, household, kind, time in _rows(sent, ["campaign_id", "household_id", "campaign_type", "time"]):
        yield ContactMade(
            id=f"campaign-{campaign}-{household}",
            source=SOURCE,
            time=Instant(time),
            customer_id=f"h{household}",
            channel="mail",
            purpose="marketing",
            topic=f"campaign {campaign}, {kind}",
        )
    used = pd.read_parquet(folder / "coupon_redemptions.parquet")
    used = used[used["household_id"].isin(chosen)].sort_values(["household_id", "redemption_date", "coupon_upc"])
    used = used.assign(n=used.groupby("household_id").cumcount() + 1, time=_micros(used["redemption_date"]))
    for household, number, time in _rows(used, ["household_id", "n", "time"]):
        yield RewardGranted(
            id=f"coupon-{household}-{number}",
            source=SOURCE,
            time=Instant(time + DAY - SECOND),
            customer_id=f"h{household}",
            reward="financial",
        )


def _departments(folder: Path) -> Any:
    products = pd.read_parquet(folder / "products.parquet", columns=["product_id", "department"])
    return products.set_index("product_id")["department"]


def _minor(units: Any) -> Any:
    return (units * 100).round().astype("int64")


def _micros(times: Any) -> Any:
    return times.astype("datetime64[us]").astype("int64")


def _rows(table: Any, columns: list[str]) -> Iterator[tuple[Any, ...]]:
    """Iterate over the rows as plain Python values."""
    return zip(*(table[name].tolist() for name in columns), strict=True)
