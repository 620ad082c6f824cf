"""MIME again: depth, number, headers, encodings, two readings, archives, names, pieces."""

from posthouse.drill.attacks.content import BLIND, EICAR, with_attachment, zipped
from posthouse.drill.bench import Bench
from posthouse.drill.caller import Silent
from posthouse.drill.fence import MIB, Allowance
from posthouse.drill.scenario import Scenario
from posthouse.drill.smtp import letter

MULTIPART = b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="%s"\r\n'


async def told_of(bench: Bench, name: str, asking: bytes = b"BODYSTRUCTURE ENVELOPE") -> bytes:
    """The answer about all messages of ``name``; empty when there is none in time."""
    async with await bench.imap(name, watching=True) as imap:
        imap.patience = 8.0
        try:
            await imap.do("SELECT INBOX")
            answer = await imap.do(b"UID FETCH 1:* (%s)" % asking)
        except Silent:
            return b""
        return answer if b" OK " in answer.rpartition(b"\r\na")[2] else b""


def nested(depth: int, mark: str) -> bytes:
    """Multiparts in multiparts."""
    top = MULTIPART % b"b0" + letter(mark, body=b"")
    inner = b"".join(
        b'--b%d\r\nContent-Type: multipart/mixed; boundary="b%d"\r\n\r\n' % (one, one + 1) for one in range(depth)
    )
    return top + inner + b"--b%d\r\n\r\nhello\r\n" % depth


def enclosed(depth: int, mark: str) -> bytes:
    """Messages in messages."""
    return b"MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n" + letter(
        mark, body=b"Content-Type: message/rfc822\r\n\r\n" * depth + b"Subject: x\r\n\r\nhello\r\n"
    )


async def _each(bench: Bench, name: str, forms: dict[str, bytes], most: int) -> None:
    """Every form is taken or refused, and if taken, its structure is told in few octets."""
    for form, content in forms.items():
        await bench.empty(name)
        reply = await bench.deliver(name, content)
        bench.expect(f"{form}: the answer", "2 or 5", reply[:1].decode(), ok=reply[:1] in {b"2", b"5"})
        answer = await told_of(bench, name)
        bench.expect(f"{form}: the structure is told", True, bool(answer))
        bench.expect(f"{form}: in how many octets", f"at most {most}", len(answer), ok=len(answer) <= most)
    await bench.empty(name)
    await bench.benign(name)


async def deep(bench: Bench) -> None:
    """M01: multiparts and messages in each other, up to twenty thousand deep; taken or refused, and told of."""
    forms = {f"{number} multiparts": nested(number, f"deep{number}") for number in (200, 2000, 20000)}
    forms["500 messages"] = enclosed(500, "enclosed")
    forms["5000 messages"] = enclosed(5000, "enclosed")
    await _each(bench, await bench.account("deep"), forms, 20_000)


async def many_parts(bench: Bench) -> None:
    """M02: six thousand parts, boundaries that are empty, endless, or begin alike; indexed as far as is sensible."""
    body = b"--p\r\n\r\nx\r\n" * 6000
    forms = {
        "6000 parts": MULTIPART % b"p" + letter("many", body=body),
        "an empty boundary": MULTIPART % b"" + letter("empty", body=b"--\r\n\r\nx\r\n" * 5000),
        "an endless boundary": MULTIPART % (b"q" * 900) + letter("long", body=b"--" + b"q" * 900 + b"\r\n\r\nx\r\n"),
        "boundaries alike": MULTIPART % b"p"
        + letter("alike", body=b"".join(b"--p%d\r\n\r\nx\r\n" % n for n in range(5000))),
    }
    await _each(bench, await bench.account("parts"), forms, 200_000)


