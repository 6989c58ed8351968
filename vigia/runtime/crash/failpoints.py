"""Named places where a test may break the process, to prove that nothing is lost or counted twice there.

`VIGIA_FAILPOINT=changelog:3` kills it (as `kill -9` would) the third time it passes `changelog`, and
`VIGIA_FAILPOINT=core:1000` makes the core fail on about one event in a thousand, always the same ones;
`fatal:` and `slow:` kill the process at such an event, or keep it there. Without the variable each costs one comparison.
"""

import os
import signal
import time
from zlib import crc32

NAMES = ("outputs", "changelog", "store", "ack")
"""The places of a worker's commit path."""
NOTIFIER = ("decided", "stored", "committed", "sending", "accepted", "recorded")
"""The places of a notifier: an incident is in memory, it is stored, the input is committed; a notification is about to be sent, its
receiver has accepted it, what became of it is stored."""
CORE, FATAL, SLOW = "core", "fatal", "slow"


class ArmedFault(RuntimeError):
    """The fault of the core that a test has armed."""


_armed, _, _times = os.environ.get("VIGIA_FAILPOINT", "").partition(":")
if _armed and _armed not in (*NAMES, *NOTIFIER, CORE, FATAL, SLOW):
    raise ValueError(f"VIGIA_FAILPOINT={_armed!r} is none of {', '.join((*NAMES, *NOTIFIER, CORE, FATAL, SLOW))}")
_left = int(_times or 1)


def failpoint(name: str) -> None:
    """Pass the place `name`; the process is killed here if the place is armed and its count is reached."""
    global _left
    if name == _armed:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def chosen(value: bytes, one_of: int) -> bool:
    """Whether the core fails on an event; depends on its bytes alone."""
    return crc32(value) % one_of == 0


def faulty(value: bytes) -> None:
    """Fail after the core has folded an event, if that is armed and the event is chosen."""
    if _armed == CORE and chosen(value, _left):
        raise ArmedFault("the core failed, as a test has asked for")
    if _armed == FATAL and chosen(value, _left):
        os.kill(os.getpid(), signal.SIGKILL)
    if _armed == SLOW and chosen(value, _left):
        time.sleep(3600)
