"""The routes file: what it means, and its errors."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.pipeline.routes import load, read
from alerts.pipeline.stages import DecisionContext, explain
from alerts.settings.datetimes import as_datetime, as_instant
from alerts.settings.hours import DAYS, Interval, Minutes, next_of
from alerts.settings.toml import BadSetting
from alerts.wording.playbooks import KINDS
from scorers.contract.alarms import Alarm, Subject
from scorers.contract.events import DAY, HOUR, MINUTE, Instant
from scorers.policy.reading import parse_policy
from tests.support.alarms import an_alarm
from tests.support.paths import ROOT
from tests.support.routefiles import FILE, PLAIN

SHIPPED = ROOT / "deploy" / "routes.toml"
MONDAY = Instant(1_704_067_200_000_000)  # 2024-01-01T00:00:00Z
NOON = Instant(MONDAY + 12 * HOUR)
MADRID = ZoneInfo("Europe/Madrid")


def alarm(**changed: Any) -> Alarm:
    """An alarm about a gold customer, true since noon."""
    return an_alarm(NOON, **changed)


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ('zone = "Europe/Madrid"', 'zone = "Madrid"', 1, "zone: 'Madrid' is not a time zone; write one like"),
        (
            'zone = "Europe/Madrid"',
            "hold_out = 0.1",
            1,
            "hold_out is gone; write share under [hold_out] in the policy",
        ),
        ('zone = "Europe/Madrid"', 'zon = "Europe/Madrid"', 1, "zon is not a known key; did you mean 'zone'?"),
        (
            'type = "webhook"',
            'type = "webook"',
            4,
            "channel.desk.type: 'webook' is not a type of channel; did you mean 'webhook'?",
        ),
        ("secrets_env", "secret_env", 6, "channel.desk.secret_env is not a known key; did you mean 'secrets_env'?"),
        ('secrets_env = ["DESK"]', "timeout = 15", 6, "channel.desk.timeout: expected text, got 15; put it in quotes"),
        (
            'secrets_env = ["DESK"]',
            'timeout = "soon"',
            6,
            "channel.desk.timeout: 'soon' is not a length of time; write it",
        ),
        ('host = "smtp.example.com"', "host = 5", 10, "channel.shop.host is of the wrong type; give text in quotes"),
        ('host = "smtp.example.com"\n', "", 8, "channel.shop.host is missing; add it"),
        ('start = "21:00"', 'start = "9pm"', 15, "interval.night.start: '9pm' is not a time of day; write it like"),
        ("severity =", "severty =", 20, "route[0].severty is not a known key; did you mean 'severity'?"),
        ('["critical"]', '["criticl"]', 20, "route[0].severity[0]: 'criticl' is not known; known are critical, error"),
        ('["desk", "shop"]', '["desk", "shp"]', 21, "route[0].to: 'shp' is not known; did you mean 'shop'?"),
        (
            'severity = ["critical"]',
            'kind = ["gone-quite"]',
            20,
            "'gone-quite' is not known; did you mean 'gone-quiet'?",
        ),
        ('severity = ["critical"]\n', "", 18, "route[0]: has no condition, so later routes are never reached; move it"),
        ('quiet = "night"', 'quiet = "nite"', 25, "route[1].quiet: 'nite' is not known; did you mean 'night'?"),
        ('quiet = "night"', 'suppress = "no"', 26, "route[1].to: needs channels here or a reason in suppress"),
        ('name = "all"', 'name = "gravest"', 24, "route[1].name is used twice; give each route its own"),
        ('defected = ["risk-high"]', 'defect = ["risk-high"]', 29, "'defect' is not known; did you mean 'defected'?"),
        (
            '["risk-high"]',
            '["risk-high"]\nrisk-high = ["defected"]',
            29,
            "inhibit.defected: inhibits itself in a circle",
        ),
        ("[ladder.gold]", "[ladder.golden]", 31, "ladder.golden is not a known key; did you mean 'gold'?"),
        ('after = "2h"', 'after = "1h"', 32, "ladder.gold.rungs[1]: comes before the rung above it; order rungs"),
        ('remind = "1d"', 'remind = "0d"', 33, "ladder.gold.remind is zero"),
        ("[[route]]", "[[routes]]", 18, "routes is not a known key; did you mean 'route'?"),
        ("[inhibit]", "[inhibit", 28, "not TOML"),
    ],
)
def test_a_mistake_names_its_place_and_its_correction(old: str, new: str, line: int, says: str) -> None:
    """A12: file, line, key and correction; the file without the mistake loads."""
    assert read(FILE)
    with pytest.raises(BadSetting) as fault:
        read(FILE.replace(old, new), "my.toml")
    said = str(fault.value)
    assert says in said
    assert said.startswith(f"my.toml, line {line}: ")
    assert "; " in said


@pytest.mark.parametrize(
    "secret",
    [
        'secret = "hunter2"',
        'secrets = ["hunter2"]',
        'password = "hunter2"',
        'API-key = "hunter2"',
        'auth_token = "hunter2"',
        'secrets_env = ["whsec_hunter2"]',
        'url_env = "https://eva:hunter2@desk.example.com/"',
        'more = { password = "hunter2" }',
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(secret: str) -> None:
    """D14: the error names key, line and where to put it instead, and never the secret."""
    with pytest.raises(BadSetting, match="a secret does not belong in this file") as fault:
        read(FILE.replace('secrets_env = ["DESK"]', secret), "my.toml")
    said = str(fault.value)
    assert said.startswith("my.toml, line 6: channel.desk.")
    assert "_env" in said
    assert "hunter2" not in said


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    """A missing or unreadable file is named."""
    with pytest.raises(BadSetting, match="cannot be read"):
        load(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'zone = "\xff"')
    with pytest.raises(BadSetting, match="cannot be read"):
        load(tmp_path / "latin.toml")


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_no_file_fails_in_another_way(data: st.DataObject) -> None:
    """A damaged file loads or is refused with its name."""
    lines = FILE.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(0, len(lines) - 1))
        words = st.sampled_from(
            ["", "x = 1", "[route]", "[[channel]]", "[channel]", 'to = "desk"', "kind = [1]", "[a.b]"]
        )
        lines[where] = data.draw(words | st.sampled_from(lines))
    said = "my.toml, loads"
    try:
        read("\n".join(lines), "my.toml")
    except BadSetting as fault:
        said = str(fault)
    assert said.startswith("my.toml, ")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "log: goes at once: first"),
        ({"time": Instant(MONDAY + 22 * HOUR), "at": NOON}, "log: goes at Tue 2 Jan 2024, 08:00 UTC: first (quiet)"),
        ({"tier": "iron"}, "log: goes at Tue 2 Jan 2024, 09:00 UTC: first (digest)"),
        ({"tier": "lead"}, "not sent: do_not_spend"),
        ({"tier": "lead", "severity": "critical"}, "log: goes at once: first"),
        ({"treatment": "do_not_spend"}, "not sent: do_not_spend"),
        ({"kind": "stage-changed", "severity": "info"}, "not sent: state_change"),
        ({"severity": "info"}, "log: goes at Tue 2 Jan 2024, 09:00 UTC: first (digest)"),
        ({"severity": "info", "tier": "iron"}, "log: goes at Tue 2 Jan 2024, 09:00 UTC: first (digest)"),
        ({"severity": "info", "tier": "lead"}, "not sent: info"),
        ({"severity": "info", "kind": "score-money-disagree"}, "not sent: "),
        (
            {"severity": "info", "tier": "lead", "subject": Subject("complaint", "K1"), "kind": "complaint-overdue"},
            "log: goes at Tue 2 Jan 2024, 09:00 UTC: first (digest)",
        ),
        (
            {"severity": "info", "tier": None, "kind": "prospect-cooling"},
            "log: goes at Tue 2 Jan 2024, 09:00 UTC: first",
        ),
        (
            {"time": Instant(MONDAY + 22 * HOUR), "at": NOON, "skill": "de_escalation"},
            "log: goes at Tue 2 Jan 2024, 08:00 UTC: first (quiet)",
        ),
        ({"at": Instant(NOON - 3 * DAY)}, "not sent: too_old"),
        (
            {"tier": None, "customer_id": None, "kind": "feed-silent", "severity": "critical"},
            "log: goes at once: first",
        ),
        ({"tier": "iron", "skill": "de_escalation"}, "log: goes at once: first"),
    ],
)
def test_the_shipped_routes_do_what_the_rules_say(changed: dict[str, Any], said: str) -> None:
    """T4, P3, A2: iron and info go in the digest, lead is not sent save cases, conflicts go by day, critical at once, old ones not."""
    one = alarm(**changed)
    explained = explain(one, one.time, DecisionContext(load(SHIPPED)))
    assert any(sentence.startswith(said) for sentence in explained[1:]), explained


def test_the_first_route_that_matches_is_used() -> None:
    """Order decides; every condition of a route must hold; without a match nothing is sent."""
    routes = read(
        '[channel.log]\ntype = "log"\n'
        '[[route]]\nname = "a"\ntier = ["gold"]\nstore = ["S1"]\nto = ["log"]\n'
        '[[route]]\nname = "b"\ntier = ["gold", "none"]\nsubject = ["customer", "feed"]\nto = ["log"]\n'
    )
    cases = {
        "a": alarm(store_id="S1"),
        "b": alarm(),
        "b again": alarm(tier=None, subject=Subject("feed", "till")),
        "": alarm(tier="iron", store_id="S1"),
    }
    for wanted, one in cases.items():
        route = routes.match(one)
        assert (route.name if route else "") == wanted.partition(" ")[0]
    assert explain(cases[""], NOON, DecisionContext(routes))[1] == "not sent: no_route (no route matches it)"


def test_the_inhibition_table_is_of_known_kinds() -> None:
    """A3: in the shipped table defected inhibits gone-quiet and risk-high, and every kind exists."""
    table = load(SHIPPED).inhibit
    assert {"gone-quiet", "risk-high"} <= table["defected"]
    assert set(table) | {kind for smaller in table.values() for kind in smaller} <= KINDS


@pytest.mark.parametrize(
    ("hour", "days", "ends"),
    [
        (20.99, DAYS, None),
        (21, DAYS, 32),
        (26, DAYS, 32),
        (31.99, DAYS, 32),
        (32, DAYS, None),
        (22, ("tue",), None),
        (26, ("mon",), 32),
        (26, ("tue",), None),
    ],
)
def test_a_night_ends_in_the_morning(hour: float, days: Any, ends: int | None) -> None:
    """Quiet hours over midnight belong to the day on which they begin; both edges are exact."""
    night = Interval(Minutes.read("21:00"), Minutes.read("08:00"), days)
    end = night.ends(Instant(MONDAY + round(hour * HOUR)), ZoneInfo("UTC"))
    assert end == (None if ends is None else MONDAY + ends * HOUR)


def test_quiet_days_in_a_row_are_one_quiet() -> None:
    """A weekend ends on Monday; quiet hours around the clock still have an answer."""
    weekend = Interval(Minutes.read("00:00"), Minutes.read("24:00"), ("sat", "sun"))
    saturday = Instant(MONDAY + 5 * DAY + 3 * HOUR)
    assert weekend.ends(saturday, ZoneInfo("UTC")) == MONDAY + 7 * DAY
    always = Interval(Minutes.read("00:00"), Minutes.read("24:00"))
    assert (always.ends(saturday, ZoneInfo("UTC")) or 0) > saturday


def test_hours_follow_the_wall_clock_through_a_clock_change() -> None:
    """The night of the change to summer time is an hour shorter, and nine o'clock stays nine o'clock."""
    night = Interval(Minutes.read("21:00"), Minutes.read("08:00"))
    evening = as_instant(as_datetime(MONDAY).replace(month=3, day=30, hour=20))  # 21:00 in Madrid, the last of winter
    assert night.ends(evening, MADRID) == evening + 10 * HOUR
    assert night.ends(Instant(evening - 1), MADRID) is None
    assert next_of((Minutes.read("09:00"),), evening, MADRID) == evening + 11 * HOUR


@given(st.integers(0, 3 * 365 * 24 * 60), st.lists(st.integers(0, 1440), min_size=1, max_size=4))
@settings(deadline=None, max_examples=200)
def test_the_next_hour_is_soon_and_after_now(minute: int, times: list[int]) -> None:
    """The next digest is always later than now, by at most a day and the hour of a clock change."""
    now = Instant(MONDAY + minute * MINUTE)
    due = next_of(tuple(Minutes(time) for time in times), now, MADRID)
    assert now < due <= now + DAY + HOUR


@pytest.mark.parametrize(("text", "length"), [("1d 12h", 36 * HOUR), ("1d12h", 36 * HOUR), ("1h30m", 90 * MINUTE)])
def test_a_length_of_time_is_written_as_in_the_policy(text: str, length: int) -> None:
    """routes.toml and policy.toml take the same lengths of time."""
    settings = read(FILE.replace('remind = "1d"', f'remind = "{text}"'))
    assert settings.ladders.gold.remind == length
    assert parse_policy(f"[time]\nnotify_within = '{text}'").time.notify_within == length


@pytest.mark.parametrize("text", ["", "1", "h", "1x", "-1h", "3651d"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    """Numbers with units of the list, and at most ten years."""
    with pytest.raises(BadSetting, match=r"not a length of time|at most '3650d'"):
        read(FILE.replace('remind = "1d"', f'remind = "{text}"'))


def test_routes_inherit_the_zone_of_the_policy() -> None:
    """A file that names a zone of its own keeps it."""
    plain, bogota = PLAIN.replace('zone = "Europe/Madrid"\n', ""), parse_policy('[time]\nzone = "America/Bogota"\n')
    assert read(plain).under(bogota).zone == ZoneInfo("America/Bogota")
    own = read('zone = "Europe/Madrid"\n' + plain)
    assert own.under(bogota).zone == ZoneInfo("Europe/Madrid")
