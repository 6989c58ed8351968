"""What channels show of names and secrets, and settings that are refused."""

import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts.channels import email as mail
from alerts.channels import log, webhook
from alerts.pipeline.connect import connect
from alerts.settings.secret import Secret
from alerts.settings.toml import BadSetting
from scorers.contract.alarms import Reason
from tests.support.receivers import HOSTILE, NEW, OLD, alarm, hook, notification


async def test_the_log_holds_no_names_unless_allowed(caplog: pytest.LogCaptureFixture) -> None:
    """D14: without names = true neither name nor customer id nor reason is in the log; with it, still one line."""
    one = notification(alarm(name=f"CANARY {HOSTILE}", reasons=(Reason("gap", 1.0, "CANARY"),), customer_id="CANARY"))
    with caplog.at_level(logging.INFO):
        await log.Log(log.Settings()).send(one)
        await log.Log(log.Settings(names=True)).send(one)
    shy, open_ = [record.getMessage() for record in caplog.records]
    assert "CANARY" not in shy
    assert "gone-quiet/error/a1" in shy
    assert "CANARY" in open_
    assert open_.isprintable()


def test_a_secret_prints_as_stars(tmp_path: Path) -> None:
    """D14: neither the secret nor anything that holds it shows it, and errors name the place only."""
    channel = hook("http://127.0.0.1:1/", NEW)
    assert NEW not in repr(vars(channel)) + repr(vars(channel.poster)) + f"{Secret(NEW)!r}"
    with pytest.raises(TypeError):
        Secret(NEW).__reduce__()
    settings = webhook.Settings(url="https://desk.example.com/", secrets_env=("HOOK",), secrets_file=())
    for environment, says in (
        ({}, "HOOK is not set"),
        ({"HOOK": "short"}, "24 to 64"),
        ({"HOOK": "whsec_é"}, "base64"),
    ):
        with pytest.raises(BadSetting, match=says) as fault:
            connect("desk", settings, environment)
        assert "channel.desk" in str(fault.value)
    place = tmp_path / "secret"
    for content, says in ((None, "cannot be read"), ("\n", "is empty")):
        if content is not None:
            place.write_text(content)
        with pytest.raises(BadSetting, match=says):
            connect("desk", msgspec.structs.replace(settings, secrets_env=(), secrets_file=(str(place),)), {})
    place.write_text(NEW + "\n")
    assert connect("desk", msgspec.structs.replace(settings, secrets_file=(str(place),)), {"HOOK": OLD})


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (webhook.Settings(url="http://desk.example.com/", secrets_env=("S",)), "https only"),
        (webhook.Settings(url="https://eva:pw@desk.example.com/", secrets_env=("S",)), "no user name"),
        (webhook.Settings(url="ftp://127.0.0.1/", allow_hosts=("127.0.0.1",), secrets_env=("S",)), "https only"),
        (webhook.Settings(secrets_env=("S",)), "either url or url_env"),
        (webhook.Settings(url="https://desk.example.com/"), "needs a secret"),
        (mail.Settings(host="smtp.example.com", sender="a@b.c", to=("d@e.f",), tls="none"), "encrypted"),
        (mail.Settings(host="smtp.example.com", sender="a@b.c\r\nBcc: x@y.z", to=("d@e.f",)), "not a mail address"),
        (mail.Settings(host="smtp.example.com", sender="a@b.c", to=("d@e.f, g@h.i",)), "not a mail address"),
        (mail.Settings(host="smtp.example.com", sender="a@b.c", to=()), "needs a recipient"),
        (mail.Settings(host="smtp.example.com", sender="a@b.c", to=("d@e.f",), username="eva"), "both or none"),
    ],
)
def test_a_channel_that_could_leak_is_not_opened(settings: Any, says: str) -> None:
    """Unencrypted, unsigned or forged settings are refused with the channel's name and the correction."""
    with pytest.raises(BadSetting, match=says) as fault:
        connect("desk", settings, {"S": NEW})
    assert str(fault.value).startswith("channel.desk: ")
