"""The user's control parameters (A12): every threshold of the monitor, in one file, with the rule it serves.

`deploy/policy.toml` lists them all; the defaults here are the same (a test compares the two). A policy is checked when
it is read: an unknown key, a wrong type or a senseless number is an error that names the key, the line and the mend.
A policy's version is a hash of its values, so that every alarm can say under which policy it was raised.
"""

import hashlib
import re
import tomllib
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from scorers.contract.alarms import Tier
from scorers.contract.events import DAY, HOUR, MINUTE, SECOND, Duration

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Positive = Annotated[float, Meta(gt=0, le=1e9)]


class Span(int):
    """A length of time in microseconds; written as `30d`, `4h` or `1d 12h` in the file."""


def parse_span(text: str) -> Span:
    """The length of time that a text such as `1d 12h` means.

    >>> parse_span("1d 12h") == 36 * HOUR
    True
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([smhdw])", text)
    if not parts or re.sub(r"(\d+(?:\.\d+)?)\s*([smhdw])", "", text).strip():
        raise ValueError(f"{text!r} is not a length of time: write it like '30d', '4h' or '1d 12h'")
    return Span(round(sum(float(n) * _UNITS[unit] for n, unit in parts)))


def format_span(span: Duration) -> str:
    """A length of time as the file writes it.

    >>> format_span(36 * HOUR)
    '1d 12h'
    """
    words = []
    for unit in ("d", "h", "m", "s"):
        n, span = divmod(span, _UNITS[unit])
        if n:
            words.append(f"{n}{unit}")
    return " ".join(words) or "0s"


def days(n: float) -> Span:
    """So many days of 24 hours."""
    return Span(round(n * DAY))


def hours(n: float) -> Span:
    """So many hours."""
    return Span(round(n * HOUR))


class _Strict(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file: a key that is not known is an error."""


class SpanByTier(_Strict, frozen=True):
    """A deadline for each tier."""

    platinum: Span
    gold: Span
    iron: Span
    lead: Span
    none: Span

    def of(self, tier: Tier) -> Span:
        """The deadline of a tier."""
        return getattr(self, tier)  # type: ignore[no-any-return]  # fields are exactly the tiers


class ShareByTier(_Strict, frozen=True):
    """A share for each tier."""

    platinum: Share
    gold: Share
    iron: Share
    lead: Share
    none: Share

    def of(self, tier: Tier) -> float:
        """The share of a tier."""
        return getattr(self, tier)  # type: ignore[no-any-return]  # fields are exactly the tiers


class Time(_Strict, frozen=True):
    """How the stream's time is read."""

    allowed_lateness: Span = days(1)
    notify_within: Span = days(2)


class Prospects(_Strict, frozen=True):
    """L2: from the first contact to the first purchase."""

    conversion_window: Span = days(30)
    cooling_share: Share = 2 / 3
    golden_quiet: Span = days(7)


class Lifecycle(_Strict, frozen=True):
    """L1, L3-L5: the stages."""

    core_occasions: Count = 5
    core_tenure: Span = days(180)
    core_satisfaction: Annotated[float, Meta(ge=1, le=5)] = 3.0
    second_purchase_quantile: Share = 0.75
    second_purchase_default: Span = days(60)
    second_purchase_known: Count = 50
    second_purchase_defected: Positive = 3.0


class Silence(_Strict, frozen=True):
    """L1, Q6: silence against the own rhythm."""

    quiet_quantile: Annotated[float, Meta(ge=0.5, lt=1)] = 0.99
    defected_factor: Annotated[float, Meta(ge=1, le=100)] = 2.0


class Tiers(_Strict, frozen=True):
    """T1, T2: ranked by margin, else revenue, over a rolling year."""

    platinum_share: Share = 0.05
    gold_share: Share = 0.20
    iron_share: Share = 0.65
    window: Span = days(365)
    ranked_at_least: Count = 50
    hysteresis: Share = 0.10
    dwell: Span = days(14)


class Clocks(_Strict, frozen=True):
    """X6, X7: how long a complaint or a request may lie, by the tier at its opening."""

    acknowledge: SpanByTier = field(
        default_factory=lambda: SpanByTier(platinum=hours(1), gold=hours(4), iron=days(1), lead=days(1), none=days(1))
    )
    rectify: SpanByTier = field(
        default_factory=lambda: SpanByTier(platinum=days(1), gold=days(2), iron=days(5), lead=days(10), none=days(5))
    )
    answer: SpanByTier = field(
        default_factory=lambda: SpanByTier(platinum=hours(4), gold=days(1), iron=days(3), lead=days(7), none=days(3))
    )


class Loyalty(_Strict, frozen=True):
    """Q1-Q6: the types, from behaviour and attitude."""

    evidence_at_least: Count = 3
    satisfied_from: Annotated[float, Meta(ge=1, le=5)] = 4.0
    apostle_satisfaction: Annotated[float, Meta(ge=1, le=5)] = 4.5
    apostle_referrals: Count = 1
    mercenary_discount_share: Share = 0.6
    hostage_occasions: Count = 2
    low_recommendation: Annotated[int, Meta(ge=0, le=10)] = 3
    apostle_dwell: Span = days(14)


