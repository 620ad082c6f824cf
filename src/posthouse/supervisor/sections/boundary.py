"""What is let in, put aside or refused: lists, greylisting, scores, what examiners and scanners find."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, create_model, model_validator

from posthouse.filter.content.policy import DEFAULTS
from posthouse.net.places import parse_place
from posthouse.supervisor.kinds import ActionName, Days, Domain, Duration, IpAddress, Section, Size, Weight


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
    sign: bool = Field(
        default=False,
        description="Let mail leave with a signed return path (alice+b123…@), to which only true reports can come",
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


class QuarantineSection(Section):
    keep: Days = Field(default="30d", validate_default=True, description="How long what is in quarantine is kept")
    digest: bool = Field(default=True, description="Tell users once a day what was newly quarantined for them")
