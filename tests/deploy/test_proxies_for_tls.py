"""The proxies of docs/connect as they stand there: each ends TLS before a gateway, and changes no body."""

import asyncio
import grp
import os
import pwd
import re
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
import trustme

from streams.gateway.body import MAX_BATCH
from tests.support.door import DIGEST, LINES, TOKEN, batch, opened, purchase
from tests.support.paths import ROOT
from vigia.lab.embedded_kafka import EmbeddedKafka
from vigia.lab.local_kafka import free_port
from vigia.runtime.broker import INPUTS

PAGE = (ROOT / "docs" / "connect" / "README.md").read_text()
NAME = "vigia.example"
GATEWAY = "127.0.0.1:8080"
Laid = Callable[[str, Path, int], list[list[str]]]
"""Writes a proxy's file with the example, for a gateway, in a folder and for a port; the command that checks it, and the one that runs it."""


def example(language: str) -> str:
    """The example of the page."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)
    return str(found)


def replaced(text: str, old: str, new: str) -> str:
    """The text with what has to be there replaced."""
    assert old in text, f"{old!r} is not in the example"
    return text.replace(old, new)


def nginx(gateway: str, folder: Path, port: int) -> list[list[str]]:
    """The example in the file that a package brings: `http` and `events` around it."""
    text = replaced(example("nginx"), "listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    text = replaced(text, GATEWAY, gateway)
    text = replaced(text, f"/etc/letsencrypt/live/{NAME}", str(folder))
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    me = f"{pwd.getpwuid(os.getuid()).pw_name} {grp.getgrgid(os.getgid()).gr_name}"  # who may write in the folder
    file.write_text(f"user {me}; pid {folder}/pid; daemon off; events {{}} http {{ access_log off; {paths}\n{text}}}\n")
    command = ["nginx", "-e", str(folder / "error.log"), "-c", str(file), "-p", str(folder)]
    return [[*command, "-t"], command]


def caddy(gateway: str, folder: Path, port: int) -> list[list[str]]:
    """The example with a certificate of this test, as nobody can ask for one of this name."""
    text = replaced(
        example("caddy"), f"{NAME} {{", f"{NAME}:{port} {{\n\ttls {folder}/fullchain.pem {folder}/privkey.pem"
    )
    file = folder / "Caddyfile"
    file.write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + replaced(text, GATEWAY, gateway))
    options = ["--config", str(file), "--adapter", "caddyfile"]
    return [["caddy", "validate", *options], ["caddy", "run", *options]]


PROXIES: dict[str, Laid] = {"nginx": nginx, "caddy": caddy}


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    """A broker with the input topics."""
    with EmbeddedKafka() as broker:
        broker.create(*INPUTS)
        yield broker.address


@asynccontextmanager
async def running(commands: list[list[str]], folder: Path, port: int) -> AsyncIterator[None]:
    """The proxy, checked by itself and listening."""
    environment = os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    check, run = commands
    done = await asyncio.to_thread(
        subprocess.run, check, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with (folder / "log").open("wb") as log:
        proxy = subprocess.Popen(run, env=environment, stdout=log, stderr=log)
    try:
        async with asyncio.timeout(120):
            while True:
                assert proxy.poll() is None, (folder / "log").read_text()
                try:
                    (await asyncio.open_connection("127.0.0.1", port))[1].close()
                    break
                except OSError:
                    await asyncio.sleep(0.05)
        yield
    finally:
        proxy.terminate()
        await asyncio.to_thread(proxy.wait, 60)


@pytest.mark.parametrize("name", PROXIES)
async def test_the_example_leads_to_the_gateway(name: str, kafka: str, tmp_path: Path) -> None:
    """An event comes through TLS, and so does the largest body that the gateway reads."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not on the PATH: apt install {'nginx-light' if name == 'nginx' else name}")
    authority, port = trustme.CA(), free_port()
    mine = authority.issue_cert(NAME)
    mine.private_key_pem.write_to_path(tmp_path / "privkey.pem")
    for part in mine.cert_chain_pems:
        part.write_to_path(tmp_path / "fullchain.pem", append=True)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    async with opened(kafka, DIGEST) as door:
        gateway = door.url.removeprefix("http://")
        async with running(PROXIES[name](gateway, tmp_path, port), tmp_path, port), aiohttp.ClientSession() as web:

            async def asked(body: bytes) -> tuple[int, str]:
                head = LINES | {"Authorization": f"Bearer {TOKEN}", "Host": NAME}
                url = f"https://127.0.0.1:{port}/v1/events"
                async with web.post(url, data=BytesIO(body), headers=head, ssl=trusted, server_hostname=NAME) as answer:
                    return answer.status, await answer.text()

            assert await asked(batch(purchase())) == (202, '{"accepted":1,"duplicates":0}\n')
            blank = await asked(b" " * MAX_BATCH)
            assert (blank[0], "no event" in blank[1]) == (400, True)
