"""Relay and accounts: who may send through us, and in whose name."""

from posthouse.drill.bench import Bench
from posthouse.drill.caller import Silent
from posthouse.drill.control import Declined
from posthouse.drill.fence import Allowance
from posthouse.drill.place import Person
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


COMMON = (
    "123456", "password", "qwerty123", "letmein", "iloveyou", "admin123", "welcome1", "Passw0rd!", "monkey", "dragon",
    "football", "Spring2026!", "Summer2026", "office", "office.test", "changeme", "P@ssw0rd", "aaaaaaaaaaaa",
    "123456789012", "qwertyuiopas", "password1234", "passwordpassword", "abcdefghijkl", "111111111111", "letmein12345",
)  # fmt: skip


async def weak_passwords(bench: Bench) -> None:
    """A05: what everybody tries first, and the account's own name, as the password of a new account."""
    taken = []
    for password in (*COMMON, "weak@office.test"):
        try:
            await bench.control("account add", address="weak@office.test", password=password)
        except Declined:
            continue
        taken.append(password)
        await bench.control("account remove", address="weak@office.test", yes=True)
    bench.expect("weak passwords that were taken", [], taken)
    name = await bench.account("strong")
    async with await bench.imap(name) as imap:
        bench.twin("an account with a good one logs in", True, b" OK " in await imap.do("NOOP"))


async def guessing(bench: Bench) -> None:
    """A02: forty wrong passwords from one address over three protocols, then the right one."""
    source, name = bench.stranger(), await bench.account("guessed")
    person = bench.place.person(name)
    refused = 0
    for number in range(20):
        refused += await _guess(bench, source, person.address, f"wrong-{number}", ("submissions", "imaps")[number % 2])
    refused += await _guess(bench, source, person.address, "wrong-pop", "pop3s")
    bench.figures["turned_away"] = refused
    bench.expect("the right password from the guesser's address", "refused", await _try(bench, source, person))
    other = bench.stranger()
    bench.twin("the same password from elsewhere", "taken", await _try(bench, other, person))


async def _guess(bench: Bench, source: str, address: str, password: str, service: str) -> bool:
    """Whether the guess was turned away without being tried."""
    try:
        if service == "submissions":
            async with await bench.smtp(service, source) as caller:
                return (await caller.login(address, password))[:3] != b"535"
        if service == "imaps":
            async with await bench.guest(service, source) as imap:
                return b"AUTHENTICATIONFAILED" not in await imap.login(address, password)
        async with await bench.pop3(source=source) as pop3:
            return b"AUTH" not in await pop3.login(address, password)
    except (OSError, EOFError, Silent):
        return True


async def _try(bench: Bench, source: str, person: Person) -> str:
    try:
        async with await bench.smtp("submissions", source) as caller:
            return "taken" if (await caller.login(person.address, person.password))[:3] == b"235" else "refused"
    except (OSError, EOFError, Silent):
        return "refused"


NO_LIMITS_ON_GUESSES = """[limits]
client_auth_failures_minute = 1000000
client_auth_failures_day = 1000000
account_auth_failures_hour = 1000000
"""

SCENARIOS = (
    Scenario("A01", open_relay, allowance=Allowance(connections=400), weakened="A01"),
    Scenario("A02", guessing, allowance=Allowance(seconds=60), without=NO_LIMITS_ON_GUESSES),
    Scenario("A05", weak_passwords, weakened="A05"),
)
