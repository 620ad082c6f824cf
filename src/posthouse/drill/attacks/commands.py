"""SMTP commands: out of turn, out of grammar, out of number, and what an address may pretend to be."""

import asyncio
import time

from posthouse.drill.bench import HOME, Bench
from posthouse.drill.caller import Silent
from posthouse.drill.fence import MIB, Allowance
from posthouse.drill.scenario import Scenario
from posthouse.drill.smtp import Smtp, letter
from posthouse.drill.sockets import talk_after_farewell
from posthouse.drill.timing import tell_apart


async def out_of_turn(bench: Bench) -> None:
    """S03: a whole dialogue before the greeting, content before 354, a browser's POST; nothing of it is carried out."""
    marks = []
    for when in ("greeting", "hello", "data"):
        mark = bench.unique("early")
        marks.append(mark)
        content = letter(mark)
        pieces = [
            b"EHLO drill.test\r\n", b"MAIL FROM:<%s>\r\n" % bench.sender(), b"RCPT TO:<bob@office.test>\r\n",
            b"DATA\r\n", content + b".\r\nQUIT\r\n",
        ]  # fmt: skip
        async with await bench.smtp(greeted=when == "data") as caller:
            if when == "data":
                await caller.ask(pieces[1])
                await caller.ask(pieces[2])
                await caller.say(*pieces[3:])
            else:
                if when == "hello":
                    await caller.reply()
                await caller.say(*pieces)
            bench.expect_soon(f"the connection ends, out of turn at {when}", True, await caller.ended(8.0))
    for service, word in (("smtp", b"POST"), ("submission", b"GET"), ("imap", b"POST"), ("pop3", b"POST")):
        async with await bench.call(service) as browser:
            await browser.line()
            await browser.say(word, b" / HTTP/1.1\r\nHost: office.test\r\nContent-Type: text/plain\r\n\r\nEHLO a\r\n")
            ended = await browser.ended(8.0 if service in {"smtp", "submission"} else 1.0)
            bench.expect(f"a browser at {service} is served", False, any(
                line[:3] == b"250" or b" OK " in line for line in browser.heard.splitlines()
            ))  # fmt: skip
            if service in {"smtp", "submission"}:
                bench.expect(f"a browser at {service} is thrown out", True, ended)
    inbox = b"".join(await bench.box("bob"))
    bench.expect("messages that were said out of turn and taken", [], [one for one in marks if one.encode() in inbox])
    async with await bench.smtp() as caller:
        mark = bench.unique("group")
        await caller.say(b"MAIL FROM:<", bench.sender(), b">\r\nRCPT TO:<bob@office.test>\r\nDATA\r\n")
        codes = [(await caller.reply())[:3] for _ in range(3)]
        bench.twin("MAIL, RCPT and DATA in one piece", [b"250", b"250", b"354"], codes)
        await caller.ask(letter(mark), b".\r\n")
    bench.twin("and the letter arrives", True, await bench.arrives("bob", mark))


ENVELOPES = (
    b"MAIL FROM:<alice@office.test> ENVID=x+0D+0ARCPT+20TO:<evil@far.test>",
    b"MAIL FROM:<alice@office.test> ENVID=x+0D+0AEVIL", b"MAIL FROM:<alice@office.test> ENVID=+00",
    b"MAIL FROM:<alice@office.test> AUTH=<>+0D+0AEVIL", b"MAIL FROM:<alice@office.test> AUTH=e+0D+0A@x.test",
    b"MAIL FROM:<alice@office.test\r>", b"MAIL FROM:<alice@office.test\0>", b"MAIL FROM:<alice\n@office.test>",
    b'MAIL FROM:<"alice\r\nRCPT TO:<evil@far.test>"@office.test>',
)  # fmt: skip
ORCPTS = (
    b"ORCPT=rfc822;x+0D+0ARCPT+20TO:<evil@far.test>", b"ORCPT=rfc822;+0A", b"ORCPT=rfc822;+00+0D",
    b"ORCPT=utf-8;\\x{0D}\\x{0A}EVIL", b"ORCPT=utf-8;\\x{00}", b"ORCPT=utf-8;\\x{2028}", b"ORCPT=x+0D+0A;y",
    b"ORCPT=rfc822;y\rDATA", b"ORCPT=rfc822;y\0",
)  # fmt: skip
EXPECTED_VERBS = frozenset({b"EHLO", b"MAIL", b"RCPT", b"DATA", b"BDAT", b"RSET", b"QUIT", b"NOOP", b"STAR"})


