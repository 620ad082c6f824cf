"""An office that looks at who sends, and reports about it; its clock is wound by hand."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from posthouse.filter.boundary import Boundary
from posthouse.filter.judge import Policy
from posthouse.filter.sender import SenderCheck
from posthouse.lib.work import Failed
from posthouse.mta.feedback.reading import Read, read_message
from posthouse.mta.feedback.rows import TLS, RowBook
from posthouse.mta.feedback.sessions import Sessions
from posthouse.net.ports import Peer
from posthouse.supervisor.config import Configuration
from posthouse.supervisor.feedback import Feedback, build_feedback
from posthouse.testing.office import HOSTNAME, Office
from posthouse.testing.zone import Zone

NOON = 1_795_176_000.0
"""2026-11-20 12:00 UTC."""
DAY = 86400


@dataclass
class Hands:
    """Implements ``lib.work.Workers`` on the spot; ``fails`` says how."""

    fails: str = ""
    asked: int = 0

    async def run(self, work: str, octets: Any, answer: Any, *, terms: Any = None, seconds: float) -> Any:
        assert work == "posthouse.mta.feedback.reading:read_message"
        self.asked += 1
        if self.fails:
            raise Failed(self.fails)
        whole = await octets.read(0, octets.size)
        return msgspec.msgpack.decode(msgspec.msgpack.encode(read_message(whole, terms)), type=Read)


class NoDialer:
    """Implements ``net.ports.Dialer``: nobody is there. ``dialed`` remembers."""

    def __init__(self) -> None:
        self.dialed: list[str] = []

    async def dial(self, host: str, port: int, **_: object) -> Any:
        self.dialed.append(host)
        raise ConnectionRefusedError("nobody is there")


@dataclass
class Scene:
    office: Office
    feedback: Feedback
    zone: Zone
    hands: Hands = field(default_factory=Hands)

    async def mail(
        self, author: str, *, to: str = "bob@office.test", peer: str = "192.0.2.9", content: bytes = b""
    ) -> str:
        """A letter of ``author`` from ``peer``; what the office said to it."""
        octets = content or f"From: <{author}>\r\nTo: <{to}>\r\nSubject: hi\r\n\r\nhello\r\n".encode()
        async with self.office.smtp(Peer(peer, 4711, "198.51.100.1", 25)) as session:
            await session.hello("client.far.test")
            return (await session.send(author, [to], octets))[-1]

    def publish(self, name: str, text: str) -> None:
        self.zone.publish(name, text.encode())

    async def wind(self, seconds: float) -> None:
        """What is in memory is written, time passes."""
        await self.feedback.write()
        self.office.clock.pass_time(seconds)

    async def send(self, **how: bool) -> list[Any]:
        await self.feedback.write()
        return [one async for one in self.feedback.post.send(**how)]


@pytest.fixture
async def scene(open_office) -> Scene:
    office = await open_office()
    office.clock.jump(NOON - office.clock.now())
    zone = Zone()
    zone.publish("_dmarc.far.test", b"v=DMARC1; p=reject; rua=mailto:dmarc@far.test")
    zone.publish("far.test", b"v=spf1 ip4:192.0.2.9 -all")
    hands = Hands()
    sessions = Sessions(RowBook(TLS, office.store, office.clock, office.journal), office.clock)
    feedback = build_feedback(
        Configuration(hostname=HOSTNAME),
        office.intake,
        office.directory,
        sessions,
        zone,
        NoDialer(),
        hands,
        clock=office.clock,
        ids=office.ids,
        journal=office.journal,
    )
    policy = Policy(is_own=office.directory.is_local_domain)
    check = SenderCheck(zone, office.clock, authserv_id=HOSTNAME, policy=lambda: policy)
    witnesses = (feedback.evaluations, feedback.arrivals, feedback.failures)
    office.boundary = Boundary(check, journal=office.journal, witnesses=witnesses)
    return Scene(office, feedback, zone, hands)
