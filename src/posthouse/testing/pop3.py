"""A POP3 client at a real door over an office's store, already under TLS unless asked otherwise."""

from posthouse.mail.ids import TraceId
from posthouse.net.ports import Peer
from posthouse.services.pop3d.door import open_pop3
from posthouse.services.pop3d.session import Pop3d
from posthouse.storage.acceptance import Acceptance, Filing
from posthouse.storage.mailbox import Role
from posthouse.testing.office import FakeLine, Office, Session
from posthouse.testing.wire import TLS

PEER = Peer("192.0.2.1", 4711, "198.51.100.1", 995)


def open_service(office: Office) -> Pop3d:
    return Pop3d(office.store, office.authenticator, office.limits, office.clock, office.journal)


async def connect(house: Pop3d, *, secured: bool = True) -> tuple[Session, str]:
    """A session, and the greeting it began with."""
    line = FakeLine(PEER, TLS if secured else None)
    core, door = open_pop3(house, line)
    if secured:
        core.secured(TLS)
    session = Session(core, door, line)
    await session.__aenter__()
    greeting = session.written.decode().removesuffix("\r\n")
    session.written = b""
    return session, greeting


async def log_in(house: Pop3d, user: str, password: str) -> Session:
    session, _ = await connect(house)
    await session.tell(f"USER {user}")
    answer = await session.tell(f"PASS {password}")
    if not answer.startswith("+OK"):
        raise AssertionError(answer)
    return session


async def file_message(office: Office, octets: bytes, name: str = "alice") -> None:
    """Put a message into an INBOX, as the intake would."""
    writer = office.store.blobs.open()
    writer.write(octets)
    blob = await writer.finish()
    filing = Filing(office.accounts[name], Role.INBOX, b"X-Prefix: ours\r\n")
    await office.store.accept(Acceptance(TraceId(office.ids.trace_id()), blob, (filing,)))