async def injected_ends(bench: Bench) -> None:
    """S06: line ends and NUL in addresses, ENVID, AUTH and ORCPT of our own people; the sink counts verbs."""
    async with await bench.submitter() as caller:
        mark = bench.unique("envid")
        await caller.ask(b"MAIL FROM:<alice@office.test> ENVID=a+2Bb+3Dc RET=HDRS\r\n")
        await caller.ask(b"RCPT TO:<", mark.encode(), b"@far.test> ORCPT=rfc822;", mark.encode(), b"@far.test\r\n")
        await caller.ask(b"DATA\r\n")
        await caller.ask(letter(mark, sender="alice@office.test"), b".\r\n")
    bench.twin("an honest ENVID and ORCPT leave", True, await bench.leaves(f"{mark}@far.test"))
    before = len(bench.sink.verbs)
    sent = 0
    for mail in (*ENVELOPES, *((b"MAIL FROM:<alice@office.test>",) * len(ORCPTS))):
        orcpt = ORCPTS[sent % len(ORCPTS)] if mail.endswith(b"office.test>") else b""
        name = bench.unique("inject").encode()
        async with await bench.submitter() as caller:
            caller.patience = 3.0
            if (await caller.ask(mail, b"\r\n"))[:1] != b"2":
                continue
            sent += 1
            if (await caller.ask(b"RCPT TO:<", name, b"@far.test> ", orcpt, b"\r\n"))[:1] != b"2":
                continue
            if (await caller.ask(b"DATA\r\n"))[:1] == b"3":
                await caller.ask(letter(name.decode(), sender="alice@office.test"), b".\r\n")
    await asyncio.sleep(0.5)  # what was taken leaves at once
    said = bench.sink.verbs[before:]
    bench.expect("lines at the sink that are no command of ours", [], [
        one for one in said if one[:4].upper() not in EXPECTED_VERBS or b"\r" in one[:-2] or b"\0" in one
    ])  # fmt: skip
    bench.expect(
        "recipients at the sink whom nobody named", 0, sum(one.upper().startswith(b"RCPT TO:<EVIL") for one in said)
    )


async def chunks(bench: Bench) -> None:
    """S08: chunks of one octet by the ten thousand, sizes no integer holds, chunks of nobody, and a TLS that ends."""
    async with await bench.smtp() as caller:
        await caller.envelope(bench.sender(), b"bob@office.test")
        began, grown = time.monotonic(), bench.vitals.own
        for _ in range(100):
            if not await caller.say(b"BDAT 1\r\nx" * 100):
                break
        bench.figures["chunks_seconds"] = time.monotonic() - began
        grown = bench.vitals.own - grown
        bench.expect("memory for ten thousand chunks", "at most 4 MiB", grown, ok=grown <= 4 * MIB)
    for size in (b"9999999999999", b"18446744073709551615", b"-1", b"1e9", b"0x10", b"9" * 30):
        async with await bench.smtp() as caller:
            await caller.envelope(bench.sender(), b"bob@office.test")
            reply = await caller.ask(b"BDAT ", size, b" LAST\r\n")
            bench.expect(f"BDAT {size.decode()}", "5", reply[:1].decode())
    mark = bench.unique("nobody")
    async with await bench.smtp() as caller:  # refused, and yet its octets are no commands
        hidden = b"MAIL FROM:<a@else.test>\r\nRCPT TO:<bob@office.test>\r\nDATA\r\n" + letter(mark) + b".\r\n"
        await caller.say(b"BDAT %d LAST\r\n" % len(hidden), hidden, b"QUIT\r\n")
        answers = await caller.rest(8.0)
        bench.expect("answers to a chunk without a transaction", True, not any(
            line[:3] in {b"250", b"354"} for line in answers.splitlines()
        ))  # fmt: skip
    heard = await talk_after_farewell(bench, mark)
    bench.expect("answers to what was said in the clear behind close_notify", b"", heard)
    bench.expect("messages that came of it", False, await bench.arrives("bob", mark, seconds=0.5))
    async with await bench.smtp() as caller:
        honest = bench.unique("chunk")
        content = letter(honest)
        await caller.envelope(bench.sender(), b"bob@office.test")
        await caller.ask(b"BDAT %d\r\n" % (len(content) - 5), content[:-5])
        bench.twin("two chunks", "250", (await caller.ask(b"BDAT 5 LAST\r\n", content[-5:]))[:3].decode())
    bench.twin("and they arrive as one message", True, await bench.arrives("bob", honest))