async def headers(bench: Bench) -> None:
    """M03: five thousand fields, a field of 200 KiB, a header of 400 KiB, ten thousand addresses; refused or listed."""
    name = await bench.account("headers")
    for form, top in (
        ("5000 fields", b"X-Drill: x\r\n" * 5000),
        ("a field of 200 KiB", b"X-Drill: " + b" y\r\n" * 50000),
        ("a header of 400 KiB", b"X-Drill: " + b"z" * 800 + b"\r\n" + (b"X-Drill: " + b"z" * 800 + b"\r\n") * 500),
        ("14000 addresses", b"Cc: " + b"a@b.test,\r\n " * 14000 + b"c@d.test\r\n"),
    ):
        reply = await bench.deliver(name, top + letter("headers"))
        bench.expect(f"{form} are taken", b"5", reply[:1])
    reply = await bench.deliver(
        name, b"X-Drill: x\r\n" * 900 + b"Cc: " + b"a@b.test,\r\n " * 1500 + b"c@d.test\r\n" + letter("near")
    )
    bench.twin("what is below the limits is taken", "250", reply[:3].decode())
    bench.twin("and is listed at once", True, b"near" in await told_of(bench, name))


def _knots(number: int) -> dict[str, bytes]:
    return {
        "nested comments": b"From: a@else.test " + b"(" * number + b"x" + b")" * number + b"\r\n",
        "continuations": b"Content-Type: text/plain" + b";\r\n name*1=a" * (number // 12) + b"\r\n",
        "encoded words": b"Subject: x" + b"\r\n =?utf-8?q?=61?=" * (number // 17) + b"\r\n",
        "half an encoded word": b"Subject: " + b"=?utf-8?q?" * (number // 10) + b"\r\n",
        "groups": b"To: " + b"g:" * (number // 2) + b"\r\n",
    }  # fmt: skip


async def knots(bench: Bench) -> None:
    """M04: comments in comments, continuations, encoded words, groups, at n and 4n; no more than ten times the CPU."""
    name = await bench.account("knots")
    for form in _knots(1):
        spent = []
        for number in (4000, 16000):
            began = bench.vitals.cpu
            for _ in range(3):
                try:
                    await bench.deliver(name, _knots(number)[form] + letter("knots").partition(b"\r\n")[2])
                except Silent:
                    bench.expect(f"{form}: an answer in time", True, observed=False)
                    return
            bench.expect(f"{form}: told", True, bool(await told_of(bench, name)))
            spent.append(bench.vitals.cpu - began)
            await bench.empty(name)
        bench.expect(
            f"CPU for four times the {form}", "at most ten times", round(spent[1], 2), ok=spent[1] <= 10 * spent[0] + 1
        )
    await bench.benign(name)


BROKEN = (
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nSGVsb\r\n",
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n=====w==\xff\xfe\r\n",
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=E=\r\n=4=ZZ=\r\n",
    b"Content-Type: text/plain; charset=x-nobody\r\n\r\n\xe4\xf6\xfc\r\n",
    b"Content-Type: text/plain; charset=utf-7\r\n\r\n+ADw-script+AD4\r\n+2AA-\r\n",
    b"Content-Type: text/plain; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n\r\n//4A2A==\r\n",
    b'Content-Type: text/plain; charset="' + b"c" * 500 + b'"\r\n\r\nx\r\n',
    b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n\x1b$B\x7f\x7f\x1b(\r\n",
    b"Content-Type: text/plain; charset=zip\r\n\r\nhello\r\n", b"Content-Type: ;;=;\r\n\r\nhello\r\n",
    b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n",
)  # fmt: skip


async def broken_encodings(bench: Bench) -> None:
    """M05: base64 and quoted-printable cut short, charsets nobody knows; fetched, searched, decoded: all answered."""
    name = await bench.account("broken")
    for body in BROKEN:
        head, _, rest = body.partition(b"\r\n\r\n")
        await bench.deliver(name, b"MIME-Version: 1.0\r\n" + head + b"\r\n" + letter("broken", body=rest))
    number = len(await bench.box(name))
    bench.twin("they are kept", "at least 8", number, ok=number >= 8)
    silent = []
    async with await bench.imap(name) as imap:
        await imap.do("SELECT INBOX")
        for command in (
            b"SEARCH TEXT hello", b"SEARCH CHARSET UTF-8 BODY script", b"FETCH 1:* (BODYSTRUCTURE)",
            b"FETCH 1:* (BINARY.PEEK[1])", b"FETCH 1:* (PREVIEW)", b"FETCH 1:* (BODY.PEEK[TEXT])",
        ):  # fmt: skip
            last = (await imap.do(command)).rstrip().rpartition(b"\r\n")[2]
            if not last.startswith((b"a%d OK" % imap.tag, b"a%d NO" % imap.tag, b"a%d BAD" % imap.tag)):
                silent.append(command)
    bench.expect("questions without an answer", [], silent)
    await bench.benign(name)


def _eicar(mark: str, head: bytes, boundary: bytes = b"x", part: bytes = b"") -> bytes:
    part = part or b"Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=eicar.com\r\n"
    body = b"--%s\r\n%s\r\n%s\r\n--%s--\r\n" % (boundary, part, EICAR, boundary)
    return b"MIME-Version: 1.0\r\n" + head + letter(mark, body=body)


def _wrappers() -> dict[str, bytes]:
    kind = b"Content-Type: multipart/mixed; boundary=%s\r\n"
    odd = b"Content-Disposition: attachment; filename=eicar.com\r\nContent-Transfer-Encoding: %s\r\n"
    return {
        "two types": _eicar("w1", kind % b"x" + b"Content-Type: text/plain\r\n"),
        "two types, the other way": _eicar("w2", b"Content-Type: text/plain\r\n" + kind % b"x"),
        "two boundaries": _eicar("w3", b"Content-Type: multipart/mixed; boundary=y; boundary=x\r\n"),
        "two boundaries, the other way": _eicar("w4", b"Content-Type: multipart/mixed; boundary=x; boundary=y\r\n"),
        "a comment in a parameter": _eicar("w5", b"Content-Type: multipart/mixed (;boundary=y); boundary=(z)x\r\n"),
        "a boundary in pieces": _eicar("w6", b"Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\r\n", b"ab"),
        "no multipart said": _eicar("w7", b"Content-Type: text/plain\r\n"),
        "no end": _eicar("w8", kind % b"x").replace(b"--x--", b""),
        "two encodings": _eicar("w9", kind % b"x", part=odd % b"7bit" + b"Content-Transfer-Encoding: base64\r\n"),
        "an encoding nobody knows": _eicar("w10", kind % b"x", part=odd % b"x-none"),
    }  # fmt: skip


async def two_readings(bench: Bench) -> None:
    """M06: the EICAR test file in ten wrappers that readers understand in different ways; none is in the Inbox."""
    name, inside = await bench.account("wrapped"), []
    for form, content in _wrappers().items():
        reply = await bench.deliver(name, content)
        if reply[:1] == b"2" and await bench.box(name):
            inside.append(form)
            await bench.empty(name)
    bench.expect("wrappers that reached the Inbox", [], inside)
    for form, content in list(_wrappers().items())[:5]:
        mark = bench.unique("odd")
        await bench.deliver(name, content.replace(EICAR, b"Hello.").replace(b"eicar.com", b"notes.txt") + mark.encode())
        bench.twin(f"clean mail with {form} arrives", True, await bench.arrives(name, mark))


def _russian_doll(levels: int) -> bytes:
    octets = zipped(("eicar.com", EICAR))
    for _ in range(levels):
        octets = zipped(("inner.zip", octets))
    return octets


async def bursting(bench: Bench) -> None:
    """M07: an archive of 30 MiB in 30 KiB, eight archives in each other, three thousand entries; kept back, bounded."""
    name, inside = await bench.account("burst"), []
    for form, octets in (
        ("a bomb", zipped(("zeros.txt", b"\0" * (30 * MIB)))),
        ("eight in each other", _russian_doll(8)),
        ("three thousand entries", zipped(*((f"f{one}.txt", b"") for one in range(3000)))),
        ("a bomb in an archive", zipped(("inner.zip", zipped(("zeros.txt", b"\0" * (30 * MIB)))))),
        ("an archive cut short", zipped(("a.txt", bench.random_octets(5000)))[:3000]),
    ):
        mark = bench.unique("burst")
        reply = await bench.deliver(name, with_attachment(mark, "files.zip", "application/zip", octets))
        if reply[:1] == b"2" and await bench.arrives(name, mark, seconds=0.3):
            inside.append(form)
    bench.expect("archives that reached the Inbox", [], inside)
    mark = bench.unique("honest")
    content = with_attachment(mark, "notes.zip", "application/zip", zipped(("notes.txt", b"Minutes.\r\n" * 200)))
    await bench.deliver(name, content)
    bench.twin("an honest archive arrives", True, await bench.arrives(name, mark))


OUTSIDE = ("../../drill-evil.txt", "..\\..\\drill-evil.txt", "/etc/drill-evil.txt", "a/../../drill-evil.txt")
ODD = (
    "CON",
    "aux.txt",
    "drill-evil\\\r\n .txt",
    "x" * 3000 + ".txt",
    "=?utf-8?q?a=00b?=.txt",
    "a;b|drill-evil.txt",
    ".",
)


async def hostile_names(bench: Bench) -> None:
    """M09: names that are paths, devices, line ends, in archives and outside; no file of that name appears."""
    name, inside = await bench.account("named"), []
    for file in OUTSIDE:
        mark = bench.unique("path")
        content = with_attachment(mark, "files.zip", "application/zip", zipped((file, b"hello")))
        reply = await bench.deliver(name, content)
        if reply[:1] == b"2" and await bench.arrives(name, mark, seconds=0.3):
            inside.append(file)
    bench.expect("archives whose files leave their directory, in the Inbox", [], inside)
    for file in (*ODD, *OUTSIDE):
        await bench.deliver(name, with_attachment(bench.unique("odd"), file, "text/plain", b"hello\r\n"))
        bench.expect(f"structure with the name {file[-20:]!r}", True, bool(await told_of(bench, name)))
    found = [str(one) for one in bench.place.directory.parent.rglob("*drill-evil*")]
    bench.expect("files of that name", [], found)
    mark = bench.unique("notes")
    await bench.deliver(name, with_attachment(mark, "notes.txt", "text/plain", b"hello\r\n"))
    bench.twin("an honest name arrives", True, await bench.arrives(name, mark))


async def pieces(bench: Bench) -> None:
    """M10: the EICAR test file in three pieces, and a body that is elsewhere; kept back, and nothing is fetched."""
    name, inside = await bench.account("pieces"), []
    for number, piece in enumerate((EICAR[:20], EICAR[20:45], EICAR[45:]), 1):
        mark = bench.unique("piece")
        top = f'MIME-Version: 1.0\r\nContent-Type: message/partial; id="p@else.test"; number={number}; total=3\r\n'
        reply = await bench.deliver(name, top.encode() + letter(mark, body=piece + b"\r\n"))
        if reply[:1] == b"2" and await bench.arrives(name, mark, seconds=0.3):
            inside.append(number)
    bench.expect("pieces in the Inbox", [], inside)
    host = bench.unique("elsewhere") + ".test"
    for access in (
        f'URL; URL="http://{host}/x"',
        f'anon-ftp; site="{host}"; name="x"',
        'local-file; name="/etc/passwd"',
    ):
        top = f"MIME-Version: 1.0\r\nContent-Type: message/external-body; access-type={access}\r\n"
        await bench.deliver(name, top.encode() + letter("elsewhere", body=b"Content-Type: text/plain\r\n\r\n"))
    answer = await told_of(bench, name, b"BODYSTRUCTURE BODY.PEEK[]")
    bench.expect("names that were asked for", [], [one for one, _ in bench.names.asked if host in one])
    bench.expect("files of ours in an answer", False, b"root:" in answer)
    await bench.benign(name)


LARGE = """[authentication]
verify = false
[limits]
header_octets = "64MiB"
field_octets = "64MiB"
address_field_octets = "64MiB"
fields = 1000000
"""

SCENARIOS = (
    Scenario("M01", deep, weakened="M01", allowance=Allowance(seconds=60)),
    Scenario("M02", many_parts, weakened="M02", allowance=Allowance(seconds=60)),
    Scenario("M03", headers, without=LARGE),
    Scenario("M04", knots, weakened="M04", allowance=Allowance(seconds=60)),
    Scenario("M05", broken_encodings, weakened="M05"),
    Scenario("M06", two_readings, without=BLIND, allowance=Allowance(seconds=60)),
    Scenario("M07", bursting, without=BLIND, memory=320 * MIB, allowance=Allowance(seconds=60)),
    Scenario("M09", hostile_names, without=BLIND),
    Scenario("M10", pieces, without='[filter.content]\npartial = "accept"\n'),
)
