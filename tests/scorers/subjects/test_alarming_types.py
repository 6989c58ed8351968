"""Kinds of alarm belong to the types of subject that raise alarms, and to no others."""

from scorers.alarms.catalogue import CATALOGUE
from scorers.partition.routing import GROUPS
from scorers.subjects.customer import CUSTOMER
from scorers.timeline.subjects import AlarmingType, SubjectType

TYPES: dict[str, SubjectType] = {CUSTOMER.name: CUSTOMER, **GROUPS}


def test_the_types_that_raise_alarms_are_those_that_the_catalogue_names() -> None:
    """A store raises none, so it has neither kinds nor words for them."""
    alarming = {name for name, subject in TYPES.items() if isinstance(subject, AlarmingType)}
    assert alarming == {kind.watched for kind in CATALOGUE}
    assert all(not hasattr(TYPES[name], "render") for name in TYPES.keys() - alarming)
