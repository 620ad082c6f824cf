"""Logins by the thousand, in the clear, crossed or half said; and what one who is logged in may write."""

import asyncio
import base64
import time

from posthouse.drill.bench import HOME, Bench
from posthouse.drill.caller import Silent
from posthouse.drill.fence import Allowance
from posthouse.drill.sandbox import Wish
from posthouse.drill.scenario import Scenario
from posthouse.drill.smtp import letter
from posthouse.drill.timing import tell_apart

ATONCE = 8


async def _login(bench: Bench, service: str, source: str, address: str, password: str) -> bytes:
    """What a door says to a login, without what differs from try to try."""
    try:
        if service == "submissions":
            async with await bench.smtp(service, source) as caller:
                return (await caller.login(address, password)).partition(b" (id")[0]
        if service == "imaps":
            async with await bench.guest(service, source) as imap:
                return await imap.login(address, password)
        async with await bench.pop3(source=source) as pop3:
            return await pop3.login(address, password)
    except (OSError, EOFError, Silent) as error:
        return repr(error).encode()


def _is_in(answer: bytes) -> bool:
    return answer.startswith((b"235", b"+OK")) or b" OK " in answer


async def spray(bench: Bench) -> None:
    """A03: one password at twelve accounts from a hundred addresses; an alarm is raised, owners get in."""
    names = [await bench.account("sprayed") for _ in range(4)]
    addresses = [bench.place.person(name).address for name in names]
    addresses += [f"{bench.unique('guess')}@office.test" for _ in range(8)]
    gate, wrong = asyncio.Semaphore(ATONCE), 0

    async def guess(number: int) -> bool:
        async with gate:
            password = f"Spring2026!{number // 48}"
            service = ("submissions", "imaps")[number % 2]
            return _is_in(await _login(bench, service, bench.stranger(), addresses[number % 12], password))

    wrong = sum(await asyncio.gather(*(guess(number) for number in range(200))))
    bench.expect("guesses that were right", 0, wrong)
    events = {str(entry.get("event")) for entry in bench.journal.entries()}
    bench.expect("an alarm about one password at many accounts", True, "auth.spray" in events)
    answers = []
    for name in ("alice", "bob"):
        person = bench.place.person(name)
        answers.append(_is_in(await _login(bench, "imaps", bench.stranger(), person.address, person.password)))
    bench.twin("owners log in from wherever they are", [True, True], answers)


