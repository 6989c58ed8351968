"""The verdicts in force on a customer, and the readings of the risk."""

from msgspec import Struct, field

from scorers.contract.alarms import LoyaltyType, Stage, Tier
from scorers.contract.events import Micros
from scorers.timeline.facts import NO_FACT, Ref

MAX_QUESTIONS = 4
MILLION = 1_000_000
RISK_SCALE = 10_000  # of risks in a `Rise`


class Question(Struct, array_like=True, gc=False):
    """Whether the customer buys again within the horizon: asked with the features of that day, answered later."""

    asked: Micros
    features: bytes  # packed
    answered: Micros = 0  # the first purchase after it was asked
    risk: int = 0  # by the model in force, in millionths
    rules: int = 0  # by the rules alone, in millionths
    model_version: str = ""
    voices: bytes = b""  # log-odds of each of `lessons.MEMBERS` when asked, packed by `risk.columns.pack_floats`
    occasions: int = 0  # how often the customer had come; 0 in rows of former builds
    expected: int = 0  # money of the horizon, in minor units of the customer's own currency
    currency: str = ""


class Life(Struct, array_like=True, gc=False):
    """The stage in force (L1)."""

    stage: Stage = "prospect"
    since: Micros = 0
    core_before: bool = False  # was core before the present stage
    golden_by: Micros = 0  # end of the first purchase's week, where that purchase was inside the conversion window
    customer_since: Micros = 0  # as the business says (J5)
    known: bool = False  # was a customer long before the first purchase that was seen
    won_back: int = 0  # the second of the comeback of one who had left, until they leave again


class Tiering(Struct, array_like=True, gc=False):
    """The tier in force (T1), and a fall that is pending or from which the customer has not recovered (T2)."""

    tier: Tier = "none"
    ranked: bool = False
    low_since: Micros = 0  # since when the yearly value belongs to a lower tier
    low_opener: Ref = NO_FACT
    drop_from: Tier = "none"
    drop_at: Micros = 0
    drop_opener: Ref = NO_FACT


class Attitude(Struct, array_like=True, gc=False):
    """The loyalty type in force (Q1)."""

    type: LoyaltyType = "unknown"
    apostle_until: Micros = 0  # when the customer stopped being an apostle; the dwell time runs from then
    apostle_opener: Ref = NO_FACT
    terrorist_at: Micros = 0
    terrorist_opener: Ref = NO_FACT


class Rise(Struct, array_like=True, gc=False):
    """A step by which the risk has risen (`risk-rising`)."""

    at: Micros
    ref: Ref  # the last purchase before it
    low: int  # the lowest risk of the window before, in ten-thousandths
    high: int  # the risk at the review or fact that showed the rise, in ten-thousandths
    over: bool = False  # the risk is back by half; until the next purchase nothing more is said


class RiskReading(Struct, array_like=True, gc=False):
    """The risk at the last review, and the questions that will become lessons."""

    last: float = -1.0  # -1 where none
    at: Micros = 0
    next_review: Micros = 0
    next_question: Micros = 0
    questions: list[Question] = field(default_factory=list)
    lows: list[int] = field(default_factory=list)  # day and risk in ten-thousandths by turns; both rise
    rise: Rise | None = None
    said: tuple[
        int, ...
    ] = ()  # of the newest two alarms about the customer by turns: the second, and the risk in ten-thousandths
