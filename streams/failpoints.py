"""Named places where a test may kill the process, to prove that nothing is lost or counted twice there.

`VIGIA_FAILPOINT=changelog:3` kills it (as `kill -9` would) the third time it passes `changelog`; without the variable a
failpoint costs one comparison.
"""

import os
import signal

NAMES = ("outputs", "changelog", "store", "ack")

_armed, _, _times = os.environ.get("VIGIA_FAILPOINT", "").partition(":")
if _armed and _armed not in NAMES:
    raise ValueError(f"VIGIA_FAILPOINT={_armed!r} is none of {', '.join(NAMES)}")
_left = int(_times or 1)


def failpoint(name: str) -> None:
    """Pass the place `name`; the process ends here if it is armed and its turn has come."""
    global _left
    if name == _armed:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