async def which_exists(bench: Bench) -> None:
    """A04: wrong passwords for accounts that exist and that do not, mixed, at three doors: same words, same time."""
    known = [bench.place.person(await bench.account("real")).address for _ in range(4)]
    unknown = [f"{bench.unique('fake')}@office.test" for _ in range(4)]
    for service, tries in (("submissions", 32), ("imaps", 16), ("pop3s", 16)):
        words: dict[bool, set[bytes]] = {True: set(), False: set()}
        times: dict[bool, list[float]] = {True: [], False: []}
        gate = asyncio.Semaphore(4)

        async def guess(
            number: int, gate: asyncio.Semaphore = gate, service: str = service
        ) -> tuple[bool, float, bytes]:
            real = bool(number % 2)
            address = (known if real else unknown)[number // 2 % 4]
            async with gate:
                began = time.perf_counter()
                answer = await _login(bench, service, bench.stranger(), address, bench.unique("wrong"))
                return real, time.perf_counter() - began, answer.replace(address.encode(), b"*")

        for real, seconds, answer in await asyncio.gather(*map(guess, range(tries))):
            times[real].append(seconds)
            words[real].add(answer)
        bench.expect(f"{service}: words", words[False], words[True])
        chance = tell_apart(times[True], times[False])
        bench.figures[f"p_{service}"] = chance
        bench.expect(f"{service}: time tells nothing", "p > 0.001", f"{chance:.5f}", ok=chance > 0.001)
    person = bench.place.person("alice")
    answer = await _login(bench, "submissions", bench.stranger(), person.address, person.password)
    bench.twin("a right password", True, _is_in(answer))


async def taken_over(bench: Bench) -> None:
    """A06: an account writes to seven hundred whom it never wrote to; few leave, it is held, somebody is told."""
    name = await bench.account("stolen")
    sender = bench.place.person(name).address.encode()
    before = len(bench.sink.deliveries)
    async with await bench.submitter(name, bench.stranger()) as caller:
        for _ in range(14):
            people = [f"{bench.unique('n')}@far.test".encode() for _ in range(50)]
            mark = bench.unique("spam")
            await caller.ask(b"MAIL FROM:<", sender, b">\r\n")
            await caller.say(*(b"RCPT TO:<%s>\r\n" % one for one in people))
            taken = [(await caller.reply())[:1] == b"2" for _ in people]
            if not any(taken) or (await caller.ask(b"DATA\r\n"))[:1] != b"3":
                await caller.ask(b"RSET\r\n")
                continue
            await caller.ask(letter(mark, sender=sender.decode(), to="you@far.test"), b".\r\n")
    await asyncio.sleep(2.0)
    left = sum(len(one.recipients) for one in bench.sink.deliveries[before:] if one.sender == sender)
    bench.figures["left"] = left
    bench.expect("people whom it reached", "at most 500 of 700", left, ok=left <= 500)
    alarms = [entry for entry in bench.journal.named("account.held") if sender.decode() in str(entry)]
    bench.expect("an alarm names the account", 1, len(alarms))
    bench.expect_soon("the administrator has a letter about it", True, await bench.arrives("admin", sender.decode()))
    mark = bench.unique("inside")
    async with await bench.submitter(name) as caller:
        reply = await caller.send(sender, [b"bob@office.test"], letter(mark, sender=sender.decode()))
    bench.twin("its owner may still write to a colleague", "250", reply[:3].decode())
    bench.twin("and the colleague gets it", True, await bench.arrives("bob", mark))
    gone = bench.unique("friend") + "@far.test"
    async with await bench.submitter("carol") as caller:
        await caller.send(b"carol@office.test", [gone.encode()], letter("hello", sender="carol@office.test", to=gone))
    bench.twin("others send as before", True, await bench.leaves(gone))


FUZZ = (
    b"AUTH PLAIN !!!!", b"AUTH PLAIN =====", b"AUTH PLAIN " + b"A" * 15000, b"AUTH LOGIN //",
    b"AUTH SCRAM-SHA-256 biws",
    b"AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,,n=alice,r=" + b"r" * 9000), b"AUTH CRAM-MD5", b"AUTH GSSAPI YII=",
    b"AUTH PLAIN AAAA", b"AUTH PLAIN =", b"AUTH", b"AUTH PLAIN AA AA", b"AUTH SCRAM-SHA-256 " + base64.b64encode(
        b"p=tls-unique,,n=alice@office.test,r=x"), b"AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,a=admin,n=alice,r=x"),
)  # fmt: skip


EXPECTED = frozenset(b"334 421 454 500 501 503 504 534 535 538".split()) | {b""}


async def half_said(bench: Bench) -> None:
    """A07: exchanges cancelled, broken, endless and overlong, by the hundred, beside honest logins."""
    let_in, odd = [], set()
    person = bench.place.person("alice")
    gate = asyncio.Semaphore(ATONCE)

    async def attack(number: int) -> None:
        async with gate, await bench.smtp("submissions") as caller:
            caller.patience = 8.0
            for turn in range(4):
                first = bench.chance.choice((b"AUTH LOGIN", b"AUTH PLAIN", b"AUTH SCRAM-SHA-256", *FUZZ))
                reply = await caller.ask(first, b"\r\n")
                for _ in range(12):
                    if reply[:3] != b"334":
                        break
                    answer = b"*" if (number + turn) % 3 else base64.b64encode(bench.random_octets(30))
                    reply = await caller.ask(answer, b"\r\n")
                if reply[:3] == b"235":
                    let_in.append(first)
                odd.update({reply[:3]} - EXPECTED)
                if not reply or reply[:3] == b"421":
                    return

    honest, late = [], 0.0
    for block in range(6):
        rows = await asyncio.gather(*(attack(number) for number in range(40)), return_exceptions=True)
        bench.figures["sessions"] = bench.figures.get("sessions", 0) + len(rows)
        began = time.monotonic()
        answer = await _login(bench, ("submissions", "imaps")[block % 2], HOME, person.address, person.password)
        late = max(late, time.monotonic() - began)
        honest.append(_is_in(answer))
    bench.expect("exchanges that let somebody in", [], let_in)
    bench.expect("replies that no grammar knows", set(), odd)
    bench.expect("honest logins beside it", [True] * 6, honest)
    bench.twin("and they are as fast as ever", "under 3 s", f"{late:.2f} s", ok=late < 3.0)


