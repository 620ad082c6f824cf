"""Coming in: USER and PASS (RFC 1939 section 7), AUTH (RFC 5034); then the maildrop is opened."""

from collections.abc import AsyncIterator

from posthouse.admd.authenticator import Challenge as Asked
from posthouse.admd.authenticator import Passed, Refused
from posthouse.services.pop3d.session import TEMPORARY, Answer, Session, open_maildrop
from posthouse.standards.pop3.events import (
    Action,
    AuthList,
    AuthResponse,
    AuthStart,
    Challenge,
    Lines,
    Negative,
    Pass,
    Positive,
)
from posthouse.storage.errors import StorageError

CREDENTIALS = "AUTH"  # RFC 3206 section 5
IN_USE = "IN-USE"  # RFC 2449 section 8.1.2

SCOPE = "pop3"
"""What an app password must be good for (``admd.apppasswords``)."""


async def password(session: Session, event: Pass) -> AsyncIterator[Action]:
    peer = session.line.peer.address
    found = await session.house.authenticator.check(event.name, event.password, peer=peer, door=SCOPE)
    yield await _conclude(session, found)


def mechanisms(session: Session, _event: AuthList) -> Answer:
    offered = session.house.authenticator.mechanisms if session.core.is_secured else ()
    return (Lines("mechanisms", "".join(f"{one}\r\n" for one in offered).encode()),)


async def begin(session: Session, event: AuthStart) -> AsyncIterator[Action]:
    authenticator, line = session.house.authenticator, session.line
    if event.mechanism not in authenticator.mechanisms:
        yield Negative("no such mechanism here")
        return
    session.attempt = authenticator.begin(event.mechanism, peer=line.peer.address, channel=line.channel, door=SCOPE)
    yield await _step(session, event.initial)


async def respond(session: Session, event: AuthResponse) -> AsyncIterator[Action]:
    if event.octets is None:
        session.attempt = None
        yield Negative("cancelled")
        return
    yield await _step(session, event.octets)


async def _step(session: Session, octets: bytes | None) -> Action:
    if session.attempt is None:
        return Negative("no exchange in progress")
    step = await session.attempt.step(octets)
    if isinstance(step, Asked):
        return Challenge(step.octets)
    session.attempt = None
    return await _conclude(session, step)


async def _conclude(session: Session, found: Passed | Refused) -> Action:
    """Open the maildrop of somebody who may, or say why not."""
    if isinstance(found, Refused):
        session.failures += 1
        hang_up = session.failures >= session.house.limits.auth_failures  # L21
        return Negative(found.reason, TEMPORARY if found.transient else CREDENTIALS, hang_up=hang_up)
    if not session.enter(found.account):
        return Negative("another session has this maildrop open", IN_USE)
    try:
        session.opened = await open_maildrop(session, found.account)
    except StorageError as error:
        session.alarm("pop3.unopened", error)
        session.leave()
        return Negative("the maildrop cannot be opened now", TEMPORARY)
    messages, octets = session.opened.maildrop.stat()
    return Positive(f"{messages} messages, {octets} octets")
