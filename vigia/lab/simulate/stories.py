"""Simulate one customer from the first contact to the day of leaving, and record the truth.

Customers leave for a known cause at a known time: a bad experience, an unattended request, boredom, price, a competitor,
too many calls, or a reason outside the business. Some causes show in the events for weeks, some not at all.
"""

from dataclasses import dataclass
from random import Random

from msgspec import Struct

from vigia.lab.simulate.baskets import basket
from vigia.lab.simulate.contacts import between, campaigns, survey
from vigia.lab.simulate.hours import DAY, HOUR, YEAR
from vigia.lab.simulate.life import EventWriter, Layer, Life, Mishap, Put
from vigia.lab.simulate.mishaps import mishap
from vigia.lab.simulate.people import born, passer_by
from vigia.lab.simulate.world import RIVALS, Scene, Store


@dataclass(frozen=True, slots=True)
class Decline:
    """A gradual decline: how often it begins, how many more visits it takes, and how it shows."""

    yearly: float
    visits: tuple[int, int]
    stretch: float  # factor of each gap to the one before
    shrink: float  # factor of each basket to the one before
    narrow: bool = False
    reduced: float = 0.0  # share of visits on discount only
    mentions: float = 0.0  # probability that a competitor is mentioned before leaving


DECLINES = {
    "boredom": Decline(yearly=0.07, visits=(4, 7), stretch=1.15, shrink=0.97, narrow=True),
    "price": Decline(yearly=0.05, visits=(2, 5), stretch=1.10, shrink=0.85, reduced=0.9, mentions=0.2),
    "competitor": Decline(yearly=0.03, visits=(2, 5), stretch=1.20, shrink=0.70, mentions=0.5),
}
WITHOUT_A_SIGN = ("moved_away", "moved_away", "no_more_need", "no_more_need", "unknown")
AFTER_A_LOOK = ("no_more_need", "no_more_need", "unknown", "unknown", "price", "competitor")
BONDS = ("reward", "reward", "reward", "cross_sell", "bundle", "social", "customization", "structural")


class Truth(Struct, frozen=True, kw_only=True):
    """The truth about one customer; Vigía never reads it."""

    customer_id: str
    external: bool
    store_id: str
    gap_days: float
    regularity: float
    margin_minor: int
    margin_year_minor: int
    purchases: int
    occasions: int
    first_purchase: str | None
    last_purchase: str | None
    left_at: str | None
    reason: str | None
    cause_at: str | None
    cause: str | None  # id of the event that shows the cause, if any
    voiced: Layer | None  # how the bad experience behind the leaving was voiced; null if there was none
    explained: bool
    mishaps: list[Mishap]


def live(scene: Scene, seed: int, number: int, put: Put) -> Truth:
    """Simulate customer `number`: pass the events to `put` and return the truth."""
    rng = Random(f"vigia {seed} customer {number}")
    calendar = scene.calendar
    who = born(rng, scene, number)
    met = calendar.start + int((calendar.end - calendar.start) * rng.random() ** scene.world.late_arrivals)
    life = Life(scene, rng, EventWriter(calendar, put, who.id, who.id), who, mood=who.content, met=met)
    first = _before_first_purchase(life)
    margin, explained = 0, False
    if first is not None and first < calendar.end:
        life.first = first
        gone = first + int(rng.expovariate(max(scene.world.moves, 1e-9)) * YEAR)
        life.leave(gone, rng.choice(WITHOUT_A_SIGN), gone)
        margin = _shop(life, first, EventWriter(calendar, put, f"x{number:06d}", None))
        campaigns(life)
        explained = _exit(life)
    _describe(life)
    left, stamp, bought = life.leaving, calendar.stamp, life.purchases > 0
    return Truth(
        customer_id=who.id,
        external=who.external,
        store_id=who.home.id,
        gap_days=round(who.gap_days, 2),
        regularity=round(who.shape, 2),
        margin_minor=margin,
        margin_year_minor=round(margin / life.purchases * who.rate * YEAR) if bought else 0,
        purchases=life.purchases,
        occasions=life.occasions,
        first_purchase=stamp(life.first) if bought else None,
        last_purchase=stamp(life.last) if bought else None,
        left_at=stamp(left.at) if left else None,
        reason=left.reason if left else None,
        cause_at=stamp(left.cause_at) if left else None,
        cause=left.cause if left else None,
        voiced=left.voiced if left else None,
        explained=explained,
        mishaps=life.mishaps,
    )


