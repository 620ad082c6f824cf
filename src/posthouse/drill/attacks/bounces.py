"""Reports, loops, aliases."""

from posthouse.drill.bench import Bench
from posthouse.drill.decoys import takes_everything
from posthouse.drill.fence import Allowance
from posthouse.drill.scenario import Scenario
from posthouse.drill.smtp import letter


async def backscatter(bench: Bench) -> None:
    """B01: unknown recipients, one victim as the sender, from thirty addresses; the victim hears nothing."""
    victim = bench.unique("victim") + "@far.test"
    late = 0
    for number in range(30):
        async with await bench.smtp() as caller:
            recipient = f"{bench.unique('nobody')}@office.test".encode()
            reply = await caller.send(victim.encode(), [recipient], letter(f"backscatter {number}", sender=victim))
            late += reply[:1] == b"2"
    bench.expect("messages to nobody that were taken", 0, late)
    await _honest_report(bench)
    bench.expect("reports to the victim", 0, len(bench.sink.to(victim.encode())))


async def _honest_report(bench: Bench) -> None:
    """The twin: one of our own people does hear of a recipient that the next server refuses."""
    gone = bench.unique("gone") + "@far.test"
    bench.sink.refuse = lambda recipient: b"550 5.1.1 no such user\r\n" if recipient == gone.encode() else b""
    async with await bench.submitter() as caller:
        reply = await caller.send(
            b"alice@office.test", [gone.encode()], letter("gone", sender="alice@office.test", to=gone)
        )
    bench.twin("one of ours may write there", "250", reply[:3].decode())
    bench.twin("and hears that it failed", True, await bench.arrives("alice", gone))
    bench.sink.refuse = lambda _recipient: b""


async def telltale_reports(bench: Bench) -> None:
    """B02: reports of success asked for by a stranger, for a person and for an alias; read for what nobody told."""
    owner = bench.unique("asker") + "@far.test"
    for recipient in (b"alice@office.test", b"postmaster@office.test"):
        async with await bench.smtp() as caller:
            await caller.ask(b"MAIL FROM:<", owner.encode(), b"> RET=HDRS ENVID=drill\r\n")
            await caller.ask(b"RCPT TO:<", recipient, b"> NOTIFY=SUCCESS,FAILURE\r\n")
            await caller.ask(b"DATA\r\n")
            reply = await caller.ask(letter("notify", sender=owner), b".\r\n")
            bench.remark(f"mail with NOTIFY for {recipient.decode()}", "250", reply[:3].decode())
    await bench.leaves(owner, seconds=3.0)
    told = b"\n".join(one.content for one in bench.sink.to(owner.encode())).lower()
    bench.expect("who is behind an alias is told", False, b"admin@office.test" in told)
    bench.expect("'delivered' is told to a stranger", False, b"action: delivered" in told)
    bench.expect("where the store is, is told", False, str(bench.place.directory).lower().encode() in told)
    await _honest_report(bench)


def forged_report(mark: str, to: str) -> bytes:
    """A report about mail that was never sent."""
    header = (
        f"From: MAILER-DAEMON@far.test\r\nTo: {to}\r\nSubject: Undelivered {mark}\r\nMIME-Version: 1.0\r\n"
        f"Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nAuto-Submitted: auto-replied\r\n"
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{mark}"\r\n\r\n'
    )
    status = (
        "Reporting-MTA: dns; far.test\r\n\r\nFinal-Recipient: rfc822; x@far.test\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    )
    body = (
        f"--{mark}\r\nContent-Type: text/plain\r\n\r\nYour message was not delivered. Click here.\r\n"
        f"--{mark}\r\nContent-Type: message/delivery-status\r\n\r\n{status}\r\n--{mark}--\r\n"
    )
    return (header + body).encode()


async def forged_bounces(bench: Bench) -> None:
    """B07: twenty reports about mail that we never sent; a real one arrives beside them."""
    person = bench.place.person("bob").address
    marks = [bench.unique("forged") for _ in range(20)]
    for mark in marks:
        await bench.deliver("bob", forged_report(mark, person), sender=b"")
    await _honest_report(bench)
    inbox = b"".join(await bench.box("bob"))
    bench.expect("forged reports in the Inbox", 0, sum(mark.encode() in inbox for mark in marks))


SCENARIOS = (
    Scenario("B01", backscatter, allowance=Allowance(connections=100), decoy=takes_everything),
    Scenario("B02", telltale_reports, without="[reports]\ntell_strangers = true\n"),
    Scenario("B07", forged_bounces, without="[filter.bounces]\ncheck = false\n"),
)