class Ledger(_Strict, frozen=True):
    """X1: so many good experiences offset one bad one."""

    owed_per_negative: Positive = 12.0
    half_life: Span = days(365)
    quiet_week: Span = days(7)
    debt_limit: Positive = 12.0
    debt_settled: Positive = 6.0


class Outreach(_Strict, frozen=True):
    """X8: our own contacts, and what counts as an answer to one."""

    answer_within: Span = days(14)


class Risk(_Strict, frozen=True):
    """A5, A7: the chance of no purchase within the horizon."""

    horizon: Span = days(90)
    champion: str = "auto"
    horizons: Annotated[tuple[Span, ...], Meta(max_length=16)] = (days(30), days(60), days(90), days(180))
    threshold: ShareByTier = field(
        default_factory=lambda: ShareByTier(platinum=0.3, gold=0.4, iron=0.75, lead=0.9, none=0.9)
    )
    hysteresis: Share = 0.05
    occasions_at_least: Count = 2
    review_from_gap: Positive = 1.0
    review_share_of_gap: Positive = 0.25
    review_at_least: Span = days(1)
    review_at_most: Span = days(28)
    questions_per_horizon: Annotated[int, Meta(ge=1, le=4)] = 4


class Value(_Strict, frozen=True):
    """A5: what the loss would cost."""

    margin_share: Share = 0.25
    life_horizons: Positive = 8.0
    replacement_cost_minor: Annotated[int, Meta(ge=0, le=10**12)] = 2000


class Opening(_Strict, frozen=True):
    """The business calendar: open spans per weekday in a time offset; none at all means around the clock."""

    monday: tuple[str, ...] = ("00:00-24:00",)
    tuesday: tuple[str, ...] = ("00:00-24:00",)
    wednesday: tuple[str, ...] = ("00:00-24:00",)
    thursday: tuple[str, ...] = ("00:00-24:00",)
    friday: tuple[str, ...] = ("00:00-24:00",)
    saturday: tuple[str, ...] = ("00:00-24:00",)
    sunday: tuple[str, ...] = ("00:00-24:00",)
    holidays: tuple[str, ...] = ()
    utc_offset: Annotated[str, Meta(pattern=r"^[+-]\d\d:\d\d$")] = "+00:00"


class Policy(_Strict, frozen=True):
    """All control parameters, by concern."""

    time: Time = Time()
    prospects: Prospects = Prospects()
    lifecycle: Lifecycle = Lifecycle()
    silence: Silence = Silence()
    tiers: Tiers = Tiers()
    clocks: Clocks = field(default_factory=Clocks)
    loyalty: Loyalty = Loyalty()
    ledger: Ledger = Ledger()
    outreach: Outreach = Outreach()
    risk: Risk = field(default_factory=Risk)
    value: Value = Value()
    calendar: Opening = Opening()

    @property
    def version(self) -> str:
        """A short hash of the values: two files that say the same have the same version."""
        return hashlib.sha256(msgspec.json.encode(self, enc_hook=int)).hexdigest()[:12]


class PolicyError(ValueError):
    """A policy that cannot be used; the message names the key, the line and the mend."""


def parse_policy(text: str, source: str = "policy") -> Policy:
    """The policy that a TOML text states; keys that are left out keep their defaults.

    >>> parse_policy("[risk]\\nhorizon = '28d'").risk.horizon == 28 * DAY
    True
    >>> parse_policy("[risk]\\nhorizn = '28d'", "policy.toml")
    Traceback (most recent call last):
    ...
    scorers.policy.tables.PolicyError: policy.toml, line 2: risk.horizn is not a known key; did you mean 'horizon'?
    """
    from scorers.policy.mistakes import explain, not_toml, senseless  # the two files need each other

    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(not_toml(str(error), text, source)) from None
    try:
        policy = msgspec.convert(_filled(tables, Policy()), Policy, dec_hook=_read_span)
    except msgspec.ValidationError as error:
        raise PolicyError(explain(error, tables, text, source)) from None
    if fault := senseless(policy, tables, text, source):
        raise PolicyError(fault)
    return policy


def _filled(tables: dict[str, Any], defaults: Struct) -> dict[str, Any]:
    """The tables of a file, with the default for each key that they leave out."""
    filled = dict(tables)
    for name in defaults.__struct_fields__:
        default, stated = getattr(defaults, name), tables.get(name)
        if isinstance(default, Struct) and isinstance(stated, dict):
            filled[name] = _filled(stated, default)
        else:
            filled.setdefault(name, default)
    return filled


def _read_span(wanted: type, value: Any) -> Any:
    if wanted is Span and isinstance(value, Span):
        return value  # a default
    if wanted is Span and isinstance(value, str):
        return parse_span(value)
    if wanted is Span:
        raise ValueError(f"{value!r} is not a length of time: write it like '30d' or '4h', in quotes")
    raise NotImplementedError(wanted)
