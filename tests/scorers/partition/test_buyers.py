"""What customers bought, packed: the same as a dict, however often names are put, removed and recovered."""

import random

from msgspec.structs import replace

from scorers.customer.state import Customer
from scorers.partition.buyers import _PENDING, Buyers
from scorers.subjects.customer import CUSTOMER
from scorers.worklist.candidates import readings_of


def customer(things: bytes) -> Customer:
    c = CUSTOMER.new("someone")
    c.bought = replace(c.bought, things=things)
    return c


def test_packed_is_the_same_as_a_dict() -> None:
    dice, buyers, expected = random.Random(1), Buyers(), dict[str, bytes]()
    names = [f"{'ñ' * dice.randrange(3)}c{n}" for n in range(2 * _PENDING)]  # some are the end of others
    things = [bytes(dice.randbytes(dice.randrange(1, 40))) for _ in range(50)]
    for name in names[: _PENDING // 2]:
        expected[name] = dice.choice(things)
        buyers.recover(name, readings_of(customer(expected[name])))
    for _ in range(6 * _PENDING):
        name = dice.choice(names)
        if dice.random() < 0.2:
            expected.pop(name, None)
            buyers.remove(name)
        else:
            expected[name] = dice.choice(things)
            buyers.put(name, customer(expected[name]))
    for key in things:
        assert sorted(buyers.who_bought(key)) == sorted(name for name, held in expected.items() if key in held)


def test_what_is_named_like_the_things_of_others_is_found() -> None:
    buyers = Buyers()
    for n in range(_PENDING):  # a name that is within the things of another one, on the same shelf or not
        buyers.put(f"c{n}", customer(b"c%d c%d" % (n + 1, n + 2)))
    buyers.put("c1", customer(b"new"))
    assert list(buyers.who_bought(b"new")) == ["c1"]
    assert "c1" not in set(buyers.who_bought(b"c2 c3"))
