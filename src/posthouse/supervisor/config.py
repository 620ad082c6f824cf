"""The configuration of one node: one TOML file, checked whole before anything is done with it.

What belongs to the office (domains, accounts, links, policies) is in the
database; here is only what a process must know to open it and to listen.
An unknown key is an error, and every error is told at once with its place.
"""

import dataclasses
import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import idna
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    create_model,
    model_validator,
)

from posthouse.admd.keys import Policy as KeyPolicy
from posthouse.admd.limits import Limits
from posthouse.filter.content.policy import DEFAULTS
from posthouse.filter.networks import WIDEST_IPV4, WIDEST_IPV6, parse_network
from posthouse.net.places import parse_place
from posthouse.standards.smtp.grammar import parse_mailbox

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


def _limits_section() -> type[Section]:
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(Limits):
        unit = str(field.metadata["unit"])
        kind = Size if unit.startswith("octets") else Seconds if unit == "seconds" else Annotated[int, Field(gt=0)]
        fields[field.name] = (
            kind | None,
            Field(default=None, description=f"{field.metadata['number']}: {field.metadata['why']}"),
        )
    return create_model("LimitsSection", __base__=Section, **fields)


LimitsSection = _limits_section()


class StoreSection(Section):
    directory: Path = Field(default=Path("/var/lib/posthouse"), description="Where everything is kept")
    engine: Engine = Field(
        default="", description="Empty: the embedded engine; else postgresql://USER@HOST1,HOST2,HOST3/DATABASE"
    )
    bodies: Bucket = Field(
        default="", description="Where large content goes: s3://BUCKET/PREFIX, for this store alone; empty: the engine"
    )
    bodies_over: Size = Field(default=16 * 1024, description="Content larger than this goes there")
    s3_endpoint: str = Field(default="", description="The URL of the S3 service; empty: Amazon's")
    s3_region: str = Field(default="us-east-1", description="Its region")
    s3_key_file: Path | None = Field(
        default=None, description="Two lines: the id of the access key, its secret; without it, the environment's"
    )
    s3_ca_file: Path | None = Field(default=None, description="PEM: who signed the endpoint's certificate")


class LogSection(Section):
    level: Literal["debug", "info", "warning", "alarm"] = Field(default="info", description="What is worth an entry")
    format: Literal["auto", "logfmt", "json"] = Field(default="auto", description="auto: logfmt for people, JSON else")


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


class ListOfClients(Section):
    zone: Domain = Field(description="Where it is in the DNS: zen.example.org")
    action: Literal["refuse", "defer", "score", "welcome"] = Field(
        default="score",
        description="What follows for who is on it; welcome: let in by what only suspects, such as greylisting",
    )
    score: float = Field(default=3.0, gt=0, description="Its weight towards Junk, or away from it for welcome")
    codes: tuple[IpAddress, ...] = Field(
        default=(), description="The answers that count; without any, all in 127.0.0.0/8"
    )
    ipv6: bool = Field(default=True, description="Whether it knows IPv6 addresses")


class GreylistSection(Section):
    mode: Literal["off", "stress", "on"] = Field(
        default="off", description="stress: only while connections are so many that places are rare"
    )
    delay: Duration = Field(default=300.0, description="Who comes again sooner comes too soon")
    window: Duration = Field(default=86400.0, description="Who comes again later begins anew")
    keep: Duration = Field(default=36 * 86400.0, description="How long who passed is known")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.window <= self.delay:
            raise ValueError("window must be longer than delay, or nobody passes")
        return self


class BouncesSection(Section):
    check: bool = Field(
        default=True, description="Put reports into Junk that answer nothing our people have sent (forged bounces)"
    )


class ClassifierSection(Section):
    use: bool = Field(default=True, description="Judge mail by what its readers have taught; nothing before they have")
    learn: bool = Field(
        default=True, description="Learn from moves to and from Junk, from what is filed, answered or flagged"
    )
    minimum: int = Field(
        default=10, gt=0, description="Junk and good messages each that a user must have judged before his words count"
    )


class SurgeSection(Section):
    messages: int = Field(
        default=30, gt=0, description="More bulk mail of strangers than this in ten minutes goes to Junk: a mail bomb"
    )


class DnsSection(Section):
    server: Endpoint | None = Field(default=None, description="HOST:PORT of a resolver; without it, /etc/resolv.conf")


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


def _content_section() -> type[Section]:
    """What each class of finding in the content demands, as ``filter.content.policy`` has it."""
    fields: dict[str, Any] = {
        kind.value: (ActionName, Field(default=action.value, description=f"What follows for {why}"))
        for kind, (action, _, why) in DEFAULTS.items()
    }
    return create_model("ContentSection", __base__=Section, **fields)


ContentSection = _content_section()


class FilterSection(Section):
    junk_score: float = Field(default=5.0, gt=0, description="From this score on a message is put into Junk")
    refuse_score: float = Field(default=15.0, gt=0, description="From this score on it is refused")
    weights: dict[str, Weight] = Field(
        default={}, description="By source: how much its scores count, as in { rspamd = 0.5 }; without it 1"
    )
    actions: dict[str, Literal["accept", "junk", "quarantine", "defer", "refuse"]] = Field(
        default={},
        description='By reason: what follows instead, as in { "clamav.failed" = "accept", "sender.spf" = "refuse" }',
    )
    dnsbl: tuple[ListOfClients, ...] = Field(default=(), max_length=16, description="Lists of clients in the DNS")
    greylist: GreylistSection = GreylistSection()
    bounces: BouncesSection = BouncesSection()
    surge: SurgeSection = SurgeSection()
    classifier: ClassifierSection = ClassifierSection()
    content: ContentSection = ContentSection()  # type: ignore[valid-type] # made from filter.content.policy

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.refuse_score < self.junk_score:
            raise ValueError("refuse_score must not be below junk_score")
        return self


