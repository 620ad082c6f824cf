"""Who has sent what: what we look at in mail of others, how we sign our own, what is reported both ways."""

from typing import Literal, Self

from pydantic import Field, model_validator

from posthouse.admd.keys import Policy as KeyPolicy
from posthouse.supervisor.kinds import Days, Domain, Mailbox, OptionalMailbox, Section


class AuthenticationSection(Section):
    verify: bool = Field(default=True, description="Whether SPF, DKIM, DMARC and ARC of strangers are looked at")
    sealers: tuple[Domain, ...] = Field(
        default=(), description="Forwarders whose ARC seals we believe; nobody else's word overrides a DMARC policy"
    )
    welcome: tuple[Domain, ...] = Field(default=(), description="Author domains let in whatever DMARC says of them")
    unwelcome: tuple[Domain, ...] = Field(default=(), description="Author domains that are refused")
    dmarc_quarantine: Literal["junk", "quarantine"] = Field(
        default="junk", description="Where a message goes that its DMARC policy wants quarantined"
    )
    spf_fail: Literal["accept", "junk", "quarantine", "refuse"] = Field(
        default="junk", description="What an SPF fail means where neither a DMARC policy nor a signature speaks"
    )


class DkimSection(Section):
    sign: bool = Field(default=True, description="Sign what our own people and we ourselves send")
    rotate: Days = Field(
        default="90d", validate_default=True, description="How long a key signs before the next one is made"
    )
    overlap: Days = Field(
        default="14d", validate_default=True, description="How long a key stays published after it has signed last"
    )

    @property
    def policy(self) -> KeyPolicy:
        """The same as the key ring wants it."""
        return KeyPolicy(rotate=int(self.rotate * 1000), overlap=int(self.overlap * 1000))

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        _ = self.policy
        return self


class ArcSection(Section):
    seal: bool = Field(default=False, description="Seal what we forward or relay, after it was verified")


class ReportsSection(Section):
    send: bool = Field(
        default=True,
        description="Tell domains that ask for it once a day of mail in their name (DMARC) and of their TLS",
    )
    organization: str = Field(default="", description="Who we are in these reports; without it, our first domain")
    contact: OptionalMailbox = Field(
        default="", description="The address of ours that they come from; without it, postmaster of our first domain"
    )
    addresses: tuple[Mailbox, ...] = Field(
        default=(),
        description="Addresses of ours that take reports of others, besides postmaster, dmarc and tlsrpt here",
    )
    keep: Days = Field(default="90d", validate_default=True, description="How long reports of others are kept")
    failures: bool = Field(
        default=False,
        description="Also tell domains that ask for it of single messages that failed, by header, without recipients",
    )
    tell_strangers: bool = Field(
        default=False,
        description="Whether a stranger who asks for it hears that mail was delivered, not only that we took it",
    )
