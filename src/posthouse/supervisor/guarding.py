"""What guards the house against strangers: made once, given new rules when the configuration has changed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from posthouse.admd.directory import Directory
from posthouse.admd.limits import Limits
from posthouse.filter.acquaintance import Acquaintance
from posthouse.filter.blocklists import BlockLists, List, Means
from posthouse.filter.connections import Census
from posthouse.filter.disguise import Disguise
from posthouse.filter.greylist import Greylist
from posthouse.filter.greylist import Terms as GreylistTerms
from posthouse.filter.networks import Networks
from posthouse.filter.pardons import Pardons
from posthouse.filter.ports import Examiner
from posthouse.filter.rates import AccountRates, ClientRates
from posthouse.filter.replay import Replays
from posthouse.filter.returnpath import ReturnPaths
from posthouse.filter.returns import Returns, Sent
from posthouse.filter.sharing import Shared
from posthouse.filter.surge import Surge
from posthouse.filter.takeover import Takeover
from posthouse.lib.ports import Clock
from posthouse.mta.admission import Admission
from posthouse.mta.rooms import Rooms
from posthouse.mta.space import Space
from posthouse.observe.ports import Journal, Level
from posthouse.standards.dns.ports import Resolver
from posthouse.storage.errors import StorageError
from posthouse.storage.ports import Store
from posthouse.storage.shelf import Note
from posthouse.supervisor.config import Configuration
from posthouse.supervisor.selftest import OpenRelay

DISGUISES = "relay.disguise"
"""The shelf of addresses behind which the world was seen."""

REMEMBERED_SECONDS = 30 * 86400


@dataclass(slots=True)
class Guards:
    """Everybody who looks at strangers before their mail is looked at."""

    census: Census
    rates: ClientRates
    account_rates: AccountRates
    space: Space
    acquaintance: Acquaintance
    sent: Sent
    rooms: Rooms
    surge: Surge
    disguise: Disguise
    pardons: Pardons
    takeover: Takeover
    """Who notices that somebody else sends from an account of ours."""
    replays: Replays
    paths: ReturnPaths | None = None
    """None without a secret to sign them with."""
    lists: BlockLists | None = None
    """None when none is configured."""
    greylist: Greylist | None = None
    examiners: Sequence[Examiner] = field(default_factory=tuple)
    """Of mail from outside only."""
    message_octets: int = 0

    @property
    def allowances(self) -> dict[str, Shared]:
        """Of all rules that hold for all nodes together."""
        shared: dict[str, Shared] = {}
        for one in (
            self.census, self.rates, self.account_rates, self.rooms, self.surge, self.takeover, self.replays,
        ):  # fmt: skip
            shared |= one.allowances
        return shared

    def admission(self) -> Admission:
        """What strangers must satisfy at RCPT beyond a good address."""
        return Admission(
            self.rooms,
            self.rates,
            message_octets=self.message_octets,
            acquaintance=self.acquaintance,
            lists=self.lists,
            greylist=self.greylist,
        )


def build_guards(
    store: Store,
    directory: Directory,
    space: Space,
    configuration: Configuration,
    limits: Limits,
    clock: Clock,
    journal: Journal,
    paths: ReturnPaths | None = None,
) -> Guards:
    acquaintance = Acquaintance(store, clock, journal)
    gateways = frozenset(configuration.relay.gateways)
    keeper = _Keeper(store, clock, journal)
    return Guards(
        Census(limits, clock),
        ClientRates(limits, clock),
        AccountRates(limits, clock),
        space,
        acquaintance,
        Sent(store, clock, journal),
        Rooms(store, directory, clock),
        Surge(configuration.filter.surge.messages, acquaintance, clock),
        Disguise(journal, known=gateways, found=keeper.keep),
        Pardons(store, acquaintance, journal),
        Takeover(acquaintance, limits, clock),
        Replays(limits, clock),
        paths,
    )


def adopt(
    guards: Guards,
    configuration: Configuration,
    limits: Limits,
    *,
    store: Store,
    resolver: Resolver,
    clock: Clock,
    journal: Journal,
) -> None:
    """Go by this configuration from now on; a rule that did not change keeps what was counted."""
    for one in (guards.census, guards.rates, guards.account_rates, guards.space, guards.takeover, guards.replays):
        one.adopt(limits)
    wanted = configuration.filter
    if guards.paths is not None:
        guards.paths.signs = wanted.bounces.sign
    guards.message_octets = limits.message_octets
    guards.surge.adopt(wanted.surge.messages)
    guards.disguise.known = frozenset(configuration.relay.gateways)
    lists = tuple(List(one.zone, Means(one.action), one.score, frozenset(one.codes), one.ipv6) for one in wanted.dnsbl)
    guards.lists = BlockLists(lists, resolver, clock, journal) if lists else None
    guards.greylist = None
    if wanted.greylist.mode != "off":
        terms = GreylistTerms(wanted.greylist.delay, wanted.greylist.window, wanted.greylist.keep)
        always = wanted.greylist.mode == "on"
        guards.greylist = Greylist(store, clock, terms, lambda: always or guards.census.is_stressed())
    examiners: list[Examiner] = [guards.surge]
    if guards.lists is not None:
        examiners.append(guards.lists)
    if wanted.bounces.check:
        examiners.append(Returns(guards.sent, guards.acquaintance, guards.paths))
    guards.examiners = tuple(examiners)


@dataclass(slots=True)
class _Keeper:
    """Keeps what the disguise found, for the next start."""

    store: Store
    clock: Clock
    journal: Journal
    _writing: "set[asyncio.Task[None]]" = field(default_factory=set)

    def keep(self, address: str) -> None:
        task = asyncio.get_running_loop().create_task(self._write(address))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, address: str) -> None:
        at = int(self.clock.now() * 1000)
        try:
            await self.store.put_notes((Note(DISGUISES, address, b"", at, at + REMEMBERED_SECONDS * 1000),))
        except StorageError as error:
            self.journal.note("relay.disguise-unwritten", Level.WARNING, reason=str(error))


async def check_disguises(store: Store, configuration: Configuration) -> None:
    """Refuse to start while the world was seen behind an address that may relay; raises ``OpenRelay``."""
    relay = Networks(configuration.relay.networks, wide=configuration.relay.wide_networks)
    for note in await store.list_notes(DISGUISES):
        if note.key in relay and note.key not in configuration.relay.gateways:
            raise OpenRelay(
                f"strangers seem to come from {note.key} (a NAT or proxy before us), which is in relay.networks: "
                f"everybody could relay; take it out, or name it in relay.gateways if it is a machine of yours"
            )
