"""Runs one command for as long as somebody holds the other end of its standard input: `python -m vigia.runtime.parent_watch worker`.

Whoever starts a process and dies cannot end it; here the end of the pipe does. Nothing has to be cleaned up afterwards.
"""

import os
import runpy
import signal
import threading
import time

GRACE = 15.0  # seconds between asking and killing


def _hold() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_hold, name="leash", daemon=True).start()
    runpy.run_module("vigia", run_name="__main__")
