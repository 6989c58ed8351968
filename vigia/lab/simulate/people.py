"""Draw the customers: rhythm, basket size, taste, mood and an invented name.

Traits never change; `stories` decides what happens to a customer.
"""

from dataclasses import dataclass
from random import Random

from vigia.lab.simulate.hours import YEAR
from vigia.lab.simulate.world import AISLES, Scene, Store

GIVEN = {
    "es": ("Lucía", "Mateo", "Carmen", "Hugo", "Elena", "Diego", "Inés", "Álvaro", "Nuria", "Íñigo"),
    "en": ("Olivia", "George", "Amelia", "Arthur", "Isla", "Harry", "Freya", "Oscar"),
    "fr": ("Chloé", "Louis", "Manon", "Jules", "Zoé", "Gaël", "Anaïs", "Rémi"),
    "de": ("Mia", "Jonas", "Jürgen", "Lena", "Käthe", "Felix", "Greta", "Moritz"),
    "pl": ("Zofia", "Łukasz", "Maja", "Szymon", "Hania", "Wojtek"),
}
FAMILY_BEGIN = (
    "Al",
    "Bren",
    "Cor",
    "Dal",
    "Es",
    "Fel",
    "Gar",
    "Hol",
    "Lan",
    "Mor",
    "Nor",
    "Or",
    "Ra",
    "Sol",
    "Tor",
    "Ven",
)
FAMILY_END = {
    "es": ("bueña", "derosa", "mendía", "sález", "tavera", "zuelo"),
    "en": ("bury", "combe", "field", "leigh", "wick", "worth"),
    "fr": ("beau", "mont", "neuve", "rière", "tière", "ville"),
    "de": ("bach", "brück", "hausen", "kamp", "mann", "städt"),
    "pl": ("czyk", "ewski", "icka", "owski", "yński", "zka"),
}
LOCALES = ("es", "es", "es", "es", "es", "en", "fr", "de", "pl")
CONSENT = 0.7
RATE_FLOOR, RATE_CEILING = 1.0 / YEAR, 120.0 / YEAR


@dataclass(frozen=True, slots=True)
class Person:
    """The traits of one customer."""

    id: str
    name: str
    locale: str
    external: bool
    home: Store
    rate: float  # purchases per second while active
    shape: float  # of the gamma gaps: regularity
    purse: float  # 1 is the usual basket
    taste: tuple[int, ...]  # aisles, the favourite first
    whim: int  # seeds the preferred products of an aisle
    thrift: float  # share of purchases made on discount
    content: float  # the level that the mood returns to, 0..1
    consents: bool  # to campaigns
    active: float  # how often this person answers, asks and refers

    @property
    def gap_days(self) -> float:
        """Mean days between two purchases, seasons apart."""
        return 1.0 / (self.rate * 86_400)


def born(rng: Random, scene: Scene, number: int) -> Person:
    """Draw customer `number`."""
    world = scene.world
    locale = LOCALES[int(rng.random() * len(LOCALES))]
    name = f"{rng.choice(GIVEN[locale])} {rng.choice(FAMILY_BEGIN)}{rng.choice(FAMILY_END[locale])}"
    external = rng.random() < world.external
    home = scene.stores[-1] if rng.random() < world.web else scene.stores[int(rng.random() * world.stores)]
    mean_rate = 365 / (world.gap_days * YEAR)
    rate = rng.gammavariate(world.gap_spread, mean_rate / world.gap_spread)
    low, high = world.regularity
    return Person(
        id=f"c{number:06d}",
        name=name,
        locale=locale,
        external=external,
        home=home,
        rate=min(max(rate, RATE_FLOOR), RATE_CEILING),
        shape=low + (high - low) * rng.betavariate(1.3, 2.2),
        purse=rng.lognormvariate(0.0, 0.5) * (6.0 if external else 1.0),
        taste=tuple(rng.sample(range(len(AISLES)), rng.randint(3, 6))),
        whim=rng.randrange(1000),
        thrift=rng.betavariate(1.0, 5.0),
        content=rng.betavariate(8.0, 2.5),
        consents=rng.random() < CONSENT,
        active=rng.betavariate(1.2, 2.5),
    )


def passer_by(rng: Random, scene: Scene, store: Store) -> Person:
    """Draw an anonymous buyer."""
    taste = tuple(rng.sample(range(len(AISLES)), 2))
    return Person(
        "",
        "",
        "",
        False,
        store,
        0.0,
        1.0,
        rng.lognormvariate(-0.2, 0.4),
        taste,
        rng.randrange(1000),
        0.2,
        0.75,
        False,
        0.0,
    )
