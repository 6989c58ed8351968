"""The simulated business: parameters, stores, products, campaigns and competitors.

Everything that customers share is drawn once from the seed, so one customer depends only on the scene and on the own
number, not on how many others there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from random import Random

from vigia.lab.simulate.hours import DAY, YEAR, Calendar

RIVALS = ("Mercado Lince", "Bazar Norte", "Tienda Rubí", "Casa Olmo")
AISLES: tuple[tuple[str, int, float], ...] = (  # category, median price in minor units, margin
    ("bakery", 260, 0.45),
    ("dairy", 310, 0.24),
    ("produce", 340, 0.31),
    ("meat", 890, 0.22),
    ("coffee", 640, 0.38),
    ("household", 520, 0.29),
    ("beauty", 1150, 0.41),
    ("garden", 1480, 0.34),
    ("books", 1640, 0.30),
    ("toys", 1990, 0.33),
)
SKUS_PER_AISLE = 14
AISLES_WITH_LOTS = ("bakery", "dairy", "meat", "beauty")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The parameters; shares are in 0..1, rates are per customer and year."""

    gap_days: float = 30.0
    """Days between purchases of the average active customer."""
    gap_spread: float = 1.6
    """Shape of the gamma distribution of purchase rates: the higher, the more equal the customers."""
    regularity: tuple[float, float] = (1.0, 6.0)
    """Range of the shape of a customer's gamma gaps: 1 is random, 6 is nearly regular."""
    pause: float = 0.015
    """Share of gaps tripled by a journey or an illness: silence without leaving."""
    late_arrivals: float = 2.0
    """1 spreads the first visits evenly; a higher value moves them to the start of the period."""
    stores: int = 6
    """Number of shops with opening hours; a web shop is added."""
    web: float = 0.15
    """Share of customers whose home is the web shop."""
    anonymous: float = 0.12
    """Share of all sales whose buyer the till does not know."""
    prospects: float = 0.25
    """Share of customers who come as a lead or a question before they buy."""
    never_buy: float = 0.08
    """Share of customers who never buy at all."""
    external: float = 0.01
    """Share of customers who are intermediaries, with far larger baskets."""
    incident: float = 0.035
    """Share of purchases that go wrong, before bad lots and stores in trouble."""
    voiced: float = 0.30
    """Share of mishaps that are reported; the others are in the truth only."""
    formal: float = 0.02
    """Share of the voiced complaints that enter the formal system."""
    public: float = 0.06
    """Share of the voiced complaints that are voiced in public."""
    unsolved: float = 0.12
    """Share of the voiced complaints that are never resolved."""
    refunds: float = 0.008
    """Share of purchases returned without a mishap."""
    harm: float = 1.0
    """Scales how strongly bad experiences drive customers out."""
    fade: tuple[float, float, float] = (0.10, 0.012, 0.0015)
    """Probability of losing interest after a purchase: first-time buyer, early repeat buyer, core customer."""
    moves: float = 0.035
    """Rate of leaving for reasons that leave no trace (moved away, no more need)."""
    declines: float = 1.0
    """Scales the rates of boredom, price trouble and temptation by rivals."""
    rivals: float = 0.08
    """Share of a shop's customers who may leave when a competitor opens nearby."""
    requests: float = 0.6
    """Rate of service requests."""
    unattended: float = 0.08
    """Share of service requests that get no answer in time."""
    outreach: float = 3.0
    """Campaign messages per customer and year."""
    pressed: float = 0.03
    """Rate of being called too often."""
    surveys: float = 0.07
    """Chance of an answered survey after a purchase."""
    promises: float = 0.12
    """Rate of promises to a customer."""
    explained: float = 0.15
    """Share of leavers who say why."""

    def __post_init__(self) -> None:
        for name in SHARES:
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{name} = {value}: a share lies between 0 and 1")
        for field in fields(self):
            value = getattr(self, field.name)
            if min(value if isinstance(value, tuple) else (value,)) < 0:
                raise ValueError(f"{field.name} = {value}: must not be negative")
        for name in ("gap_days", "gap_spread", "late_arrivals", "stores"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} = {getattr(self, name)}: must be above 0")
        if not 0 < self.regularity[0] <= self.regularity[1]:
            raise ValueError(f"regularity = {self.regularity}: give two shapes above 0, the smaller first")