def _before_first_purchase(life: Life) -> int | None:
    """Simulate the time before the first purchase; return its instant, or None if there is none."""
    rng, writer, who, scene = life.rng, life.writer, life.who, life.scene
    buys = rng.random() >= scene.world.never_buy
    at = scene.calendar.next_open(rng, life.met - DAY, life.met, web=who.home.web)
    if buys and rng.random() >= scene.world.prospects:
        return at
    if rng.random() < 0.6:
        traits = f'{{"household":"{rng.choice(("single", "couple", "family"))}"}}'
        fields = f',"value_minor":{rng.randint(20, 400) * 100},"traits":{traits},"location":"zone-{rng.randint(1, 9)}"'
        writer.write(at, "crm", "lead.created", fields + f',"campaign":"campaign-{rng.randint(1, 8):02d}"')
    else:
        writer.write(at, "desk", "contact.received", ',"channel":"email","purpose":"sales","topic":"first_question"')
    if rng.random() < 0.6:
        called = scene.calendar.desk(at + int(rng.uniform(2, 90) * HOUR))
        writer.write(called, "crm", "contact.made", ',"channel":"phone","purpose":"sales","cost_minor":400')
    if not buys:
        return None
    return scene.calendar.next_open(rng, at, at + int(rng.lognormvariate(2.0, 0.8) * DAY), web=who.home.web)


def _begins(life: Life, first: int) -> tuple[int, str]:
    """Draw when a decline begins, and its reason."""
    rng, world, rival = life.rng, life.scene.world, life.who.home.rival
    hopes = [
        (first + int(rng.expovariate(max(decline.yearly * world.declines, 1e-9)) * YEAR), reason)
        for reason, decline in DECLINES.items()
    ]
    if rival and rng.random() < world.rivals * world.declines:
        hopes.append((max(first, rival[0]) + int(rng.uniform(1, 150) * DAY), "competitor"))
    return min(hopes)


def _shop(life: Life, first: int, anonymous: EventWriter) -> int:
    """Simulate visits until the customer leaves or the period ends; return the margin."""
    rng, who, world, calendar = life.rng, life.who, life.scene.world, life.scene.calendar
    onset, reason = _begins(life, first)
    decline, visits = DECLINES[reason], rng.randint(*DECLINES[reason].visits)
    declining, at, margin = 0, first, 0
    while at < life.until:
        declining += at >= onset
        scale = decline.shrink**declining * (1.0 + 0.1 * min((at - first) / YEAR, 3.0))
        reduced = rng.random() < (max(who.thrift, decline.reduced) if declining else who.thrift)
        narrow = declining > 0 and decline.narrow
        margin += _visit(life, at, anonymous, scale=scale, reduced=reduced, narrow=narrow)
        gap = rng.gammavariate(who.shape, 1.0 / (who.rate * who.shape)) / calendar.season(at)
        gap *= decline.stretch**declining * (3.0 if rng.random() < world.pause else 1.0)
        if declining == 1 and rng.random() < decline.mentions:
            name = who.home.rival[1] if who.home.rival else rng.choice(RIVALS)
            life.writer.write(
                at + int(rng.uniform(1, 72) * HOUR), "desk", "competitor.mentioned", f',"competitor":"{name}"'
            )
        if declining == visits:
            life.leave(at + int(min(gap * rng.uniform(0.1, 0.8), 40 * DAY)), reason, onset)
        target = at + max(HOUR, int(gap))
        following = calendar.next_open(rng, at, target, web=who.home.web) if target < calendar.end else calendar.end
        between(life, at, min(following, life.until))
        at = following
    return margin


def _visit(life: Life, at: int, anonymous: EventWriter, *, scale: float, reduced: bool, narrow: bool) -> int:
    """Simulate one purchase and its consequences; return its margin."""
    rng, who, scene = life.rng, life.who, life.scene
    random, world = rng.random, scene.world
    abroad = not who.home.web and random() < 0.08
    store = scene.stores[int(random() * world.stores)] if abroad else who.home
    what = basket(rng, scene, who, at, scale=scale, reduced=reduced, narrow=narrow)
    event = life.writer.write(
        at, "till", "purchase.completed", _sale(rng, store, what.amount, what.margin, what.discount, what.items)
    )
    life.bought(at)
    life.feel(0.015)
    if random() < world.anonymous / max(1e-9, 1.0 - world.anonymous):
        _anonymous_purchase(life, anonymous, at, store)
    odds = world.incident * store.mishaps(at)
    sku, lot = what.suspect or rng.choice(what.lines)
    if what.suspect or random() < odds:
        kind = (
            "product" if what.suspect else rng.choice(("product", "product", "service", "service", "service", "brand"))
        )
        felt = at + int(rng.uniform(0.1, 60) * HOUR)
        thing, batch = (sku.id, lot) if kind == "product" else (None, None)
        mishap(life, felt, kind, store, event, thing, batch)
        if kind == "product" and random() < 0.25:
            back = f',"amount_minor":{min(sku.price, what.amount)},"currency":"EUR","purchase_id":"{event}","sku":"{sku.id}"'
            life.writer.write(
                felt + int(rng.uniform(1, 90) * HOUR), "till", "purchase.refunded", back + ',"reason":"defective"'
            )
    elif random() < world.refunds:
        back = f',"amount_minor":{min(sku.price, what.amount)},"currency":"EUR","purchase_id":"{event}"'
        life.writer.write(
            at + int(rng.uniform(20, 200) * HOUR), "till", "purchase.refunded", back + ',"reason":"changed_mind"'
        )
    if random() < world.surveys * (0.4 + 1.6 * who.active):
        survey(life, at + int(rng.uniform(4, 70) * HOUR))
    if life.mood > 0.8 and random() < 0.03 * who.active:
        life.writer.write(at + int(rng.uniform(4, 70) * HOUR), "mail", "referral.made", ',"positive":true')
    _bonds(life, at)
    fade = world.fade[("first_time_buyer", "early_repeat_buyer", "core_customer").index(life.stage)]
    if random() < fade:
        gone = at + int(rng.uniform(0.2, 4) * DAY)
        life.leave(gone, rng.choice(AFTER_A_LOOK), gone)
    return what.margin


