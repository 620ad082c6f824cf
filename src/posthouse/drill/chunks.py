"""TLS that ends while something is still being said: a socket without asyncio, which would hide it."""

import asyncio
import contextlib
import socket
import ssl

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
