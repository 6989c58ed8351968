"""Microsoft Teams by the webhook of a workflow: an Adaptive Card 1.4.

Text stands in runs of rich text, which know no markup, so nothing from outside is read as a link or as format.
"""

from typing import Any, ClassVar

import msgspec

from alerts.channels.contract import Environment, Notification
from alerts.channels.http import Poster, SecretUrl
from alerts.wording.languages import TONGUES
from alerts.wording.templates import Line

MAX_BODY = 25_000  # Teams takes 28 kB
CARD = "application/vnd.microsoft.card.adaptive"


class Settings(SecretUrl, frozen=True, kw_only=True, tag="teams"):
    """To Microsoft Teams by the webhook of a workflow, as an Adaptive Card.

    A workflow that posts to a chat or channel when a webhook request is received gives the URL.
    """

    per_hour: int = 60

    example: ClassVar[str] = 'url_env = "VIGIA_TEAMS_URL"'

    def connect(self, environment: Environment) -> "Teams":
        """The channel, with its URL."""
        return Teams(self.poster(environment))


class Teams:
    """Posts each notification to one workflow."""

    def __init__(self, poster: Poster) -> None:
        self.poster = poster

    async def send(self, notification: Notification) -> None:
        """Return once the workflow has accepted the card."""
        await self.poster.post(payload(notification))

    async def close(self) -> None:
        """Release the connection."""
        await self.poster.close()


def payload(notification: Notification) -> bytes:
    """The message with its card, at most `MAX_BODY` bytes: a digest over the limit leaves out its last lines."""
    lines = list(notification.message.lines)
    while True:
        content = msgspec.json.encode(
            {
                "type": "message",
                "attachments": [{"contentType": CARD, "contentUrl": None, "content": card(notification, lines)}],
            }
        )
        if len(content) <= MAX_BODY or not lines:
            return content
        lines = lines[: len(lines) // 2]


def card(notification: Notification, lines: list[Line]) -> dict[str, Any]:
    """The card: title, a paragraph for each line, and buttons."""
    opened = TONGUES[notification.language].texts["open"]
    pressed = notification.buttons()
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [
            _paragraph([{"type": "TextRun", "text": notification.message.title, "weight": "bolder", "size": "medium"}]),
            *(_paragraph(_runs(line, opened, with_link=not pressed)) for line in lines),
        ],
        "actions": [{"type": "Action.OpenUrl", "title": one.text, "url": one.url} for one in pressed],
    }


def _paragraph(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "spacing": "small", "inlines": runs}


def _runs(line: Line, opened: str, *, with_link: bool) -> list[dict[str, Any]]:
    label = [{"type": "TextRun", "text": f"{line.label}: ", "weight": "bolder"}] if line.label else []
    runs: list[dict[str, Any]] = [*label, {"type": "TextRun", "text": line.text}]
    if line.link and with_link:
        action = {"type": "Action.OpenUrl", "url": line.link}
        runs.append({"type": "TextRun", "text": f" {opened}", "underline": True, "selectAction": action})
    return runs
