"""Which treatment suits a customer: one action that agrees with the reason, with an open dispute, and with the customer's consent."""

from scorers.contract.alarms import Treatment
from scorers.contract.events import DAY
from scorers.customer.loyalty import is_price_sensitive
from scorers.customer.state import Customer
from scorers.policy.tables import Policy

OFFERS: frozenset[Treatment] = frozenset({"special_offer", "incentive", "privileged_information"})
"""The treatments that promote something."""

FOR_REASON: dict[str, Treatment] = {
    "competitor": "preferential_treatment",
    "unattended_service": "faster_attention",
    "unrectified_defect": "trust",
    "boredom": "privileged_information",
    "price": "special_offer",
    "service_quality": "tailored_service",
    "product_quality": "help",
    "pressure": "trust",
    "moved_away": "help",
    "no_more_need": "participation",
    "unknown": "participation",
}
"""By the reason for leaving; one of the user's own (`other:` and a code) is treated as unknown."""


def suitable(treatment: Treatment, c: Customer) -> Treatment:
    """The treatment, or service in its place: nobody gets an offer while a complaint is open, or who has refused marketing (Q7)."""
    if treatment not in OFFERS:
        return treatment
    if c.complaints.open:
        return "help"
    return "tailored_service" if c.profile.refuses_offers else treatment


def of_silence(usual: Treatment, c: Customer, policy: Policy) -> Treatment:
    """What to do about a silence: what answers the strongest known cause of it, else the usual; gold that reacts to the price gets an offer (T5)."""
    if c.exit.at:
        return suitable(FOR_REASON.get(c.exit.reason, FOR_REASON["unknown"]), c)
    if c.complaints.open:
        return "help"
    if c.contacts.requests:
        return FOR_REASON["unattended_service"]
    if c.opinion.mark and c.opinion.mark <= 2:
        return FOR_REASON["service_quality"]
    if c.opinion.competitors and c.opinion.competitor_at > c.purchases.last - 60 * DAY:
        return FOR_REASON["competitor"]
    return suitable("special_offer" if wants_offer(c, policy) else usual, c)


def wants_offer(c: Customer, policy: Policy) -> bool:
    """Whether an offer is what keeps this customer: one of the tier gold who reacts to the price (T5)."""
    return c.tiering.tier == "gold" and is_price_sensitive(c, policy)