MUST_FAIL = (
    b"SIZE=1 SIZE=2", b"BODY=8BITMIME BODY=7BIT", b"SIZE=", b"SIZE", b"SIZE=-1", b"SIZE=1e3", b"SIZE=0x10",
    b"BODY=9BIT", b"BODY", b"RET=ALL", b"RET=HDRS RET=FULL",
    b"ENVID=", b"ENVID=" + b"x" * 200, b"ENVID=+0", b"ENVID=+zz",
    b"SMTPUTF8=1", b"HOLDFOR=315360000", b"MT-PRIORITY=99", b"UNKNOWN=1", b"=1", b"X=", b"BY=1;N", b"SOLICIT=x",
    b"XFOO", b"SIZE==1", b"SIZE=1,BODY=7BIT", b"\x01=\x02", b"SIZE=\xff", b"AUTH=<> AUTH=<>", b"RET=FULL\x00",
)  # fmt: skip
RCPT_MUST_FAIL = (
    b"NOTIFY=ALWAYS", b"NOTIFY=NEVER,SUCCESS", b"NOTIFY=", b"NOTIFY=SUCCESS,SUCCESS", b"ORCPT=", b"ORCPT=rfc822",
    b"ORCPT=rfc822;+0", b"ORCPT=rfc822;x ORCPT=rfc822;y", b"SIZE=1", b"BODY=7BIT", b"ORCPT=" + b"x" * 600,
    b"RRVS=2026", b"NOTIFY=NEVER NOTIFY=NEVER", b"X-FOO=bar",
)  # fmt: skip
WORDS = (
    b"SIZE",
    b"BODY",
    b"RET",
    b"ENVID",
    b"SMTPUTF8",
    b"AUTH",
    b"=",
    b"+",
    b"0",
    b"<",
    b">",
    b";",
    b"\xc3\xa4",
    b",",
)


async def odd_parameters(bench: Bench) -> None:
    """S09: doubled, unknown, empty, overlong and fuzzed parameters of MAIL and RCPT; only refusals by grammar."""
    lines = [b"MAIL FROM:<a@else.test> " + one for one in MUST_FAIL]
    fuzzed = [
        b"MAIL FROM:<a@else.test> " + b"".join(bench.chance.choice(WORDS) for _ in range(bench.chance.randrange(1, 9)))
        for _ in range(bench.so_many(120, 1000))
    ]
    taken, odd, slowest = [], [], 0.0
    for at in range(0, len(lines + fuzzed), 4):
        async with await bench.smtp() as caller:
            for line in (lines + fuzzed)[at : at + 4]:
                began = time.monotonic()
                reply = await caller.ask(line, b"\r\n")
                slowest = max(slowest, time.monotonic() - began)
                if reply[:1] == b"2":
                    taken += [line] if line in lines else []
                    await caller.ask(b"RSET\r\n")
                elif reply[:3] not in {b"501", b"504", b"555", b"455", b"553", b"552", b"550", b"500"}:
                    odd.append((line, reply[:30]))
    for at in range(0, len(RCPT_MUST_FAIL), 4):
        async with await bench.smtp() as caller:
            await caller.ask(b"MAIL FROM:<", bench.sender(), b">\r\n")
            for one in RCPT_MUST_FAIL[at : at + 4]:
                reply = await caller.ask(b"RCPT TO:<bob@office.test> ", one, b"\r\n")
                taken += [one] if reply[:1] != b"5" else []
    bench.figures["slowest"] = slowest
    bench.expect("parameters that were taken", [], taken)
    bench.expect("replies outside the grammar of refusals", [], odd)
    async with await bench.smtp() as caller:
        reply = await caller.ask(b"MAIL FROM:<a@else.test> SIZE=1000 BODY=8BITMIME RET=HDRS ENVID=a+2Bb SMTPUTF8\r\n")
        bench.twin("all that we offer, each once", "250", reply[:3].decode())
        reply = await caller.ask(b"RCPT TO:<bob@office.test> NOTIFY=FAILURE,DELAY ORCPT=rfc822;bob@office.test\r\n")
        bench.twin("and at RCPT", "250", reply[:3].decode())


