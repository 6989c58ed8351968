"""What a customer has experienced, thinks and says of us, and what ties them to us."""

from typing import Literal

from msgspec import Struct, field

from scorers.contract.alarms import Stage
from scorers.contract.events import Micros
from scorers.timeline.facts import NO_FACT, Ref

MAX_PENDING = 16  # beyond it, the two that are nearest to each other become one
MAX_CAUSES = 3
MARK_BITS = 3  # of a packed mark
MAX_MARKS = 24  # the newest of the last year; three are enough to judge by
BAD_SUBJECTS = ("product", "service", "brand")  # what a bad experience can be with (Q4); of some it is not known


class Cause(Struct, array_like=True, frozen=True, gc=False):
    """A bad experience by its name: what it was, when, and of what; for people to recognise it."""

    what: Literal["complaint", "refund", "mark", "promise", "request"]
    at: Micros
    word: str = ""  # the id of a complaint, the reason of a refund, a mark, the topic of a promise or request
    thing: str = ""  # the sku of a refund


class Trouble(Struct, array_like=True, gc=False):
    """Negative experiences since the last occasion, and the stage at the first of them (L3, L4)."""

    stage: Stage
    at: Micros
    opener: Ref
    count: int = 1
    evidence: list[Ref] = field(default_factory=list)  # beyond the opener
    causes: tuple[Cause, ...] = ()  # the first and the newest of them, at most MAX_CAUSES


class Account(Struct, array_like=True, gc=False):
    """The ledger of experiences (X1), and the negative experiences since the last occasion."""

    debt: float = 0.0  # at `debt_at`
    debt_at: Micros = 0
    pending: list[Micros] = field(default_factory=list)  # purchases whose week is not over, ascending
    bad: int = 0  # negative experiences ever
    last_bad_ref: Ref = NO_FACT
    trouble: Trouble | None = None
    merged: tuple[int, ...] = ()  # empty, or how many more purchases each of `pending` stands for
    about: tuple[int, ...] = ()  # empty, or how many of `bad` were with each of `BAD_SUBJECTS`
    last_bad: Cause | None = None  # the newest experience that was bad


class OwnersView(Struct, array_like=True, gc=False):
    """When the owner last changed the judgement of the customer."""

    at: Micros
    ref: Ref


class Opinion(Struct, array_like=True, gc=False):
    """The customer's opinion of the business, and the owner's judgement of the customer."""

    marks: int = 0  # satisfaction marks given
    marks_sum: int = 0
    mark: int = 0  # the last, 1 to 5
    mood: float = 0.0  # their exponentially weighted mean, 0 where unknown
    survey: int = 0  # the last mark given in a survey
    recommends: int = -1  # the last answer, 0 to 10
    referrals: int = 0  # positive ones
    referral: int = 0  # the last: +1 positive, -1 negative, 0 none
    owner: int = 0  # the owner's judgement: +1 good, -1 not good, 0 none
    competitors: int = 0  # mentions of competitors
    competitor_at: Micros = 0
    owners_view: OwnersView | None = None
    marks_lately: tuple[
        int, ...
    ] = ()  # of the last year: the second in which each was given, times eight, plus the mark
    told: int = 0  # the second in which others last heard something bad


class Cut(Struct, array_like=True, gc=False):
    """A bond that has ended and is not back."""

    bond: str
    at: Micros
    ref: Ref
    bundle: int = 0  # the categories of a bundle that is no longer bought, as a mask


class Ties(Struct, array_like=True, gc=False):
    """Rewards and bonds (P5)."""

    rewards: int = 0
    last_reward: Micros = 0
    bonds: list[str] = field(default_factory=list)
    cut: tuple[Cut, ...] = ()  # at most one for each bond
    visits: int = 0  # occasions since the first reward,
    rewarded: int = 0  # and those shortly after one
    covered: int = 0  # seconds shortly after rewards, without the last one
    rewards_since: int = 0  # the second of the first reward


class Exit(Struct, array_like=True, gc=False):
    """An explained exit since the last purchase."""

    at: Micros = 0
    ref: Ref = NO_FACT
    reason: str = ""
