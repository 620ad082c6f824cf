"""Loops, reports about reports, a thousand subscriptions, aliases that multiply."""

from posthouse.drill.bench import Bench
from posthouse.drill.control import Declined
from posthouse.drill.fence import Allowance
from posthouse.drill.sandbox import Wish
from posthouse.drill.scenario import Scenario
from posthouse.drill.smtp import letter

HOP = b"Received: from a.else.test by %s with ESMTP id x; Sat, 21 Nov 2026 12:00:00 +0000\r\n"


async def in_circles(bench: Bench) -> None:
    """B03: letters that have been through 150 servers, and twelve times through us; ended, and nobody hears of it."""
    before = len(bench.sink.deliveries)
    for name, top in (
        ("150 servers", HOP % b"b.else.test" * 150),
        ("us twelve times", HOP % b"mx.office.test" * 12),
        ("us in capitals", HOP.replace(b"Received", b"RECEIVED") % b"MX.Office.Test" * 12),
    ):
        reply = await bench.deliver("bob", top + letter(bench.unique("loop")))
        bench.expect(f"a letter that was at {name}", b"5", reply[:1])
    bench.expect("reports to its sender", 0, len(bench.sink.deliveries) - before)
    mark = bench.unique("far")
    await bench.deliver("bob", HOP % b"b.else.test" * 20 + letter(mark))
    bench.twin("a letter that came a long way arrives", True, await bench.arrives("bob", mark))


async def about_reports(bench: Bench) -> None:
    """B05: a forward of ours that is refused, for a sender that refuses reports, and mail from nobody; all ends."""
    word = bench.unique("dead")
    gone, victim = f"{word}@far.test".encode(), f"victim-{word}@far.test".encode()
    alias = f"{word}@office.test"
    await bench.control("alias add", address=alias, targets=[gone.decode()], force=True)
    bench.sink.refuse = lambda one: b"550 5.1.1 no such user\r\n" if one in {gone, victim} else b""
    verbs = len(bench.sink.verbs)

    def heard_for(person: bytes) -> int:
        return sum(verb.startswith(b"RCPT") and b"<" + person in verb for verb in bench.sink.verbs[verbs:])

    try:
        for sender in (victim, b""):
            async with await bench.smtp() as caller:
                await caller.send(sender, [alias.encode()], letter(bench.unique("dead")))
        await bench.wait(lambda: any(b"RCPT" in verb and victim in verb for verb in bench.sink.verbs[verbs:]), 3.0)
        await bench.wait(lambda: heard_for(gone) > 2, 4.0)
        reports, tries = heard_for(victim), heard_for(gone)
        rows = await bench.control("queue list")
        waiting = [row for row in rows if word in str(row) and row["attempts"]]  # one that is new may wait its turn
    finally:
        bench.sink.refuse = lambda _recipient: b""
        await bench.control("alias remove", address=alias)
    bench.expect("reports to somebody who refuses them", "at most 1", reports, ok=reports <= 1)
    bench.expect("tries to deliver", "at most 2", tries, ok=tries <= 2)
    bench.expect("what was refused for good and still waits", [], waiting)
    bench.twin("the forward was tried at all", True, tries > 0)
    await bench.benign("bob")


async def subscriptions(bench: Bench) -> None:
    """B06: forty first letters of mailing lists from forty domains, and five of somebody known; these are there."""
    name = await bench.account("subscribed")
    owner = bench.place.person(name).address
    friend = f"friend@{bench.unique('known')}.else.test"
    async with await bench.submitter(name) as caller:
        await caller.send(owner.encode(), [friend.encode()], letter("hello", sender=owner, to=friend))
    for number in range(40):
        mark = bench.unique("confirm")
        sender = f"list@{bench.unique('list')}.else.test"
        top = b"List-Id: <l%d.else.test>\r\nPrecedence: bulk\r\nAuto-Submitted: auto-generated\r\n" % number
        await bench.deliver(name, top + letter(mark, sender=sender, to=owner), sender=sender.encode())
    marks = [bench.unique("friend") for _ in range(5)]
    for mark in marks:
        await bench.deliver(name, letter(mark, sender=friend, to=owner), sender=friend.encode())
    bench.twin("the letters of somebody known arrive", True, await bench.arrives(name, marks[-1]))
    inbox = await bench.box(name)
    number = sum(b"confirm" in one for one in inbox)
    bench.expect("confirmations in the Inbox", "at most 12", number, ok=number <= 12)
    whole = b"".join(inbox)
    bench.expect("letters of somebody known that are missing", [], [one for one in marks if one.encode() not in whole])


async def exploding(bench: Bench) -> None:
    """B08: a circle of aliases, a chain of fifteen, and one that stands for too many; copies are counted."""
    word = bench.unique("alias")
    made: list[str] = []

    async def alias(name: str, *targets: str) -> bool:
        try:
            await bench.control("alias add", address=f"{word}-{name}@office.test", targets=list(targets), force=True)
        except Declined:
            return False
        made.append(f"{word}-{name}@office.test")
        return True

    try:
        await alias("x", f"{word}-y@office.test")
        bench.expect("a circle can be made", False, await alias("y", f"{word}-x@office.test"))
        await alias("15", "bob@office.test")
        for number in range(14, 0, -1):
            await alias(str(number), f"{word}-{number + 1}@office.test")
        await alias("wide", *(f"{word}-n{one}@far.test" for one in range(45)))
        await alias("wider", *(f"{word}-m{one}@far.test" for one in range(20)), f"{word}-wide@office.test")
        for name in ("1", "wider"):
            async with await bench.smtp() as caller:
                recipient = f"{word}-{name}@office.test".encode()
                reply = await caller.send(bench.sender(), [recipient], letter(bench.unique("explode")))
                bench.remark(f"mail for the alias {name}", "5", reply[:1].decode())
        await bench.wait(lambda: False, 3.0)
        copies = sum(word.encode() in one for verb in bench.sink.deliveries for one in verb.recipients)
        bench.expect("copies of two letters", "at most 50", copies, ok=copies <= 50)
        await alias("good", "bob@office.test")
        async with await bench.smtp() as caller:
            mark = bench.unique("alias")
            await caller.send(bench.sender(), [f"{word}-good@office.test".encode()], letter(mark))
        bench.twin("an honest alias leads to its owner", True, await bench.arrives("bob", mark))
    finally:
        for address in made:
            await bench.control("alias remove", address=address)


SCENARIOS = (
    Scenario("B03", in_circles, without="[limits]\nhops = 100000\nown_hops = 100000\n"),
    Scenario("B05", about_reports, weakened="B05"),
    Scenario(
        "B06", subscriptions, wish=Wish(config="[filter.surge]\nmessages = 8\n"), allowance=Allowance(seconds=60),
        without="[filter.surge]\nmessages = 100000\n",
    ),
    Scenario(
        "B08", exploding, wish=Wish(config="[limits]\nalias_expansion = 50\n"),
        without="[limits]\nalias_depth = 1000\nalias_expansion = 100000\n",
    ),
)  # fmt: skip
