"""Signed links: what one carries, who accepts it, and for how long."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorers.contract.events import DAY, SECOND, Instant
from scorers.contract.wire import decode, encode_event
from vigia.runtime.answering.links import LIVES, BadLink, Link, Links, link_secrets
from vigia.runtime.settings import read
from vigia.runtime.usage_error import UsageError

NOW = Instant(1_704_099_600_000_000)
OLD, NEW = "1" * 32, "2" * 32
URL = "https://vigia.example.com/shop/"


def token(links: Links, message_id: str = "msg_1") -> str:
    """The token of a link."""
    return links.make("a1", "Eva", message_id, NOW).rpartition("/")[2]


def test_a_link_leads_to_the_console_and_says_who_acts_on_what() -> None:
    """It carries the alarm, the receiver and its end; the action that it makes is an event of the contract, marked as by link."""
    links = Links(URL, [NEW])
    assert links.make("a1", "Eva", "msg_1", NOW).startswith("https://vigia.example.com/shop/a/")
    link = links.read(token(links), NOW)
    assert (link.alarm_id, link.receiver, link.expires) == ("a1", "Eva", (NOW + LIVES) // SECOND)
    done = link.act("snooze", "C1", NOW, until=Instant(NOW + DAY), reason="call at three")
    assert decode(encode_event(done)) == done
    assert done.by == "Eva (by link)"


def test_copies_of_one_message_are_one_use() -> None:
    """A message that is delivered twice, later even, makes the same action; the next message another."""
    links = Links(URL, [NEW])
    later = links.make("a1", "Eva", "msg_1", Instant(NOW + DAY)).rpartition("/")[2]
    first, copy, other = (links.read(one, NOW).nonce for one in (token(links), later, token(links, "msg_2")))
    assert first == copy != other


@given(st.data())
def test_a_link_that_was_altered_is_not_read(data: st.DataObject) -> None:
    """Any other character anywhere, or any other text, is no link."""
    links = Links(URL, [NEW])
    good = token(links)
    place = data.draw(st.integers(0, len(good) - 1))
    letter = data.draw(st.sampled_from("AbZ09-_.= é").filter(lambda one: one != good[place]))
    for forged in (
        good[:place] + letter + good[place + 1 :],
        good[:place],
        good + letter,
        data.draw(st.text(max_size=80)),
    ):
        with pytest.raises(BadLink, match="damaged"):
            links.read(forged, NOW)


def test_a_link_is_read_with_either_secret_until_its_time_is_over() -> None:
    """While one secret replaces the other both are accepted; after seven days, and with another secret, none is."""
    signed = token(Links(URL, [OLD]))
    assert Links(URL, [NEW, OLD]).read(signed, Instant(NOW + LIVES)).alarm_id == "a1"
    with pytest.raises(BadLink, match="not made here"):
        Links(URL, [NEW]).read(signed, NOW)
    with pytest.raises(BadLink, match="too old"):
        Links(URL, [OLD]).read(signed, Instant(NOW + LIVES + SECOND))


def test_hostile_names_stay_data() -> None:
    """Whatever an alarm's id or a receiver holds, the token has only characters that an address may hold."""
    links = Links(URL, [NEW])
    name = 'a/../"><script>\r\né'
    signed = links.make(name, name, "m", NOW).rpartition("/a/")[2]
    assert signed.replace(".", "").replace("-", "").replace("_", "").isalnum()
    assert links.read(signed, NOW) == Link(name, name, (NOW + LIVES) // SECOND, links.read(signed, NOW).nonce)


@pytest.mark.parametrize(
    "url", ["", "vigia", "ftp://a.b", "https://", "https://a:b@c.d", "https://a.b/?x=1", "https://a.b/<", "https://["]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """The error shows how to write one."""
    with pytest.raises(ValueError, match=r"write it like 'https://vigia\.example\.com'"):
        Links(url, [NEW])


def test_the_secret_comes_from_the_environment_a_file_or_is_made_once(tmp_path: Path) -> None:
    """A file of the setting or of the state folder; a short one is refused, and none is shown."""
    place = tmp_path / "secret"
    place.write_text(f"{NEW} {OLD}\n")
    found = link_secrets(read({"VIGIA_LINK_SECRET_FILE": str(place)}).link_secret, tmp_path)
    assert found == [NEW, OLD]
    made = link_secrets("", tmp_path / "state")
    assert link_secrets("", tmp_path / "state") == made
    assert (tmp_path / "state" / "links.key").stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError, match="VIGIA_LINK_SECRET: a secret has at least 32 characters"):
        link_secrets("short", tmp_path)
    assert NEW not in repr(Links(URL, found)) + repr(read({"VIGIA_LINK_SECRET": NEW}))
