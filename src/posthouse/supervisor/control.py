"""What operators' commands are answered from: the house as its operator sees it."""

from collections.abc import Awaitable, Callable, Mapping

from posthouse.admd.vault import Vault
from posthouse.ops.house import House
from posthouse.supervisor.config import Configuration
from posthouse.supervisor.dns import place_of
from posthouse.supervisor.works import Tools, Works


def ops_house(
    works: Works,
    tools: Tools,
    configuration: Configuration,
    renew_vault: Callable[[], Awaitable[Vault]],
    facts: Callable[[], Mapping[str, object]],
) -> House:
    """All offices that a command may ask; ``facts`` are what only a running server knows of itself."""
    return House(
        works.store,
        tools.clock,
        limits=tools.limits,
        wake=works.manager.wake,
        secretary=works.secretary,
        directory=works.directory,
        keys=works.ring,
        place=place_of(configuration, works.resolver),
        new_vault=renew_vault,
        scanners=lambda: works.scanners,
        quarantine=works.quarantine,
        custody=works.custody,
        is_breached=lambda: works.authenticator.policy.is_breached,
        digests=works.digests,
        school=works.school,
        post=works.feedback.post,
        gather=works.feedback.write,
        facts=facts,
    )
