"""Mail, as plain text and simple HTML.

All mails about one alarm lie in one thread; a repeated delivery has the same Message-ID. Names come from outside:
headers hold one line of visible text, HTML is made by a sandboxed template that escapes everything. Passwords never
cross an unencrypted line.
"""

import ipaddress
from email.message import EmailMessage
from typing import Literal

import aiosmtplib
from jinja2.sandbox import ImmutableSandboxedEnvironment

from alerts.channels.contract import ChannelSettings, Notification, Refused, Retry
from alerts.settings.datetimes import as_datetime
from alerts.settings.secret import Secret
from alerts.wording.message import Message
from scorers.contract.events import SECOND
from scorers.contract.inert import inert

PAGE = ImmutableSandboxedEnvironment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    """\
<!doctype html>
<html><body style="font-family: sans-serif; line-height: 1.5">
<h2 style="font-size: 1.1em">{{ message.title }}</h2>
<table style="border-spacing: 0 0.3em">
{% for line in message.lines %}
<tr><td style="vertical-align: top; padding-right: 1em"><b>{{ line.label }}</b></td><td>{{ line.text }}</td></tr>
{% endfor %}
</table>
</body></html>
"""
)


class Settings(ChannelSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="email"):
    """A `type = "email"` table of the routes."""

    host: str
    sender: str
    to: tuple[str, ...]
    port: int = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password_env: str = ""
    password_file: str = ""


class Email:
    """Sends each notification as one mail to a fixed list of addresses."""

    def __init__(self, settings: Settings, password: Secret | None) -> None:
        self.settings = settings
        self.password = password
        if not settings.to:
            raise ValueError("mail needs somebody to go to; name an address in to")
        for address in (settings.sender, *settings.to):
            if not is_address(address):
                raise ValueError(f"{inert(address)!r} is no mail address; write it like shop@example.com")
        if settings.tls == "none" and not is_loopback(settings.host):
            raise ValueError('mail to another machine is encrypted; use tls = "starttls" or "tls"')
        if bool(settings.username) != (password is not None):
            raise ValueError("a mail account needs both username and password_env or password_file; give both or none")

    async def send(self, notification: Notification) -> None:
        """Return once the mail server has taken the mail for at least one recipient."""
        try:
            await aiosmtplib.send(
                mail(notification, self.settings.sender, self.settings.to),
                hostname=self.settings.host,
                port=self.settings.port,
                username=self.settings.username or None,
                password=self.password.reveal() if self.password else None,
                use_tls=self.settings.tls == "tls",
                start_tls=self.settings.tls == "starttls",
                timeout=self.settings.timeout / SECOND,
            )
        except aiosmtplib.SMTPRecipientsRefused as fault:
            raise _judged(min(one.code for one in fault.recipients)) from fault
        except aiosmtplib.SMTPAuthenticationError as fault:
            raise Retry("the mail server does not accept our account") from fault  # mended by people, so it is kept
        except aiosmtplib.SMTPResponseException as fault:
            raise _judged(fault.code) from fault
        except (TimeoutError, aiosmtplib.SMTPException, OSError) as fault:
            raise Retry(f"no answer from the mail server ({type(fault).__name__})") from fault

    async def close(self) -> None:
        """Nothing is held: each mail is a connection of its own."""


def _judged(code: int) -> Exception:
    return Refused(f"the mail server refused it: {code}") if code >= 500 else Retry(f"the mail server said {code}")


def is_address(text: str) -> bool:
    """Whether the text is one plain mail address and nothing more.

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
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Subject"] = inert(notification.message.title, 150)
    message["Date"] = as_datetime(notification.sent_at)
    message["Message-ID"] = f"<{notification.id}@{domain}>"
    if len(notification.alarms) == 1:
        thread = f"<alarm.{token(notification.alarms[0].alarm_id)}@{domain}>"
        message["In-Reply-To"] = thread
        message["References"] = thread
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{notification.message.title}\n\n{notification.message.plain()}\n")
    message.add_alternative(page(notification.message), subtype="html")
    return message


def page(message: Message) -> str:
    """The message as a page of HTML in which nothing from outside is markup."""
    return PAGE.render(message=message)


def token(text: str) -> str:
    """The text with only such letters as an identifier in a mail header may hold."""
    return "".join(mark if mark.isascii() and (mark.isalnum() or mark in "-_") else "." for mark in text)[:100]
