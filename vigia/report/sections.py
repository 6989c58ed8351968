"""The sections of the report: each has pictures, a sentence that says what they show, and one that says what to do."""

from collections.abc import Callable, Sequence

from scorers.contract.inert import inert
from vigia.report import base_sections, drawing
from vigia.report.drawing import AMBER, BAD, BLUE, GOOD, Bar, Cell, Column, Part
from vigia.report.figures import BROUGHT_IN, LOST, MIN_AT_RISK, TROUBLES, Figures, Share
from vigia.report.section import Picture, Section
from vigia.report.words import Words

STAGES = (*BROUGHT_IN, "dormant", *LOST)
TIERS = ("platinum", "gold", "iron", "lead", "none")
BEST = ("platinum", "gold")
TYPES = ("apostle", "loyal", "mercenary", "hostage", "terrorist", "defector", "unknown")
MOST_REASONS = 6
MOST_THEMES = 12
NOT_OURS = ("moved_away", "no_more_need", "unknown")  # reasons against which a business can do nothing


def sections(f: Figures, w: Words) -> list[Section]:
    """All sections, in their order."""
    return [make(f, w) for make in MAKERS]


def _stages(f: Figures, w: Words) -> Section:
    known, bought, again, core = f.bought
    steps = (("known", known, known), ("bought", bought, known), ("again", again, bought), ("core", core, again))
    funnel = [
        Bar(w.say(key), n, w.number(n) if key == "known" else f"{w.number(n)} · {w.share(Share(n, of))}")
        for key, n, of in steps
    ]
    now = [Bar(w.name(stage), f.stages[stage], w.number(f.stages[stage]), _colour(stage)) for stage in STAGES]
    most = max(f.flows.values(), default=0) or 1
    flows = [[_counted(f.flows[begin, end], most, w) for end in STAGES] for begin in STAGES]
    names = [w.name(stage) for stage in STAGES]
    table = drawing.cells(w.say("flows"), names, names, flows, beside=f"{w.say('from')} ↓", above=f"{w.say('to')} →")
    pictures = [
        Picture("", drawing.bars(w.say("stages"), funnel)),
        Picture(w.say("now"), drawing.bars(w.say("now"), now)),
        Picture(w.say("flows"), table),
    ]
    if not bought:
        return Section(w.say("stages"), pictures, w.say("stages_few"))
    lost = sum(f.stages[stage] for stage in LOST)
    shows = w.say(
        "stages_shows",
        bought=w.number(bought),
        again=w.number(again),
        again_share=w.share(Share(again, bought)),
        core=w.number(core),
        core_share=w.share(Share(core, bought)),
        lost=w.number(lost),
        dormant=w.number(f.stages["dormant"]),
    )
    do = "stages_do_second" if bought - again >= again - core else "stages_do_core"
    return Section(w.say("stages"), pictures, shows, w.say(do))


def _counted(n: int, most: int, w: Words) -> Cell:
    return Cell(n / most, w.number(n)) if n else Cell(0, "")


def _colour(stage: str) -> str:
    return BAD if stage in LOST else AMBER if stage == "dormant" else BLUE


def _tiers(f: Figures, w: Words) -> Section:
    most = max(f.worth.values(), default=0) or 1
    table = [[_place(f, w, tier, stage, most) for stage in STAGES] for tier in TIERS]
    drawn = drawing.cells(
        w.say("tiers"), [w.name(t) for t in TIERS], [w.name(s) for s in STAGES], table, GOOD, left=110,
        beside=f"{w.say('tier')} ↓", above=f"{w.say('stage')} →",
    )  # fmt: skip
    away = ("dormant", *LOST)
    buyers = sum(n for (tier, stage), n in f.places.items() if stage != "prospect")
    best = sum(n for (tier, _), n in f.places.items() if tier in BEST)
    money = sum(n for (_, stage), n in f.worth.items() if stage != "prospect")
    best_money = sum(n for (tier, _), n in f.worth.items() if tier in BEST)
    shows = w.say(
        "tiers_shows",
        share=w.share(Share(best, buyers)),
        money_share=w.share(Share(best_money, max(money, 0))),
        silent=w.number(sum(f.places[tier, stage] for tier in BEST for stage in away)),
        amount=w.amount(sum(f.worth[tier, stage] for tier in BEST for stage in away), f.currency),
    )
    return Section(w.say("tiers"), [Picture("", drawn)], shows, w.say("tiers_do"))


