"""The columns of the risk model's features: each constant is the place of the column of the same name.

docs/lessons.md says what each column is. Their order is part of `FEATURES_VERSION`: rows, lessons and models rely on it.
"""

FEATURES_VERSION = "1"

(
    # when the customer bought
    HORIZON,
    OCCASIONS,
    SURVIVED_DAYS,
    SILENCE,
    PACED_GAPS,
    PACED_DAYS,
    REGULARITY,
    TENURE,
    ONE_TIME,
    RATE,
    MEAN_GAP,
    GAP_SPREAD,
    LAST_GAP,
    LONGEST_GAP,
    OVERDUE,
    OVERDUE_LONGEST,
    BOUGHT_HALF_HORIZON,
    BOUGHT_HORIZON,
    BOUGHT_TWO_HORIZONS,
    BOUGHT_FOUR_HORIZONS,
    # what the customer bought
    SPENT,
    BASKET,
    SPEND_TREND,
    TRIPS,
    BREADTH,
    BREADTH_TREND,
    DISCOUNTED,
    DISCOUNT_SHARE,
    REFUNDS,
    REFUND_SHARE,
    # signals: contacts, complaints, satisfaction, and what the customer said
    CONTACTS_IN,
    CONTACT_IN_LATELY,
    CONTACTS_OUT,
    CONTACT_OUT_LATELY,
    UNANSWERED,
    ANSWERED,
    REQUESTS_OPEN,
    REWARDS,
    REWARD_LATELY,
    COMPLAINTS,
    COMPLAINT_LATELY,
    COMPLAINTS_OPEN,
    COMPLAINTS_OVERDUE,
    SATISFACTION,
    SATISFACTION_LAST,
    RECOMMENDS,
    REFERRAL,
    DEBT,
    TROUBLE,
    TONE,
    PROMISES_BROKEN,
    COMPETITOR_LATELY,
    SAID_GOODBYE,
    OWNER_JUDGED,
    BONDS,
    # the time of year
    SEASON_SIN,
    SEASON_COS,
) = range(57)

NAMES = tuple(name.lower() for name, value in tuple(globals().items()) if name.isupper() and isinstance(value, int))
WIDTH = len(NAMES)
INDEX = {name: place for place, name in enumerate(NAMES)}
SIGNALS = slice(CONTACTS_IN, BONDS + 1)
