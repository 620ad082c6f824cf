"""HTTP, as little of it as there is: figures for operators; and what a fresh house lets anybody do."""

import asyncio
import re

from posthouse.drill.bench import Bench
from posthouse.drill.caller import Caller, Silent
from posthouse.drill.fence import Allowance
from posthouse.drill.live import LOOPBACK, listening
from posthouse.drill.scenario import Scenario
from posthouse.drill.vitals import everybody_below

HIDDEN = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
TOP = b"POST / HTTP/1.1\r\nHost: x\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
LENGTH, CHUNKS = b"Content-Length: %d\r\n" % len(HIDDEN), b"Transfer-Encoding: chunked\r\n"
PAIRS = (
    TOP + LENGTH + CHUNKS + b"\r\n0\r\n\r\n" + HIDDEN,
    TOP + CHUNKS + LENGTH + b"\r\n0\r\n\r\n" + HIDDEN,
    TOP + b"Content-Length: 0\r\n" + LENGTH + b"\r\n" + HIDDEN,
    TOP + b"Content-Length: 0, 0\r\n\r\n" + HIDDEN,
    TOP + b"Content-Length: +0\r\n\r\n" + HIDDEN,
    TOP + b"Content-Length: -1\r\n\r\n" + HIDDEN,
    TOP + b"Content-Length : 0\r\n\r\n" + HIDDEN,
    TOP + b"Content-Length: 0x0\r\n\r\n" + HIDDEN,
    TOP + b" Content-Length: 5\r\n\r\n" + HIDDEN,
    TOP + b"Transfer-Encoding: xchunked\r\n\r\n" + HIDDEN,
    TOP + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    TOP + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    TOP + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    TOP + CHUNKS + CHUNKS + b"\r\n0\r\n\r\n" + HIDDEN,
    TOP + CHUNKS + b"\r\n0\r\nX: y\r\n" * 3 + b"\r\n" + HIDDEN,
    TOP + CHUNKS + b"\r\nffffffffffffffff\r\n" + HIDDEN,
    TOP + CHUNKS + b"\r\n0;" + b"e" * 500 + b"\r\n\r\n" + HIDDEN,
    TOP + CHUNKS + b"\r\n0\n\n" + HIDDEN,
    GET + b"\r\n" + HIDDEN,
    GET + b"Connection: keep-alive\r\n\r\n" + HIDDEN,
    GET + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n" + HIDDEN,
    GET + b"X: a\r\n b\r\n\tc\r\n\r\n" + HIDDEN,
    GET + b"Expect: 100-continue\r\n\r\n" + HIDDEN,
    GET + b"X: \0\r\n\r\n" + HIDDEN,
    b"GET /healthz HTTP/1.1\nHost: x\n\n" + HIDDEN,
    b"GET /healthz HTTP/1.1\rHost: x\r\r" + HIDDEN,
    b"GET /healthz\r\n\r\n" + HIDDEN,
    b"GET  /healthz  HTTP/1.1\r\nHost: x\r\n\r\n" + HIDDEN,
    b"GET http://x/healthz HTTP/1.1\r\nHost: y\r\n\r\n" + HIDDEN,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN,
)
"""Thirty ways to have one server see one request, and another two."""


async def requests_in_requests(bench: Bench) -> None:
    """W14: thirty ways to hide a request in another, each whole and split; large heads; thirty slow ones."""
    twice, kept = [], []
    for pair in PAIRS:
        for split in (0, len(pair) - len(HIDDEN)):
            async with await bench.call("metrics") as caller:
                if split:
                    await caller.say(pair[:split])
                    await asyncio.sleep(0.01)
                await caller.say(pair[split:])
                try:
                    answers = len(re.findall(rb"(?m)^HTTP/1\.1 \d", await caller.rest(3.0)))
                except Silent:
                    kept.append(pair[:60])
                    answers = len(re.findall(rb"(?m)^HTTP/1\.1 \d", caller.heard))
                twice += [pair[:80]] if answers > 1 else []
    bench.expect("requests that were answered twice", [], twice)
    awaited = [b"GET /healthz HTTP/1.1\rHost", b"GET /healthz HTTP/1.1\nHost"]  # no end of a head is in them
    bench.expect("connections kept open", [], [one for one in kept if not one.startswith(tuple(awaited))])
    for head in (b"X: " + b"y" * 100_000, b"X: y\r\n" * 20_000):
        async with await bench.call("metrics") as caller:
            await caller.say(GET)
            await caller.pour(head, len(head), 3.0)
            await caller.say(b"\r\n\r\n")
            bench.expect(f"a head of {len(head)} octets", True, await caller.ended(5.0))
    slow = [await bench.call("metrics") for _ in range(30)]
    ended = await asyncio.gather(*(_drip(one, 15.0 * bench.slowness) for one in slow))
    bench.expect_soon("slow requests that were ended in 15 seconds", 30, sum(ended))
    async with await bench.call("metrics") as caller:
        await caller.say(GET, b"\r\n")
        bench.twin("an honest request is answered", True, (await caller.rest(5.0)).startswith(b"HTTP/1.1 "))


async def _drip(caller: Caller, seconds: float) -> bool:
    """Whether a head that never ends is ended for us."""
    end = caller.now() + seconds
    while caller.now() < end:
        if not await caller.say(b"G") or await caller.ended(1.0):
            return True
    return False


KNOWN_NAMES = ("admin", "root", "postmaster", "administrator", "test", "posthouse", "mail", "abuse")
KNOWN_PASSWORDS = ("admin", "password", "changeme", "posthouse", "123456", "", "root", "letmein")


async def first_logins(bench: Bench) -> None:
    """W11: a fresh house: what listens, where, and sixty-four logins that everybody knows."""
    pids = (bench.place.pid, *everybody_below(bench.place.pid))
    doors = {door for pid in pids for door in listening(pid)}
    known = {port for _, port in bench.place.services.values()}
    bench.expect("ports that nobody was told of", set(), {port for _, port in doors} - known)
    bench.expect("doors that are not on loopback", [], [one for one in doors if one[0] != LOOPBACK])
    secret = bench.place.directory / "passwords.json"
    modes = {one.name: oct(one.stat().st_mode & 0o077) for one in (secret, bench.place.directory / "store")
             if one.exists()}  # fmt: skip
    bench.expect("first passwords that others on the machine can read", {"0o0"}, set(modes.values()))
    pairs, few = [(name, password) for name in KNOWN_NAMES for password in KNOWN_PASSWORDS], asyncio.Semaphore(12)

    async def opens(name: str, password: str) -> bool:
        async with few, await bench.smtp("submissions", bench.stranger()) as caller:
            caller.patience = 30.0
            return (await caller.login(f"{name}@{bench.place.domain}", password)).startswith(b"235")

    tried = await asyncio.gather(*(opens(*pair) for pair in pairs))
    opened = [pair for pair, good in zip(pairs, tried, strict=True) if good]
    bench.expect("logins that everybody knows", [], opened)
    rows = await bench.control("account list")
    made = {str(row["address"]) for row in rows} - {one.address for one in bench.place.people.values()}
    strange = [one for one in made if re.match(r"(admin|root|test|demo|guest)[^-]*@", one)]
    bench.expect("accounts that nobody made", [], strange)
    async with await bench.submitter() as caller:
        bench.twin("one of ours gets in", "250", (await caller.ask(b"NOOP\r\n"))[:3].decode())


SCENARIOS = (
    Scenario("W11", first_logins, weakened="W11", allowance=Allowance(seconds=60)),
    Scenario("W14", requests_in_requests, weakened="W14", allowance=Allowance(seconds=60)),
)
