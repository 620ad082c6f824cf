"""Kinds of value in the configuration file, and how each is written: sizes, times, networks, places."""

import ipaddress
import re
from typing import Annotated, Literal

import idna
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from posthouse.filter.networks import WIDEST_IPV4, WIDEST_IPV6, parse_network
from posthouse.standards.smtp.grammar import parse_mailbox

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)?\Z")
_SIZES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_SIZES["TB"] = 10**12
_BUCKET = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9!_.*'()/-]*))?\Z")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\Z")
_DURATIONS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_size(value: object) -> object:
    """``"25MiB"`` in octets."""
    if not isinstance(value, str):
        return value
    match = _SIZE.match(value.strip())
    if match is None:
        raise ValueError(f'a size looks like "25MiB", not "{value}"')
    return int(float(match[1]) * _SIZES[match[2] or "B"])


def parse_duration(value: object) -> object:
    """``"5m"`` in seconds."""
    if not isinstance(value, str):
        return value
    match = _DURATION.match(value.strip())
    if match is None:
        raise ValueError(f'a time looks like "30s", "5m", "4h" or "2d", not "{value}"')
    return float(match[1]) * _DURATIONS[match[2] or "s"]


def _whole_seconds(value: object) -> object:
    seconds = parse_duration(value)
    if isinstance(seconds, float):
        if seconds != int(seconds):
            raise ValueError("whole seconds, please")
        return int(seconds)
    return seconds


def _network(value: str) -> str:
    """A network, however it is written; never one so wide that it is nobody's."""
    return str(parse_network(value, may_be_wide=True))


def _relay_network(value: str, given: ValidationInfo) -> str:
    """What may relay is a few machines of ours; whoever writes more by mistake shall hear of it."""
    network = parse_network(value, may_be_wide=True)
    widest = WIDEST_IPV4 if network.version == 4 else WIDEST_IPV6
    if network.prefixlen < widest and str(network) not in given.data.get("wide_networks", ()):
        raise ValueError(
            f"{value} is wider than /{widest}: everybody in it could send mail in our name to the whole world; "
            f"if that is meant, name it in relay.wide_networks too"
        )
    return str(network)


def _a_labels(value: str) -> str:
    """A domain as the DNS writes it (RFC 5890)."""
    try:
        name = idna.encode(value.strip().rstrip("."), uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        name = ""
    if "." not in name:
        raise ValueError(f'"{value}" is not a domain')
    return name


def _host_and_port(value: str) -> str:
    parse_endpoint(value)
    return value


def _mailbox(value: str) -> str:
    return str(parse_mailbox(value))


def _bucket(value: str) -> str:
    if value:
        parse_bucket(value)
    return value


def _engine(value: str) -> str:
    if value and not value.startswith(("postgresql://", "postgres://")):
        raise ValueError(f'"{value}" is not postgresql://USER@HOST1,HOST2,HOST3/DATABASE')
    return value


def parse_bucket(text: str) -> tuple[str, str]:
    """Bucket and prefix of ``s3://BUCKET/PREFIX``; raises ``ValueError``."""
    match = _BUCKET.match(text)
    if match is None:
        raise ValueError(f'"{text}" is not s3://BUCKET/PREFIX')
    return match[1], (match[2] or "").strip("/")


def parse_endpoint(text: str, default_port: int | None = None) -> tuple[str, int]:
    """``host:port`` or ``[v6]:port``; raises ``ValueError``."""
    match = re.match(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]\s]+))(?::(\d{1,5}))?\Z", text)
    port = int(match[3]) if match is not None and match[3] else default_port
    if match is None or port is None or not 0 < port < 65536:
        raise ValueError(f'"{text}" is not HOST:PORT')
    return match[1] or match[2], port


Size = Annotated[int, BeforeValidator(parse_size), Field(gt=0)]
DAY = 86400.0
Days = Annotated[float, BeforeValidator(parse_duration), Field(ge=DAY)]
Duration = Annotated[float, BeforeValidator(parse_duration), Field(gt=0)]
Seconds = Annotated[int, BeforeValidator(_whole_seconds), Field(gt=0)]
Network = Annotated[str, AfterValidator(_network)]
RelayNetwork = Annotated[str, AfterValidator(_relay_network)]
IpAddress = Annotated[str, AfterValidator(lambda value: str(ipaddress.ip_address(value)))]
Endpoint = Annotated[str, AfterValidator(_host_and_port)]
Domain = Annotated[str, AfterValidator(_a_labels)]
Weight = Annotated[float, Field(ge=0)]
ActionName = Literal["accept", "junk", "quarantine", "defer", "refuse"]
Port = Annotated[int, Field(gt=0, lt=65536)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
OptionalMailbox = Annotated[str, AfterValidator(lambda value: _mailbox(value) if value else "")]
Bucket = Annotated[str, AfterValidator(_bucket)]
Engine = Annotated[str, AfterValidator(_engine)]


class Section(BaseModel):
    """A table of the file: fixed once read, no key that we do not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)
