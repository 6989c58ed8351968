"""Where a webhook may connect to: never to a private address, however it is written or resolved."""

import asyncio
import ipaddress
import socket
import unicodedata
from collections.abc import Callable

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.channels import addresses, webhook
from alerts.channels.addresses import CheckedResolver, check_literal, checked, is_public
from alerts.channels.contract import Refused, Retry
from alerts.settings.secret import Secret
from scorers.contract.events import SECOND
from scorers.policy.spans import Span
from tests.support.receivers import NEW, closing, notification, server

PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.64.0.1",
    "100.100.100.200",
    "0.0.0.0",
    "0.1.2.3",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "2002:0a00:0001::1",
    "2001:0:0a00:1::1",
    "100::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4003:80a::200e"]
DISGUISED = [
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "017700000001",
    "0x7f.1",
    "10.1",
    "1.2.3.4.5",
    "127.0.0.1.",
]


@pytest.mark.parametrize("address", PRIVATE)
async def test_no_webhook_goes_to_a_private_address(address: str) -> None:
    """N6: loopback, private, link-local, metadata, unique-local, mapped, tunnelled: refused in a URL and in an answer of DNS."""
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(Refused):
        check_literal(address, frozenset())

    async def lookup(host: str, port: int) -> list[str]:
        return ["8.8.8.8", address]

    with pytest.raises(Refused):
        await CheckedResolver(frozenset(), lookup).resolve("inside.example.com", 443)


@pytest.mark.parametrize("address", PUBLIC)
async def test_webhooks_go_to_public_addresses(address: str) -> None:
    """A public address is permitted, and the connection uses the address that was checked."""
    check_literal(address, frozenset())

    async def lookup(host: str, port: int) -> list[str]:
        return [address]

    (found,) = await CheckedResolver(frozenset(), lookup).resolve("outside.example.com", 443)
    assert (found["host"], found["hostname"], found["port"]) == (address, "outside.example.com", 443)


@pytest.mark.parametrize("host", DISGUISED)
def test_an_address_in_an_unusual_form_is_refused(host: str) -> None:
    """N6: the system reads short, decimal, octal and hexadecimal forms as addresses, so none is treated as a name."""
    with pytest.raises(Refused):
        check_literal(host, frozenset())


