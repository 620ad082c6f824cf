"""The configuration of one node: one TOML file, checked whole before anything is done with it.

What belongs to the office (domains, accounts, links, policies) is in the
database; here is only what a process must know to open it and to listen.
An unknown key is an error, and every error is told at once with its place.

Its tables stand in ``sections``, by the office that reads them.
"""

import dataclasses
from typing import Annotated, Any, Self

from pydantic import Field, create_model

from posthouse.admd.limits import Limits
from posthouse.supervisor.kinds import Seconds, Section, Size
from posthouse.supervisor.sections.boundary import FilterSection, QuarantineSection, ScannerSection
from posthouse.supervisor.sections.doors import ListenerSection, PasswordsSection, TlsSection
from posthouse.supervisor.sections.node import (
    KeysSection,
    LogSection,
    PrivilegesSection,
    ProcessSection,
    StopSection,
    StoreSection,
)
from posthouse.supervisor.sections.relay import DnsSection, RelaySection
from posthouse.supervisor.sections.senders import ArcSection, AuthenticationSection, DkimSection, ReportsSection


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