SHARES = (
    "pause",
    "web",
    "anonymous",
    "prospects",
    "never_buy",
    "external",
    "incident",
    "voiced",
    "formal",
    "public",
    "unsolved",
    "refunds",
    "rivals",
    "unattended",
    "surveys",
    "explained",
)


@dataclass(frozen=True, slots=True)
class Store:
    """A store: its share of fast resolutions, its time of trouble, its competitor."""

    id: str
    web: bool
    care: float
    trouble: tuple[int, int]
    rival: tuple[int, str] | None

    def mishaps(self, at: int) -> float:
        """Return the factor of the mishap rate at an instant."""
        return 3.0 if self.trouble[0] <= at < self.trouble[1] else 1.0


@dataclass(frozen=True, slots=True)
class Sku:
    """A product, with the beginning of its JSON object."""

    id: str
    category: str
    price: int
    margin: float
    has_lots: bool
    json: str


@dataclass(frozen=True, slots=True)
class Scene:
    """All that customers share."""

    world: World
    calendar: Calendar
    stores: Sequence[Store]
    aisles: Sequence[Sequence[Sku]]
    bad_lots: dict[str, tuple[int, int]]
    campaigns: Sequence[tuple[int, str, str]]


def build(world: World, calendar: Calendar, seed: int) -> Scene:
    """Draw the scene from a seed."""
    rng = Random(f"vigia {seed} scene")
    aisles = [_aisle(rng, number) for number in range(len(AISLES))]
    return Scene(
        world=world,
        calendar=calendar,
        stores=[_store(rng, calendar, n, web=n == world.stores) for n in range(world.stores + 1)],
        aisles=aisles,
        bad_lots=dict(_bad_lots(rng, calendar, aisles)),
        campaigns=list(_campaigns(rng, calendar)),
    )


def _store(rng: Random, calendar: Calendar, number: int, *, web: bool) -> Store:
    begin = calendar.start + int(rng.uniform(0.1, 0.9) * (calendar.end - calendar.start))
    trouble = (begin, begin + int(rng.uniform(30, 70) * DAY)) if rng.random() < 0.5 else (0, 0)
    opening = calendar.start + int(rng.uniform(0.2, 0.8) * (calendar.end - calendar.start))
    rival = (opening, RIVALS[number % len(RIVALS)]) if rng.random() < 0.4 else None
    return Store("web" if web else f"store-{number + 1:02d}", web, rng.uniform(0.55, 0.9), trouble, rival)


def _aisle(rng: Random, number: int) -> list[Sku]:
    category, median, margin = AISLES[number]
    prices = sorted(int(median * rng.lognormvariate(0.0, 0.45)) // 5 * 5 + 5 for _ in range(SKUS_PER_AISLE))
    return [
        Sku(sku, category, price, margin, category in AISLES_WITH_LOTS, f'{{"sku":"{sku}","category":"{category}"')
        for sku, price in ((f"{category}-{n + 1:02d}", price) for n, price in enumerate(prices))
    ]


def _bad_lots(rng: Random, calendar: Calendar, aisles: Sequence[Sequence[Sku]]) -> list[tuple[str, tuple[int, int]]]:
    """Draw about four bad lots a year, each sold for 30 days."""
    with_lots = [sku for aisle in aisles for sku in aisle if sku.has_lots]
    begins = range(calendar.start + 40 * DAY, calendar.end, YEAR // 4)
    return [(rng.choice(with_lots).id, (begin, begin + 30 * DAY)) for begin in begins]


def _campaigns(rng: Random, calendar: Calendar) -> list[tuple[int, str, str]]:
    """Draw about eight campaigns a year: instant, name, channel."""
    begins = range(calendar.start + 15 * DAY, calendar.end, 45 * DAY)
    moved = (calendar.desk(begin + int(rng.uniform(0, 20 * DAY))) for begin in begins)
    return [(at, f"campaign-{n + 1:02d}", rng.choice(("email", "sms", "letter"))) for n, at in enumerate(moved)]
