"""Who is away, who stands in, when the business is closed, and routes by owner and language."""

import pytest

from alerts.pipeline.routes import read
from alerts.settings.toml import BadSetting
from scorers.policy.reading import parse_policy
from tests.support.routefiles import BOSS, LADDER, PLAIN
from tests.support.timeline import Story, alarm, at, settled

SPARE = '\n[channel.spare]\ntype = "log"\n'
HOLIDAY = """
[[away]]
channel = "desk"
deputy = "boss"
first = 2024-01-02
last = 2024-01-03
"""
SHOP = parse_policy(
    """
[calendar]
monday = ["09:00-18:00"]
tuesday = ["09:00-18:00"]
wednesday = ["09:00-18:00"]
thursday = ["09:00-18:00"]
friday = ["09:00-14:00"]
saturday = []
sunday = []
holidays = ["2024-01-02"]
"""
)


async def test_while_one_is_away_the_deputy_is_told_and_nobody_is_told_twice() -> None:
    """From the first day to the last; reminders follow, and the end goes where the alarm was told."""
    story = Story(LADDER + HOLIDAY)
    await story.push(alarm("a0", when=at(9), customer_id="C0", kind="request-unattended"))
    await story.push(alarm("a1", when=at(9, days=1)))
    await story.push(alarm("a2", when=at(9, days=3), customer_id="C2"))
    assert [ids for _, change, ids in story.sent() if change == "alarm.raised"] == [("a0",), ("a2",)]
    assert [ids for _, change, ids in story.sent("boss") if change == "alarm.raised"] == [("a1",)]
    assert ("a0",) in [ids for _, change, ids in story.sent("boss") if change == "reminder"]
    (told,) = [one for one in story.store.incidents["a1"].deliveries if one.change == "alarm.raised"]
    assert told.detail == "for desk, who is away"
    both = Story(PLAIN.replace('to = ["desk"]', 'to = ["desk", "boss"]') + BOSS + HOLIDAY)
    await both.push(alarm(when=at(9, days=1)))
    assert (len(both.sent()), len(both.sent("boss"))) == (0, 1)
    await both.push(settled(alarm(when=at(9, days=1)), at(12, days=4)))
    assert both.sent() == []


async def test_a_deputy_who_is_away_has_one_too() -> None:
    """The message goes to whoever is there."""
    story = Story(PLAIN + BOSS + SPARE + HOLIDAY + HOLIDAY.replace('"boss"', '"spare"').replace('"desk"', '"boss"'))
    await story.push(alarm(when=at(9, days=1)))
    assert [len(story.sent(name)) for name in ("desk", "boss", "spare")] == [0, 0, 1]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('channel = "desk"', 'channel = "dsk"', r"away\[0\]\.channel: 'dsk' is not known; did you mean 'desk'"),
        ('deputy = "boss"', 'deputy = "desk"', r"away\[0\]\.deputy: 'desk' is away as well"),
        ("last = 2024-01-03", "last = 2024-01-01", r"away\[0\]\.last: comes before first"),
        ("first = 2024-01-02", 'first = "soon"', r"away\[0\]\.first"),
        ('deputy = "boss"', "", r"away\[0\]\.deputy is missing; add it"),
    ],
)
def test_an_absence_that_would_lose_messages_is_refused_at_load(old: str, new: str, says: str) -> None:
    """The error names the entry and the mend; two who stand in for each other on one day are refused as well."""
    routes = PLAIN + BOSS + HOLIDAY
    assert read(routes)
    with pytest.raises(BadSetting, match=says):
        read(routes.replace(old, new))
    back = HOLIDAY.replace('"boss"', '"x"').replace('"desk"', '"boss"').replace('"x"', '"desk"')
    with pytest.raises(BadSetting, match="nobody left to stand in"):
        read(routes + back)
    assert read(routes + back.replace("-01-0", "-02-0")), "one after the other"


async def test_closed_hours_follow_the_calendar_of_the_business() -> None:
    """Nights, weekends and holidays wait for the next opening, in a store with hours of its own for its own; nothing critical waits."""
    text = LADDER.replace('name = "all"\n', 'name = "all"\nquiet = "closed"\n')
    routes = read(text).under(SHOP)
    for now, opens in ((at(10), None), (at(19), at(9, days=2)), (at(15, days=4), at(9, days=7)), (at(9, days=2), None)):
        assert routes.quiet_until("closed", alarm(), now) == opens
    assert routes.awake(alarm(severity="critical"), at(19)) == at(19)
    assert read(text).quiet_until("closed", alarm(), at(3)) is None, "without a policy nothing is closed"
    with pytest.raises(BadSetting, match=r"interval\.closed is the name of the hours"):
        read(text + '\n[interval.closed]\nstart = "21:00"\nend = "08:00"\n')


def test_routes_by_owner_and_by_language() -> None:
    """Who looks after the customer, and the language of the customer's locale however it is written."""
    routes = read(
        '[[route]]\nname = "hers"\nowner = ["eva"]\nto = ["boss"]\n[[route]]\nname = "spanish"\nlanguage = ["es"]\nto = ["boss"]\n'
        + PLAIN
        + BOSS
    )
    cases = [
        ({"owner_id": "eva"}, "hers"),
        ({"owner_id": "Eva"}, "all"),
        ({"locale": "es_MX"}, "spanish"),
        ({"locale": "est"}, "all"),
    ]
    for own, name in cases:
        route = routes.match(alarm(**own))
        assert route is not None
        assert route.name == name
