"""The many services that Apprise knows: Discord, ntfy, Mattermost, Google Chat, Opsgenie, SMS and more.

Apprise blocks while it sends, so it runs in a small pool of threads of the channel's own. A send that does not return by the deadline is
tried again later, and keeps its thread until it returns: with every thread taken, the channel says so at once and nothing piles up. What
was late may have arrived, so such a service may show a notification twice.
"""

import asyncio
import importlib
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

from alerts.channels.contract import ChannelSettings, Environment, Notification, Retry
from alerts.settings.secret import Secret, from_environment, from_file
from alerts.wording.message import Message
from scorers.contract.events import SECOND

THREADS = 4
MAX_TEXT = 8_000
KINDS = {"critical": "failure", "error": "failure", "warning": "warning", "info": "info"}


class Settings(ChannelSettings, frozen=True, kw_only=True, tag="apprise"):
    """To any service that Apprise knows, by its URLs: chats, phones, text messages.

    Each variable or file holds one or more URLs of Apprise, separated by blanks or line ends.
    """

    urls_env: tuple[str, ...] = ()
    urls_file: tuple[str, ...] = ()
    per_hour: int = 60

    example: ClassVar[str] = 'urls_env = ["VIGIA_APPRISE_URLS"]'

    def connect(self, environment: Environment) -> "Apprise":
        """The channel, with the URLs."""
        found = [from_environment(name, environment) for name in self.urls_env]
        found += [from_file(path) for path in self.urls_file]
        return Apprise([Secret(url) for one in found for url in one.reveal().split()], self.timeout / SECOND)

    def target(self) -> str:
        """Where the URLs are written, as they hold secrets."""
        return f"{len(self.urls_env) + len(self.urls_file)} places with URLs of Apprise"


class Apprise:
    """Sends each notification to some services; it counts as sent when all of them have taken it."""

    def __init__(self, urls: list[Secret], timeout: float) -> None:
        if not urls:
            raise ValueError("needs a URL of Apprise; name it in urls_env or urls_file")
        logging.getLogger("apprise").disabled = True  # it writes whole URLs, with what is secret in them
        apprise: Any = importlib.import_module("apprise")  # here, as it takes long and few need it
        asset = apprise.AppriseAsset(app_id="Vigia", app_desc="Vigía", secure_logging=True, async_mode=False)
        self._services = apprise.Apprise(asset=asset)
        for number, url in enumerate(urls, 1):
            if not self._services.add(url.reveal()):
                raise ValueError(f"URL {number} is none that Apprise knows; see the list of services of Apprise")
        self._timeout = timeout
        self._free = THREADS
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="apprise")

    async def send(self, notification: Notification) -> None:
        """Return once every service has taken it."""
        if not self._free:
            raise Retry(f"{THREADS} earlier notifications have not come back yet")
        self._free -= 1
        gravest = min((alarm.severity for alarm in notification.alarms), default="info", key=list(KINDS).index)
        running = asyncio.get_running_loop().run_in_executor(
            self._threads, self._notify, notification.message, KINDS[gravest]
        )
        running.add_done_callback(self._came_back)
        try:
            async with asyncio.timeout(self._timeout):
                taken = await asyncio.shield(running)
        except TimeoutError:
            raise Retry("no answer by the deadline") from None
        if not taken:
            raise Retry("a service has not taken it")

    def _notify(self, message: Message, kind: str) -> bool:
        text = message.plain()
        text = text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "\u2026"
        return bool(
            self._services.notify(
                body=text,
                title=message.title,
                notify_type=kind,
                body_format="text",
                interpret_escapes=False,
            )
        )

    def _came_back(self, running: "asyncio.Future[bool]") -> None:
        self._free += 1
        if not running.cancelled():
            running.exception()  # it may have been late, so that nobody else looks at it

    async def close(self) -> None:
        """Stop the threads without waiting for those that hang."""
        self._threads.shutdown(wait=False, cancel_futures=True)
