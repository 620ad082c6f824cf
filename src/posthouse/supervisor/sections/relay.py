"""Who may relay, and which way mail goes that others get."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from posthouse.supervisor.kinds import Endpoint, IpAddress, Network, Port, RelayNetwork, Section
from posthouse.supervisor.sections.doors import PORTS


class Route(Section):
    domain: str = Field(description='A domain, or "*" for all that have no route of their own (a smarthost)')
    host: str = Field(description="Where its mail goes: a name or an address")
    protocol: Literal["smtp", "lmtp"] = Field(
        default="smtp", description="lmtp: to a server that keeps the mail itself and answers for each recipient"
    )
    port: Port | None = Field(default=None, description="There; without it 25, for LMTP 24")
    user: str = Field(default="", description="Log in there as")
    password_file: Path | None = Field(default=None, description="With the first line of this file")
    tls: Literal["opportunistic", "required"] = Field(
        default="opportunistic", description="required: with a valid certificate"
    )

    @property
    def number(self) -> int:
        return self.port or PORTS[self.protocol]

    @model_validator(mode="after")
    def _not_on_the_port_of_smtp(self) -> Self:
        if self.protocol == "lmtp" and self.port == PORTS["smtp"]:  # RFC 2033 section 5
            raise ValueError("LMTP must not be spoken on port 25")
        return self


class RelaySection(Section):
    wide_networks: tuple[Network, ...] = Field(
        default=(),
        description="Those of networks that are meant to be wider than /16 (IPv6 /48): said twice, or refused",
    )
    networks: tuple[RelayNetwork, ...] = Field(
        default=(), description="Machines that may relay without a login; exact, few"
    )
    gateways: tuple[IpAddress, ...] = Field(
        default=(), description="Machines of yours that call under many names and are yet no NAT or proxy of strangers"
    )
    route: tuple[Route, ...] = Field(default=(), description="Where mail for some domains goes instead of to their MX")


class DnsSection(Section):
    server: Endpoint | None = Field(default=None, description="HOST:PORT of a resolver; without it, /etc/resolv.conf")
