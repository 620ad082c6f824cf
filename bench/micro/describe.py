"""What it costs to describe one message, and whether one twice as long takes twice the time.

python bench/micro/describe.py
"""

import timeit

from posthouse.ms.describe import describe, structure_of
from posthouse.standards.imf.header import parse_header
from posthouse.standards.mime.structure import parse_structure

PREFIX = (
    b"Return-Path: <alice@example.com>\r\nDelivered-To: bob@office.test\r\n"
    b"Received: from mail.example.com (mail.example.com [192.0.2.1])\r\n"
    b"\tby mx.office.test with ESMTPS id 2546xhht1b25;\r\n\tSat, 21 Nov 2026 14:00:00 +0000\r\n"
)
HEADER = (
    b"From: Alice Example <alice@example.com>\r\nTo: Bob Smith <bob@office.test>\r\n"
    b"Date: Sat, 21 Nov 2026 14:00:00 +0000\r\nMessage-Id: <1234.abcd@example.com>\r\nSubject: a message for you\r\n"
)
LINE = b"The quick brown fox jumps over the lazy dog and runs away from it.\r\n"
TEXT = HEADER + b"\r\n" + LINE * 55


def parts(count, size):
    part = b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + LINE * size
    head = HEADER + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    return head + part * count + b"--b--\r\n"


def nested(depth):
    levels = (
        b"Content-Type: multipart/mixed; boundary=b%05d\r\n\r\n--b%05d\r\n" % (level, level) for level in range(depth)
    )
    return HEADER + b"".join(levels) + b"\r\nend\r\n"


def microseconds(work, *arguments):
    timer = timeit.Timer(lambda: work(*arguments))
    count, _ = timer.autorange()
    return min(timer.repeat(3, max(1, count // 3))) / max(1, count // 3) * 1e6


def main():
    print(f"text of {len(TEXT)} octets: header {microseconds(parse_header, TEXT):.1f} us", end=", ")
    print(f"structure {microseconds(parse_structure, TEXT):.1f} us", end=", ")
    print(f"all facts {microseconds(describe, PREFIX, TEXT):.1f} us")
    facts = describe(PREFIX, TEXT)
    print(f"reading the structure back: {microseconds(structure_of, facts):.1f} us, {len(facts.structure)} octets")
    mixed = parts(2, 25)
    print(f"two parts, {len(mixed)} octets: {microseconds(describe, PREFIX, mixed):.1f} us")
    kinds = {
        "parts": lambda n: parts(n, 5),
        "octets": lambda n: parts(2, n * 100),
        "fields": lambda n: b"A: b\r\n" * (n * 4) + TEXT,
        "addresses": lambda n: b"To: " + b"a@b.test, " * (n * 8) + b"\r\n" + TEXT,
        "comments": lambda n: b"To: " + b"(" * (n * 100) + b"\r\n" + TEXT,
        "words": lambda n: b"Subject: " + b"=?utf-8?q?a?= " * (n * 5) + b"\r\n\r\n",
        "parameters": lambda n: b"Content-Type: a/b" + b"; a=b" * (n * 20) + b"\r\n\r\n",
        "depth": lambda n: nested(n * 50),
        "decoys": lambda n: parts(1, 1) + b"--bb\r\n" * (n * 50),
    }
    for name, make in kinds.items():
        once, twice = (microseconds(describe, b"", make(n)) for n in (200, 400))
        print(f"{name:>12}: {once:9.0f} us, twice as many {twice:9.0f} us, ratio {twice / once:.2f}")


if __name__ == "__main__":
    main()
