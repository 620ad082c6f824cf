"""The whole catalogue, in the order of its surfaces."""

from collections.abc import Iterable

from posthouse.drill.catalogue import (
    access,
    accounts,
    bounces,
    content,
    continuity,
    identity,
    operations,
    smtp,
    tls,
    volume,
    web,
)
from posthouse.drill.threat import PROFILES, Threat

CATALOGUE: tuple[Threat, ...] = tuple(
    one
    for module in (smtp, tls, accounts, identity, bounces, volume, content, access, web, continuity, operations)
    for one in module.THREATS
)


class Unknown(Exception):
    """An id, a profile or a filter that names nothing."""


def select(
    ids: Iterable[str] = (), *, profile: str = "", surface: str = "", fault: str = "", motive: str = ""
) -> list[Threat]:
    """What was asked for, in the order of the catalogue. Raises ``Unknown``."""
    wanted = {one.upper() for one in ids}
    unknown = sorted(wanted - {one.id for one in CATALOGUE})
    if unknown:
        raise Unknown(f"nothing in the catalogue is called {', '.join(unknown)}")
    if profile and profile not in PROFILES:
        raise Unknown(f"no profile {profile}; there are {', '.join(PROFILES)}")
    in_profile = "full" if profile == "soak" else profile
    return [
        one
        for one in CATALOGUE
        if (not wanted or one.id in wanted)
        and (not profile or wanted or in_profile in one.profiles)
        and (not surface or one.surface == surface)
        and (not fault or fault in one.classes)
        and (not motive or motive in one.motives)
    ]
