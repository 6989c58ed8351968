"""What every page and answer needs: the read model, who may do what, and the texts."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from msgspec import Struct
from starlette.requests import Request

from scorers.policy.tables import Policy
from vigia.console.config import Config
from vigia.console.entry.access import Access, Who
from vigia.console.history import History
from vigia.console.recording import Recorder
from vigia.readmodel.store.model import ReadModel
from vigia.runtime.answering.links import Links


class Console(Struct, kw_only=True):
    """One console; `waits` counts the records that the read model has still to read."""

    model: ReadModel
    access: Access
    config: Config
    recorder: Recorder
    policy: Policy
    policy_text: str = ""
    run_policy: str = ""  # of a finished run, the version of its policy, where it is another one
    links: Links | None = None
    may_act: bool = True  # False for the console of a finished run
    waits: Callable[[], int] = lambda: 0
    stopping: Callable[[], bool] = lambda: False
    history: History | None = None  # of the processes; None for a finished run
    metrics: Callable[[], bytes] | None = None  # of this process, where all parts run in one

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the business."""
        return ZoneInfo(self.policy.time.zone)


def console_of(request: Request) -> Console:
    """The console that answers a request."""
    found: Console = request.app.state.console
    return found


def who_of(request: Request) -> Who:
    """Who asks; the middleware has found out."""
    found: Who = request.state.who
    return found


def part(text: Any) -> str:
    """A text as one part of a path.

    >>> part("a/b ?%")
    'a%2Fb%20%3F%25'
    """
    return quote(str(text), safe="")
