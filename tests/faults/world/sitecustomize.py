"""The clock of the world as a process finds it that has this folder on its PYTHONPATH: wrong by the seconds in a file.

It is read whenever somebody asks what time it is, so a clock can be set back while a process runs. What measures how
long something takes is right, as on any machine.
"""

import os
import time
from pathlib import Path

if told := os.environ.get("WORLD_CLOCK"):
    _file, _time, _time_ns = Path(told), time.time, time.time_ns
    time.time = lambda: _time() + float(_file.read_text())
    time.time_ns = lambda: _time_ns() + int(float(_file.read_text()) * 1e9)
