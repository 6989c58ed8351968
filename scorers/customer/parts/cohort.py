"""What the base's counts must know of a customer: whether they stay over a horizon (L7), and where and with what they are counted (T2)."""

from msgspec import Struct

from scorers.contract.events import Micros


class Cohort(Struct, array_like=True, gc=False):
    """The present horizon of a customer; horizons follow each other on the customer's own grid."""

    until: Micros = 0  # its end; 0 before the first fact
    stage: int = -1  # the place of the stage at its beginning in `flows.STAGES`; -1 for a stage that is not measured
    bought: bool = False  # since then


class Counted(Struct, array_like=True, gc=False):
    """Where a customer stands in the counts by tier and stage, by `live_quality.place_of`, and with which yearly value."""

    place: int = -1  # -1 where they are not counted
    minor: int = 0
    currency: str = ""
