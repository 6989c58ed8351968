"""Shops that do not exist, each made by one known process: what a model must not break, and where it may be weak.

All purchases; not one of these shops has a complaint, a contact or a mark to tell of. Every one is drawn from a fixed
seed, so that figures can be compared from run to run.
"""

import math
from collections.abc import Callable, Iterator
from random import Random

from tests.quality.purchases import Fact

DAY = 86_400_000_000
START = 19_723 * DAY  # 2024-01-01


def _facts(seed: int, many: int, days: int, customer: Callable[[Random], Iterator[tuple[float, float]]]) -> list[Fact]:
    """Purchases (day, amount) of so many customers, each with random numbers of its own."""
    found = []
    for n in range(many):
        rng = Random(f"quality {seed} {n}")
        for day, amount in customer(rng):
            if day >= days:
                break
            found.append(Fact(START + int(day * DAY), f"w{n:05d}", "purchase", max(1, round(amount * 100))))
    return sorted(found)


def _amount(rng: Random, usual: float = 30.0, spread: float = 0.5) -> float:
    return usual * rng.lognormvariate(0.0, spread)


def bg_nbd() -> list[Fact]:
    """The BG/NBD process itself: gamma paces, a beta chance of stopping after each purchase; about as lively as CDNOW."""

    def customer(rng: Random) -> Iterator[tuple[float, float]]:
        pace = rng.gammavariate(0.5, 1 / 40.0)  # a day
        stops = rng.betavariate(0.8, 2.4)
        usual = _amount(rng)
        day = rng.uniform(0, 84)
        while True:
            yield day, _amount(rng, usual, 0.3)
            if rng.random() < stops:
                return
            day += rng.expovariate(max(pace, 1e-9))

    return _facts(1, 1500, 546, customer)


def pareto_nbd() -> list[Fact]:
    """The Pareto/NBD process itself: gamma paces, gamma rates of dying at any time."""

    def customer(rng: Random) -> Iterator[tuple[float, float]]:
        pace = rng.gammavariate(1.2, 1 / 25.0)
        usual = _amount(rng)
        day = rng.uniform(0, 300)
        ends = day + rng.expovariate(max(rng.gammavariate(0.7, 1 / 120.0), 1e-9))
        while day < ends:
            yield day, _amount(rng, usual, 0.3)
            day += rng.expovariate(max(pace, 1e-9))

    return _facts(2, 1000, 546, customer)


def _own_gaps(
    mean: float, spread: float, shapes: tuple[float, float], stops: Callable[[Random], float], joined: int
) -> Callable[[Random], Iterator[tuple[float, float]]]:
    """Customers with gamma gaps of their own mean and shape, who joined up to a day and may stop after each purchase."""

    def customer(rng: Random) -> Iterator[tuple[float, float]]:
        own = mean * rng.lognormvariate(0.0, spread)
        shape = rng.uniform(*shapes)
        chance = stops(rng)
        day = rng.uniform(0, joined)
        while True:
            yield day, _amount(rng)
            if rng.random() < chance:
                return
            day += rng.gammavariate(shape, own / shape)

    return customer


def regular() -> list[Fact]:
    """Buyers like clocks: gamma gaps of shape 3 to 12, who stop after a purchase with a chance of 2 to 12 %."""
    return _facts(3, 800, 546, _own_gaps(20.0, 0.6, (3.0, 12.0), lambda rng: rng.uniform(0.02, 0.12), 200))


REGIME = 365  # the day on which a competitor opens


def regime() -> list[Fact]:
    """A competitor opens after a year: two of five customers are half lost, and all stop twice as readily."""

    def customer(rng: Random) -> Iterator[tuple[float, float]]:
        pace = rng.gammavariate(1.5, 1 / 30.0)
        tempted = rng.random() < 0.4
        day = rng.uniform(0, 500)
        while True:
            yield day, _amount(rng)
            late = day > REGIME
            if rng.random() < (0.10 if late else 0.05):
                return
            gap = rng.expovariate(max(pace, 1e-9))
            if tempted and day + gap > REGIME:  # what is left of the gap takes three times as long
                held = max(REGIME - day, 0.0)
                gap = held + (gap - held) * 3.0
            day += gap

    return _facts(4, 1000, 800, customer)


def subscription() -> list[Fact]:
    """A monthly box: a payment every month, a failed one now and then, and a quitting rate that falls with age."""

    def customer(rng: Random) -> Iterator[tuple[float, float]]:
        price = rng.choice((9.9, 19.9, 39.9))
        day = rng.uniform(0, 420)
        month = 0
        while True:
            if rng.random() > 0.04:
                yield day + rng.uniform(0, 1.5), price
            month += 1
            if rng.random() < 0.03 + 0.12 * math.exp(-month / 4):
                return
            day += 30.44

    return _facts(5, 900, 730, customer)


def gifts() -> list[Fact]:
    """A gift shop: half of its customers come for one season of the year only, and December is six times a usual month."""

    def customer(rng: Random) -> Iterator[tuple[float, float]]:
        pace = rng.gammavariate(1.0, 1 / 60.0)
        only_then = rng.random() < 0.5
        stops = rng.betavariate(1.0, 8.0)
        day = rng.uniform(0, 700)
        first = True
        while day < 1095:
            month = int(day % 365.25 / 30.44)
            busy = {10: 2.0, 11: 6.0}.get(month, 0.1 if only_then else 0.8)
            if first or rng.random() < busy / 6.0:
                yield day, _amount(rng, 45.0)
                first = False
                if rng.random() < stops:
                    return
            day += rng.expovariate(max(6.0 * pace, 1e-9))

    return _facts(6, 900, 1095, customer)


def corner() -> list[Fact]:
    """A tiny base: sixty customers over two years."""
    return _facts(7, 60, 730, _own_gaps(16.0, 0.7, (1.0, 4.0), lambda rng: rng.betavariate(1.0, 20.0), 550))


def b2b() -> list[Fact]:
    """Two hundred firms on weekdays: contracts that run for years, orders that shrink before a firm leaves."""

    def customer(rng: Random) -> Iterator[tuple[float, float]]:
        mean = 12.0 * rng.lognormvariate(0.0, 0.7)
        shape = rng.uniform(1.0, 5.0)
        usual = 800.0 * rng.lognormvariate(0.0, 1.2)
        day = rng.uniform(0, 250)
        ends = day + rng.expovariate(1 / 600.0)
        while day < ends:
            left = ends - day
            shrunk = 0.35 + 0.65 * min(left / 120.0, 1.0)
            open_day = math.floor(day) + 0.4
            if int(day) % 7 in (5, 6):  # 2024-01-01 was a Monday
                open_day += 7 - int(day) % 7
            yield open_day, _amount(rng, usual * shrunk, 0.4)
            day = open_day + rng.gammavariate(shape, mean / shape)

    return _facts(8, 200, 730, customer)
