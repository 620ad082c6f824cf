"""Relay and accounts: who may send through us, and in whose name."""

from posthouse.drill.bench import Bench
from posthouse.drill.fence import Allowance
from posthouse.drill.scenario import Scenario
from posthouse.drill.smtp import letter

FORMS = (
    b"victim@far.test", b"victim%far.test@office.test", b"far.test!victim@office.test", b"victim@far.test@office.test",
    b'"victim@far.test"@office.test', b"@office.test:victim@far.test", b"@office.test,@mx.office.test:victim@far.test",
    b"@far.test:victim@office.test", b'"victim%far.test"@office.test', b'"far.test!victim"@office.test',
    b"victim%far.test@[127.0.0.1]", b"victim%far.test", b"far.test!victim", b"victim@far.test.", b"victim@[192.0.2.1]",
    b"victim@[IPv6:2001:db8::1]", b"victim@[127.0.0.1]", b"victim@localhost", b"victim@office.test.far.test",
    b"victim@far.test%office.test", b"victim%far.test%office.test@office.test", b"office.test!victim@far.test",
    b"victim@FAR.TEST", b"victim@xn--nxasmq6b.test", b"victim@f\xc3\xa4r.test", b'"victim"@far.test',
    b"victim+office.test@far.test", b"postmaster@far.test", b'""@far.test', b"victim@sub.office.test",
    b"victim@office.test%00far.test", b"victim@far.test\t@office.test", b"victim(office.test)@far.test",
    b"victim@xoffice.test", b"alice@office.test@far.test", b"victim@#2130706433", b"victim@[::ffff:127.0.0.1]",
    b"victim@office.test>,<victim@far.test", b"victim@far.test> <alice@office.test", b"alice%office.test@far.test",
)  # fmt: skip
"""Forty ways to write somebody else's address so that a careless server takes it for one of its own."""

SENDERS = (b"spammer@else.test", b"alice@office.test", b"")
"""A stranger, one who says he is ours, and nobody: what the sender says is no reason to relay."""


async def open_relay(bench: Bench) -> None:
    """A01: every form from anonymous strangers, after a failed login and after TLS; nothing may reach the sink."""
    before = len(bench.sink.deliveries)
    taken = [form for form in FORMS for sender in SENDERS if await _is_taken(bench, sender, form)]
    bench.expect("forms of a foreign address that were accepted", [], taken)
    caller = await bench.smtp("submissions")
    await caller.login(bench.place.person("alice").address, "wrong")
    bench.expect("MAIL after a failed login", "530", (await caller.envelope(b"alice@office.test"))[:3].decode())
    caller.close()
    caller = await bench.smtp(hello=b"EHLO localhost\r\n")
    await caller.ask(b"STARTTLS\r\n")
    await caller.shake_hands()
    await caller.ask(b"EHLO office.test\r\n")
    reply = await caller.envelope(b"alice@office.test", b"victim@far.test")
    bench.expect("a stranger after STARTTLS with our own name", "550 5.7.1", reply[:9].decode())
    caller.close()
    mark = bench.unique("friend") + "@far.test"
    async with await bench.submitter() as friend:
        reply = await friend.send(
            b"alice@office.test", [mark.encode()], letter("relay", sender="alice@office.test", to=mark)
        )
    bench.twin("our own people may send out", "250", reply[:3].decode())
    bench.twin("what they send leaves", True, await bench.leaves(mark))
    bench.expect("messages that left beside it", 1, len(bench.sink.deliveries) - before)


async def _is_taken(bench: Bench, sender: bytes, form: bytes) -> bool:
    async with await bench.smtp() as caller:
        if (await caller.envelope(sender, form))[:1] != b"2":
            return False
        if (await caller.ask(b"DATA\r\n"))[:1] != b"3":
            return False
        return (await caller.ask(letter("relayed"), b".\r\n"))[:1] == b"2"


SCENARIOS = (Scenario("A01", open_relay, allowance=Allowance(connections=400), live_safe=True, weakened="A01"),)