FROMS = (
    "From: bob@office.test", "From: Alice <bob@office.test>", "From: alice@office.test\r\nFrom: bob@office.test",
    "From: alice@office.test, bob@office.test", "From: ceo@far.test", "From: bob@office.test (alice@office.test)",
    'From: "alice@office.test" <bob@office.test>', "From: <@office.test:bob@office.test>",
    "From: Team: bob@office.test;",
    "From: =?utf-8?q?bob=40office.test?=", "From: bob@office.test\r\nSender: alice@office.test", "From:",
    "From: alice@office.test\r\nSender: bob@office.test", "From: <alice@office.test><bob@office.test>",
    "From: alice@office.test\r\nResent-From: bob@office.test", "From : bob@office.test", "X: y", "From: undisclosed:;",
    "From: alice@office.test\r\nResent-Sender: ceo@far.test", "From: bob@office.test\r\n From: alice@office.test",
    "From: alice@office.test\0@bob.test", "From: admin@office.test",
)  # fmt: skip


async def in_anothers_name(bench: Bench) -> None:
    """A08: twenty-two headers and three envelopes of others by one who is logged in; nothing of it leaves."""
    before, taken = len(bench.sink.deliveries), list[str]()
    for head in FROMS:
        async with await bench.submitter() as caller:
            content = f"{head}\r\nTo: x@far.test\r\nSubject: {bench.unique('forged')}\r\n\r\nhello\r\n".encode()
            reply = await caller.send(b"alice@office.test", [b"x@far.test"], content)
            taken += [head] if reply[:1] == b"2" else []
    for sender in (b"bob@office.test", b"ceo@far.test", b"postmaster@office.test", b"admin@office.test"):
        async with await bench.submitter() as caller:
            taken += [sender.decode()] if (await caller.envelope(sender, b"x@far.test"))[:1] == b"2" else []
    bench.expect("names of others that were taken", [], taken)
    mark = bench.unique("own") + "@far.test"
    async with await bench.submitter() as caller:
        await caller.send(b"alice@office.test", [mark.encode()], letter("own", sender="alice@office.test", to=mark))
    bench.twin("one's own name leaves", True, await bench.leaves(mark))
    bench.expect("messages that left beside it", 1, len(bench.sink.deliveries) - before)


