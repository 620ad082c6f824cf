"""``posthouse localserve``: the whole server on loopback, ready to try, and nothing of it ever leaves the machine.

What it promises to people and to programs is in ``docs/reference/localserve.md``.
"""

import asyncio
import json
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from posthouse.admd.credentials import make_verifiers, verify_password
from posthouse.ops.dnsadvice import Place, records_of
from posthouse.standards.dns.ports import Srv
from posthouse.storage.directory import AccountRow, AliasRow, DomainRow
from posthouse.storage.errors import Conflict
from posthouse.storage.ports import Store
from posthouse.supervisor.authority import make_certificates
from posthouse.supervisor.config import Configuration
from posthouse.supervisor.files import write_whole
from posthouse.supervisor.load import load
from posthouse.supervisor.sections.doors import ListenerSection, TlsSection
from posthouse.supervisor.serve import Server
from posthouse.supervisor.works import Setting, Tools
from posthouse.testing.zone import Zone, office_zone

DOMAIN = "office.test"
HOSTNAME = "mx.office.test"
ADMIN = f"admin@{DOMAIN}"
PEOPLE = ("alice", "bob", "carol")
QUOTA_OCTETS = 1024 * 1024 * 1024

OFFSETS = {
    "smtp": 0,
    "submission": 1,
    "submissions": 2,
    "imap": 3,
    "imaps": 4,
    "pop3": 5,
    "pop3s": 6,
    "lmtp": 10,
    "metrics": 11,
}
"""A service's port is the base port and this."""

TLS_OF = {"submissions": "implicit", "imaps": "implicit", "pop3s": "implicit", "lmtp": "none", "metrics": "none"}
"""All others offer STARTTLS."""

LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""No letter that looks like another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the command line said."""

    directory: Path
    host: str = "127.0.0.1"
    base_port: int = 2500
    relay: tuple[str, int] | None = None
    dns: tuple[str, int] | None = None
    config: Path | None = None
    engine: str = ""
    """Nothing: that of ``config``, or the embedded one."""
    say: Callable[[str], None] = print


@dataclass(slots=True)
class Office:
    """One directory of data, its accounts and their passwords, which outlive a restart."""

    wishes: Wishes
    ca_file: Path = field(default=Path())
    passwords: dict[str, str] = field(default_factory=dict)
    changed: frozenset[str] = frozenset()
    """Whose password is no longer the one that we made: ``posthouse account password`` was there before us."""

    @property
    def addresses(self) -> tuple[str, ...]:
        return (*(f"{name}@{DOMAIN}" for name in PEOPLE), ADMIN)

    def open(self) -> None:
        """Make what is missing: the directory, the certificates, the passwords."""
        directory = self.wishes.directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        names = ("localhost", DOMAIN, HOSTNAME)
        self.ca_file = make_certificates(directory / "tls", names, tuple({"127.0.0.1", "::1", self.wishes.host}))
        file = directory / "passwords.json"
        known = json.loads(file.read_text("utf-8")) if file.is_file() else {}
        self.passwords = {address: known.get(address) or make_password() for address in self.addresses}
        if self.passwords != known:
            write_whole(file, json.dumps(self.passwords, indent=1).encode() + b"\n")

    def setting(self) -> Setting:
        """The configuration of the file, if one was named, on loopback and with our own name, keys and ports."""
        wishes = self.wishes
        tls = wishes.directory / "tls"
        keys = TlsSection(certificate=tls / "server.pem", key=tls / "server.key")
        absent = {"hostname": HOSTNAME, "tls": keys.model_dump(exclude_defaults=True)}
        base = load(wishes.config, absent=absent) if wishes.config is not None else Configuration(hostname=HOSTNAME)
        listeners = tuple(
            ListenerSection.model_validate(
                {"service": service, "address": wishes.host, "port": wishes.base_port + offset}
            )
            for service, offset in OFFSETS.items()
        )
        configuration = base.replace(
            hostname=HOSTNAME,
            store=base.store.model_copy(
                update={"directory": wishes.directory / "store", "engine": wishes.engine or base.store.engine}
            ),
            tls=keys,
            listener=listeners,
            dns=base.dns.model_copy(update={"server": _endpoint(wishes.dns) if wishes.dns else None}),
        )
        has_routes = bool(configuration.relay.route)
        zone = world(wishes.host, wishes.base_port) if wishes.dns is None else None
        nowhere_else = wishes.relay is None and wishes.dns is None
        return Setting(
            configuration,
            resolver=zone,
            outside=wishes.directory / "outside" if nowhere_else and not _has_default(configuration) else None,
            smarthost=wishes.relay,
            exempt=("127.0.0.1",),
            may_dial=None if wishes.relay or has_routes else _is_this_machine,
            home=wishes.directory,
            publish=zone.publish if zone is not None else _is_said_to_be_published,
        )

    def close(self) -> None:
        """Nobody is here any more: whoever waits for ``endpoints.json`` waits for the next life."""
        (self.wishes.directory / "endpoints.json").unlink(missing_ok=True)

    async def settle_in(self, store: Store, tools: Tools) -> None:
        """The domain, the accounts and the aliases, where they are not there yet. The store is ours from here on."""
        self.close()
        known = await store.directory()
        at = int(tools.clock.now() * 1000)
        if DOMAIN not in {row.name for row in known.domains}:
            await store.put_domain(DomainRow(DOMAIN, created_at=at))
        there = {row.address: row for row in known.accounts}
        self.changed = await asyncio.to_thread(self._find_changed, there)
        for address in self.addresses:
            if address not in there:
                verifiers = make_verifiers(self.passwords[address], iterations=tools.limits.scram_iterations)
                name = address.partition("@")[0].capitalize()
                with suppress(Conflict):  # another node of the same data came first
                    await store.create_account(
                        address, name, verifiers, quota=QUOTA_OCTETS, admin=address == ADMIN, at=at
                    )
        aliases = {row.address for row in known.aliases}
        for name in ("postmaster", "abuse"):
            if f"{name}@{DOMAIN}" not in aliases:
                await store.put_alias(AliasRow(f"{name}@{DOMAIN}", (ADMIN,), at))

    def _find_changed(self, accounts: Mapping[str, AccountRow]) -> frozenset[str]:
        known = [(accounts[address], self.passwords[address]) for address in self.addresses if address in accounts]
        return frozenset(row.address for row, password in known if not verify_password(row.verifiers, password))

    def announce(self, server: Server) -> None:
        """Ready: ``endpoints.json`` for programs, a page for people."""
        ports = {listener.name: listener.port for listener in server.listeners}
        write_whole(self.wishes.directory / "endpoints.json", json.dumps(self._endpoints(ports), indent=1).encode())
        for line in self._page(ports):
            self.wishes.say(line)

    def _endpoints(self, ports: dict[str, int]) -> dict[str, object]:
        host = self.wishes.host
        services = {
            name: {"host": host, "port": port, "tls": TLS_OF.get(name, "starttls")} for name, port in ports.items()
        }
        accounts = [{"address": address, "password": self._password(address)} for address in self.addresses]
        return {
            "pid": os.getpid(),
            "services": services,
            "accounts": accounts[:-1],
            "admin": accounts[-1],
            "ca_file": str(self.ca_file),
        }

    def _password(self, address: str) -> str | None:
        """None: somebody else knows it."""
        return None if address in self.changed else self.passwords[address]

    def _page(self, ports: dict[str, int]) -> Sequence[str]:
        """What a person wants to know first, in 80 columns."""
        host = f"[{self.wishes.host}]" if ":" in self.wishes.host else self.wishes.host
        rows = [f"Posthouse is ready on {host}: domain {DOMAIN}", ""]
        rows += [f"  {address:<20} {self._password(address) or '(changed)'}" for address in self.addresses]
        rows.append("")
        for label, first, second in (
            ("receive mail", "smtp", "lmtp"),
            ("send mail", "submission", "submissions"),
            ("IMAP", "imap", "imaps"),
            ("POP3", "pop3", "pop3s"),
            ("metrics", "metrics", ""),
        ):
            shown = [f"{name} {host}:{ports[name]}" for name in (first, second) if name in ports]
            if shown:
                rows.append(f"  {label:<14} {shown[0]:<32} {' '.join(shown[1:])}".rstrip())
        rows += ["", f"  TLS authority  {_short(self.ca_file)}", f"  data           {_short(self.wishes.directory)}"]
        if self.wishes.relay is not None:
            rows.append(f"  other domains  are relayed to {_endpoint(self.wishes.relay)}")
        elif self.wishes.dns is None:
            rows.append(f"  other domains  are kept in {_short(self.wishes.directory / 'outside')}")
        if os.geteuid() == 0:
            rows += ["", "  Running as root, and staying so: for trying out only."]
        return [*rows, "", "Ctrl-C stops it; the data stays.", ""]


def world(host: str, base_port: int) -> Zone:
    """One office and nothing else, which publishes all that ``posthouse dns records`` says; its keys follow.

    But nobody is let in by SPF in its name: everybody who tries this office comes from its own address.
    """
    zone = office_zone(DOMAIN, HOSTNAME, host)
    zone.publish(HOSTNAME, b"v=spf1 -all")
    ports = {name: base_port + offset for name, offset in OFFSETS.items()}
    for record in [one.record for one in records_of(DOMAIN, (), Place(HOSTNAME, zone, ports))]:
        if record.type == "SRV":
            priority, weight, port, target = record.value.split(" ")
            zone.add(record.name, "srv", Srv(int(priority), int(weight), int(port), target.rstrip(".")))
        elif record.name not in {DOMAIN, HOSTNAME}:
            zone.publish(record.name, record.value.encode())
    return zone


def make_password() -> str:
    """Four groups of letters and digits: about 79 bits, easy to read out."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(4))


def open_office(wishes: Wishes) -> Office:
    """An office in ``wishes.directory``, which is made if it is not there."""
    office = Office(wishes)
    office.open()
    return office


def _has_default(configuration: Configuration) -> bool:
    return any(route.domain == "*" for route in configuration.relay.route)


def _is_this_machine(host: str, _port: int) -> bool:
    """Nothing leaves the machine, whatever a zone says."""
    return ip_address(host).is_loopback


def _is_said_to_be_published(_name: str, _text: bytes) -> None:
    """The zone is somebody else's: ``posthouse dns records`` tells him what belongs into it."""


def _endpoint(where: tuple[str, int]) -> str:
    host, port = where
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _short(path: Path) -> str:
    """``path`` as seen from here, if that is shorter."""
    try:
        relative = os.path.relpath(path)
    except ValueError:
        return str(path)
    return relative if len(relative) < len(str(path)) and not relative.startswith("..") else str(path)
