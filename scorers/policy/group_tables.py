"""The control parameters of what is watched besides customers and sites: stores, things, themes, flows of the base, feeds."""

from typing import Annotated

from msgspec import Meta

from scorers.policy.spans import Span, days, hours
from scorers.policy.values import Count, Positive, Share, Strict


class Stores(Strict, frozen=True):
    """X2, X4: what is reported to a store's customers of the complaints about it."""

    complaint_window: Span = days(14)
    mention_from: Count = 3


class Iceberg(Strict, frozen=True):
    """X2, X3, X5: for how many dissatisfied customers a voice stands, what each layer of them weighs, and whom they tell.

    70 % never voice a complaint, and of the others 2 % do it formally.
    """

    formal: Annotated[float, Meta(ge=1, le=10_000)] = 167.0
    informal: Annotated[float, Meta(ge=1, le=10_000)] = 3.4
    silent_weight: Share = 0.2
    informal_weight: Share = 0.5
    formal_weight: Share = 1.0
    satisfied_tells: Positive = 4.5
    dissatisfied_tells: Positive = 9.5


class Exposure(Strict, frozen=True):
    """X4: when customers who are silent are exposed to what others complain of."""

    complaints: Count = 3
    bought_within: Span = days(60)


class Themes(Strict, frozen=True):
    """X10: when more complaints on one theme come than are usual for it."""

    window: Span = days(14)
    at_least: Count = 5
    tail: Annotated[float, Meta(gt=0, le=0.5)] = 0.001
    history: Span = days(28)
    settled: Span = days(14)


class Base(Strict, frozen=True):
    """L7, L8: customers lost and won, and retention by stage, over the whole base."""

    window: Span = days(28)
    lost_at_least: Count = 10
    few: Count = 30
    tail: Annotated[float, Meta(gt=0, le=0.5)] = 0.01
    stage_at_least: Count = 200


class Feeds(Strict, frozen=True):
    """J3: the silence of a store or a source that is too long for it."""

    factor: Annotated[float, Meta(ge=1, le=100)] = 3.0
    quantile: Share = 0.999
    recurring: Annotated[float, Meta(ge=1, le=100)] = 1.5
    at_least: Span = hours(6)
    history: Span = days(14)
    events_at_least: Count = 100
    for_good: Span = days(90)