def _place(f: Figures, w: Words, tier: str, stage: str, most: int) -> Cell:
    count, worth = f.places[tier, stage], f.worth[tier, stage]
    return Cell(worth / most, w.number(count), w.amount(worth, f.currency) if worth else "") if count else Cell(0, "")


def _loyalty(f: Figures, w: Words) -> Section:
    answered = sum(f.attitudes.values())
    types = [Bar(w.name(name), f.types[name], w.number(f.types[name])) for name in TYPES if f.types[name]]
    seen = Picture(w.say("types"), drawing.bars(w.say("types"), types))
    if not answered:
        return Section(w.say("loyalty"), [seen], w.say("not_measured", why=w.say("no_answers")), w.say("wheel_do_ask"))
    most = max(f.attitudes.values())
    rows, marks = list(enumerate(w.say("quarters").split("|")))[::-1], range(1, 6)
    table = [[_counted(f.attitudes[quarter, mark], most, w) for mark in marks] for quarter, _ in rows]
    drawn = drawing.cells(
        w.say("loyalty"), [name for _, name in rows], [str(mark) for mark in marks], table,
        beside=f"{w.say('loyalty_rows')} ↓", above=w.say("loyalty_columns"),
    )  # fmt: skip
    shows = w.say(
        "loyalty_shows",
        answered=w.number(answered),
        mean=w.decimal(f.satisfaction or 0),
        unknown=w.number(f.silent_attitude),
        captive=w.number(sum(n for (quarter, mark), n in f.attitudes.items() if quarter >= 2 and mark <= 2)),
        content=w.number(sum(n for (quarter, mark), n in f.attitudes.items() if quarter < 2 and mark >= 4)),
    )
    return Section(w.say("loyalty"), [Picture("", drawn), seen], shows, w.say("loyalty_do"))


def _moments(f: Figures, w: Words) -> Section:
    tenure, purchase = _worst(f.leaves_by_tenure), _worst(f.leaves_by_purchase)
    if tenure is None or purchase is None:
        why = w.say("no_losses") if not sum(f.reasons.values()) else w.say("too_few", n=MIN_AT_RISK)
        return Section(w.say("moments"), [], w.say("not_measured", why=why))
    pictures = [
        Picture(w.say(key), drawing.columns(w.say(key), _hazard(shares, w)))
        for key, shares in (("by_tenure", f.leaves_by_tenure), ("by_purchase", f.leaves_by_purchase))
    ]
    where = {"month": tenure + 1, "purchase": purchase + 1}
    told = w.share(f.leaves_by_tenure[tenure]), w.share(f.leaves_by_purchase[purchase])
    shows = w.say("moments_shows", share=told[0], purchase_share=told[1], **where)
    if f.leaves_by_tenure[-1].value is None:
        shows += " " + w.say("moments_later")
    return Section(w.say("moments"), pictures, shows, w.say("moments_do", **where))


def _worst(shares: Sequence[Share]) -> int | None:
    """Where the largest share leaves; None if nobody does, as far as enough customers are known."""
    known = [(one.value, -n) for n, one in enumerate(shares) if one.value]
    return -max(known)[1] if known else None


def _hazard(shares: Sequence[Share], w: Words) -> list[Column]:
    percent = w.tongue.texts["percent"]
    return [
        Column(str(n), ((share, AMBER),), told=percent.format(percent=f"{100 * share:.0f}"))
        for n, one in enumerate(shares, 1)
        if (share := one.value) is not None
    ]


