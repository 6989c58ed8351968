"""The user's control parameters (A12): the shipped file says what the code does, and a wrong file says how to mend it."""

import re
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.contract.events import DAY, HOUR
from scorers.policy.reading import PolicyError, parse_policy
from scorers.policy.spans import Span, format_span, parse_span
from scorers.policy.tables import Policy
from tests.support.paths import ROOT
from vigia.commands.shared.arguments import policy_text
from vigia.policies.values import differences, leaves, written

SHIPPED = ROOT / "deploy/policy.toml"
RULE = r"(?:L[1-9]|T[1-6]|Q[1-8]|X(?:[1-9]|1[01])|P[1-7]|J(?:[1-9]|1[01])|A(?:[1-9]|1[0-2]))"
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def test_the_shipped_policy_is_the_default() -> None:
    """deploy/policy.toml gives the values and the version that hold without a file, and `policy show` prints it."""
    text = SHIPPED.read_text()
    assert parse_policy(text) == Policy() == parse_policy("")
    assert parse_policy(text).version == Policy().version
    assert policy_text(None) == text


def test_the_shipped_policy_names_every_key() -> None:
    """No key is missing from the file."""

    def keys(table: dict[str, object], before: str = "") -> set[str]:
        return {
            key
            for name, value in table.items()
            for key in (keys(value, f"{before}{name}.") if isinstance(value, dict) and value else {before + name})
        }

    assert keys(tomllib.loads(SHIPPED.read_text())) == {key for key, _ in leaves(Policy())}


def test_every_key_names_its_rule_and_says_what_it_means() -> None:
    """The comment of a key begins with rule ids; its sentence is there or beside its table."""
    table = ""
    for line in SHIPPED.read_text().splitlines():
        if line.startswith("["):
            table = line
        elif line and not line.startswith("#"):
            found = re.fullmatch(rf"\w+ = .+?\s+# ({RULE}(?: {RULE})*)(: .{{10,}})?", line)
            assert found, line
            assert found[2] or re.search(r"# .{10,}", table), line


def test_a_tier_that_is_left_out_keeps_its_default() -> None:
    """A file states only what differs, within the tables by tier too."""
    rectify = parse_policy("[clocks.rectify]\nplatinum = '12h'").clocks.rectify
    assert (rectify.platinum, rectify.gold) == (12 * HOUR, Policy().clocks.rectify.gold)


def test_the_version_follows_the_values() -> None:
    """Two files that say the same have the same version; another value gives another one."""
    same = parse_policy("[risk]\nhorizon = '90d' # as ever\n[value]\nmargin_share = 0.25")
    assert same.version == Policy().version
    assert parse_policy("[risk]\nhorizon = '91d'").version != Policy().version


