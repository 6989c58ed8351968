"""Four ways of counting on Faust as it comes that are wrong, for the checker to find.

`python -m tests.faults.stock ADDRESS GROUP STATE_DIR WAY [LEFT]` counts what tests/kafka/counting.py counts, event by
event, with Faust's own table and commits. WAY is

    plain         no fence: what is read again counts again
    exactly_once  Faust's transactions, and no fence: the store on disk is in none of them (and no outputs: there
                  Faust knows only topics that the app also reads)
    fence         a fence in each row, and nothing written where it skips: a store ahead of its changelog stays so
    state-first   a fence, rows written again, and the output only after the state: a crash between loses the output

With LEFT the process dies at the way's weakest moment the time it comes there: `fence` between the store and the
changelog, the others after the changelog has the row and before the commit.
"""

import asyncio
import json
import os
import signal
import sys
from typing import Any

import faust

from streams.engine.fences import pack, unpack
from tests.kafka.counting import SETTINGS, counts

WAYS = ("plain", "exactly_once", "fence", "state-first")


def build(address: str, group: str, state: str, way: str, left: int) -> faust.App:
    """The Faust app of one worker."""
    app = faust.App(
        group,
        broker=f"kafka://{address}",
        datadir=state,
        processing_guarantee="exactly_once" if way == "exactly_once" else "at_least_once",
        stream_wait_empty=False,
        **SETTINGS,
    )
    table = counts(app)
    source = app.topic(f"{group}.events", key_serializer="raw", value_serializer="raw")
    outputs = app.topic(f"{group}.outputs", key_serializer="raw", value_serializer="raw")
    fenced = way in ("fence", "state-first")

    async def weak_moment(output: bool) -> None:
        nonlocal left
        if way == "state-first" and not output:
            return
        left -= 1
        if left == 0:
            if way != "fence":
                await asyncio.sleep(0.3)  # the changelog has the row by now
            os.kill(os.getpid(), signal.SIGKILL)

    @app.agent(source, concurrency=1)
    async def count(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            told = json.loads(message.value)
            stored = table.get(message.key)
            fence, row = unpack(stored) if stored else ({}, b'{"events": 0, "sum": 0, "ticks": 0}')
            if fenced and fence.get("events", -1) >= message.offset:
                if way == "state-first":
                    table[message.key] = stored
                continue
            state = json.loads(row)
            state = {**state, "events": state["events"] + 1, "sum": state["sum"] + told["number"]}
            output = told["number"] % 100 == 0
            if output and way in ("plain", "fence"):
                await outputs.send(key=message.key, value=b"%d" % told["number"])
            table[message.key] = pack({"events": message.offset}, json.dumps(state).encode())
            await weak_moment(output)
            if output and way == "state-first":
                await outputs.send(key=message.key, value=b"%d" % told["number"])

    return app


if __name__ == "__main__":
    address, group, state, way, left = sys.argv[1:6]
    worker = faust.Worker(build(address, group, state, way, int(left)), loglevel="INFO", redirect_stdouts=False)
    worker.execute_from_commandline()