async def code_in_addresses(bench: Bench) -> None:
    """S10: shell, SQL, path and template syntax in addresses, logins and mailbox names; no file, no process, no row."""
    trap = bench.place.directory / "trap"
    touch = f"touch {trap}"
    locals_ = (
        f'"$({touch})"', f'"`{touch}`"', f'";{touch};"', f'"|{touch}"', "${run{/bin/touch\\ x}}", "'", '"\' OR 1=1 --"',
        "x'--", '""', '"../../etc/passwd"', "..%2f..%2fetc", "-oQ/tmp/x", '"-X/tmp/log"', "%n%n%n", "{{7*7}}", "${7*7}",
        "*", '")(uid=*"', '"alice\\@office.test"', "alice%00", '"%u%d"', "#{7*7}", "=cmd", '"\\\\alice"', "~root",
    )  # fmt: skip
    before = bench.vitals.pids
    known = {str(row["address"]) for row in await bench.control("account list")}
    taken = []
    for number, local in enumerate(locals_):
        async with await bench.smtp() as caller:
            await caller.ask(f"MAIL FROM:<{local}@{bench.unique('c')}.else.test>\r\n".encode())
            reply = await caller.ask(f"RCPT TO:<{local}@office.test>\r\n".encode())
            taken += [local] if reply[:1] == b"2" else []
            await caller.ask(b"RCPT TO:<bob@office.test>\r\n")
            if (await caller.ask(b"DATA\r\n"))[:1] == b"3":
                await caller.ask(letter(f"code {number}"), b".\r\n")
        async with await bench.imap("bob") as imap:
            quoted = local.strip('"').replace("\\", "\\\\").replace('"', '\\"')
            await imap.do(f'STATUS "{quoted}" (MESSAGES)')
            await imap.do(f'SEARCH FROM "{quoted}"')
        async with await bench.guest("imaps") as guest:
            if b" OK " in await guest.do(f'LOGIN "{quoted}" "{quoted}"'):
                taken.append(f"login as {local}")
    bench.expect("addresses that led somewhere", [], taken)
    bench.expect("files that a payload made", False, trap.exists())
    started = set(bench.vitals.pids) - set(before)
    bench.expect("processes that a payload started", "none but our own workers", started, ok=len(started) <= 4)
    found = {str(row["address"]) for row in await bench.control("account list")}
    bench.expect("the accounts are those of before", known, found)
    await bench.benign("bob")


async def many_recipients(bench: Bench) -> None:
    """S11: a thousand RCPTs in one transaction, one recipient five hundred times, and fifty thousand names in To."""
    async with await bench.smtp("smtp", HOME) as caller:
        await caller.ask(b"MAIL FROM:<", bench.sender(), b">\r\n")
        codes: dict[str, int] = {}
        grown = bench.vitals.own
        for at in range(0, 1000, 100):
            await caller.say(*(b"RCPT TO:<bob+%d@office.test>\r\n" % (at + number) for number in range(100)))
            for _ in range(100):
                code = (await caller.reply())[:3].decode()
                codes[code] = codes.get(code, 0) + 1
        bench.figures["recipients"] = codes.get("250", 0)
        grown = bench.vitals.own - grown
        bench.expect("recipients taken of a thousand", "200", codes.get("250", 0), ok=codes.get("250") == 200)
        bench.expect("the others are told to come again", 800, codes.get("452", 0) + codes.get("", 0))
        bench.expect("memory for them", "at most 4 MiB", grown, ok=grown <= 4 * MIB)
        mark = bench.unique("crowd")
        await caller.ask(b"DATA\r\n")
        bench.twin("those who were taken get it", "250", (await caller.ask(letter(mark), b".\r\n"))[:3].decode())
    bench.twin("it arrives", True, await bench.arrives("bob", mark))
    same = sum(mark.encode() in one for one in await bench.box("bob"))
    bench.expect("copies in one mailbox", 1, same)
    names = b"To: " + b",\r\n ".join(b"p%d@else.test" % number for number in range(50_000)) + b"\r\n"
    reply = await bench.deliver("bob", names + letter(bench.unique("long")))
    bench.expect("a To field of fifty thousand", "5", reply[:1].decode())
    await bench.empty("bob")


