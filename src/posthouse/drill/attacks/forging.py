"""Who a message is from, again: two readings of From, forged results, weak and replayed signatures, SPF and reports."""

import asyncio
import base64
import gzip
import re

from posthouse.drill.attacks.identity import publish
from posthouse.drill.bench import Bench
from posthouse.drill.fence import MIB, Allowance
from posthouse.drill.sandbox import Wish
from posthouse.drill.scenario import Scenario
from posthouse.drill.signing import Key, make_key, signature
from posthouse.drill.smtp import letter

FORMS = (
    b"From: a@else.test\r\nFrom: STRICT\r\n",
    b"From: STRICT\r\nFrom: a@else.test\r\n",
    b"From: a@else.test, STRICT\r\n",
    b"From: <STRICT>, <a@else.test>\r\n",
    b"From: a@else.test\r\nFrom : STRICT\r\n",
    b"From: a@else.test\r\n From: STRICT\r\n",
    b"From: <@else.test:STRICT>\r\n",
    b"From: (STRICT) \r\n <a@else.test> x\r\n",
    b'From: "<STRICT>" <a@else.test> <STRICT>\r\n',
    b"From: STRICT <a@else.test>, b\r\n",
    b"From: a@else.test\0 <STRICT>\r\n",
    b"From: =?utf-8?q?STRICT?= <a@else.test\r\n",
    b"From: g: STRICT, a@else.test;\r\n",
    b"From: <STRICT> <a@else.test>\r\n",
    b"From\t: STRICT\r\nSender: a@else.test\r\n",
)


async def two_readings(bench: Bench) -> None:
    """D02: fifteen ways to write two authors of whom one has a policy of reject; none is in the Inbox."""
    strict = bench.unique("strict") + ".policy.test"
    publish(bench, strict, spf="v=spf1 -all", policy="reject")
    inside = []
    for form in FORMS:
        mark = bench.unique("two")
        top = form.replace(b"STRICT", f"ceo@{strict}".encode())
        content = top + letter(mark).partition(b"\r\n")[2]
        reply = await bench.deliver("bob", content)
        if reply[:1] == b"2" and await bench.arrives("bob", mark, seconds=0.3):
            inside.append(form)
    bench.expect("forms that reached the Inbox", [], inside)
    await bench.benign("bob")


FORGED = (
    b"Authentication-Results: mx.office.test; dmarc=pass header.from=bank.test\r\n",
    b"AUTHENTICATION-RESULTS: MX.Office.Test; spf=pass smtp.mailfrom=bank.test\r\n",
    b"Authentication-Results: (x) mx.office.test 1; dkim=pass header.d=bank.test\r\n",
    b'Authentication-Results: "mx.office.test"; dkim=pass header.d=bank.test\r\n',
    b"Authentication-Results:\r\n\tmx.office.test;\r\n\tarc=pass header.d=bank.test\r\n",
    b"X-Authentication-Results: mx.office.test; dmarc=pass header.from=bank.test\r\n",
    b"Return-Path: <ceo@bank.test>\r\n",
)


async def forged_results(bench: Bench) -> None:
    """D03: results, Return-Path in our name, above and below; what the mailbox has of them is ours alone."""
    left = []
    for form in FORGED:
        mark = bench.unique("forged")
        await bench.deliver("bob", form + letter(mark))
        if not await bench.arrives("bob", mark):
            continue
        left += [form for one in await bench.box("bob") if mark.encode() in one and b"bank.test" in one]
    bench.expect("forgeries that are in the mailbox", [], left)
    mark = bench.unique("foreign")
    await bench.deliver(
        "bob", b"Authentication-Results: mx.other.test; spf=pass smtp.mailfrom=x.test\r\n" + letter(mark)
    )
    bench.twin("mail with somebody else's results arrives", True, await bench.arrives("bob", mark))


def signer(bench: Bench, bits: int) -> tuple[str, Key]:
    """A domain with a key and no policy."""
    domain, key = bench.unique("signer") + ".else.test", make_key(bits, bench.chance)
    bench.names.put(f"drill._domainkey.{domain}", "TXT", key.record)
    bench.names.put(domain, "A", "127.0.0.1")
    return domain, key


async def result_of(bench: Bench, name: str, mark: str, content: bytes) -> str:
    """What our own field says of its signatures."""
    await bench.deliver(name, content)
    for mailbox in ("INBOX", "Junk"):
        if await bench.arrives(name, mark, mailbox=mailbox, seconds=1.0):
            whole = next(one for one in await bench.box(name, mailbox) if mark.encode() in one)
            found = re.search(rb"dkim=([a-z]+)", whole.partition(b"\r\n\r\n")[0])
            return found[1].decode() if found else "nothing"
    return "not there"