def _place(value: str) -> str:
    parse_place(value)
    return value


class ScannerSection(Section):
    kind: Literal["clamd", "rspamd", "milter", "icap"] = Field(description="What is spoken there")
    address: Annotated[str, AfterValidator(_place)] = Field(
        description='Where it listens: "127.0.0.1:3310" or "unix:/run/clamav/clamd.ctl"'
    )
    name: Annotated[str, Field(pattern=r"\A(?:[a-z][a-z0-9-]{0,31})?\z")] = Field(
        default="", description="What it is called in reasons, metrics and commands; without it, its kind"
    )
    timeout: Duration = Field(default=30.0, lt=110, description="For one message, waiting for a free place included")
    on_failure: Literal["defer", "accept", "quarantine"] = Field(
        default="defer", description="What happens to a message that it could not examine"
    )
    on_virus: Literal["refuse", "quarantine"] = Field(
        default="refuse", description="What happens to a message that it found something in"
    )
    scope: Literal["in", "out", "both"] = Field(
        default="both", description="Mail of strangers, of our own people, or of both"
    )
    at_once: Annotated[int, Field(gt=0, le=100)] = Field(default=8, description="Messages shown to it at the same time")
    largest: Size | None = Field(
        default=None, description="A larger message is not shown to it; on_failure says what that means"
    )
    service: Annotated[str, Field(pattern=r"\A[A-Za-z0-9._~/?=&-]{1,200}\z")] = Field(
        default="avscan", description="The ICAP service"
    )
    mode: Literal["RESPMOD", "REQMOD"] = Field(default="RESPMOD", description="How it is asked by ICAP")

    @property
    def label(self) -> str:
        return self.name or self.kind


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


class QuarantineSection(Section):
    keep: Days = Field(default="30d", validate_default=True, description="How long what is in quarantine is kept")
    digest: bool = Field(default=True, description="Tell users once a day what was newly quarantined for them")


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
    tell_strangers: bool = Field(
        default=False,
        description="Whether a stranger who asks for it hears that mail was delivered, not only that we took it",
    )


class CertificateFiles(Section):
    certificate: Path = Field(description="PEM, the chain included")
    key: Path = Field(description="PEM, readable by us alone")
    names: tuple[str, ...] = Field(default=(), description="The names a client may ask for (SNI)")


class TlsSection(Section):
    certificate: Path | None = Field(default=None, description="PEM, the chain included")
    key: Path | None = Field(default=None, description="PEM, readable by us alone")
    other: tuple[CertificateFiles, ...] = Field(default=(), description="Certificates for other names")


class KeysSection(Section):
    file: Path | None = Field(
        default=None,
        description="The master key that private keys are sealed with; without it, master.key beside the store",
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


class ListenerSection(Section):
    service: Literal["smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "lmtp", "metrics"] = Field(
        description="What is spoken there"
    )
    address: str = Field(default="0.0.0.0", description="An address of this machine; :: for all of IPv6")  # noqa: S104 - a mail server listens
    port: Port | None = Field(default=None, description="Without it, the port the standard names")

    @property
    def number(self) -> int:
        return self.port or PORTS[self.service]


class PrivilegesSection(Section):
    user: str = Field(default="", description="Who we become once the ports are bound, when started as root")
    group: str = Field(default="", description="Without it, the group of that user")


class ProcessSection(Section):
    confine: bool = Field(
        default=True,
        description="Give up, before anybody is let in, what a mail server does not need; false only to find a fault",
    )


class StopSection(Section):
    deadline: Duration = Field(default=20.0, description="How long a clean stop waits for what is in progress")


class Configuration(Section):
    """All of the file. Every key has a default but ``hostname``."""

    hostname: str = Field(description="The name we greet with; it should be in the DNS, both ways")
    store: StoreSection = StoreSection()
    log: LogSection = LogSection()
    limits: LimitsSection = LimitsSection()  # type: ignore[valid-type] # made from admd.limits.Limits
    relay: RelaySection = RelaySection()
    dns: DnsSection = DnsSection()
    authentication: AuthenticationSection = AuthenticationSection()
    filter: FilterSection = FilterSection()
    scanner: tuple[ScannerSection, ...] = ()
    quarantine: QuarantineSection = QuarantineSection()
    passwords: PasswordsSection = PasswordsSection()
    reports: ReportsSection = ReportsSection()
    tls: TlsSection = TlsSection()
    keys: KeysSection = KeysSection()
    dkim: DkimSection = DkimSection()
    arc: ArcSection = ArcSection()
    listener: tuple[ListenerSection, ...] = ()
    privileges: PrivilegesSection = PrivilegesSection()
    process: ProcessSection = ProcessSection()
    stop: StopSection = StopSection()

    @property
    def effective_limits(self) -> Limits:
        """The defaults, with what the file changes."""
        given = self.limits.model_dump(exclude_none=True)  # type: ignore[attr-defined] # see above
        return dataclasses.replace(Limits(), **given)

    def replace(self, **changes: Any) -> Self:
        return self.model_copy(update=changes)
