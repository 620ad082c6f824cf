"""Where we listen, by which certificate we are known, and which passwords we take."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from posthouse.supervisor.kinds import Days, Port, Section

SERVICES = ("smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "lmtp", "metrics")
PORTS = {
    "smtp": 25,
    "submission": 587,
    "submissions": 465,
    "imap": 143,
    "imaps": 993,
    "pop3": 110,
    "pop3s": 995,
    "lmtp": 24,
    "metrics": 9125,
}
IMPLICIT_TLS = frozenset({"submissions", "imaps", "pop3s"})
WITH_LOGIN = IMPLICIT_TLS | {"submission", "imap", "pop3"}
"""Nobody may log in in the clear (threat A10): without a certificate these doors would serve nobody."""


class ListenerSection(Section):
    service: Literal["smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "lmtp", "metrics"] = Field(
        description="What is spoken there"
    )
    address: str = Field(default="0.0.0.0", description="An address of this machine; :: for all of IPv6")  # noqa: S104 - a mail server listens
    port: Port | None = Field(default=None, description="Without it, the port the standard names")

    @property
    def number(self) -> int:
        return self.port or PORTS[self.service]


class CertificateFiles(Section):
    certificate: Path = Field(description="PEM, the chain included")
    key: Path = Field(description="PEM, readable by us alone")
    names: tuple[str, ...] = Field(default=(), description="The names a client may ask for (SNI)")


class TlsSection(Section):
    certificate: Path | None = Field(default=None, description="PEM, the chain included")
    key: Path | None = Field(default=None, description="PEM, readable by us alone")
    other: tuple[CertificateFiles, ...] = Field(default=(), description="Certificates for other names")


class PasswordsSection(Section):
    breached: Path | None = Field(
        default=None, description="A list of stolen passwords: sorted lines of SHA1:COUNT, as Have I Been Pwned has it"
    )
    weak: Literal["notify", "refuse"] = Field(
        default="notify", description="What follows at login from a password that could not be set today"
    )
    grace: Days = Field(
        default="14d", validate_default=True, description="With refuse: how long it is still taken once its owner knows"
    )
