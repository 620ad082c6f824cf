"""What it costs to find out who sent a message whose DNS answers are cached, to sign one, and to hash bodies.

python bench/micro/authentication.py
"""

import asyncio
import time
from itertools import count
from math import inf

from posthouse.filter.authenticate import Inquiry
from posthouse.filter.evidence import results_of
from posthouse.filter.examination import examine
from posthouse.filter.judge import Policy, judge
from posthouse.filter.memory import Memory
from posthouse.filter.sender import SenderCheck
from posthouse.standards.authres.write import format_results
from posthouse.standards.dkim.canonical import RelaxedBody, SimpleBody
from posthouse.standards.dkim.keypair import generate_ed25519, generate_rsa, signing_key
from posthouse.standards.dkim.sign import format_signatures
from posthouse.standards.imf.header import parse_header
from posthouse.testing.zone import Zone

RSA, ED = generate_rsa(), generate_ed25519()
KEYS = [signing_key("far.test", "r", RSA.der), signing_key("far.test", "e", ED.der)]
LINE = b"The quick brown fox jumps over the lazy dog and runs away from it.\r\n"
LETTER = (
    b"From: Alice Example <alice@far.test>\r\nTo: Bob Smith <bob@office.test>\r\n"
    b"Date: Sat, 21 Nov 2026 14:00:00 +0000\r\nMessage-Id: <1234.abcd@far.test>\r\nSubject: a message for you\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + LINE * 55
)
ZONE = Zone(
    {
        "far.test": {"txt": (b"v=spf1 ip4:192.0.2.0/24 mx -all",)},
        "mail.far.test": {"txt": (b"v=spf1 ip4:192.0.2.1 -all",)},
        "_dmarc.far.test": {"txt": (b"v=DMARC1; p=reject; rua=mailto:d@far.test",)},
        "r._domainkey.far.test": {"txt": (RSA.record.encode(),)},
        "e._domainkey.far.test": {"txt": (ED.record.encode(),)},
        "192.0.2.1": {"ptr": ("mail.far.test",)},
    },
    remembers=False,
)


class Now:
    def now(self):
        return time.time()

    def monotonic(self):
        return time.monotonic()


def signed(keys):
    header = parse_header(LETTER)
    body = RelaxedBody()
    body.update(LETTER[header.body_start :])
    return format_signatures(header, body.digest(), keys, now=int(time.time())) + LETTER


async def look(message, helo="mail.far.test"):
    asking = Inquiry(ZONE, Now(), Memory(Now()))
    return await asking.authenticate(examine(message), peer="192.0.2.1", helo=helo, mail_from="alice@far.test")


async def judged(message):
    evidence = await look(message)
    verdict = judge(evidence, Policy())
    return format_results("mx.office.test", results_of(evidence)), verdict


async def per_second(work, times):
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(times):
            await work()
        best = min(best, (time.process_time() - began) / times)
    return best * 1e6


def mebibytes(form, data):
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        body = form()
        for at in range(0, len(data), 65536):
            body.update(data[at : at + 65536])
        body.digest()
        best = min(best, time.process_time() - began)
    return len(data) / best / 2**20


async def main():
    try:
        import uvloop  # noqa: F401, PLC0415 - only to say so
    except ImportError:
        print("without uvloop")
    one, both = signed(KEYS[:1]), signed(KEYS)
    print((await judged(one))[0].decode())
    print(f"verify RSA-2048, SPF (HELO, MAIL FROM), DMARC, cached: {await per_second(lambda: look(one), 300):.0f} us")
    print(f"the same without a signature: {await per_second(lambda: look(LETTER), 300):.0f} us")
    print(f"the same with RSA-2048 and Ed25519: {await per_second(lambda: look(both), 300):.0f} us")
    print(f"the same, judged and written down (RSA-2048): {await per_second(lambda: judged(one), 300):.0f} us")

    check = SenderCheck(ZONE, Now(), authserv_id="mx.office.test", policy=Policy, known=lambda: ("office.test",))

    async def at_the_door(message, person="alice"):
        return await check.look(
            examine(message), peer="192.0.2.1", helo="mail.far.test", mail_from=f"{person}@far.test"
        )

    people = count()
    print(f"as the door does it, unsigned: {await per_second(lambda: at_the_door(LETTER), 300):.0f} us")
    other = await per_second(lambda: at_the_door(LETTER, next(people)), 300)
    print(f"the same, of another sender each time: {other:.0f} us")
    print(f"as the door does it, RSA-2048: {await per_second(lambda: at_the_door(one), 300):.0f} us")

    async def sign():
        signed(KEYS)

    print(f"sign RSA-2048 and Ed25519: {await per_second(sign, 100):.0f} us")
    for name, data in (("plain text", LINE * 240_000), ("blanks to reduce", LINE.replace(b"\r", b"\t x \r") * 220_000)):
        whole = mebibytes(lambda: RelaxedBody(inf), data)
        print(f"{name}: relaxed {whole:.0f} MiB/s, simple {mebibytes(SimpleBody, data):.0f} MiB/s")


if __name__ == "__main__":
    try:
        import uvloop

        uvloop.run(main())
    except ImportError:
        asyncio.run(main())