WRONG = (
    # what is written, the line, what is told
    ("[riks]\nx = 1", 1, "riks is not a known key; did you mean 'risk'?"),
    ("[risk]\n\nhorizn = '28d'", 3, "risk.horizn is not a known key; did you mean 'horizon'?"),
    ("[value]\ncolour = 1", 2, "value.colour is not a known key; known are margin_share, life,"),
    (
        "[clocks.rectify]\nsilver = '1d'",
        2,
        "clocks.rectify.silver is not a known key; known are platinum, gold, iron, lead, none",
    ),
    ("risk = 3", 1, "risk: 3 is of the wrong type; give a table with keys of its own"),
    ("[tiers]\nplatinum_share = 'few'", 2, "tiers.platinum_share: 'few' is of the wrong type; give a number"),
    ("[loyalty]\nevidence_at_least = 2.5", 2, "loyalty.evidence_at_least: 2.5 is of the wrong type; give a whole"),
    ("[risk]\nthreshold.gold = true", 2, "risk.threshold.gold: true is of the wrong type; give a number"),
    ("[calendar]\nmonday = '09:00-13:00'", 2, "calendar.monday: '09:00-13:00' is of the wrong type; give a list"),
    ("[tiers]\nplatinum_share = 1.5", 2, "tiers.platinum_share: 1.5 is out of range; give at most 1.0"),
    ("[silence]\nfalse_a_year = 0", 2, "silence.false_a_year: 0 is out of range; give more than 0.0"),
    ("[silence]\nquiet_quantile = 0.99", 2, "silence.quiet_quantile is gone; write [silence] false_a_year"),
    ("[time]\nzone = 'CET+1'", 2, "time.zone: 'CET+1' is not a time zone; write an IANA name like 'Europe/Madrid'"),
    ("[time]\nzone = '../posix/UTC'", 2, "time.zone: '../posix/UTC' is not a time zone"),
    ("[calendar.stores.S1]\nmonday = ['9-10']", 2, "calendar.stores.S1.monday: '9-10' is not a span of hours"),
    (
        "[calendar.stores.S1]\nmonday = 9",
        2,
        "calendar.stores.S1.monday: 9 is of the wrong type; give a list in brackets",
    ),
    (
        "[calendar.stores.S2]\n[calendar.stores.S1]\nmonday = [9]",
        3,
        "calendar.stores.S1.monday[0]: 9 is of the wrong type; give text in quotes",
    ),
    ("[calendar.stores.S1]\nmonay = []", 2, "calendar.stores.S1.monay is not a known key; did you mean 'monday'?"),
    ("[risk]\nhysteresis = nan", 2, "risk.hysteresis: nan is out of range"),
    ("[risk]\nhorizon = 28", 2, "risk.horizon: 28 is not a length of time; write it like '30d' or '4h', in quotes"),
    ("[risk]\nhorizon = '28 days'", 2, "risk.horizon: '28 days' is not a length of time; write it like '30d', '4h'"),
    ("[risk]\nhorizon = '1h'", 2, "risk.horizon: '1h' is out of range; give '1d' at least and '3650d' at most"),
    ("[risk]\nhorizons = ['30d', '1h']", 2, "risk.horizons: '1h' is out of range; give '1d' at least"),
    ("[risk]\nchampion = 'me'", 2, "risk.champion: unknown learner; give 'auto' or one of 'kalman', 'sgd'"),
    ("[risk]\nhorizons = '30d'", 2, "risk.horizons: '30d' is of the wrong type; give a list in brackets"),
    ("[prospects]\nconversion_window = '0d'", 2, "prospects.conversion_window: '0s' is out of range; give '1s'"),
    ("[ledger]\nhalf_life = '9999d'", 2, "ledger.half_life: '9999d' is out of range"),
    ("[tiers]\n\ngold_share = 0.5", 3, "tiers.gold_share: the shares of platinum, gold and iron are more than 1"),
    ("[prospects]\ncooling_share = 1.0", 2, "prospects.cooling_share: an alarm at the very start or end of the window"),
    ("[lifecycle]\nsecond_purchase_quantile = 1.0", 2, "lifecycle.second_purchase_quantile: give a share above 0"),
    ("[lifecycle]\ncore_occasions = 1", 2, "lifecycle.core_occasions: one purchase makes nobody a core customer"),
    ("[ledger]\ndebt_limit = 3.0", 2, "ledger.debt_limit: a debt would be settled above the limit that raises it"),
    ("[loyalty]\nloyal_from = 0.95", 2, "loyalty.loyal_from: an apostle is not less loyal than others"),
    ("[risk]\nreview_at_least = '40d'", 2, "risk.review_at_least: the shortest time between reviews is longer"),
    ("[time]\n[risk.threshold]\nplatinum = 0.8", 2, "risk.threshold: a better tier is alarmed about earlier"),
    ("[risk]\nhysteresis = 0.5", 2, "risk.hysteresis: a risk could never settle"),
    ("[clocks.answer]\ngold = '4d'", 1, "clocks.answer: a better tier waits no longer"),
    ("[calendar]\nmonday = ['9-10']", 2, "calendar.monday: '9-10' is not a span of hours; write it like '09:00-13:00'"),
    ("[calendar]\nmonday = ['25:00-26:00']", 2, "calendar.monday: '25:00' is not a time of day; write it like"),
    ("[calendar]\nmonday = ['13:00-09:00']", 2, "calendar.monday: '13:00-09:00' ends before it begins, or overlaps"),
    (
        "[calendar]\nmonday = ['09:00-13:00', '12:00-14:00']",
        2,
        "calendar.monday: '12:00-14:00' ends before it begins, or overlaps the span before it",
    ),
    ("[calendar]\nholidays = ['Xmas']", 2, "calendar.holidays: 'Xmas' is not a date; write it like '2026-12-25'"),
    ("[calendar]\nutc_offset = '+01:00'", 2, "calendar.utc_offset is gone; write [time] zone, the name of a time zone"),
    ("[value]\nlife_horizons = 8.0", 2, "value.life_horizons is gone; write [value] life, a length of time"),
    ("[calendar]\n" + "\n".join(f"{day} = []" for day in WEEK), 2, "calendar.monday: no day has an open hour"),
    ("[risk\nhorizon = '28d'", 1, "not TOML: expected ']' at the end of a table declaration"),
    ("[risk]\nhorizon = '28d'\nhorizon = '29d'\n", 3, "not TOML: a key or a table stands twice"),
)


@pytest.mark.parametrize(("text", "line", "told"), WRONG, ids=[told[:50] for _, _, told in WRONG])
def test_a_wrong_policy_names_line_key_and_correction(text: str, line: int, told: str) -> None:
    """Each error points at the line to change and says what to write there."""
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "mine.toml")
    assert str(caught.value).startswith(f"mine.toml, line {line}: {told}")


FINE = (
    "[tiers]\nplatinum_share = 0.1\ngold_share = 0.3\niron_share = 0.6",
    "[time]\nallowed_lateness = '0s'\nnotify_within = '0s'",
    "[risk.threshold]\nplatinum = 0.9\ngold = 0.9\niron = 0.9",
    "[calendar]\nmonday = ['09:00-13:00', '13:00-20:00']\nsunday = []\nholidays = ['2026-12-25']\n[calendar.stores.S1]\nsunday = ['10:00-14:00']",
    "[ledger]\ndebt_limit = 6.0",
    "risk.horizon = '12w'\n",
)


@pytest.mark.parametrize("text", FINE)
def test_values_at_the_bounds_are_accepted(text: str) -> None:
    """Values at the very bounds are accepted."""
    assert parse_policy(text) != Policy()


@given(st.integers(0, 3650 * 86_400))
@settings(deadline=None, max_examples=200)
def test_a_span_is_read_as_it_is_written(seconds: int) -> None:
    """Writing a length of time and reading it again changes nothing."""
    assert parse_span(format_span(seconds * 1_000_000)) == seconds * 1_000_000


@given(st.sampled_from([key for key, _ in leaves(Policy())]))
@settings(deadline=None, max_examples=100)
def test_every_default_can_be_written_back(key: str) -> None:
    """A file of one key with its default is the default policy."""
    assert parse_policy(f"{key} = {written(dict(leaves(Policy()))[key])}") == Policy()


def test_differences_are_listed_by_key() -> None:
    """Only keys that differ are listed, with both values."""
    changed = parse_policy("[risk]\nhorizon = '28d'\nhysteresis = 0.05")
    assert list(differences(Policy(), changed)) == [("risk.horizon", Span(90 * DAY), Span(28 * DAY))]
