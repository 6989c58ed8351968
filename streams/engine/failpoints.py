"""Named places where a test may break the process, to prove that nothing is lost or counted twice there.

`VIGIA_FAILPOINT=changelog:3` kills it (as `kill -9` would) the third time it passes `changelog`, and
`VIGIA_FAILPOINT=core:1000` makes the core fail on about one of a thousand events, always the same ones. Without the
variable each costs one comparison.
"""

import os
import signal
from zlib import crc32

NAMES = ("outputs", "changelog", "store", "ack")
CORE = "core"


class ArmedFault(RuntimeError):
    """The fault of the core that a test has asked for."""


_armed, _, _times = os.environ.get("VIGIA_FAILPOINT", "").partition(":")
if _armed and _armed not in (*NAMES, CORE):
    raise ValueError(f"VIGIA_FAILPOINT={_armed!r} is none of {', '.join((*NAMES, CORE))}")
_left = int(_times or 1)


def failpoint(name: str) -> None:
    """Pass the place `name`; the process ends here if it is armed and its turn has come."""
    global _left
    if name == _armed:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def chosen(value: bytes, one_of: int) -> bool:
    """Whether an event is among those that the core fails on: it depends on its bytes alone."""
    return crc32(value) % one_of == 0


def faulty(value: bytes) -> None:
    """The core has folded an event; here it fails all the same, if it is armed and the event is chosen."""
    if _armed == CORE and chosen(value, _left):
        raise ArmedFault("the core failed, as a test has asked for")