async def who_exists(bench: Bench) -> None:
    """S13: names known and unknown by VRFY, EXPN and RCPT, mixed: same words, same time, and soon an end."""
    replies: dict[bool, set[bytes]] = {True: set(), False: set()}
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(25):
        async with await bench.smtp() as caller:
            for number in range(40):
                known = bool((number + _) % 2)
                name = bench.chance.choice((b"alice", b"bob", b"carol")) if known else bench.unique("n")[:5].encode()
                began = time.perf_counter()
                reply = await caller.ask(b"VRFY ", name, b"\r\n")
                times[known].append(time.perf_counter() - began)
                replies[known].add(reply[:60].replace(name, b"*"))
    bench.expect("words of VRFY", replies[True], replies[False])
    chance = tell_apart(times[True], times[False])
    bench.figures["p_vrfy"] = chance
    bench.expect("time of VRFY tells nothing", "p > 0.001", f"{chance:.4f}", ok=chance > 0.001)
    async with await bench.smtp() as caller:
        bench.expect("EXPN", "50", (await caller.ask(b"EXPN staff\r\n"))[:2].decode())
    source, found = bench.stranger(), 0
    for _ in range(4):
        try:
            async with await bench.smtp("smtp", source) as caller:
                await caller.ask(b"MAIL FROM:<", bench.sender(), b">\r\n")
                for _ in range(12):
                    caller.patience = 6.0
                    reply = await caller.ask(b"RCPT TO:<", bench.unique("guess").encode(), b"@office.test>\r\n")
                    if not reply or reply[:3] == b"421":
                        break
                    found += reply[:3] == b"550"
        except (OSError, EOFError, Silent):
            break
    bench.expect("answers about unknown names to one address", "at most 20", found, ok=found <= 20)
    await bench.benign("alice")


CLAIMS = (
    b"PROXY TCP4 127.0.0.1 127.0.0.1 1 25\r\n", b"PROXY UNKNOWN\r\n", b"PROXY TCP6 ::1 ::1 1 25\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x01\0\x19",
)  # fmt: skip
XCLIENTS = (
    b"XCLIENT ADDR=127.0.0.1 NAME=localhost\r\n", b"XCLIENT LOGIN=alice@office.test\r\n",
    b"XFORWARD ADDR=127.0.0.1\r\n", b"XCLIENT ADDR=127.0.0.1 LOGIN=alice@office.test PROTO=ESMTP\r\n",
    b"XORIGIN 127.0.0.1\r\n", b"ETRN far.test\r\n",
)  # fmt: skip


async def claims(bench: Bench) -> None:
    """S14: PROXY before and after the greeting, XCLIENT and XFORWARD; refused, and no right to relay comes of them."""
    before, believed, relayed = len(bench.sink.deliveries), [], 0
    for claim in CLAIMS:
        async with await bench.smtp(greeted=False) as caller:
            await caller.say(claim)
            relayed += await _may_relay(caller, b"EHLO mx.office.test\r\n")
    for claim in XCLIENTS:
        async with await bench.smtp() as caller:
            if (await caller.ask(claim))[:1] != b"5":
                believed.append(claim)
            relayed += await _may_relay(caller, b"EHLO localhost\r\n")
    for hello in (b"EHLO localhost\r\n", b"EHLO [127.0.0.1]\r\n", b"EHLO mx.office.test\r\n", b"HELO office.test\r\n"):
        async with await bench.smtp(hello=hello) as caller:
            relayed += (await caller.envelope(b"alice@office.test", b"victim@far.test"))[:1] == b"2"
    bench.expect("claims that were not refused", [], believed)
    bench.expect("rights to relay that came of them", 0, relayed)
    bench.expect("messages that left", 0, len(bench.sink.deliveries) - before)
    await bench.benign("bob")


async def _may_relay(caller: Smtp, hello: bytes) -> bool:
    """Whether a message to elsewhere is asked for."""
    caller.patience = 1.0
    heard = b""
    try:
        for line in (hello, b"MAIL FROM:<alice@office.test>\r\n", b"RCPT TO:<victim@far.test>\r\n", b"DATA\r\n"):
            heard += await caller.ask(line)
        while line := await caller.reply():
            heard += line
    except (OSError, Silent):
        pass
    return b"354" in heard


SCENARIOS = (
    Scenario("S03", out_of_turn, weakened="S03", allowance=Allowance(seconds=60)),
    Scenario("S06", injected_ends, weakened="S06"),
    Scenario("S08", chunks, memory=24 * MIB, weakened="S08", allowance=Allowance(seconds=60)),
    Scenario("S09", odd_parameters, weakened="S09", live_safe=True, allowance=Allowance(connections=330, seconds=60)),
    Scenario(
        "S10",
        code_in_addresses,
        weakened="S10",
        without="[process]\nconfine = false\n",
        allowance=Allowance(seconds=60),
    ),
    Scenario("S11", many_recipients, without="[limits]\nmx_recipients = 100000\n"),
    Scenario("S13", who_exists, weakened="S13", allowance=Allowance(seconds=60)),
    Scenario("S14", claims, weakened="S14", live_safe=True, allowance=Allowance(seconds=60)),
)