def _wheel(f: Figures, w: Words) -> Section:
    reasons = [(code, n) for code, n in f.reasons.most_common() if code != "unknown"]
    lost, satisfied = sum(f.reasons.values()), f.satisfied.value
    mean = (
        w.say("not_measured", why=w.say("no_answers"))
        if f.satisfaction is None
        else w.say("mean", mean=w.decimal(f.satisfaction))
    )
    foundation = (
        mean,
        w.say("satisfied", share=w.share(f.satisfied), n=w.number(f.satisfied.of)),
        w.say("best", n=w.number(sum(n for (tier, _), n in f.places.items() if tier in BEST))),
    )
    bonds = (
        w.say("loyal", n=w.number(f.types["apostle"] + f.types["loyal"])),
        w.say("discount", n=w.number(f.types["mercenary"])),
        w.say("cut", n=w.number(f.raised["bond-cut"]), open=w.number(f.standing["bond-cut"])),
        w.say("promises", n=w.number(f.raised["promise-broken"])),
    )
    drivers = (
        *(
            w.say("reason", reason=w.name(code), n=w.number(n))
            for code, n in [*reasons[:MOST_REASONS], ("unknown", f.reasons["unknown"])]
            if n
        ),
        w.say("troubles", n=w.number(sum(f.standing[kind] for kind in TROUBLES))),
    )
    drawn = drawing.wheel(
        w.say("wheel"), w.say("hub"),
        [Part(w.say("foundation"), foundation, BLUE), Part(w.say("bonds"), bonds, GOOD), Part(w.say("drivers"), drivers, BAD)],
    )  # fmt: skip
    weak = satisfied is not None and satisfied < 0.5
    key = "foundation_unknown" if satisfied is None else "foundation_weak" if weak else "foundation_good"
    told = sum(n for _, n in reasons)
    why = do = ""
    if reasons:
        why = w.say("drivers_known", told=w.number(told), n=w.number(lost), reason=w.name(reasons[0][0]))
    elif lost:
        why = w.say("drivers_unknown", n=w.number(lost))
    ours = next((code for code, _ in reasons if code in w.tongue.plans and code not in NOT_OURS), None)
    if weak:
        do = w.say("wheel_do_foundation")
    elif ours is not None and 2 * told >= lost:
        do = w.say("wheel_do_drivers", reason=w.name(ours), steps=" ".join(w.tongue.plans[ours]))
    else:
        do = w.say("wheel_do_ask")
    shows = w.say("wheel_shows", foundation=w.say(key), drivers=why).strip()
    return Section(w.say("wheel"), [Picture("", drawn)], shows, do)


def _themes(f: Figures, w: Words) -> Section:
    if not f.themes:
        return Section(w.say("themes"), [], w.say("themes_none"), w.say("themes_do_none"))
    rows = [
        (inert(one.name, 60), one.since, w.say("open" if one.is_open else "over"), inert(one.reason))
        for one in f.themes[:MOST_THEMES]
    ]
    heads = [w.say(key) for key in ("theme", "since", "state", "why")]
    shows = w.say("themes_shows", n=w.number(len(f.themes)), open=w.number(sum(one.is_open for one in f.themes)))
    return Section(w.say("themes"), [], shows, w.say("themes_do"), heads, rows)


def _base(f: Figures, w: Words) -> Section:
    found = [
        Column(f"{week.begin:%d.%m.}" if n % 2 == 0 else "", ((week.won, BLUE), (week.back, GOOD)), week.lost)
        for n, week in enumerate(f.weeks)
    ]
    legend = [(w.say("won"), BLUE), (w.say("back"), GOOD), (w.say("lost"), BAD)]
    drawn = drawing.columns(w.say("base"), found, legend, w.say("week"))
    won, back, lost = (sum(getattr(week, name) for week in f.weeks[-4:]) for name in ("won", "back", "lost"))
    balance = won + back - lost
    how = "grows" if balance > 0 else "shrinks" if balance < 0 else "stays"
    shows = w.say(
        "base_shows",
        won=w.number(won),
        back=w.number(back),
        lost=w.number(lost),
        balance=w.say(how, n=w.number(abs(balance))),
    )
    do = w.say("base_do_shrinks" if balance < 0 else "base_do_grows")
    shows = f"{shows} {w.say('base_unknown')}"
    rows = base_sections.flow_rows(f, w)
    return Section(w.say("base"), [Picture("", drawn)], shows, do, base_sections.flow_heads(w) if rows else (), rows)


MAKERS: tuple[Callable[[Figures, Words], Section], ...] = (
    _stages, _tiers, _loyalty, _moments, _wheel, _themes, _base, base_sections.tenure, base_sections.deadlines,
)  # fmt: skip
