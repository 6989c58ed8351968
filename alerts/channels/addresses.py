"""Where a webhook may connect to: public addresses, and hosts that the routes allow by name.

A URL in the routes may point at hosts of our own network: the cloud's metadata service, a database, the router. So the
host is read once, by the parser of the HTTP client, and checked in the form in which the client uses it. Each connection
resolves it once, checks every address found, and connects to one of exactly these, which makes DNS rebinding useless;
whatever address a socket is opened for is checked again. No library in use does this check: aiohttp only offers hooks.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from alerts.channels.contract import Refused, Retry

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str, int], Awaitable[list[str]]]

PUBLIC_V6 = ipaddress.ip_network("2000::/3")
TUNNELS = tuple(
    map(ipaddress.ip_network, ("2001::/32", "2002::/16"))
)  # embed an IPv4 address, which would be unchecked
METADATA = frozenset(
    map(ipaddress.ip_address, ("169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"))
)

_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9._-]*[a-z0-9_.])?")


def is_public(address: Address) -> bool:
    """Whether the address is public on the Internet.

    >>> [is_public(ipaddress.ip_address(one)) for one in ("93.184.216.34", "10.0.0.1", "::ffff:8.8.8.8", "::1")]
    [True, False, False, False]
    """
    if isinstance(address, ipaddress.IPv6Address) and (
        address not in PUBLIC_V6 or address.scope_id or any(address in net for net in TUNNELS)
    ):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address in METADATA)


def is_local(address: Address) -> bool:
    """Whether a host that is allowed by name may have this address: any but link-local and metadata addresses."""
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        return is_local(mapped)
    return not (address.is_link_local or address.is_multicast or address.is_unspecified or address in METADATA)


def client_host(url: URL) -> str:
    """The host as the HTTP client uses it, in ASCII and lower case; ValueError if it is none that can be checked.

    >>> [client_host(URL(f"https://{one}/")) for one in ("Shop.Example", "\uff11\uff12\uff17\u3002\u24ea.0.1", "[::1]")]
    ['shop.example', '127.0.0.1', '::1']
    """
    host = url.raw_host or ""
    if not (_NAME.fullmatch(host) or _is_address(host)):
        raise ValueError("its host is not a name of letters, digits, dots and hyphens, and not an address")
    return host


def allowed_hosts(names: Iterable[str]) -> frozenset[str]:
    """The hosts that the routes allow by name, in the form of `client_host`; ValueError names one that is none."""
    found = set()
    for name in names:
        try:
            bare = name.strip("[]")
            found.add(client_host(URL.build(scheme="https", host=bare)))
        except ValueError:
            raise ValueError(f"allow_hosts: {name!r} is no host; write a name or an address, without a port") from None
    return frozenset(found)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def checked(host: str, found: list[str], allowed: frozenset[str]) -> list[str]:
    """The addresses, if all of them are permitted; one that is not refuses the host."""
    passes = is_local if host in allowed else is_public
    for one in found:
        try:
            permitted = passes(ipaddress.ip_address(one))
        except ValueError:
            permitted = False
        if not permitted:
            raise Refused(f"{host} has an address that webhooks may not use; use a public host or allow_hosts")
    if not found:
        raise Retry(f"{host} has no address")
    return found


def check_literal(host: str, allowed: frozenset[str]) -> None:
    """Refuse an address in the URL itself that is not permitted, or written so that it does not look like one.

    >>> check_literal("2130706433", frozenset())
    Traceback (most recent call last):
    alerts.channels.contract.Refused: 2130706433 is an address in an unusual form; write it as four decimal numbers
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2]
        if re.fullmatch(r"\d+|0[xX][0-9a-fA-F]*", last):
            raise Refused(f"{host} is an address in an unusual form; write it as four decimal numbers") from None
        return
    checked(host, [host], allowed)


async def system_lookup(host: str, port: int) -> list[str]:
    """The addresses to which the system resolves the host."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def checked_socket(host: str, allowed: frozenset[str]) -> Callable[[AddrInfoType], socket.socket]:
    """Opens sockets for permitted addresses only: the last check, of the very address that is connected to."""

    def factory(found: AddrInfoType) -> socket.socket:
        family, kind, proto, _, address = found
        checked(host, [str(address[0])], allowed)
        return socket.socket(family, kind, proto)

    return factory


class CheckedResolver(AbstractResolver):
    """Resolves a host once for each connection, to permitted addresses only."""

    def __init__(self, allowed: frozenset[str], lookup: Lookup = system_lookup) -> None:
        self.allowed = allowed
        self.lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The permitted addresses of the host."""
        try:
            found = await self.lookup(host, port)
        except (OSError, UnicodeError) as fault:
            raise Retry(f"{host} was not found") from fault
        return [_result(host, port, one) for one in checked(host, found, self.allowed)]

    async def close(self) -> None:
        """Do nothing: a resolver has no connections."""


def _result(host: str, port: int, address: str) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=flags)
