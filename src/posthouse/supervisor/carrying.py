"""The queue and the road out: who carries mail to other servers, and which way."""

import random
import ssl
from collections.abc import Callable
from typing import Any

from posthouse.filter.returnpath import ReturnPaths
from posthouse.mail.ids import BlobId
from posthouse.mta.crew import Crew
from posthouse.mta.feedback.sessions import Sessions
from posthouse.mta.manager import Manager
from posthouse.mta.mx import MxLookup, Ourselves
from posthouse.mta.outside import Outside
from posthouse.mta.relay import Relay
from posthouse.mta.route import Credentials, DirectoryRoute, Route, Routes, Terms, TlsPolicy, static
from posthouse.mta.schedule import Schedule
from posthouse.mta.secretary import Secretary
from posthouse.mta.settler import Settler
from posthouse.mta.signing import Signer
from posthouse.net.dialer import TcpDialer
from posthouse.net.tls import client_context
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Blobs
from posthouse.supervisor.files import DirectoryFiles
from posthouse.supervisor.works import Setting, Site


def build_manager(
    site: Site, secretary: Secretary, signer: Signer | None, sessions: Sessions, paths: ReturnPaths | None
) -> Manager:
    """Who carries what is due, with all he needs."""
    setting, configuration, tools, store = site.setting, site.configuration, site.tools, site.store
    chance, schedule = random.SystemRandom().random, Schedule.of(tools.limits)
    routes = routes_of(site, chance)
    relay = Relay(
        dialer=dialer_of(site),
        routes=routes,
        blobs=store.blobs,
        clock=tools.clock,
        ids=tools.ids,
        hostname=configuration.hostname,
        signer=signer,
        sessions=sessions,
        paths=paths,
    )
    settler = Settler(
        store,
        secretary,
        schedule,
        clock=tools.clock,
        chance=chance,
        journal=tools.journal,
        meter=tools.meter,
        stranger_reports_hour=tools.limits.stranger_reports_hour,
        is_own=site.directory.is_local_domain,
    )
    outside = Outside(DirectoryFiles(setting.outside), store.blobs) if setting.outside is not None else None
    crew = Crew(store, relay, routes, settler, outside, tools.clock, chance, tools.journal)
    return Manager(crew, owner=store.node, limits=tools.limits)


def routes_of(site: Site, chance: Callable[[], float]) -> Routes:
    """Which way mail goes: as the configuration says, else as the DNS does."""
    setting, configuration = site.setting, site.configuration
    ourselves = Ourselves(
        names=frozenset({configuration.hostname}),
        addresses=frozenset(one.address for one in configuration.listener if one.service == "smtp"),
    )
    return Routes(
        MxLookup(site.resolver, ourselves, chance),
        table={one.domain: route_of(one) for one in configuration.relay.route if one.domain != "*"},
        default=default_route(setting),
    )


def default_route(setting: Setting) -> Route | None:
    """Where mail goes that has no route of its own; None asks the DNS."""
    if setting.smarthost is not None:
        return static(*setting.smarthost, Terms())
    if setting.outside is not None:
        return DirectoryRoute()
    for one in setting.configuration.relay.route:
        if one.domain == "*":
            return route_of(one)
    return None


def route_of(one: Any) -> Route:
    """A ``[[relay.route]]`` as the router wants it."""
    credentials = None
    if one.user and one.password_file is not None:
        credentials = Credentials(one.user, one.password_file.read_text("utf-8").splitlines()[0])
    policy = TlsPolicy.VERIFY if one.tls == "required" else TlsPolicy.MAY
    return static(one.host, one.number, Terms(policy, credentials=credentials, lmtp=one.protocol == "lmtp"))


def dialer_of(site: Site) -> TcpDialer:
    """Connects to others, wherever this way of running may."""
    return TcpDialer(SliceReader(site.store.blobs), ClientContexts(), may=site.setting.may_dial)


class SliceReader:
    """Implements ``net.ports.BlobReader``."""

    __slots__ = ("_blobs",)

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    async def read(self, blob: str, start: int, length: int) -> bytes:
        try:
            return await self._blobs.read(BlobId(blob), start, length)
        except StorageError as error:
            raise OSError(str(error)) from error


class ClientContexts:
    """Client TLS contexts, made when first needed: reading the system's authorities takes a while."""

    __slots__ = ("_contexts",)

    def __init__(self) -> None:
        self._contexts: dict[bool, ssl.SSLContext] = {}

    def __call__(self, verify: bool) -> ssl.SSLContext:
        context = self._contexts.get(verify)
        if context is None:
            context = self._contexts[verify] = client_context(verify=verify)
        return context
