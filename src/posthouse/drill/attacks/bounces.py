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


SCENARIOS = (
    Scenario("B01", backscatter, allowance=Allowance(connections=100), decoy=takes_everything),
    Scenario("B02", telltale_reports),
)
