"""Mail against a real SMTP sink: what arrives, what stays inert, and what a mail server may say."""

import asyncio
import email
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiosmtpd.smtp import SMTP

from alerts.channels import email as mail
from alerts.channels.contract import Refused, Retry
from alerts.wording.message import Message
from scorers.contract.alarms import Reason
from scorers.contract.events import SECOND, Instant
from scorers.policy.spans import Span
from tests.support.console import run
from tests.support.receivers import HOSTILE, alarm, notification

SENT = Instant(1_704_099_600_000_000)


@asynccontextmanager
async def post_office(handler: Any) -> AsyncIterator[int]:
    """A real SMTP server on this machine; its port."""
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: SMTP(handler, loop=loop, enable_SMTPUTF8=True), "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        await listening.wait_closed()


class Letters:
    """Keeps what it receives, and answers as configured."""

    def __init__(self, answer: str = "250 OK", refuse: tuple[str, ...] = ()) -> None:
        self.got: list[tuple[list[str], EmailMessage]] = []
        self.answer = answer
        self.refuse = refuse

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if address in self.refuse:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answer.startswith("250"):
            letter = email.message_from_bytes(envelope.content, policy=default)
            assert isinstance(letter, EmailMessage)
            self.got.append((list(envelope.rcpt_tos), letter))
        return self.answer


def sender(port: int, *to: str) -> mail.Email:
    """A mail channel to the local sink."""
    settings = mail.Settings(
        host="127.0.0.1",
        port=port,
        tls="none",
        sender="vigia@example.com",
        to=to or ("eva@example.com",),
        timeout=Span(60 * SECOND),
    )
    return mail.Email(settings, None)


async def test_a_mail_arrives_readable_and_in_its_thread() -> None:
    """Plain text and HTML have the same content; changes of an alarm share a thread, repetitions a Message-ID."""
    letters = Letters()
    async with post_office(letters) as port:
        channel = sender(port, "eva@example.com", "leo@example.com")
        for key, changed in (("msg_1", {}), ("msg_2", {"type": "alarm.settled"}), ("msg_2", {"type": "alarm.settled"})):
            await channel.send(notification(alarm(name="Ana Ruiz", **changed), key=key))
    (to, first), (_, second), (_, again) = letters.got
    assert to == ["eva@example.com", "leo@example.com"]
    assert first["Subject"] == "Ana Ruiz (gold) has gone quiet"
    assert second["Subject"].startswith("Over: Ana Ruiz")
    assert first["References"] == second["References"] == "<alarm.a1@example.com>"
    assert first["Message-ID"] != second["Message-ID"] == again["Message-ID"] == "<msg_2@example.com>"
    assert first["Auto-Submitted"] == "auto-generated"
    for form in ("plain", "html"):
        part = first.get_body((form,))
        assert part is not None
        assert "Ana Ruiz (gold) has gone quiet" in part.get_content()


async def test_hostile_names_stay_inert_in_a_mail() -> None:
    """D12: no header is forged, no markup runs, no template is evaluated, no direction turns."""
    letters = Letters()
    bad = alarm(
        name=HOSTILE,
        alarm_id=f"x\r\nBcc: a@b.c\u202e{HOSTILE}",
        reasons=(Reason("gap", 0.5, HOSTILE),),
        counterfactual=HOSTILE,
        store_id=HOSTILE,
    )
    async with post_office(letters) as port:
        await sender(port).send(notification(bad))
    ((to, letter),) = letters.got
    assert to == ["eva@example.com"]
    assert letter["Bcc"] is None
    assert {key.lower() for key in letter.keys()} == {  # noqa: SIM118  (a message's keys, not a mapping's)
        *("from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted"),
        *("mime-version", "content-type"),
    }
    page, plain = letter.get_body(("html",)), letter.get_body(("plain",))
    assert page is not None
    assert plain is not None
    assert "<script" not in page.get_content()
    assert "&lt;script&gt;" in page.get_content()
    assert "{{ 7*7 }}" in page.get_content()
    for part in (page.get_content(), plain.get_content(), str(letter["Subject"])):
        assert not {"\u202e", "\x00"} & set(part)


def test_a_subject_is_one_line_whoever_wrote_it() -> None:
    """Even a title that is not inert cannot forge a header."""
    raw = msgspec.structs.replace(notification(), message=Message(HOSTILE, ()))
    letter = mail.mail(raw, "vigia@example.com", ("eva@example.com",))
    assert letter["Bcc"] is None
    assert letter["Subject"].startswith("Ana Bcc: all@example.com<script>")


