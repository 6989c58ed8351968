"""A Faust app that is never started."""

import asyncio
from pathlib import Path

import faust
import pytest_asyncio
from faust.app.base import App

from streams.engine.consumer import ChunkTransport


@pytest_asyncio.fixture
async def app(tmp_path: Path) -> App:
    """A Faust app with one chunked input and one plain topic; it is never started."""
    loop = asyncio.get_running_loop()
    app = faust.App("test", broker="kafka://127.0.0.1:1", store="memory://", datadir=str(tmp_path), loop=loop)
    app.transport = ChunkTransport(app, ["events"], size=3)
    app.topics._acking_topics.update({"events", "other"})
    app.consumer_generation_id = 1
    return app
