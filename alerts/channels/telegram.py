"""Telegram by a bot: one message with buttons that open a link.

The text is HTML, in which everything from outside is escaped; no page is previewed. Telegram says in the body how long to wait.
"""

from html import escape
from typing import Any, ClassVar

import msgspec
from msgspec import Struct

from alerts.channels.contract import Environment, Notification, Retry
from alerts.channels.http import Answer, HttpSettings, Poster, check_status, host_of, one_secret
from alerts.settings.secret import Secret
from alerts.wording.languages import TONGUES
from alerts.wording.templates import Line
from scorers.contract.events import DAY, SECOND

MAX_TEXT = 4_096  # characters, the markup not counted
READ = 4_096  # bytes of an answer


class Settings(HttpSettings, frozen=True, kw_only=True, tag="telegram"):
    """To a Telegram chat by a bot, with buttons to answer.

    `chat` is the id of the chat, or `@name` of a channel of which the bot is an administrator.
    """

    chat: str
    token_env: str = ""
    token_file: str = ""
    url: str = "https://api.telegram.org"
    per_hour: int = 60

    example: ClassVar[str] = """\
chat = "-1001234567890"
token_env = "VIGIA_TELEGRAM_TOKEN"
"""

    def connect(self, environment: Environment) -> "Telegram":
        """The channel, with the token of its bot."""
        token = one_secret("token", self.token_env, self.token_file, environment).reveal()
        if not set(token) <= TOKEN:
            raise ValueError("the token of a Telegram bot looks like 123456:ABC-def; take it from BotFather")
        return Telegram(self.chat, Poster(Secret(f"{self.url.rstrip('/')}/bot{token}/sendMessage"), self))

    def target(self) -> str:
        """The chat and the host."""
        return f"chat {self.chat} by {host_of(self.url)}"


TOKEN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:-=+/")


class Telegram:
    """Sends each notification to one chat."""

    def __init__(self, chat: str, poster: Poster) -> None:
        self.chat, self.poster = chat, poster

    async def send(self, notification: Notification) -> None:
        """Return once Telegram has accepted the message."""
        answer = await self.poster.answer(msgspec.json.encode(payload(notification, self.chat)), {}, read=READ)
        if answer.status == 429 and (wait := _asked(answer)):
            raise Retry("429", min(wait * SECOND, DAY))
        check_status(answer.status, answer.headers)

    async def close(self) -> None:
        """Release the connection."""
        await self.poster.close()


class _Parameters(Struct, frozen=True):
    retry_after: int = 0


class _Told(Struct):
    parameters: _Parameters = _Parameters()


def _asked(answer: Answer) -> int:
    """The seconds to wait that the body asks for; 0 if it says nothing."""
    try:
        return max(0, msgspec.json.decode(answer.body, type=_Told).parameters.retry_after)
    except msgspec.DecodeError:
        return 0


def payload(notification: Notification, chat: str) -> dict[str, Any]:
    """The message; a digest over the limit leaves out its last lines."""
    opened, pressed = TONGUES[notification.language].texts["open"], notification.buttons()
    title = notification.message.title[:256]
    parts, left = [f"<b>{escape(title)}</b>"], MAX_TEXT - len(title)
    for line in notification.message.lines:
        shown = len(line.label) + len(line.text) + len(opened) + 5
        if shown > left:
            break
        left -= shown
        parts.append(_line(line, opened, with_link=not pressed))
    sent: dict[str, Any] = {
        "chat_id": chat,
        "text": "\n".join(parts),
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
    }
    if pressed:
        sent["reply_markup"] = {"inline_keyboard": [[{"text": one.text, "url": one.url} for one in pressed]]}
    return sent


def _line(line: Line, opened: str, *, with_link: bool) -> str:
    text = f"<b>{escape(line.label)}:</b> {escape(line.text)}" if line.label else f"\u2022 {escape(line.text)}"
    return f'{text} <a href="{escape(line.link)}">{escape(opened)}</a>' if line.link and with_link else text
