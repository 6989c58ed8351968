"""The user's control parameters (A12): every threshold of the scorers by concern, with the rule that it serves.

`deploy/policy.toml` lists them all with the same defaults (a test compares the two); `reading` reads such a file.
A policy's version is a hash of its values, so that every alarm can name the policy under which it was raised.
"""

import hashlib
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from scorers.contract.alarms import Treatment
from scorers.policy.by_tier import ByTier
from scorers.policy.group_tables import Base, Exposure, Feeds, Iceberg, Stores, Themes
from scorers.policy.spans import Span, days, hours
from scorers.policy.values import Ceiling, Count, Minor, Positive, Share, Strict

T = TypeVar("T")

AUTO = "auto"  # the champion is the learner with the best evidence


class Time(Strict, frozen=True):
    """The business's time zone, and how late facts and notifications may be."""

    zone: str = "UTC"
    allowed_lateness: Span = days(1)
    notify_within: Span = days(2)


class Prospects(Strict, frozen=True):
    """L2: from the first contact to the first purchase."""

    conversion_window: Span = days(30)
    cooling_share: Share = 2 / 3
    golden_quiet: Span = days(7)
    conversions_known: Count = 50


class Lifecycle(Strict, frozen=True):
    """L1, L3-L5: the stages."""

    core_occasions: Count = 5
    core_tenure: Span = days(180)
    core_satisfaction: Annotated[float, Meta(ge=1, le=5)] = 3.0
    judging_below: Count = 20
    second_purchase_quantile: Share = 0.75
    second_purchase_default: Span = days(60)
    second_purchase_known: Count = 50
    second_purchase_cohort: Span = days(90)
    second_purchase_defected: Positive = 3.0
    known_before: Span = days(90)


class Silence(Strict, frozen=True):
    """L1, Q6, J2, J8: silence compared with the customer's rhythm."""

    false_a_year: Annotated[float, Meta(gt=0, le=12)] = 0.5
    defected_factor: Annotated[float, Meta(ge=1, le=100)] = 3.0
    given_up_share: Share = 0.30
    given_up_within: Span = days(90)
    given_up_known: Count = 50
    given_up_after: Span = days(180)


class Tiers(Strict, frozen=True):
    """T1, T2: ranked by margin, else revenue, over a rolling year."""

    platinum_share: Share = 0.05
    gold_share: Share = 0.20
    iron_share: Share = 0.65
    window: Span = days(365)
    ranked_at_least: Count = 50
    hysteresis: Share = 0.10
    dwell: Span = days(14)


class Clocks(Strict, frozen=True):
    """X6, X7: how long a complaint or a request may stay open, by the tier at its opening."""

    acknowledge: ByTier[Span] = field(
        default_factory=lambda: ByTier(platinum=hours(1), gold=hours(4), iron=days(1), lead=days(1), none=days(1))
    )
    rectify: ByTier[Span] = field(
        default_factory=lambda: ByTier(platinum=days(1), gold=days(2), iron=days(5), lead=days(10), none=days(5))
    )
    answer: ByTier[Span] = field(
        default_factory=lambda: ByTier(platinum=hours(4), gold=days(1), iron=days(3), lead=days(7), none=days(3))
    )


class Loyalty(Strict, frozen=True):
    """Q1-Q6: the types, from behaviour and attitude."""

    evidence_at_least: Count = 3
    answers_at_least: Annotated[int, Meta(ge=1, le=24)] = 3
    answers_within: Span = days(365)
    satisfied_from: Annotated[float, Meta(ge=1, le=5)] = 4.0
    loyal_from: Share = 0.55
    apostle_from: Share = 0.90
    apostle_referrals: Count = 1
    mercenary_discount_share: Share = 0.6
    mercenary_against_base: Positive = 1.5
    mercenary_switches: Count = 2
    discounts_known: Count = 50
    price_reaction_from: Positive = 1.5
    price_purchases_at_least: Count = 3
    active_from: Share = 0.25
    hostage_occasions: Count = 2
    low_mark: Annotated[int, Meta(ge=1, le=5)] = 2
    low_risk: Share = 0.5
    bad_at_least: Count = 1
    public_counts: Count = 2
    told_within: Span = days(365)
    apostle_dwell: Span = days(14)


class Ledger(Strict, frozen=True):
    """X1: so many good experiences offset one bad one."""

    owed_per_negative: Positive = 12.0
    half_life: Span = days(365)
    quiet_week: Span = days(7)
    debt_limit: Positive = 12.0
    debt_settled: Positive = 6.0


