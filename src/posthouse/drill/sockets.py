"""TLS by plain sockets: what asyncio would hide, such as a farewell amid a chunk, old versions and lent tickets."""

import asyncio
import contextlib
import socket
import ssl
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from posthouse.drill.bench import Bench
from posthouse.drill.smtp import letter

SECONDS = 5.0


async def talk_after_farewell(bench: Bench, mark: str) -> bytes:
    """What was answered, in the clear, to commands behind close_notify amid a chunk."""
    where, source = bench.place.where("smtp"), bench.stranger()
    bench.budget.connect(where[0])
    return await asyncio.to_thread(_talk, where, source, mark)


def _talk(where: tuple[str, int], source: str, mark: str) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # whose certificate it is, is not the question
    with socket.create_connection(where, SECONDS, (source, 0)) as plain:
        for line in (b"", b"EHLO drill.test\r\n", b"STARTTLS\r\n"):
            plain.sendall(line)
            plain.recv(4096)
        with context.wrap_socket(plain, server_hostname="localhost", do_handshake_on_connect=True) as secure:
            for line in (b"EHLO drill.test\r\n", b"MAIL FROM:<a@else.test>\r\n", b"RCPT TO:<bob@office.test>\r\n"):
                secure.sendall(line)
                secure.recv(4096)
            secure.sendall(b"BDAT 1000\r\n" + b"x" * 100)
            with contextlib.suppress(OSError, ssl.SSLError):
                bare = secure.unwrap()
                return _say_on(bare, mark)
            return b""


def _say_on(bare: socket.socket, mark: str) -> bytes:
    bare.settimeout(SECONDS)
    with contextlib.suppress(OSError):
        bare.sendall(b"y" * 900 + b"RSET\r\nMAIL FROM:<a@else.test>\r\nRCPT TO:<bob@office.test>\r\nDATA\r\n")
        bare.sendall(letter(mark) + b".\r\nQUIT\r\n")
        return bare.recv(4096)
    return b""


@dataclass(frozen=True, slots=True)
class Shaken:
    """What came of a handshake."""

    version: str = ""
    """Empty: none came about."""
    cipher: str = ""
    resumed: bool = False
    session: ssl.SSLSession | None = None
    heard: bytes = b""


def lax_context() -> ssl.SSLContext:
    """A client that would agree to anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


async def shake(
    bench: Bench,
    service: str,
    context: ssl.SSLContext,
    *,
    name: str = "localhost",
    session: ssl.SSLSession | None = None,
    say: bytes = b"",
) -> Shaken:
    """A handshake at ``service``, whatever its door, and what was answered to ``say`` inside."""
    where, source = bench.place.where(service), bench.stranger()
    bench.budget.connect(where[0])
    return await asyncio.to_thread(_shake, where, source, service, context, name, session, say)


BEFORE: Mapping[str, tuple[bytes, ...]] = {
    "smtp": (b"", b"EHLO drill.test\r\n", b"STARTTLS\r\n"),
    "submission": (b"", b"EHLO drill.test\r\n", b"STARTTLS\r\n"),
    "imap": (b"", b"a STARTTLS\r\n"),
    "pop3": (b"", b"STLS\r\n"),
}
"""What is said before the handshake."""


def _shake(
    where: tuple[str, int],
    source: str,
    service: str,
    context: ssl.SSLContext,
    name: str,
    session: ssl.SSLSession | None,
    say: bytes,
) -> Shaken:
    heard = b""
    with socket.create_connection(where, SECONDS, (source, 0)) as plain:
        for line in BEFORE.get(service, ()):
            plain.sendall(line)
            plain.recv(4096)
        try:
            with context.wrap_socket(plain, server_hostname=name, session=session) as secure:
                with contextlib.suppress(OSError):
                    secure.sendall(say)
                    secure.settimeout(0.5)
                    while say and len(heard) < 65536 and (more := secure.recv(4096)):
                        heard += more
                cipher = (secure.cipher() or ("", "", 0))[0]
                return Shaken(secure.version() or "", cipher, bool(secure.session_reused), secure.session, heard)
        except (OSError, ValueError):
            return Shaken()
