"""Describes a fault for a log: its type and where it happened, never its message.

The message of a fault of the core or of a server may quote what was being read: a customer's name, a sender's token.
Whoever may see it finds it in the dead letter or in the answer to the request.
"""

import traceback
from pathlib import Path

DEPTH = 8  # calls that are named


def describe(fault: BaseException) -> str:
    """The type of a fault and the calls that led to it, the innermost first, in one line.

    >>> try:
    ...     int("Ana Ruiz")
    ... except ValueError as fault:
    ...     print(describe(fault))
    ValueError (<doctest vigia.runtime.redaction.describe[0]>:2 <module>)
    """
    calls = reversed(traceback.extract_tb(fault.__traceback__)[-DEPTH:])
    where = " < ".join(f"{Path(call.filename).name}:{call.lineno} {call.name}" for call in calls)
    return f"{type(fault).__name__} ({where})"
