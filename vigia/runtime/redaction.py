"""A fault as a log may tell it: what it is and where it happened, never what it says.

What a fault of the core or of a server says may quote what was being read: a customer's name, a sender's token. Whoever
may see that finds it elsewhere: in the dead letter, or in the answer to the one who asked.
"""

import traceback
from pathlib import Path

DEPTH = 8  # calls that are told


def describe(fault: BaseException) -> str:
    """The fault's sort, and the calls that led to it, the innermost first, in one line.

    >>> try:
    ...     int("Ana Ruiz")
    ... except ValueError as fault:
    ...     print(describe(fault))
    ValueError (<doctest vigia.runtime.redaction.describe[0]>:2 <module>)
    """
    calls = reversed(traceback.extract_tb(fault.__traceback__)[-DEPTH:])
    where = " < ".join(f"{Path(call.filename).name}:{call.lineno} {call.name}" for call in calls)
    return f"{type(fault).__name__} ({where})"
