"""What messages cost that were made to cost much, while it is found out who sent them.

    python bench/micro/hostile.py

Each is looked at as the door does it (header, signatures, chain, policy, fields
that claim to be ours), its DNS answers cached; 50 ms are allowed for one. The
bodies are 24, 28 and 50 MiB, hashed for a relaxed signature, a simple one and
both; SHA-256 alone is shown beside them. Those of one kind are given up
(``canonical.MOST_EFFORT``), those that are mixed take just as much as is
allowed and are hashed to their end, if there is one.
"""

import asyncio
import hashlib
import time
from base64 import b64encode
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from posthouse.admd.limits import Limits
from posthouse.filter.examination import Examination
from posthouse.filter.forgery import forged_fields
from posthouse.filter.judge import Policy
from posthouse.filter.replay import Replays
from posthouse.filter.sender import SenderCheck
from posthouse.mail.address import Address
from posthouse.mail.envelope import Recipient
from posthouse.standards.dkim.canonical import MOST_EFFORT, BodyHashes, TooCostly
from posthouse.standards.dkim.sign import SigningKey, complete
from posthouse.standards.dkim.verify import SignedFields
from posthouse.standards.imf.header import parse_header
from posthouse.testing.zone import Zone

KEY = SigningKey("far.test", "s", rsa.generate_private_key(public_exponent=65537, key_size=4096))
RECORD = b"v=DKIM1; p=" + b64encode(KEY.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
ZONE = Zone(
    {"s._domainkey.far.test": {"txt": (RECORD,)}, "_dmarc.far.test": {"txt": (b"v=DMARC1; p=none",)}}, remembers=False
)
LETTER = b"From: a@far.test\r\nTo: x@far.test\r\nSubject: s\r\n\r\nhi\r\n"
BODY_HASH = b64encode(hashlib.sha256(b"hi\r\n").digest())
RECIPIENTS = [Recipient(Address(f"user{number}", "office.test")) for number in range(100)]
MOST = 250 * 1024
SIZES = (24, 28, 50)
TEXT = b"The quick brown fox jumps over the lazy dog and runs away from it.\r\n"
LETTERS = b"U" * 76 + b"\r\n"
Forms = tuple[bool, ...]
FORMS: dict[str, Forms] = {"relaxed": (True,), "simple": (False,), "both": (True, False)}
BODIES = {
    "spaces": b" ", "lines of blanks": b" \t \r\n", "empty lines": b"\r\n",
    "runs of two": b"x  ", "runs of four": b"x    ", "blanks at line ends": b"x \r\n",
    "long runs": b" " * 16384 + b"x", "text": TEXT, "text and tabs": TEXT.replace(b" ", b"\t"), "base64": LETTERS,
}  # fmt: skip
MIXED = {
    "text, then base64": TEXT, "runs of two, then base64": b"x  ", "runs of four, then base64": b"x    ",
    "blanks at line ends, then base64": b"x \r\n", "indented lines, then base64": b"          <td>a b c d e f</td>\r\n",
}  # fmt: skip


def signature(names: list[str], content: bytes) -> bytes:
    """One that holds, over the fields called so."""
    fields, state, left = SignedFields(parse_header(content)), hashlib.sha256(), {}
    for name in names:
        at = left[name] = left.get(name, len(fields.called(name))) - 1
        if at >= 0:
            state.update(fields.relaxed(name, at))
    start = b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=far.test; s=s; h=%s; bh=%s; b="
    return complete(start % (":".join(names).encode(), BODY_HASH), state, KEY)


def filled(field: bytes) -> bytes:
    """As many of it as a header holds."""
    return field * min(MOST // len(field), 980) + LETTER


def messages() -> Iterator[tuple[str, bytes]]:
    yield "a plain one, RSA-4096", signature(["from", "subject"], LETTER) + LETTER
    yield "ten signatures", signature(["from", "subject"], LETTER) * 10 + LETTER
    yield "hundreds of signatures", filled(signature(["from", "subject"], LETTER))
    yield "15,000 signed names", filled(signature(["from", "subject"] + ["a"] * 15_000, LETTER))
    large = b"".join(b"X-%d:  a   b \t c  %s\r\n" % (number, b"y " * 90) for number in range(900)) + LETTER
    own = signature(["from", "subject", *(f"x-{number}" for number in range(900))], large)
    yield "a large header, signed six times", own * 6 + large
    yield "tags without end", filled(b"DKIM-Signature: " + b";".join(b"t%d=1" % one for one in range(4000)) + b"\r\n")
    for name, words in (
        ("words", b"aaaaaaaaa " * 24), ("encoded words", b"=?utf-8?q?a?= " * 18), ("A-labels", b"xn--bcher-kva " * 17),
        ("letters of others", "b\u00fccherb\u00fccher ".encode() * 14), ("comments", b"((()))" * 40),
    ):  # fmt: skip
        yield f"results by {name}", filled(b"Authentication-Results: " + words + b";\r\n")
    rows = []
    for number in range(1, 51):
        rows.append(
            b"ARC-Seal: i=%d; a=rsa-sha256; cv=%s; d=far.test; s=s; b=%s\r\n"
            b"ARC-Message-Signature: i=%d; a=rsa-sha256; c=relaxed/relaxed; d=far.test; s=s; h=from; bh=%s; b=%s\r\n"
            b"ARC-Authentication-Results: i=%d; far.test; dmarc=pass header.from=far.test\r\n"
            % (number, b"none" if number == 1 else b"pass", b"AQ" * 341, number, BODY_HASH, b"AQ" * 341, number)
        )
    yield "a chain of fifty", b"".join(reversed(rows)) + LETTER
    yield "a From full of comments", b"From: " + b"(" * 15000 + b")" * 15000 + b" a@far.test\r\n" + LETTER[18:]
    yield "a From full of addresses", b'From: "' + b"a@b " * 20000 + b'" <a@far.test>\r\n' + LETTER[18:]


async def milliseconds(content: bytes) -> float:
    clock = SimpleNamespace(now=time.time, monotonic=time.monotonic)
    policy, best = Policy(), float("inf")
    for _ in range(5):
        check = SenderCheck(
            ZONE, clock, authserv_id="mx.office.test", policy=lambda: policy, replays=Replays(Limits(), clock)
        )
        began = time.process_time()
        examination = Examination()
        examination.feed(content)
        await check.look(examination, peer="192.0.2.1", helo="x", mail_from="a@far.test", recipients=RECIPIENTS)
        forged_fields(examination.close(), "mx.office.test")
        best = min(best, time.process_time() - began)
    return best * 1000


def repeated(pattern: bytes, octets: int) -> bytes:
    return pattern * (octets // len(pattern))


def pieces(content: bytes) -> Iterator[bytes]:
    return (content[at : at + 65536] for at in range(0, len(content), 65536))


def hashed(forms: Forms, content: bytes) -> bool:
    """Bring ``content`` into these forms, relaxed or not; whether none was given up."""
    bodies = BodyHashes()
    for form in forms:
        bodies.want(relaxed=form)
    for piece in pieces(content):
        bodies.update(piece)
    try:
        for form in forms:
            bodies.digest(relaxed=form)
    except TooCostly:
        return False
    return True


def mixed(pattern: bytes, forms: Forms, octets: int) -> bytes:
    """As much of ``pattern`` as is looked at in a body of this size; the rest takes no effort."""
    possible = range(0, MOST_EFFORT + 1, 65536)

    def content(most: int) -> bytes:
        return repeated(pattern, most) + repeated(LETTERS, octets - most)

    too_much = bisect_left(possible, True, key=lambda most: not hashed(forms, content(most)))
    return content(possible[max(too_much - 1, 0)])


def milliseconds_of(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best * 1000


def sha256(content: bytes) -> None:
    state = hashlib.sha256()
    for piece in pieces(content):
        state.update(piece)


def show_bodies(size: int) -> None:
    octets = size * 2**20
    alone = milliseconds_of(partial(sha256, repeated(LETTERS, octets)))
    print(f"\n{f'bodies of {size} MiB; SHA-256 alone {alone:.1f} ms':50}" + "".join(f"{name:>12}" for name in FORMS))
    for name, pattern in BODIES.items():
        content = repeated(pattern, octets)
        show(name, [milliseconds_of(partial(hashed, forms, content)) for forms in FORMS.values()])
    for name, pattern in MIXED.items():
        contents = {forms: mixed(pattern, forms, octets) for forms in FORMS.values()}
        show(name, [milliseconds_of(partial(hashed, forms, content)) for forms, content in contents.items()])


def show(name: str, figures: list[float]) -> None:
    print(f"{name:50}" + "".join(f"{figure:9.1f} ms" for figure in figures))


async def main() -> None:
    for name, content in messages():
        print(f"{name:34}{len(content) / 1024:8.0f} KiB{await milliseconds(content):8.1f} ms")
    for size in SIZES:
        show_bodies(size)


if __name__ == "__main__":
    asyncio.run(main())
