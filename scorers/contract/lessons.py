"""Lessons: a question about a customer's next purchase, what was known when it was asked, and the answer."""

from msgspec import Struct

from scorers.contract.events import Duration, Instant

LEARNERS = (
    "kalman",  # the champion at first
    "sgd",
)
MEMBERS = (*LEARNERS, "prior")
"""Whose log-odds a lesson keeps in `voices`, in this order."""


class Lesson(Struct, frozen=True, kw_only=True):
    """An answered question: the features when it was asked, and whether the customer bought within the horizon."""

    customer_id: str
    asked_at: Instant
    answered_at: Instant
    horizon: Duration
    features: tuple[float, ...]
    inactive: bool  # no purchase in (asked_at, asked_at + horizon]
    bought_after: Duration | None = None  # time to the first purchase, if one came within the horizon
    rules: float  # the risk by the rules when asked
    predicted: float  # the risk by the model in force when asked
    voices: tuple[float, ...] = ()  # the log-odds of each of `MEMBERS` when asked; empty if the model was untrained
    model_version: str
    features_version: str