@pytest.mark.parametrize(
    ("answer", "refuse", "raised"),
    [
        ("451 later", (), Retry),
        ("554 spam", (), Refused),
        ("250 OK", ("eva@example.com",), Refused),
    ],
)
async def test_what_a_mail_server_may_say(answer: str, refuse: tuple[str, ...], raised: type[Exception]) -> None:
    """A temporary error is a retry, a permanent one a refusal."""
    async with post_office(Letters(answer, refuse)) as port:
        with pytest.raises(raised):
            await sender(port).send(notification())


async def test_one_bad_address_stops_no_other() -> None:
    """A refused recipient does not stop the others."""
    letters = Letters(refuse=("gone@example.com",))
    async with post_office(letters) as port:
        await sender(port, "gone@example.com", "eva@example.com").send(notification())
    assert [to for to, _ in letters.got] == [["eva@example.com"]]


async def test_a_mail_server_that_is_not_there_is_tried_again() -> None:
    """A closed port is a retry."""
    async with post_office(Letters()) as port:
        pass
    with pytest.raises(Retry):
        await sender(port).send(notification())


@pytest.mark.parametrize(
    "domain", ["a.example", f"{'8a3f2b1c-' * 7}.azurecomm.net", ".".join(["very-long-label" * 4] * 4)]
)
@pytest.mark.parametrize("alarm_id", ["4cb52c657ab4d9c0bffc", "a" * 300, "x\r\nBcc: a@b.c\u202e<>..é"])
async def test_a_thread_holds_whatever_the_senders_domain(domain: str, alarm_id: str) -> None:
    """The ids of a thread arrive as they were given: not folded, not encoded, in lines that mail allows."""
    letters = Letters()
    async with post_office(letters) as port:
        settings = msgspec.structs.replace(sender(port).settings, sender=f"DoNotReply@{domain}")
        for key in ("msg_1", "msg_2"):
            await mail.Email(settings, None).send(notification(alarm(alarm_id=alarm_id), key=key))
    threads = {(letter["In-Reply-To"], letter["References"]) for _, letter in letters.got}
    expected = f"<alarm.{mail.token(alarm_id)}@{domain}>"
    assert threads == {(expected, expected)}
    raw = mail.mail(notification(alarm(alarm_id=alarm_id)), f"DoNotReply@{domain}", ("eva@example.com",)).as_bytes()
    heads = raw.partition(b"\n\n")[0].splitlines()
    assert all(len(line) <= 998 for line in heads)
    assert not [
        line for line in heads if line.startswith((b"Message-ID", b"In-Reply", b"References")) and b"=?" in line
    ]


async def test_files_are_mailed_through_a_channel(tmp_path: Path) -> None:
    """The report and the roster go to the addresses of the channel, whatever their names hold; the command says what came of it."""
    roster, report = tmp_path / "customers.xlsx", tmp_path / "week.html"
    roster.write_bytes(b"PK" + bytes(1000))
    report.write_text("<h1>The week</h1>")
    letters, routes = Letters(), tmp_path / "routes.toml"
    async with post_office(letters) as port:
        channel = f'[channel.owner]\ntype = "email"\nhost = "127.0.0.1"\nport = {port}\ntls = "none"\n'
        routes.write_text(
            f'{channel}sender = "vigia@example.com"\nto = ["owner@example.com"]\n[channel.log]\ntype = "log"\n'
        )
        given = ("--subject", "The week\r\nBcc: all@example.com", "--routes", str(routes))
        done = await asyncio.to_thread(run, "channels", "mail", "owner", str(report), str(roster), *given)
        assert (done.exit_code, done.stdout.split()) == (0, ["owner", "sent"]), done.output
        ((to, letter),) = letters.got
        assert to == ["owner@example.com"]
        assert letter["Subject"] == "The week Bcc: all@example.com"
        assert letter["Bcc"] is None
        assert [(part.get_filename(), part.get_content_type()) for part in letter.iter_attachments()] == [
            ("week.html", "text/html"),
            ("customers.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ]
        letters.answer = "550 no"
        done = await asyncio.to_thread(run, "channels", "mail", "owner", str(roster), *given)
        assert (done.exit_code, "refused" in done.stdout) == (1, True)
    for name, file, says in (
        ("log", roster, "is a channel of type log; give one of type email"),
        ("owner", tmp_path / "none.xlsx", "cannot be read"),
    ):
        wrong = await asyncio.to_thread(run, "channels", "mail", name, str(file), *given)
        assert says in str(wrong.exception)
    with pytest.raises(ValueError, match="mail takes 20"):
        mail.with_files(
            mail.Settings(host="h", sender="a@b.c", to=("d@e.f",)), "x", [("x", bytes(mail.MAX_FILES + 1))], SENT, "m"
        )
