"""IMAP and POP3: literals, lines, names, other people's mail."""

from posthouse.drill.bench import Bench
from posthouse.drill.caller import Silent
from posthouse.drill.fence import MIB, Allowance
from posthouse.drill.scenario import Scenario

EARLY = (
    b"a LOGIN {4294967295}\r\n", b"a LOGIN {99999999+}\r\n", b"a LOGIN {18446744073709551616}\r\n",
    b"a LOGIN {5000}\r\n",
    b"a AUTHENTICATE {100000+}\r\n", b"a LOGIN {-1}\r\n", b"a LOGIN {1000000000000+}\r\n", b"a ID ({99999999+}\r\n",
)  # fmt: skip
LATER = (
    b"a SELECT {4294967295+}\r\n", b"a SEARCH SUBJECT {200000+}\r\n", b"a LOGIN {99999999+}\r\n",
    b"a APPEND INBOX {999999999+}\r\n", b"a LIST {200000+}\r\n", b"a STATUS {200000}\r\n",
    b"a SEARCH BODY {200000}\r\n",
)  # fmt: skip
MARKER = b"zz NOOP\r\n"


async def literals(bench: Bench) -> None:
    """I01: sizes no server has, before and after login; what stands in a literal is never run as a command."""
    ran, made_room = [], []
    for early, shapes in ((True, EARLY), (False, LATER)):
        for shape in shapes:
            imap = await bench.guest() if early else await bench.imap("bob", bench.stranger())
            async with imap:
                imap.patience = 0.7
                await imap.say(shape)
                if b"+}" in shape:
                    await imap.say(MARKER)
                try:
                    answer = await imap.line()
                    if b"+}" not in shape and answer.startswith(b"+"):
                        made_room.append(shape)
                    while answer and not answer.startswith(b"zz "):
                        answer = await imap.line()
                except Silent:
                    answer = b""
                if answer.startswith(b"zz "):
                    ran.append(shape)
    bench.expect("commands in literals that were run", [], ran)
    bench.expect("literals that were asked for", [], made_room)
    await _many_at_once(bench)
    async with await bench.imap("bob") as imap:
        mark = bench.unique("literal")
        answer = await imap.append("INBOX", f"Subject: {mark}\r\n\r\nhello\r\n".encode())
        bench.twin("a message is appended by a literal", True, b" OK " in answer)
    bench.twin("and is there", True, await bench.arrives("bob", mark))


async def _many_at_once(bench: Bench) -> None:
    """Fifty strangers begin a login of as many octets as they may."""
    callers = [await bench.guest() for _ in range(50)]
    for caller in callers:
        caller.patience = 2.0
        await caller.say(b"a LOGIN {4096+}\r\n", b"x" * 4096, b" {4096+}\r\n", b"y" * 4000)
    bench.figures["rss_with_50"] = bench.vitals.resident
    for caller in callers:
        caller.close()


ANY_LITERAL = """[limits]
imap_literal_octets = "8192GiB"
imap_literals_octets = "8192GiB"
imap_early_literal_octets = "8192GiB"
message_octets = "4GiB"
"""

SCENARIOS = (
    Scenario("I01", literals, allowance=Allowance(connections=120, seconds=60), memory=24 * MIB, without=ANY_LITERAL),
)