def _sale(rng: Random, store: Store, amount: int, margin: int, discount: int, items: str) -> str:
    fields = f',"amount_minor":{amount},"currency":"EUR","margin_minor":{margin},"store_id":"{store.id}"'
    if discount:
        fields += f',"discount_minor":{discount}'
    place = (
        ',"channel":"web"' if store.web else f',"channel":"shop","staff_id":"{store.id}-{int(rng.random() * 5) + 1}"'
    )
    return f'{fields}{place},"items":[{items}]'


def _anonymous_purchase(life: Life, anonymous: EventWriter, at: int, store: Store) -> None:
    """Simulate an anonymous purchase in the same store at about the same time; a few lead to complaints."""
    rng, scene = life.rng, life.scene
    who = passer_by(rng, scene, store)
    what = basket(rng, scene, who, at, scale=1.0, reduced=rng.random() < who.thrift, narrow=False)
    later = at + rng.randint(20, 2400)
    anonymous.write(
        later, "till", "purchase.completed", _sale(rng, store, what.amount, what.margin, what.discount, what.items)
    )
    if (what.suspect or rng.random() < scene.world.incident) and rng.random() < scene.world.voiced / 3:
        sku, lot = what.suspect or rng.choice(what.lines)
        fields = (
            f',"complaint_id":"k{life.who.id}-{later}","subject":"product","sku":"{sku.id}","store_id":"{store.id}"'
        )
        fields += (f',"lot":"{lot}"' if lot else "") + ',"formality":"informal","reason":"defective"'
        anonymous.write(later + int(rng.uniform(1, 60) * HOUR), "desk", "complaint.opened", fields)


def _bonds(life: Life, at: int) -> None:
    """Start bonds at repeat visits, and grant rewards to holders of a loyalty card."""
    rng = life.rng
    if life.occasions >= 2 and len(life.bonds) < 3 and rng.random() < 0.03:
        bond = rng.choice(BONDS)
        if bond not in life.bonds:
            life.bonds.append(bond)
            life.writer.write(at + 60, "crm", "bond.started", f',"bond":"{bond}"')
    if "reward" in life.bonds and rng.random() < 0.05:
        kind = "financial" if rng.random() < 0.7 else "non_financial"
        life.writer.write(
            at + 120, "crm", "reward.granted", f',"reward":"{kind}","value_minor":{rng.randint(2, 20) * 100}'
        )


def _exit(life: Life) -> bool:
    """Write the events around leaving: ended bonds, bad referrals, sometimes a reason; return whether one was given."""
    left, rng, writer = life.leaving, life.rng, life.writer
    if left is None:
        return False
    for bond in life.bonds:
        if rng.random() < 0.35:
            writer.write(
                rng.randint(max(left.cause_at, life.last) + 300, left.at + DAY),
                "crm",
                "bond.ended",
                f',"bond":"{bond}"',
            )
    if left.voiced and life.mood < 0.65 and rng.random() < 0.2:
        writer.write(left.at + int(rng.uniform(0, 10) * DAY), "mail", "referral.made", ',"positive":false')
        if rng.random() < 0.5:
            writer.write(
                left.at + int(rng.uniform(0, 5) * DAY),
                "mail",
                "survey.answered",
                ',"satisfaction":1,"would_recommend":0',
            )
    at = left.at + int(rng.uniform(1, 40) * DAY)
    if at >= life.scene.calendar.end or rng.random() >= life.scene.world.explained:
        return False
    given = left.reason if rng.random() < 0.85 else rng.choice(("unknown", "other:no_time"))
    rival = life.who.home.rival[1] if life.who.home.rival else rng.choice(RIVALS)
    writer.write(
        at,
        "desk",
        "exit.explained",
        f',"reason":"{given}"' + (f',"competitor":"{rival}"' if given == "competitor" else ""),
    )
    return True


def _describe(life: Life) -> None:
    """Write the name and contact data that most customers have."""
    rng, who = life.rng, life.who
    if rng.random() < 0.9:
        party = "external" if who.external else "final"
        consent = "true" if who.consents else "false"
        fields = (
            f',"name":"{who.name}","party_type":"{party}","locale":"{who.locale}","consent":{{"marketing":{consent}}}'
        )
        if who.external or rng.random() < 0.05:
            fields += f',"owner_id":"owner-{rng.randint(1, 4)}"'
        life.writer.write(life.met + rng.randint(0, 2 * DAY), "crm", "customer.described", fields)
