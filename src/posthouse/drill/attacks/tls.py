"""TLS and DNS: what is said around a handshake."""

import asyncio
import ssl

from posthouse.drill.bench import Bench
from posthouse.drill.caller import Caller, Silent
from posthouse.drill.scenario import Scenario

DOORS = {
    "smtp": (b"EHLO a.test\r\n", b"STARTTLS\r\n", b"RSET\r\nMAIL FROM:<injected@else.test>\r\n"),
    "submission": (b"EHLO a.test\r\n", b"STARTTLS\r\n", b"RSET\r\nMAIL FROM:<injected@else.test>\r\n"),
    "imap": (b"", b"a STARTTLS\r\n", b"b NOOP\r\nc CAPABILITY\r\n"),
    "pop3": (b"", b"STLS\r\n", b"CAPA\r\nQUIT\r\n"),
}
"""What is said first, the word that begins TLS, and what is injected behind it."""


async def injected_commands(bench: Bench) -> None:
    """T01: a command in the breath of STARTTLS, and one a moment later, at every door; nothing is heard inside."""
    for service, (hello, start, injected) in DOORS.items():
        for pause in (0.0, 0.03):
            heard = await _inject(bench, service, hello, start, injected, pause)
            bench.expect(f"{service}: answers inside TLS to what was said in the clear ({pause:g} s)", b"", heard)
        async with await bench.call(service) as honest:
            await _first(honest, hello)
            await honest.say(start)
            await honest.line()
            await honest.shake_hands()
            await honest.say(b"EHLO a.test\r\n" if hello else b"z NOOP\r\n" if service == "imap" else b"CAPA\r\n")
            answer = await honest.line()
            bench.twin(f"{service}: a handshake that waits is served", True, answer[:1] in {b"2", b"z", b"+", b"*"})


async def _first(caller: Caller, hello: bytes) -> None:
    await caller.line()
    if hello:
        await caller.say(hello)
        while (await caller.line())[3:4] == b"-":
            pass


async def _inject(bench: Bench, service: str, hello: bytes, start: bytes, injected: bytes, pause: float) -> bytes:
    """What came inside TLS, if it is more than the one line that answers the one command said there."""
    async with await bench.call(service) as caller:
        await _first(caller, hello)
        await caller.say(start if pause else start + injected)
        await caller.line()
        if pause:
            await asyncio.sleep(pause)
            await caller.say(injected)
        heard = b""
        try:
            caller.patience = 3.0
            await caller.shake_hands()
            await caller.say(b"z NOOP\r\n" if service == "imap" else b"NOOP\r\n")
            caller.patience = 0.3
            while line := await caller.line():
                heard += line
        except (OSError, ssl.SSLError, Silent, RuntimeError):
            pass
        return b"" if len(heard.splitlines()) < 2 else heard


SCENARIOS = (Scenario("T01", injected_commands, live_safe=True, weakened="T01"),)
