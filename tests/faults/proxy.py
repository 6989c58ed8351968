"""A door to a broker that can be slow, or shut: bytes go through as they are, nothing of Kafka is spoken here.

A broker tells its clients where to find it; the listener behind this door must tell the door's address.
"""

import asyncio
import random
from contextlib import suppress
from typing import Self

from vigia.lab.local_kafka import LocalKafka, free_port


class Proxy:
    """Passes bytes on between `address` and a port of this machine.

    `delay` are the least and most seconds that each piece of a client's stream waits; `cut` ends all connections and
    lets nobody in until `heal`.
    """

    def __init__(self, target: int, seed: int) -> None:
        self.target, self.port = target, free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.delay = (0.0, 0.0)
        self.passed = 0
        self._dice = random.Random(seed)
        self._shut = False
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        self._server.close()

    def cut(self) -> None:
        self._shut = True
        for writer in self._open:
            writer.transport.abort()

    def heal(self) -> None:
        self._shut = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._shut:
            writer.transport.abort()
            return
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, forth}
        self._open |= ends
        try:
            await asyncio.gather(self._pass(reader, forth, slow=True), self._pass(back, writer, slow=False))
        finally:
            self._open -= ends
            for end in ends:
                end.transport.abort()

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, slow: bool) -> None:
        with suppress(ConnectionError):
            while piece := await source.read(1 << 16):
                if slow and self.delay[1]:
                    await asyncio.sleep(self._dice.uniform(*self.delay))
                sink.write(piece)
                await sink.drain()
                self.passed += len(piece)
        sink.transport.abort()


def behind(proxy_port: int, port: int) -> LocalKafka:
    """A broker on a port of its own, whose second listener tells its clients the address of a proxy."""
    node = LocalKafka(
        port=port,
        listeners={"PROXIED": "PLAINTEXT"},
        properties={"advertised.listeners": f"PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{proxy_port}"},
    )
    return node