async def weak_signatures(bench: Bench) -> None:
    """D04: l= with more behind it, 512 bits, old hashes, expired, from the future, a second Subject; none passes."""
    domain, key = signer(bench, 1024)
    small, weak = signer(bench, 512)
    for name, owner, with_key, tags, algorithm, top, more in (
        ("l= and more behind it", domain, key, "l=8;", "rsa-sha256", b"", b"Click here.\r\n"),
        ("a key of 512 bits", small, weak, "", "rsa-sha256", b"", b""),
        ("rsa-sha1", domain, key, "", "rsa-sha1", b"", b""),
        ("expired", domain, key, "t=1000000000; x=1000000001;", "rsa-sha256", b"", b""),
        ("from the future", domain, key, "t=9999999999;", "rsa-sha256", b"", b""),
        ("a body that was changed", domain, key, "", "rsa-sha256", b"", b"Click here.\r\n"),
        ("signed with another key", domain, weak, "", "rsa-sha256", b"", b""),
    ):
        mark = bench.unique("weak")
        content = letter(mark, sender=f"a@{owner}")
        line = signature(content, owner, with_key, tags=tags, algorithm=algorithm)
        told = await result_of(bench, "bob", mark, top + line + content + more)
        bench.expect(name, "anything but pass", told, ok=told != "pass")
    mark = bench.unique("good")
    content = letter(mark, sender=f"a@{domain}")
    told = await result_of(bench, "bob", mark, signature(content, domain, key) + content)
    bench.twin("a good signature", "pass", told)


async def replayed(bench: Bench) -> None:
    """D05: one signed message twelve times to somebody it does not name; the Inbox gets few of them."""
    domain, key = signer(bench, 1024)
    name, mark = await bench.account("replay"), bench.unique("again")
    content = letter(mark, sender=f"a@{domain}", to="somebody@far.test")
    whole = signature(content, domain, key) + content
    for _ in range(12):
        await bench.deliver(name, whole)
    bench.twin("the first is taken for good", True, await bench.arrives(name, mark))
    number = len(await bench.box(name))
    bench.expect("copies in the Inbox", "at most 4", number, ok=number <= 4)
    mark = bench.unique("list")
    content = letter(mark, sender=f"a@{domain}", to="somebody@far.test")
    await bench.deliver(name, signature(content, domain, key) + b"List-Id: <drill.else.test>\r\n" + content)
    bench.twin("a mailing list is let in", True, await bench.arrives(name, mark))


async def laundered(bench: Bench) -> None:
    """D06: chains of sealers nobody chose over mail whose policy is reject; refused all the same."""
    strict = bench.unique("strict") + ".policy.test"
    publish(bench, strict, spf="v=spf1 -all", policy="reject")
    domain, key = signer(bench, 1024)
    taken = []
    for count in (1, 3, 60):
        for sealer in (domain, "mx.office.test", "office.test"):
            content = letter(bench.unique("arc"), sender=f"ceo@{strict}")
            body = signature(content, sealer, key)[len(b"DKIM-Signature: v=1; ") :]
            chain = b"".join(
                b"ARC-Seal: i=%d; a=rsa-sha256; cv=%s; d=%s; s=drill; t=1; b=eHh4\r\n"
                b"ARC-Message-Signature: i=%d; %s"
                b"ARC-Authentication-Results: i=%d; mx.office.test; dmarc=pass header.from=%s\r\n"
                % (at, b"none" if at == 1 else b"pass", sealer.encode(), at, body, at, strict.encode())
                for at in range(count, 0, -1)
            )
            reply = await bench.deliver("bob", chain + content, sender=f"ceo@{strict}".encode())
            if reply[:1] != b"5":
                taken.append((count, sealer, reply[:40]))
    bench.expect("chains that were believed", [], taken)
    await bench.benign("bob")


BAD_RECORDS = (
    "v=spf1 +all", "v=spf1 ?all", "v=spf1 ip4:0.0.0.0/0 -all", "v=spf1 ip4:10.0.0.0/4 -all", "v=spf1 mx",
    "v=spf1 include:nowhere.invalid -all", "v=spf1 ptr -all", "v=spf1 mx -al",
    "v=spf1 " + "a:x.test " * 12 + "-all",
)  # fmt: skip


async def careless_records(bench: Bench) -> None:
    """D07: nine bad SPF records of our own in the DNS; the adviser names each of them."""

    async def faults(record: str) -> set[str]:
        bench.names.put("office.test", "TXT", record)
        rows = await bench.control("dns check", domain="office.test")
        return {str(row) for row in rows if "spf" in str(row).lower() and "fault" in str(row).lower()}

    before = bench.names.zone.get(("office.test", "TXT"))
    try:
        known = await faults("v=spf1 mx -all")
        unseen = [record for record in BAD_RECORDS if not await faults(record) - known]
        bench.expect("bad records nobody spoke of", [], unseen)
        bench.twin("a good one has no fault", set(), {one for one in known if "+all" in one or "everybody" in one})
    finally:
        bench.names.zone.pop(("office.test", "TXT"), None)
        if before:
            bench.names.put("office.test", "TXT", *before)


