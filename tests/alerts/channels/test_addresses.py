"""Where a webhook may connect to: never to a private address, however it is written or resolved."""

import ipaddress

import pytest
from aiohttp import web

from alerts.channels import webhook
from alerts.channels.addresses import CheckedResolver, check_literal, checked, is_public
from alerts.channels.contract import Refused, Retry
from alerts.settings.secret import Secret
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
