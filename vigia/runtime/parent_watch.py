"""Run one command until its standard input closes: `python -m vigia.runtime.parent_watch worker`.

A parent that is killed cannot stop its child. Here the child holds a pipe to the parent and stops when the pipe closes.
"""

import os
import runpy
import signal
import threading
import time

GRACE = 15.0  # seconds between SIGTERM and the exit


def _stop_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_stop_with_parent, name="parent-watch", daemon=True).start()
    runpy.run_module("vigia", run_name="__main__")
