"""Mail, as plain text and simple HTML.

All mails about one matter form one thread; a repeated delivery has the same Message-ID. Names come from outside, so
headers hold one line of visible text and a sandboxed template escapes everything in the HTML. Passwords are never sent
over an unencrypted connection.
"""

import ipaddress
import mimetypes
from collections.abc import Sequence
from email.headerregistry import HeaderRegistry, MessageIDHeader
from email.message import EmailMessage
from email.policy import default
from typing import ClassVar, Literal

import aiosmtplib
from jinja2.sandbox import ImmutableSandboxedEnvironment

from alerts.channels.contract import ChannelSettings, Environment, Notification, Refused, Retry
from alerts.settings.datetimes import as_datetime
from alerts.settings.secret import Secret, from_environment, from_file
from alerts.wording.languages import TONGUES
from alerts.wording.message import Message
from scorers.contract.events import SECOND, Instant
from scorers.contract.inert import inert

MAX_FILES = 20_000_000  # bytes that most mail servers take
HEADERS = HeaderRegistry()
for name in ("in-reply-to", "references"):  # one id each: Python would fold a long one as text, and encode it
    HEADERS.map_to_type(name, MessageIDHeader)  # type: ignore[arg-type]  # typeshed knows no mixins
POLICY = default.clone(header_factory=HEADERS)

PAGE = ImmutableSandboxedEnvironment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    """\
<!doctype html>
<html><body style="font-family: sans-serif; line-height: 1.5">
<h2 style="font-size: 1.1em">{{ message.title }}</h2>
<table style="border-spacing: 0 0.3em">
{% for line in message.lines %}
<tr><td style="vertical-align: top; padding-right: 1em"><b>{{ line.label }}</b></td><td>{{ line.text }}{% if line.link %} <a href="{{ line.link }}">{{ link_text }}</a>{% endif %}</td></tr>
{% endfor %}
</table>
</body></html>
"""
)


class Settings(ChannelSettings, frozen=True, kw_only=True, tag="email"):
    """By mail to a fixed list of addresses, as plain text and HTML."""

    host: str
    sender: str
    to: tuple[str, ...]
    port: int = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password_env: str = ""
    password_file: str = ""
    per_hour: int = 60

    knows_repeats: ClassVar[bool] = True
    example: ClassVar[str] = """\
host = "smtp.example.com"
sender = "vigia@example.com"
to = ["manager@example.com"]
username = "vigia"
password_env = "VIGIA_MAIL_PASSWORD"
"""

    def connect(self, environment: Environment) -> "Email":
        """The channel, with its password."""
        if self.password_env and self.password_file:
            raise ValueError("a password has one place; give either password_env or password_file")
        password = from_environment(self.password_env, environment) if self.password_env else None
        return Email(self, from_file(self.password_file) if self.password_file else password)

    def target(self) -> str:
        """The addresses and the mail server."""
        return f"{', '.join(self.to)} by {self.host}"


class Email:
    """Sends each notification as one mail to a fixed list of addresses."""

    def __init__(self, settings: Settings, password: Secret | None) -> None:
        self.settings = settings
        self.password = password
        if not settings.to:
            raise ValueError("mail needs a recipient; name an address in to")
        for address in (settings.sender, *settings.to):
            if not is_address(address):
                raise ValueError(f"{inert(address)!r} is not a mail address; write it like shop@example.com")
        if settings.tls == "none" and not is_loopback(settings.host):
            raise ValueError('mail to another machine must be encrypted; use tls = "starttls" or "tls"')
        if bool(settings.username) != (password is not None):
            raise ValueError("a mail account needs both username and password_env or password_file; give both or none")

    async def send(self, notification: Notification) -> None:
        """Return once the mail server has accepted the mail for at least one recipient."""
        await self.deliver(mail(notification, self.settings.sender, self.settings.to))

    async def deliver(self, message: EmailMessage) -> None:
        """Return once the mail server has accepted this mail for at least one recipient."""
        try:
            await aiosmtplib.send(
                message,
                hostname=self.settings.host,
                port=self.settings.port,
                username=self.settings.username or None,
                password=self.password.reveal() if self.password else None,
                use_tls=self.settings.tls == "tls",
                start_tls=self.settings.tls == "starttls",
                timeout=self.settings.timeout / SECOND,
            )
        except aiosmtplib.SMTPRecipientsRefused as fault:
            raise _from_code(min(one.code for one in fault.recipients)) from fault
        except aiosmtplib.SMTPAuthenticationError as fault:
            raise Retry("the mail server does not accept our account") from fault  # people correct this, so keep it
        except aiosmtplib.SMTPResponseException as fault:
            raise _from_code(fault.code) from fault
        except (TimeoutError, aiosmtplib.SMTPException, OSError) as fault:
            raise Retry(f"no answer from the mail server ({type(fault).__name__})") from fault

    async def close(self) -> None:
        """Do nothing: each mail has a connection of its own."""


def _from_code(code: int) -> Exception:
    return Refused(f"the mail server refused it: {code}") if code >= 500 else Retry(f"the mail server answered {code}")


def is_address(text: str) -> bool:
    """Whether the text is exactly one plain mail address.

    >>> is_address("shop@example.com"), is_address("a@b.c\\nBcc: d@e.f"), is_address("a@b.c, d@e.f")
    (True, False, False)
    """
    name, at, domain = text.partition("@")
    plain = text.isascii() and text.isprintable() and not set(text) & set(' ,;:<>()[]"\\')
    return bool(plain and name and at and domain and "@" not in domain)


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def mail(notification: Notification, sender: str, to: tuple[str, ...]) -> EmailMessage:
    """The notification as a mail."""
    domain = sender.rpartition("@")[2]
    message = EmailMessage(POLICY)
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Subject"] = inert(notification.message.title, 150)
    message["Date"] = as_datetime(notification.sent_at)
    message["Message-ID"] = f"<{notification.id}@{domain}>"
    if len(matters := set(notification.matters())) == 1 and not (notification.counted or notification.listed):
        thread = f"<alarm.{token(matters.pop())}@{domain}>"
        message["In-Reply-To"] = thread
        message["References"] = thread
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{notification.message.title}\n\n{notification.message.plain()}\n")
    message.add_alternative(page(notification.message, notification.language), subtype="html")
    return message


def with_files(
    settings: Settings, subject: str, files: Sequence[tuple[str, bytes]], at: Instant, message_id: str
) -> EmailMessage:
    """A mail of files, such as a weekly report and the roster; `ValueError` if they are too large for mail."""
    size = sum(len(content) for _, content in files)
    if size > MAX_FILES:
        raise ValueError(f"the files have {size // 1_000_000} MB together; mail takes {MAX_FILES // 1_000_000}")
    message = EmailMessage(POLICY)
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.to)
    message["Subject"] = inert(subject, 150)
    message["Date"] = as_datetime(at)
    message["Message-ID"] = f"<{message_id}@{settings.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{inert(subject, 150)}\n\n" + "".join(f"- {inert(name, 100)}\n" for name, _ in files))
    for name, content in files:
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        main, _, sub = kind.partition("/")
        message.add_attachment(content, maintype=main, subtype=sub, filename=inert(name, 100))
    return message


def page(message: Message, language: str = "en") -> str:
    """The message as HTML, with every text escaped."""
    return PAGE.render(message=message, link_text=TONGUES[language].texts["open"])


def token(text: str) -> str:
    """The text with every character that an identifier in a mail header may not hold replaced by an underscore."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in text)[:100]
