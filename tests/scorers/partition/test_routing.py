"""Which subjects a fact concerns, and the names under which a partition keeps them."""

import pytest

from scorers.contract.wire import decode
from scorers.partition.routing import GROUPS, Address, address_of, erases, other_subjects, own_subject, subject_type
from scorers.subjects.customer import CUSTOMER
from tests.support.driver import purchase, record

AT = "2024-01-01T09:00:00Z"
COMPLAINT = {"complaint_id": "K1"}


@pytest.mark.parametrize(
    ("raw", "own", "others"),
    [
        (purchase(AT, store_id="S1"), Address("customer", "C1"), []),
        (purchase(AT, None), None, []),
        (record("complaint.opened", AT, **COMPLAINT), Address("customer", "C1"), []),
        (
            record("complaint.opened", AT, store_id="S1", **COMPLAINT),
            Address("customer", "C1"),
            [Address("store", "S1"), Address("theme", "/store:S1")],
        ),
        (
            record("complaint.opened", AT, None, sku="K7", subject="product", **COMPLAINT),
            None,
            [Address("thing", "sku:K7"), Address("theme", "product/sku:K7")],
        ),
        (record("complaint.resolved", AT, store_id="S1", **COMPLAINT), Address("customer", "C1"), []),
        (
            record("staff.pulse", AT, "S1", store_id="S1", pulse="asked"),
            None,
            [Address("site", "S1"), Address("store", "S1")],
        ),
        (
            record("staff.pulse", AT, "HQ", store_id="S1", pulse="asked"),
            None,
            [Address("site", "S1"), Address("store", "S1")],
        ),
        (record("customer.erased", AT), Address("customer", "C1"), []),
    ],
)
def test_a_fact_concerns_these_subjects(raw: bytes, own: Address | None, others: list[Address]) -> None:
    """At most one by the record's own key, and those that it is forwarded to."""
    event = decode(raw)
    assert not hasattr(event, "code"), event
    assert own_subject(event) == own  # type: ignore[arg-type]
    assert other_subjects(event) == others  # type: ignore[arg-type]
    assert erases(event) == (b"customer.erased" in raw)  # type: ignore[arg-type]


def test_a_name_gives_back_its_address_and_type() -> None:
    """Every type of group has a name that its key gives back; a customer is its id."""
    for kind, subject in GROUPS.items():
        address = Address(subject.name, "a:b \U0001f4a3")
        assert subject_type(address.name) is subject
        assert address_of(address.name.encode()) == address
        assert subject.name == kind
    assert subject_type(Address("customer", "site:S1").name) is CUSTOMER


@pytest.mark.parametrize("key", [None, b"", b"C1", b"\x01", b"\x01site", b"\x01site:", b"\x01moon:S1", b"x\x01site:S1"])
def test_a_key_that_names_no_group_has_no_address(key: bytes | None) -> None:
    """A customer's id, an unknown type, or no id at all."""
    assert address_of(key) is None
