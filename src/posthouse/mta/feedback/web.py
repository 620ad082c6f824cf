"""A TLS report is handed over by HTTPS where a domain wants it so (RFC 8460 section 5.4).

SECURITY. Anybody may publish a URI, and we would go where it leads: so only
into the open Internet, to a name, with a certificate that holds, and never
where we are sent from there.
"""

import asyncio
import re
from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

from posthouse.lib.sansio import RemoteError
from posthouse.net.ports import Dialer, Stream
from posthouse.standards.dns.ports import DnsTrouble, Resolver
from posthouse.standards.http1.client import Content, HttpConnection, Request, Response

SECONDS: Final = 60.0
"""For all of it."""
MOST_ANSWER: Final = 64 * 1024
MOST_ADDRESSES: Final = 3
GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""RFC 4291 section 2.4."""
_URI = re.compile(
    r"https://(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,500})?\Z",
    re.IGNORECASE,
)


class NotTaken(Exception):
    """Why it was not handed over."""


def is_in_the_open(address: str) -> bool:
    """Whether an address is one of the Internet, not of a network behind us."""
    found = ip_address(address)
    if isinstance(found, IPv6Address) and (found not in GLOBAL_UNICAST or found.sixtofour or found.teredo):
        return False  # addresses that lead to an IPv4 address, which may be an inner one
    return found.is_global and not found.is_multicast


class Web:
    """``may`` says which addresses may be gone to."""

    __slots__ = ("_dialer", "_may", "_resolver")

    def __init__(self, dialer: Dialer, resolver: Resolver, *, may: Callable[[str], bool] = is_in_the_open) -> None:
        self._dialer = dialer
        self._resolver = resolver
        self._may = may

    async def post(self, uri: str, kind: str, octets: bytes) -> None:
        """Hand ``octets`` over; raises ``NotTaken``."""
        match = _URI.match(uri)
        if match is None or not match["host"].rpartition(".")[2].strip("0123456789"):
            raise NotTaken("a URI that we do not go to")
        port = int(match["port"] or 443)
        if not 0 < port < 65536:
            raise NotTaken("a URI that we do not go to")
        request = Request("POST", match["target"] or "/", match["host"], (("Content-Type", kind),), len(octets))
        try:
            async with asyncio.timeout(SECONDS):
                response = await self._exchange(match["host"].lower(), port, request, octets)
        except DnsTrouble as trouble:
            raise NotTaken(str(trouble)) from None
        except TimeoutError:
            raise NotTaken("took too long") from None
        except (OSError, RemoteError) as error:
            raise NotTaken(f"{type(error).__name__}: {error}"[:200]) from None
        if not 200 <= response.status < 300:
            raise NotTaken(f"HTTP status {response.status}")

    async def _exchange(self, host: str, port: int, request: Request, octets: bytes) -> Response:
        stream = await self._open(host, port)
        try:
            await stream.secure(host, verify=True, deadline_seconds=SECONDS)
            core = HttpConnection(body_octets=MOST_ANSWER)
            await stream.write([*core.send(request), *core.send(Content(octets))], SECONDS)
            while (response := core.next_event()) is None:
                core.receive_data(await stream.read(SECONDS))
            return response
        finally:
            stream.close()

    async def _open(self, host: str, port: int) -> Stream:
        found = [*(await self._resolver.aaaa(host)).records, *(await self._resolver.a(host)).records]
        allowed = [one for one in found if self._may(one)][:MOST_ADDRESSES]
        error: OSError = OSError("no address in the open Internet")
        for address in allowed:
            try:
                return await self._dialer.dial(address, port, deadline_seconds=SECONDS / MOST_ADDRESSES)
            except OSError as failed:
                error = failed
        raise error
