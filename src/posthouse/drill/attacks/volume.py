"""Too much of everything: connections, mail, no disk."""

import asyncio
import os
from pathlib import Path

from posthouse.drill.bench import HOME, Bench
from posthouse.drill.caller import Caller, Silent
from posthouse.drill.fence import MIB, Allowance
from posthouse.drill.sandbox import Wish
from posthouse.drill.scenario import Scenario
from posthouse.drill.smtp import letter


async def connection_flood(bench: Bench) -> None:
    """R01: two hundred connections from one address and a thousand from a hundred others, all kept open."""
    one = bench.stranger()
    mine = await _open(bench, [one] * 200)
    greeted = await _greeted(mine)
    bench.expect("connections of one address that were greeted", "at most 20", greeted, ok=greeted <= 20)
    crowd = await _open(bench, [source for source in (bench.stranger() for _ in range(100)) for _ in range(10)])
    await asyncio.sleep(2.0)
    async with await bench.submitter() as friend:
        bench.expect("our own people are served meanwhile", "250", (await friend.ask(b"NOOP\r\n"))[:3].decode())
    for caller in (*mine, *crowd):
        caller.close()
    await asyncio.sleep(0.3)
    async with await bench.smtp() as caller:
        bench.twin("a stranger is served afterwards", "250", (await caller.ask(b"NOOP\r\n"))[:3].decode())


async def _open(bench: Bench, sources: list[str]) -> list[Caller]:
    """As many as are let in."""
    callers = []
    for source in sources:
        try:
            callers.append(await bench.call("smtp", source))
        except (OSError, Silent):
            continue
    return callers


async def _greeted(callers: list[Caller]) -> int:
    async def is_greeted(caller: Caller) -> bool:
        caller.patience = 4.0
        try:
            return (await caller.line()).startswith(b"220")
        except Silent:
            return False

    return sum(await asyncio.gather(*map(is_greeted, callers)))


async def mail_bomb(bench: Bench) -> None:
    """R03: a mailbox of 4 MiB, 9 MiB from thirty domains; somebody its owner wrote to before still gets through."""
    name = await bench.account("bombed", quota=4 * MIB)
    owner = bench.place.person(name).address
    friend = f"friend@{bench.unique('known')}.else.test"
    async with await bench.submitter(name) as caller:
        await caller.send(owner.encode(), [friend.encode()], letter("hello", sender=owner, to=friend))
    replies: dict[bytes, int] = {}
    body = (b"b" * 76 + b"\r\n") * 1300
    for domain in range(30):
        for _ in range(3):
            sender = f"bomb@flood-{domain}.else.test"
            content = letter(bench.unique("bomb"), sender=sender, to=owner, body=body)
            reply = await bench.deliver(name, content, sender=sender.encode())
            replies[reply[:3]] = replies.get(reply[:3], 0) + 1
    bench.expect("refusals for good", 0, sum(number for code, number in replies.items() if code[:1] == b"5"))
    kept = len(await bench.box(name)) * len(content)  # a quota counts what was sent, not what we put before it
    most = 0.9 * 4 * MIB + len(content)  # nobody said SIZE: one message may begin below the line and end above it
    bench.expect("octets of the bomb that were kept", "90 % and one message", kept, ok=kept <= most)
    late = []
    for _ in range(5):
        mark = bench.unique("friend")
        reply = await bench.deliver(name, letter(mark, sender=friend, to=owner), sender=friend.encode())
        late += [] if await bench.arrives(name, mark) else [reply]
    bench.expect("letters of somebody known that did not arrive", [], late)
    await bench.empty(name)
    well = await bench.wait_until(lambda: _gets(bench, name), 5.0)
    bench.twin("when the bomb is deleted, strangers' mail arrives again", True, well)


async def _gets(bench: Bench, name: str) -> bool:
    mark = bench.unique("after")
    reply = await bench.deliver(name, letter(mark))
    return reply[:3] == b"250" and await bench.arrives(name, mark)


SMALL_DISK = Wish(config='[limits]\nfree_octets = "6MiB"\nfree_inodes = 100\n', disk=96 * MIB)


async def full_disk(bench: Bench) -> None:
    """R05: a file system filled to the last octet; deferred, nothing lost, and well again when there is room."""
    kept = [mark for mark in (bench.unique("before") for _ in range(5)) if await _taken(bench, mark)]
    bench.twin("mail is taken while there is room", 5, len(kept))
    ballast = bench.place.directory / "ballast"
    for spare in (3 * MIB, 0):
        await asyncio.to_thread(_fill, ballast, spare)
        await asyncio.sleep(1.5)
        codes = {(await bench.deliver("bob", letter(bench.unique("full"))))[:3].decode() for _ in range(4)}
        bench.expect(
            f"mail while {spare >> 20} MiB are left", "451, 452 or 421", codes, ok=codes <= {"451", "452", "421"}
        )
    async with await bench.imap("bob", HOME) as imap:
        await imap.do("SELECT INBOX")
        bench.expect("reading works on a full disk", True, b" OK " in await imap.do("UID FETCH 1:* (FLAGS)"))
    ballast.unlink()
    well = await bench.wait_until(lambda: _taken(bench, bench.unique("after")), 10.0)
    bench.expect_soon("mail is taken again within ten seconds", True, well)
    found = b"".join(await bench.box("bob"))
    bench.expect("acknowledged mail that is gone", [], [mark for mark in kept if mark.encode() not in found])


async def _taken(bench: Bench, mark: str) -> bool:
    try:
        return (await bench.deliver("bob", letter(mark)))[:3] == b"250"
    except (OSError, EOFError, Silent):
        return False


def _fill(file: Path, spare: int) -> None:
    """Write until there are only ``spare`` octets left."""
    room = os.statvfs(file.parent)
    left = room.f_bavail * room.f_frsize - spare
    with file.open("ab") as ballast:
        try:
            while left > 0:
                ballast.write(b"\0" * min(left, MIB))
                left -= MIB
        except OSError:
            return


NO_LIMITS_ON_CONNECTIONS = """[limits]
client_connections = 100000
near_connections = 100000
far_connections = 100000
client_connects = 100000
near_connects = 100000
far_connects = 100000
"""

SCENARIOS = (
    Scenario(
        "R01", connection_flood, allowance=Allowance(connections=1300, seconds=60), without=NO_LIMITS_ON_CONNECTIONS
    ),
    Scenario("R03", mail_bomb, allowance=Allowance(connections=200, seconds=60), weakened="R03"),
    Scenario(
        "R05", full_disk, wish=SMALL_DISK, allowance=Allowance(seconds=60), excused=frozenset({"H1"}), weakened="R05"
    ),
)
