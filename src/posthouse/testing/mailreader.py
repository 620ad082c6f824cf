"""A mail reader's side of an IMAP session, over a store that the test opened: what it says and what it hears.

    reader = await MailReader.enter(office, "alice")
    assert await reader.says("SELECT INBOX") == ["* FLAGS (...)", ..., "OK [READ-WRITE] Done"]

Tags are made and taken off again. Slices are read from the store, as the loop would.
"""

from collections.abc import AsyncIterator, Iterable
from typing import Any

from posthouse.admd.authenticator import Passed
from posthouse.lib.sansio import Channel, Slice
from posthouse.mail.ids import BlobId
from posthouse.net.ports import Peer
from posthouse.services.imapd.access import Reception
from posthouse.services.imapd.door import Imapd
from posthouse.services.imapd.session import Session
from posthouse.standards.imap import events
from posthouse.standards.imap.offer import Offer
from posthouse.standards.imap.responses import Response
from posthouse.testing.office import Office
from posthouse.testing.wire import TLS

PEER = Peer("192.0.2.1", 4711, "198.51.100.1", 143)


class WakingLine:
    """Implements ``net.ports.Line`` and counts how often it was woken."""

    def __init__(self, channel: Channel | None = None) -> None:
        self.peer = PEER
        self.channel = channel
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


class Welcoming(Reception):
    """Lets everybody in who names an account of the office: sparing a test the cost of hashing a password."""

    __slots__ = ("_office",)

    def __init__(self, office: Office) -> None:
        super().__init__(office.authenticator, most=office.limits.imap_account_connections, failures=3)
        self._office = office

    async def login(self, session: Session, event: events.Login) -> AsyncIterator[Response]:
        account = self._office.directory.account(self._office.accounts[event.user])
        assert account is not None
        for response in self._conclude(session, event.tag, Passed(account, account.address)):
            yield response


class MailReader:
    """One session."""

    def __init__(self, office: Office, house: Imapd | None = None, *, secured: bool = True) -> None:
        self.office = office
        self.line = WakingLine(TLS if secured else None)
        house = house or open_house(office)
        self.core, self.door = house.open(self.line)
        if secured:
            self.core.secured(TLS)
        self._tag = 0
        self._written = bytearray()

    @classmethod
    async def enter(cls, office: Office, name: str, house: Imapd | None = None) -> "MailReader":
        """A session that is logged in."""
        reader = cls(office, house)
        await reader._answer(reader.door.greet())
        reader._written.clear()
        answer = await reader.says(f"LOGIN {name} x")
        assert answer[-1].startswith("OK"), answer
        return reader

    async def greeting(self) -> str:
        await self._answer(self.door.greet())
        return self.heard()[0]

    async def says(self, *said: str | bytes) -> list[str]:
        """What is heard until the command is answered; the command may come in pieces around its literals."""
        return (await self.octets(*said)).decode("utf-8", "surrogateescape").split("\r\n")[:-1]

    async def octets(self, *said: str | bytes) -> bytes:
        """The same as it stands; the tag is taken off the last line."""
        self._tag += 1
        tag = f"t{self._tag}"
        for index, one in enumerate(said):
            octets = one.encode() if isinstance(one, str) else one
            self.core.receive_data((f"{tag} ".encode() if not index else b"") + octets + b"\r\n")
            await self._run()
        heard = bytes(self._written).replace(f"{tag} ".encode(), b"")
        self._written.clear()
        return heard

    async def plain(self, octets: bytes) -> list[str]:
        """Octets that are no command, such as DONE."""
        self.core.receive_data(octets)
        await self._run()
        return self.heard()

    async def pushed(self) -> list[str]:
        """What an idling session is told, if it was woken."""
        if self.line.woken:
            self.line.woken = 0
            await self._answer(self.door.woken())
        return self.heard()

    def heard(self) -> list[str]:
        lines = self._written.decode("utf-8", "surrogateescape").split("\r\n")[:-1]
        self._written.clear()
        return lines

    def leave(self) -> None:
        self.door.gone()

    async def _run(self) -> None:
        while (event := self.core.next_event()) is not None:
            await self._answer(self.door.handle(event))

    async def _answer(self, actions: Iterable[Any] | AsyncIterator[Any]) -> None:
        if isinstance(actions, AsyncIterator):
            async for action in actions:
                await self._write(action)
        else:
            for action in actions:
                await self._write(action)

    async def _write(self, action: Any) -> None:
        for piece in self.core.send(action):
            if isinstance(piece, Slice):
                self._written += await self.office.store.blobs.read(BlobId(piece.blob), piece.start, piece.length)
            else:
                self._written += piece


def open_house(office: Office, *, welcoming: bool = True, pauses: list[float] | None = None) -> Imapd:
    """The IMAP side of the office."""

    async def pause(seconds: float) -> None:
        if pauses is not None:
            pauses.append(seconds)

    return Imapd(
        Offer(office.limits.message_octets, starttls=True, mechanisms=office.authenticator.mechanisms),
        store=office.store,
        authenticator=office.authenticator,
        limits=office.limits,
        clock=office.clock,
        ids=office.ids,
        journal=office.journal,
        reception=Welcoming(office) if welcoming else None,
        pause=pause,
        directory=office.directory,
    )