async def amplifier(bench: Bench) -> None:
    """D08: includes that fan out, hosts that do not exist, endless redirects; questions and seconds are counted."""
    for shape in ("fan", "void", "circle"):
        stem = bench.unique(shape) + ".amp.test"
        record = {
            "fan": "v=spf1 " + " ".join(f"include:i{one}.{stem}" for one in range(25)) + " -all",
            "void": "v=spf1 " + " ".join(f"a:v{one}.{stem}" for one in range(100)) + " -all",
            "circle": f"v=spf1 include:{stem} redirect={stem}",
        }[shape]
        bench.names.put(stem, "TXT", record)
        for one in range(25):
            bench.names.put(
                f"i{one}.{stem}", "TXT", "v=spf1 " + " ".join(f"mx:m{n}.{stem}" for n in range(5)) + " ?all"
            )
        asked, began = len(bench.names.asked), bench.budget.seconds
        await bench.deliver("bob", letter(bench.unique("amp"), sender=f"a@{stem}"), sender=f"a@{stem}".encode())
        number = sum(name.endswith(stem) for name, _ in bench.names.asked[asked:])
        bench.figures[f"{shape}_questions"] = number
        bench.expect(f"questions for {shape}", "at most 60", number, ok=number <= 60)
        seconds = bench.budget.seconds - began
        bench.expect_soon(f"seconds for {shape}", "at most 15", round(seconds), ok=seconds <= 15)
    await bench.benign("bob")


async def many_signatures(bench: Bench) -> None:
    """D09: a hundred signatures of a hundred signers, key records of 4 KiB and of nonsense; few are looked at."""
    stem, mark = bench.unique("many") + ".else.test", bench.unique("signed")
    bench.names.put(stem, "A", "127.0.0.1")
    content = letter(mark, sender=f"a@{stem}")
    records = ("v=DKIM1; p=" + "A" * 4000, "v=DKIM1; k=rsa; p=MAA=", "v=DKIM1; p=" + "!" * 400)
    for one in range(100):
        bench.names.put(f"drill._domainkey.k{one}.{stem}", "TXT", records[one % 3])
    lines = b"".join(signature(content, f"k{one}.{stem}", None) for one in range(100))
    asked = len(bench.names.asked)
    await bench.deliver("bob", lines + content)
    number = len({name for name, _ in bench.names.asked[asked:] if "_domainkey" in name})
    bench.expect("keys that were asked for", "at most 10", number, ok=number <= 10)
    bench.twin("such mail is taken: signatures that fail say nothing", True, await _anywhere(bench, "bob", mark))


async def _anywhere(bench: Bench, name: str, mark: str) -> bool:
    return await bench.arrives(name, mark, seconds=2.0) or await bench.arrives(name, mark, mailbox="Junk", seconds=1.0)


async def report_bombs(bench: Bench) -> None:
    """D11: four times 20 MiB in gzip, XML that doubles itself, as reports; bounded, and nobody gets mail for it."""
    head = "Subject: Report Domain: office.test Submitter: else.test Report-ID: {}\r\nMIME-Version: 1.0\r\n"
    laughs = (
        "<!DOCTYPE x [" + "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(12)) + "]><feedback>&a12;"
    )
    before = len(bench.sink.deliveries)
    large = b"".join(
        bench.chance.randbytes(16) + b" " * 1008 for _ in range(20 * 1024)
    )  # no archive of ours forbids it
    base = bench.vitals.resident
    for packed in (*[await asyncio.to_thread(gzip.compress, large, 1)] * 4, gzip.compress(laughs.encode())):
        mark = bench.unique("bomb")
        top = head.format(mark) + "Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n"
        body = base64.encodebytes(packed).replace(b"\n", b"\r\n")
        content = letter("x", to="postmaster@office.test", body=body).replace(b"Subject: x\r\n", top.encode())
        async with await bench.smtp() as caller:
            reply = await caller.send(bench.sender(), [b"dmarc@office.test"], content)
            if reply[:1] != b"2":
                async with await bench.smtp() as other:
                    await other.send(bench.sender(), [b"postmaster@office.test"], content)
    most = base
    for _ in range(110):
        most = max(most, bench.vitals.resident)
        await bench.wait(lambda: False, 0.1)
    bench.figures["report_octets"] = most - base
    bench.expect("memory for a report", "below 56 MiB", most - base, ok=most - base < 56 * MIB)
    bench.expect("mail to others because of it", 0, len(bench.sink.deliveries) - before)
    await bench.benign("bob")


TRUSTING = "[authentication]\nverify = false\n"
FEW = Wish(config="[limits]\nreplays_hour = 3\n")

SCENARIOS = (
    Scenario("D02", two_readings, without=TRUSTING, allowance=Allowance(seconds=60)),
    Scenario("D03", forged_results, weakened="D03"),
    Scenario("D04", weak_signatures, weakened="D04", allowance=Allowance(seconds=60)),
    Scenario("D05", replayed, wish=FEW, without="[limits]\nreplays_hour = 100000\n", allowance=Allowance(seconds=60)),
    Scenario("D06", laundered, without=TRUSTING),
    Scenario("D07", careless_records, weakened="D07", allowance=Allowance(seconds=60)),
    Scenario("D08", amplifier, weakened="D08", allowance=Allowance(seconds=60)),
    Scenario("D09", many_signatures, weakened="D09"),
    Scenario("D11", report_bombs, weakened="D11", memory=64 * MIB, allowance=Allowance(seconds=60)),
)
