"""TLS and DNS: what is said around a handshake."""

import asyncio
import ssl
import warnings

from posthouse.drill.bench import Bench
from posthouse.drill.caller import Caller, Silent
from posthouse.drill.fence import Allowance
from posthouse.drill.scenario import Scenario
from posthouse.drill.sockets import lax_context, shake

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


SERVICES = ("smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s")
OLD = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
WEAK = "AES128-SHA:AES256-SHA:DES-CBC3-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA:aNULL:eNULL:@SECLEVEL=0"


async def old_and_lent(bench: Bench) -> None:
    """T04: TLS 1.0 and 1.1 and weak ciphers at every door, and a ticket of IMAP shown to submission and POP3."""
    taken = []
    for service in SERVICES:
        for version in OLD:
            context = lax_context()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = context.maximum_version = version
            if (shaken := await shake(bench, service, context)).version:
                taken.append((service, shaken.version))
        context = lax_context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(WEAK)
        if (shaken := await shake(bench, service, context)).version:
            taken.append((service, shaken.cipher))
        new = await shake(bench, service, lax_context())
        bench.twin(f"{service} speaks a good version", True, new.version in {"TLSv1.2", "TLSv1.3"})
    bench.expect("old versions and weak ciphers that were taken", [], taken)
    for latest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = lax_context()
        context.maximum_version = latest
        first = await shake(bench, "imaps", context, say=b"a NOOP\r\n")
        lent = [
            other for other in ("submissions", "pop3s")
            if (await shake(bench, other, context, session=first.session)).resumed
        ]  # fmt: skip
        bench.expect(f"doors that take a ticket of IMAP ({latest.name})", [], lent)


GET = b"GET /MARK HTTP/1.1\r\nHost: office.test\r\nX-MARK: MARK\r\n\r\n"


async def other_protocols(bench: Bench) -> None:
    """T05: a browser's ALPN, names that are not ours, and HTTP inside; the door shuts and nothing is echoed."""
    mark = bench.unique("echo").encode()
    for service in ("submissions", "imaps", "pop3s", "smtp"):
        for protocols in (["h2", "http/1.1"], ["http/1.1"], ["ftp"]):
            context = lax_context()
            context.set_alpn_protocols(protocols)
            shaken = await shake(bench, service, context, say=GET.replace(b"MARK", mark))
            bench.expect(f"{service}: words for who says he speaks {protocols[0]}", b"", shaken.heard)
        for name in ("www.office.test", "x" * 60 + ".evil.test"):
            shaken = await shake(bench, service, lax_context(), name=name, say=GET.replace(b"MARK", mark))
            bench.expect(f"{service}: what was said is echoed to {name[:20]}", False, mark in shaken.heard)
            bench.expect(f"{service}: script that a browser might run", False, b"<" in shaken.heard)
    async with await bench.imap("bob") as imap:
        bench.twin("mail programs are served", True, b" OK " in await imap.do("NOOP"))


async def endless_handshakes(bench: Bench) -> None:
    """T06: a thousand half-open handshakes from a hundred addresses, random names; ended in time, others are served."""
    crowd: list[Caller] = []
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bench.random_octets(100)
    for number in range(100):
        source = bench.stranger()
        for _ in range(10):
            try:
                caller = await bench.call(("submissions", "imaps")[number % 2], source, tls=False)
            except (OSError, Silent):
                continue
            crowd.append(caller)
            await caller.say(hello if number % 3 else hello[:5])
    bench.figures["half_open"] = len(crowd)
    for _ in range(30):
        shaken = await shake(bench, "submissions", lax_context(), name=f"{bench.unique('sni')}.test")
        bench.twin("whoever shakes hands is served meanwhile", True, bool(shaken.version))
    ended = sum(await asyncio.gather(*(one.ended(20.0) for one in crowd)))
    bench.expect("handshakes given up within their time", len(crowd), ended)
    for caller in crowd:
        caller.close()


SCENARIOS = (
    Scenario("T01", injected_commands, live_safe=True, weakened="T01"),
    Scenario("T04", old_and_lent, weakened="T04", allowance=Allowance(seconds=60)),
    Scenario("T05", other_protocols, weakened="T05", allowance=Allowance(seconds=60)),
    Scenario("T06", endless_handshakes, weakened="T06", allowance=Allowance(connections=1300, seconds=60)),
)
