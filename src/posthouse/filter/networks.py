"""Networks and the addresses in them. An IPv4-mapped IPv6 address is the IPv4 address (threat A01)."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

WIDEST_IPV4 = 16
WIDEST_IPV6 = 48
"""A wider network is a mistake that makes an open relay (threat A01), so it is refused unless it is named twice."""
NEVER_IPV4 = 8
NEVER_IPV6 = 32
"""A network wider than this is refused whatever is said: it is no network of anybody's."""

Network = IPv4Network | IPv6Network


def normalise(address: str) -> IPv4Address | IPv6Address | None:
    """The address meant by an IP literal, without zone; None when it is not one."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address):
        return parsed.ipv4_mapped or parsed
    return parsed


@lru_cache(1024)
def number_of(address: str) -> tuple[int, int] | None:
    """The version and the number of an address, None when it is not one. Asked several times a connection."""
    parts = address.split(".")
    if len(parts) == 4 and address.isascii() and address.replace(".", "").isdigit():
        one, two, three, four = map(int, parts) if "" not in parts else (256, 0, 0, 0)
        if one < 256 and two < 256 and three < 256 and four < 256:
            return 4, one << 24 | two << 16 | three << 8 | four
        return None
    parsed = normalise(address)
    return None if parsed is None else (parsed.version, int(parsed))


def parse_network(text: str, *, may_be_wide: bool = False) -> Network:
    """One network or address; raises ValueError for host bits, mapped addresses and what is too wide."""
    network = ip_network(text.strip())
    if isinstance(network, IPv6Network):
        if network.network_address.ipv4_mapped is not None:
            raise ValueError(f"{text}: write an IPv4 network as one")
        widest, never = WIDEST_IPV6, NEVER_IPV6
    else:
        widest, never = WIDEST_IPV4, NEVER_IPV4
    if network.prefixlen < never:
        raise ValueError(f"{text} is wider than /{never}: that is the whole world, which nobody may relay for")
    if network.prefixlen < widest and not may_be_wide:
        raise ValueError(f"{text} is wider than /{widest}: too many strangers live there")
    return network


class Networks:
    """Exactly these networks; nothing is in it by default, not even private ones."""

    __slots__ = ("_four", "_holds", "_six")

    def __init__(self, texts: Iterable[str] = (), *, wide: Iterable[str] = ()) -> None:
        """``wide`` are those of ``texts`` that are meant to be wide."""
        named_twice = frozenset(wide)
        networks = [parse_network(text, may_be_wide=text in named_twice) for text in texts]
        self._four = tuple((int(n.network_address), int(n.netmask)) for n in networks if n.version == 4)
        self._six = tuple((int(n.network_address), int(n.netmask)) for n in networks if n.version == 6)

        self._holds = lru_cache(1024)(self._look_up)  # asked several times a connection

    def __contains__(self, address: str) -> bool:
        return self._holds(address)

    def _look_up(self, address: str) -> bool:
        if not self._four and not self._six:
            return False
        numbered = number_of(address)
        if numbered is None:
            return False
        version, number = numbered
        return any(number & mask == network for network, mask in (self._four if version == 4 else self._six))