async def mixed_up(bench: Bench) -> None:
    """A09: eight people at three doors at once, with their own and with each other's passwords; not one wrong yes."""
    people = [bench.place.person(await bench.account("twin")) for _ in range(8)]
    gate = asyncio.Semaphore(ATONCE)
    wrong, kept_out = [], []

    async def attempt(number: int) -> None:
        own, other = people[number % 8], people[(number + 1 + number // 8 % 7) % 8]
        service = ("submissions", "imaps", "pop3s")[number % 3]
        crossed = number % 5 in {1, 3}
        async with gate:
            source = bench.stranger() if crossed else HOME
            answer = await _login(bench, service, source, own.address, (other if crossed else own).password)
        if crossed and _is_in(answer):
            wrong.append((service, own.address))
        elif not crossed and not _is_in(answer):
            kept_out.append((service, answer[:60]))

    await asyncio.gather(*(attempt(number) for number in range(96)))
    bench.expect("logins with another's password", [], wrong)
    bench.twin("right logins that failed", [], kept_out)
    async with await bench.submitter(next(iter(reversed(bench.place.people)))) as caller:
        reply = await caller.ask(b"MAIL FROM:<", people[0].address.encode(), b">\r\n")
        bench.expect("whoever is logged in writes as another", "5", reply[:1].decode())


async def in_the_clear(bench: Bench) -> None:
    """A10: what each door offers before TLS, and right passwords said all the same; refused, and not believed."""
    offered, let_in = [], []
    person = bench.place.person("bob")
    plain = base64.b64encode(f"\0{person.address}\0{person.password}".encode())
    for service in ("smtp", "submission"):
        async with await bench.smtp(service, greeted=False) as caller:
            await caller.reply()
            hello = await caller.ask(b"EHLO drill.test\r\n")
            offered += [service] if b"AUTH" in hello.upper() else []
            for line in (b"AUTH PLAIN " + plain, b"AUTH LOGIN", b"AUTH SCRAM-SHA-256"):
                reply = await caller.ask(line, b"\r\n")
                let_in += [(service, reply)] if reply[:1] in b"23" else []
    async with await bench.smtp("smtp", greeted=False) as caller:
        await caller.greet(starttls=True)
        reply = await caller.ask(b"AUTH PLAIN ", plain, b"\r\n")
        bench.expect("a login at port 25, with TLS", "5", reply[:1].decode())
    async with await bench.guest("imap") as imap:
        capability = await imap.do("CAPABILITY")
        offered += ["imap"] if b"AUTH=" in capability or b"LOGINDISABLED" not in capability else []
        for command in (f'LOGIN "{person.address}" "{person.password}"', f"AUTHENTICATE PLAIN {plain.decode()}"):
            answer = await imap.do(command)
            let_in += [("imap", answer)] if b" OK " in answer else []
    async with await bench.call("pop3") as pop3:
        await pop3.line()
        await pop3.say(b"USER ", person.address.encode(), b"\r\n")
        first = await pop3.line()
        await pop3.say(b"PASS ", person.password.encode(), b"\r\n")
        let_in += [("pop3", first)] if first.startswith(b"+OK") or (await pop3.line()).startswith(b"+OK") else []
    bench.expect("doors that offer a login in the clear", [], offered)
    bench.expect("logins in the clear that were taken", [], let_in)
    answer = await _login(bench, "submissions", bench.stranger(), person.address, person.password)
    bench.twin("the same password inside TLS", True, _is_in(answer))


async def locked_out(bench: Bench) -> None:
    """O11: a victim's account guessed at from thirty addresses, as its owner comes from where he always comes from."""
    name = await bench.account("victim")
    person, desk = bench.place.person(name), bench.stranger()
    bench.twin("the owner is known at his desk", True, _is_in(
        await _login(bench, "submissions", desk, person.address, person.password)
    ))  # fmt: skip
    gate, owner = asyncio.Semaphore(ATONCE), []

    async def guess(number: int) -> None:
        async with gate:
            service = ("submissions", "imaps")[number % 2]
            await _login(bench, service, bench.stranger(), person.address, f"wrong-{number}")

    for block in range(4):
        await asyncio.gather(*(guess(10 * block + number) for number in range(8)))
        service = ("submissions", "imaps")[block % 2]
        owner.append(_is_in(await _login(bench, service, desk, person.address, person.password)))
    bench.expect("the owner gets in from his desk", [True] * 4, owner)
    stranger = await _login(bench, "submissions", bench.stranger(), person.address, person.password)
    bench.remark("from elsewhere the account is closed meanwhile", False, _is_in(stranger))
    marks = [bench.unique("mail") for _ in range(3)]
    arrived = [(await bench.deliver(name, letter(mark)))[:3] == b"250" for mark in marks]
    bench.expect("the victim's mail is taken", [True] * 3, arrived)


NO_ALARMS = "[limits]\nspray_accounts = 1000000\nauth_failures_minute = 1000000\n"
BURST = "account_recipients_burst = 100000\n"
NOT_HELD = "[limits]\naccount_new_recipients_day = 1000000\n" + BURST
MINUTE = Allowance(connections=600, seconds=60)

SCENARIOS = (
    Scenario("A03", spray, without=NO_ALARMS, allowance=MINUTE),
    Scenario("A04", which_exists, weakened="A04", allowance=MINUTE),
    Scenario("A06", taken_over, wish=Wish(config="[limits]\n" + BURST), without=NOT_HELD, allowance=MINUTE),
    Scenario("A07", half_said, weakened="A07", allowance=MINUTE),
    Scenario("A08", in_anothers_name, weakened="A08"),
    Scenario("A09", mixed_up, weakened="A09", allowance=MINUTE),
    Scenario("A10", in_the_clear, weakened="A10", live_safe=True),
    Scenario("O11", locked_out, weakened="O11", allowance=MINUTE),
)