class Refunds(Strict, frozen=True):
    """J10: the reasons, compared whole and without case, for which a refund is a bad experience; any other, or none, is neutral."""

    bad_reasons: tuple[str, ...] = (
        *(
            "faulty",
            "defect",
            "defective",
            "damaged",
            "broken",
            "wrong",
            "wrong_item",
            "not_as_described",
            "late",
            "quality",
        ),
    )

    def is_bad(self, reason: str | None) -> bool:
        """Whether a refund for this reason is a bad experience.

        >>> [Refunds().is_bad(reason) for reason in ("Faulty", "not broken", None)]
        [True, False, False]
        """
        return reason is not None and reason.strip().casefold() in {word.casefold() for word in self.bad_reasons}


class Outreach(Strict, frozen=True):
    """X8: contacts made by the business, what counts as an answer to one, and how many without an answer are too many."""

    answer_within: Span = days(14)
    window: Span = days(30)
    ceiling: ByTier[Ceiling] = field(default_factory=lambda: ByTier(platinum=6, gold=6, iron=6, lead=6, none=6))


class Boredom(Strict, frozen=True):
    """X9: by how much variety falls and gaps grow over the last occasions, against those before."""

    variety_fall: Share = 0.25
    gap_growth: Positive = 0.25


class Wallet(Strict, frozen=True):
    """P7: by how much the spend or the number of categories of a window falls against the own pace before it."""

    window: Span = days(56)
    before: Span = days(168)
    dates_at_least: Count = 6
    fall: Share = 0.5
    settled: Share = 0.8


class Disagreement(Strict, frozen=True):
    """A10: when a risk and the spend point apart."""

    low_risk: Share = 0.3
    high_risk: Share = 0.7
    window: Span = days(90)
    change: Share = 0.3
    settled: Share = 0.15
    dates_at_least: Count = 6


class Owner(Strict, frozen=True):
    """Q8: the risks at which the owner's judgement and the figures disagree."""

    good_risk_over: Share = 0.7
    not_good_risk_under: Share = 0.3


class Bonds(Strict, frozen=True):
    """P5: who comes only for rewards."""

    reward_within: Span = days(14)
    visits_at_least: Count = 5
    reward_only_from: Share = 0.8
    covered_at_most: Share = 0.5


class Serving(Strict, frozen=True):
    """T3: the shares of the margin of a window between which the cost to serve a customer of a tier should lie."""

    window: Span = days(90)
    under: ByTier[Share] = field(
        default_factory=lambda: ByTier(platinum=0.02, gold=0.02, iron=0.02, lead=0.0, none=0.0)
    )
    over: ByTier[Positive] = field(default_factory=lambda: ByTier(platinum=0.4, gold=0.4, iron=0.4, lead=0.4, none=0.4))
    hysteresis: Share = 0.10
    customers_at_least: Count = 50


class Staff(Strict, frozen=True):
    """P2: how long the staff of a site may go without being asked, and without being thanked; and which of their answers tell customers' alarms something."""

    ask_every: Span = days(90)
    thank_every: Span = days(30)
    answers_within: Span = days(60)
    mention_to: Annotated[float, Meta(ge=0, le=5)] = 2.5


class Retention(Strict, frozen=True):
    """How long what has fallen silent stays in the state."""

    silent: Span = days(1825)


class Risk(Strict, frozen=True):
    """A5, A7: the risk, which is the probability of no purchase within the horizon."""

    horizon: Span = days(90)
    champion: str = AUTO
    horizons: Annotated[tuple[Span, ...], Meta(max_length=16)] = (days(30), days(60), days(90), days(180))
    threshold: ByTier[Share] = field(
        default_factory=lambda: ByTier(platinum=0.3, gold=0.4, iron=0.75, lead=0.9, none=0.9)
    )
    distributor_weight: Share = 0.5
    hysteresis: Share = 0.05
    warning_from: Share = 0.10
    error_from: Share = 0.50
    proven_answers: Count = 200
    proven_within: Share = 0.10
    rise: Share = 0.25
    rise_within: Span = days(30)
    occasions_at_least: Count = 2
    review_from_gap: Positive = 1.0
    review_share_of_gap: Positive = 0.25
    review_at_least: Span = days(1)
    review_at_most: Span = days(28)
    danger_share: Share = 0.10
    danger_known: Count = 100
    closed_at_most: Share = 0.10
    questions_per_horizon: Annotated[int, Meta(ge=1, le=4)] = 4


class Value(Strict, frozen=True):
    """A5, J11: what a customer is worth, and what the loss would cost."""

    margin_share: Share = 0.25
    life: Span = days(730)
    replacement_cost_minor: Minor = 2000
    realised_known: Count = 50


