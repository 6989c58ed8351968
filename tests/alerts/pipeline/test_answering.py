"""Links in messages: who gets one, under which name it acts, and what each channel makes of it."""

import json

import pytest

from alerts.channels import email, webhook
from alerts.channels.contract import Notification
from alerts.channels.log import Settings
from alerts.pipeline.dispatch import Dispatcher
from alerts.pipeline.incident import Delivery
from alerts.pipeline.routes import UTC, read
from alerts.pipeline.sending.notification import Composer
from alerts.settings.toml import BadSetting
from tests.support.hashes import HASHES
from tests.support.routefiles import PLAIN
from tests.support.timeline import Story, alarm, at, settled
from vigia.runtime.answering.links import Links

LINKS = Links("https://vigia.example.com", ["0" * 32])


class Linked(Story):
    """A story of a notifier that knows a console."""

    def __init__(self, routes: str = PLAIN) -> None:
        super().__init__(routes)
        self.dispatcher = Dispatcher(self.routes, self.sinks, self.store, hashes=HASHES, links=LINKS)


def delivered(alarm_id: str) -> Delivery:
    """The delivery of an alarm's first notification."""
    return Delivery(
        id="msg_1",
        alarm_id=alarm_id,
        change="alarm.raised",
        channel="desk",
        state="waiting",
        rule="first",
        time=at(9),
        severity="error",
    )


def receivers(notification: Notification) -> list[str]:
    """In whose name the links of a notification act."""
    tokens = [link.rpartition("/")[2] for link in notification.links if link]
    return [LINKS.read(token, notification.sent_at).receiver for token in tokens]


async def test_a_message_has_a_link_in_the_name_of_its_receiver() -> None:
    """That of the channel's table, else the channel's own; a copy after a failed attempt is the same use."""
    named = Linked(PLAIN.replace('type = "log"', 'type = "log"\nreceiver = "Eva"', 1))
    plain = Linked()
    for story in (named, plain):
        await story.push(alarm())
    assert receivers(named.sinks["desk"].taken[0]) == ["Eva"]
    assert receivers(plain.sinks["desk"].taken[0]) == ["desk"]
    assert named.sinks["desk"].taken[0].message.lines[-1].link == named.sinks["desk"].taken[0].links[0]


async def test_what_is_over_has_no_link_and_without_a_console_nothing_has() -> None:
    """Its end asks for no answer; without a console people are told the command."""
    story, without = Linked(), Story()
    for one in (story, without):
        await one.push(alarm())
        await one.push(settled(alarm(), at(10)))
    assert [receivers(one) for one in story.sinks["desk"].taken] == [["desk"], []]
    assert [one.links for one in without.sinks["desk"].taken] == [(), ()]
    assert "vigia alarms ack a1" in without.sinks["desk"].taken[0].message.plain()


def test_mail_and_webhook_carry_the_link() -> None:
    """Plain text, HTML and JSON have the same address; a digest has one for each alarm."""
    composer = Composer("desk", Settings(), UTC, LINKS)
    story = [alarm("a1"), alarm("a2", "gone-quiet")]
    for alarms in (story[:1], story):
        one = composer.compose("msg_1", [(delivered(each.alarm_id), each) for each in alarms], at(9))
        sent = email.mail(one, "a@example.com", ("b@example.com",))
        plain, page = (part.get_content() for part in sent.iter_parts())
        told = json.loads(webhook.body(one))["data"]
        for link, each in zip(one.links, told["alarms"], strict=True):
            assert link in plain
            assert f'<a href="{link}">' in page
            assert each["link"] == link


@pytest.mark.parametrize("url", ["vigia.example.com", "https://a:b@vigia.example.com", "javascript:alert(1)"])
def test_an_address_of_the_console_that_is_none_is_refused_at_load(url: str) -> None:
    """The error names the key, and shows how to write one."""
    with pytest.raises(BadSetting, match=r"console\.public_url is not the address of a console; write it like"):
        read(f'[console]\npublic_url = "{url}"\n{PLAIN}')
