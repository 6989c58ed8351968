"""Slack by an incoming webhook: blocks, with a text for where blocks are not shown.

Slack reads `& < >` as markup, and backquotes and asterisks as format, so text from outside keeps none of them as they are;
`verbatim` makes no links and no mentions of what looks like one.
"""

from typing import Any, ClassVar

from alerts.channels.contract import Environment, Notification
from alerts.channels.http import Poster, SecretUrl
from alerts.wording.languages import TONGUES
from alerts.wording.templates import Line

MAX_BLOCKS, MAX_SECTION, MAX_HEADER, MAX_TEXT = 50, 3_000, 150, 3_000
MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'", "*": "\u2217"})


class Settings(SecretUrl, frozen=True, kw_only=True, tag="slack"):
    """To a Slack channel by an incoming webhook, with buttons to answer."""

    per_hour: int = 60

    example: ClassVar[str] = 'url_env = "VIGIA_SLACK_URL"'

    def connect(self, environment: Environment) -> "Slack":
        """The channel, with its URL."""
        return Slack(self.poster(environment))


class Slack:
    """Posts each notification to one Slack channel."""

    def __init__(self, poster: Poster) -> None:
        self.poster = poster

    async def send(self, notification: Notification) -> None:
        """Return once Slack has accepted the message."""
        await self.poster.post_json(payload(notification))

    async def close(self) -> None:
        """Release the connection."""
        await self.poster.close()


def payload(notification: Notification) -> dict[str, Any]:
    """The message: title, lines in as few sections as hold them, and buttons."""
    message = notification.message
    opened = TONGUES[notification.language].texts["open"]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": message.title[:MAX_HEADER], "emoji": False}}
    ]
    pressed = notification.buttons()
    texts = [_line(line, opened, with_link=not pressed) for line in message.lines]
    blocks += [
        {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
        for text in joined(texts, MAX_SECTION, MAX_BLOCKS - 2)
    ]
    if pressed:
        elements = [
            {
                "type": "button",
                "text": {"type": "plain_text", "text": one.text, "emoji": False},
                "url": one.url,
                "action_id": f"vigia_{one.answer}",
            }
            for one in pressed
        ]
        blocks.append({"type": "actions", "elements": elements})
    return {"text": escaped(message.title)[:MAX_TEXT], "blocks": blocks}


def _line(line: Line, opened: str, *, with_link: bool) -> str:
    text = f"*{escaped(line.label)}:* {escaped(line.text)}" if line.label else f"\u2022 {escaped(line.text)}"
    return f"{text} <{line.link}|{opened}>" if line.link and with_link else text


def escaped(text: str) -> str:
    """The text without anything that Slack reads as markup.

    >>> escaped("<!channel> *now* `x` & y")
    "&lt;!channel&gt; \u2217now\u2217 'x' &amp; y"
    """
    return text.translate(MARKUP)


def joined(texts: list[str], longest: int, most: int) -> list[str]:
    """The texts as lines of as few parts as hold them, at most so many; a text that no part holds is cut.

    >>> joined(["aa", "bb", "cc"], 5, 2)
    ['aa\\nbb', 'cc']
    """
    parts: list[str] = []
    for text in texts:
        cut = text if len(text) <= longest else text[: longest - 1] + "\u2026"
        if parts and len(parts[-1]) + 1 + len(cut) <= longest:
            parts[-1] += f"\n{cut}"
        else:
            parts.append(cut)
    return parts[:most]