@pytest.mark.parametrize(
    "host", [*DISGUISED, "127.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "169.254.169.254", "localhost"]
)
async def test_a_webhook_refuses_private_hosts(host: str) -> None:
    """N6: the same through the channel itself, with the system's own look-up."""
    url = f"https://{host}/"
    async with closing(webhook.Webhook(webhook.Settings(url=url), Secret(url), [Secret(NEW)])) as channel:
        with pytest.raises(Refused):
            await channel.send(notification())


PRIVATE_V4 = [one for one in PRIVATE if ":" not in one]
DIGITS = ("\uff10", "\u2460", "\u0660", "\U0001d7ce", "\U0001d7d8", "\u2080")  # the zero, or one, of a script or style
DOTS = (".", "\u3002", "\uff0e", "\uff61", "%2e")


def _styled(number: str, style: str) -> str:
    """The number with each digit in this style; those that have no zero keep the plain one."""
    zero = ord(style) - unicodedata.digit(style)
    return "".join(digit if digit == "0" and style == "\u2460" else chr(zero + int(digit)) for digit in number)


FORMS: tuple[Callable[[list[int]], str], ...] = (
    lambda parts: str(int.from_bytes(bytes(parts))),
    lambda parts: hex(int.from_bytes(bytes(parts))),
    lambda parts: oct(int.from_bytes(bytes(parts))).replace("o", ""),
    lambda parts: ".".join(f"0{part:o}" for part in parts),
    lambda parts: ".".join(f"0x{part:x}" for part in parts),
    lambda parts: ".".join(map(str, [*parts[:2], parts[2] << 8 | parts[3]])),
    lambda parts: ".".join(f"{part:03}" for part in parts),
    lambda parts: ".".join(f"%{ord(digit):02x}" for part in parts for digit in str(part)),
    lambda parts: "[::ffff:" + ".".join(map(str, parts)) + "]",
    lambda parts: "[64:ff9b::" + ".".join(map(str, parts)) + "]",
    lambda parts: ".".join(map(str, parts)) + ".",
    lambda parts: ".".join(map(str, parts)),
)


def styled(form: str, digits: str, dot: str) -> str:
    """The form with other digits and dots."""
    written = "".join(_styled(one, digits) if one.isdecimal() and digits else one for one in form)
    return written if form.startswith("[") else written.replace(".", dot)


@given(
    st.sampled_from(PRIVATE_V4),
    st.sampled_from(FORMS),
    st.sampled_from(("", *DIGITS)),
    st.sampled_from(DOTS),
    st.booleans(),
)
@settings(deadline=None, max_examples=300)
def test_no_form_of_a_private_address_is_connected_to(
    address: str, form: Callable[[list[int]], str], digits: str, dot: str, full: bool
) -> None:
    """N6: digits of other scripts and styles, dots, escapes, octal, decimal, short forms: refused, or nothing that connects."""
    written = styled(form([int(part) for part in address.split(".")]), digits, dot)
    host = written.upper() if full else written

    async def lookup(name: str, port: int) -> list[str]:
        """What the system makes of the name without asking DNS."""
        return sorted({str(one[4][0]) for one in socket.getaddrinfo(name, port, flags=socket.AI_NUMERICHOST)})

    async def attempt() -> None:
        url = f"https://{host}:9/"
        channel = webhook.Webhook(webhook.Settings(url=url, timeout=Span(SECOND)), Secret(url), [Secret(NEW)], lookup)
        async with closing(channel):
            await channel.send(notification())

    with pytest.raises((Refused, Retry, ValueError)) as raised:
        asyncio.run(attempt())
    assert not str(raised.value).startswith("no answer (ClientConnect"), f"a connection was tried to {host!a}"
    assert not str(raised.value).startswith("no answer (Timeout"), f"a connection was tried to {host!a}"


@pytest.mark.parametrize(
    "host", ["\uff11\uff12\uff17.0.0.1", "\u2460\u2461\u2466\u30020\u30020\u30021", "%31%32%37.0.0.1", "127.0.0.1%2f"]
)
async def test_the_host_is_checked_as_the_client_uses_it(host: str) -> None:
    """N6: what the client would make an address of is refused as one, whatever it looks like."""
    url = f"https://{host}/"
    with pytest.raises((Refused, ValueError)):
        async with closing(webhook.Webhook(webhook.Settings(url=url), Secret(url), [Secret(NEW)])) as channel:
            await channel.send(notification())


def test_a_socket_is_opened_for_permitted_addresses_only() -> None:
    """N6: whatever led to an address, the very one that is connected to is checked."""
    public, local = addresses.checked_socket("a.example", frozenset()), addresses.checked_socket("a", frozenset({"a"}))
    family, kind = socket.AF_INET, socket.SOCK_STREAM
    public((family, kind, 0, "", ("8.8.8.8", 443))).close()
    local((family, kind, 0, "", ("127.0.0.1", 443))).close()
    for factory, address in ((public, "127.0.0.1"), (local, "169.254.169.254")):
        with pytest.raises(Refused):
            factory((family, kind, 0, "", (address, 443)))


def test_allowed_hosts_are_compared_as_the_client_writes_them() -> None:
    """Case, scripts and brackets of a name in allow_hosts do not matter; what is no host is named."""
    assert addresses.allowed_hosts(("Desk.Example", "[::1]", "\uff11\uff10.0.0.5")) == {
        "desk.example",
        "::1",
        "10.0.0.5",
    }
    for wrong in ("desk:8080", "https://desk", "", "a b"):
        with pytest.raises(ValueError, match="allow_hosts"):
            addresses.allowed_hosts((wrong,))


async def test_dns_rebinding_is_useless() -> None:
    """N6: each connection resolves once and uses that address; a later private answer is refused."""
    answers = [["203.0.113.9"], ["127.0.0.1"]]
    asked = []

    async def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    url = "https://turns.example.com/"
    async with closing(webhook.Webhook(webhook.Settings(url=url), Secret(url), [Secret(NEW)], lookup)) as channel:
        for _ in answers:
            with pytest.raises(Refused):
                await channel.send(notification())
    assert len(asked) == 2


async def test_the_checked_address_is_the_one_connected_to() -> None:
    """A name allowed for a test goes to the address of the one look-up, with the name as Host."""
    hosts = []

    async def answer(request: web.Request) -> web.Response:
        hosts.append(request.host)
        return web.Response()

    calls = 0

    async def lookup(host: str, port: int) -> list[str]:
        nonlocal calls
        calls += 1
        return ["127.0.0.1"]

    async with server(answer) as url:
        named = url.replace("127.0.0.1", "shop.test")
        settings = webhook.Settings(url=named, allow_hosts=("shop.test",))
        async with closing(webhook.Webhook(settings, Secret(named), [Secret(NEW)], lookup)) as channel:
            await channel.send(notification())
    assert calls == 1
    assert hosts[0].startswith("shop.test:")


@pytest.mark.parametrize("fault", [OSError("down"), UnicodeError("label too long")])
async def test_a_failed_look_up_connects_nowhere(fault: Exception) -> None:
    """N6: without an answer of DNS nothing is sent; it is tried again later."""

    async def lookup(host: str, port: int) -> list[str]:
        raise fault

    url = "https://shop.example.com/"
    async with closing(webhook.Webhook(webhook.Settings(url=url), Secret(url), [Secret(NEW)], lookup)) as channel:
        with pytest.raises(Retry, match="not found"):
            await channel.send(notification())


def test_an_allowed_host_cannot_be_a_metadata_service() -> None:
    """A host allowed by name may have a private address, but not that of a cloud's metadata service."""
    assert checked("desk", ["10.0.0.5"], frozenset({"desk"})) == ["10.0.0.5"]
    for address in ("169.254.169.254", "fd00:ec2::254", "fe80::1", "::ffff:169.254.169.254", "not an address"):
        with pytest.raises(Refused):
            checked("desk", [address], frozenset({"desk"}))