class ByTreatment(Struct, Generic[T], frozen=True, forbid_unknown_fields=True):
    """A value for each treatment that costs anything."""

    preferential_treatment: T
    faster_attention: T
    special_offer: T
    tailored_service: T
    privileged_information: T
    participation: T
    help: T
    incentive: T
    trust: T

    @classmethod
    def same(cls, value: T) -> "ByTreatment[T]":
        """One value for all of them."""
        return cls(*[value] * len(cls.__struct_fields__))

    def of(self, treatment: Treatment) -> T:
        """The value for a treatment, which is not `do_not_spend`."""
        return getattr(self, treatment)  # type: ignore[no-any-return]  # the fields are the other treatments


class Worklist(Strict, frozen=True):
    """J7, A6: who is worth an effort, what an effort costs, and how many of them there may be on a day."""

    per_day: Annotated[int, Meta(ge=1, le=1000)] = 20
    again_after: Span = days(14)
    silent_at_most: Annotated[float, Meta(ge=1, le=100)] = 3.0
    given_away: Share = 0.1
    sure_from: Annotated[float, Meta(ge=0, lt=1)] = 0.85
    budget: ByTier[Minor] = field(
        default_factory=lambda: ByTier(platinum=100_000, gold=100_000, iron=50_000, lead=0, none=0)
    )
    save_chance: ByTreatment[Share] = field(default_factory=lambda: ByTreatment[Share].same(0.3))
    cost_minor: ByTreatment[Minor] = field(default_factory=lambda: ByTreatment[Minor].same(500))


class HoldOut(Strict, frozen=True):
    """A8, J6: customers whom no effort reaches, so that its effect can be measured, and the answers of each arm that it takes."""

    share: Share = 0.0
    answers_at_least: Count = 200


class StoreOpening(Strict, frozen=True):
    """The hours of one store; what is left out is as for the business."""

    monday: tuple[str, ...] | None = None
    tuesday: tuple[str, ...] | None = None
    wednesday: tuple[str, ...] | None = None
    thursday: tuple[str, ...] | None = None
    friday: tuple[str, ...] | None = None
    saturday: tuple[str, ...] | None = None
    sunday: tuple[str, ...] | None = None
    holidays: tuple[str, ...] | None = None


class Opening(Strict, frozen=True):
    """The business calendar: open spans of each weekday in the business's time zone; by default all hours are open."""

    monday: tuple[str, ...] = ("00:00-24:00",)
    tuesday: tuple[str, ...] = ("00:00-24:00",)
    wednesday: tuple[str, ...] = ("00:00-24:00",)
    thursday: tuple[str, ...] = ("00:00-24:00",)
    friday: tuple[str, ...] = ("00:00-24:00",)
    saturday: tuple[str, ...] = ("00:00-24:00",)
    sunday: tuple[str, ...] = ("00:00-24:00",)
    holidays: tuple[str, ...] = ()
    stores: dict[str, StoreOpening] = field(default_factory=dict)

    def of_store(self, store_id: str) -> "Opening":
        """The calendar of a store: its own hours where it has some."""
        own = self.stores.get(store_id)
        if own is None:
            return self
        stated = {name: value for name in own.__struct_fields__ if (value := getattr(own, name)) is not None}
        return msgspec.structs.replace(self, **stated)


class Policy(Strict, frozen=True):
    """All control parameters, by concern."""

    time: Time = Time()
    prospects: Prospects = Prospects()
    lifecycle: Lifecycle = Lifecycle()
    silence: Silence = Silence()
    tiers: Tiers = Tiers()
    clocks: Clocks = field(default_factory=Clocks)
    loyalty: Loyalty = Loyalty()
    ledger: Ledger = Ledger()
    outreach: Outreach = field(default_factory=Outreach)
    boredom: Boredom = Boredom()
    wallet: Wallet = Wallet()
    disagreement: Disagreement = Disagreement()
    owner: Owner = Owner()
    bonds: Bonds = Bonds()
    serving: Serving = field(default_factory=Serving)
    staff: Staff = Staff()
    stores: Stores = Stores()
    iceberg: Iceberg = Iceberg()
    exposure: Exposure = Exposure()
    themes: Themes = Themes()
    base: Base = Base()
    feeds: Feeds = Feeds()
    retention: Retention = Retention()
    risk: Risk = field(default_factory=Risk)
    value: Value = Value()
    refunds: Refunds = Refunds()
    worklist: Worklist = field(default_factory=Worklist)
    hold_out: HoldOut = HoldOut()
    calendar: Opening = field(default_factory=Opening)

    @property
    def version(self) -> str:
        """A short hash of the values: two files with the same values have the same version."""
        return hashlib.sha256(msgspec.json.encode(self, enc_hook=int)).hexdigest()[:12]
